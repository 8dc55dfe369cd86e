//! One lane in a dedicated worker: it connects, receives, consumes and measures, while the page only draws.
//!
//! ```text
//! transport ──bytes──▶ ClientSession ──inbox──▶ consumer ──▶ model ──Report──▶ page
//!     ▲                     │ ▲                    │
//!     └────items to send────┘ └──────credit────────┘
//! ```
//! A blocked consumer blocks only its own lane. The browser calls the `driver`'s loop for each transport
//! event, page command, timer and macrotask of a computing consumer. `connection`, `consumer` and `model` are
//! plain Rust with the time as an argument; the driver accesses the browser through the traits of `platform`,
//! so that tests run it in virtual time (`simulation`).

mod active_lane;
mod browser;
mod clock;
mod connection;
mod consumer;
mod driver;
mod events;
mod flood_client;
mod labels;
mod model;
mod naive;
mod platform;
mod report;
#[cfg(test)]
mod simulation;
mod timers;
mod transport;
mod worker;

pub use worker::start;
