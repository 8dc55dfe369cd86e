//! What the end-to-end tests and the benches are made of.
//!
//! | module | what it holds |
//! |---|---|
//! | [`client`], [`tally`] | a native client over any mode, and its account to the single message |
//! | [`chaos`] | random things that happen to clients, and what must hold |
//! | [`connection`], [`raw`], [`target`] | one connection without a session, for clients that misbehave |
//! | [`server`] | the server inside this process |
//! | [`process`] | the server as a process of its own |
//! | [`http`], [`metrics`] | a small HTTP client, and what `/metrics` says |
//! | [`lab`] | a lab of the server, by its API |
//! | [`webdriver`], [`stage`], [`views`], [`visitor`] | real Chromium, the page in it, its views, and who uses them |
//! | [`load_times`] | how soon a page shows something, and how still it stays |
//! | [`timeline`] | when a client saw what |
//! | [`logs`], [`host`], [`clock`], [`deadline`] | log lines, processes, time, and waiting |
#![warn(missing_docs)]

pub mod chaos;
pub mod client;
pub mod clock;
pub mod connection;
pub mod deadline;
mod driver;
pub mod flood;
pub mod host;
pub mod http;
pub mod lab;
mod lane;
pub mod load_times;
pub mod logs;
pub mod metrics;
pub mod observer;
pub mod process;
pub mod raw;
pub mod server;
pub mod stage;
pub mod tally;
pub mod target;
pub mod timeline;
pub mod views;
pub mod visitor;
pub mod webdriver;
mod websocket;
mod webtransport;
