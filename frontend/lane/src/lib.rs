//! One lane, in a dedicated worker of its own: it connects, receives, consumes and measures, and the page only draws.
//!
//! ```text
//! transport ──bytes──▶ ClientSession ──inbox──▶ consumer ──▶ model ──Report──▶ page
//!     ▲                     │ ▲                    │
//!     └────items to send────┘ └──────credit────────┘
//! ```
//! A blocked consumer so blocks its own lane alone. Everything is called back by the browser: by a carrier's event, a
//! command of the page, the one timer, or a turn of a computing consumer; each runs the `driver`'s loop to its end.
//! `consumer`, `contest`, `link` and `model` are plain Rust with the time as an argument.

mod active;
mod browser;
mod clock;
mod connection;
mod consumer;
mod contest;
mod driver;
mod events;
mod flood;
mod link;
mod model;
mod naive;
mod platform;
mod report;
#[cfg(test)]
mod simulation;
mod transport;
mod wake;
mod words;
mod worker;

pub use worker::start;
