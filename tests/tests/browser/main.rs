//! The built page in real Chromium.
//!
//! Needs the server binary with the page inside (`SLUICE_BIN`, or what lies in the target folder), Chromium
//! (`CHROMIUM`), ChromeDriver (`CHROMEDRIVER`) and axe-core (`AXE_CORE`); `cargo xtask test` sees to all of them. Any
//! error in the browser's console or the server's log fails the test, and what may explain a failure is kept in
//! `tests/artifacts`.

mod accessibility;
mod backends;
mod backpressure;
mod certificates;
mod consumers;
mod continuity;
mod errands;
mod exhibits;
mod frames;
mod handshakes;
mod inbound;
mod lanes;
mod layout;
mod lifetime;
mod looks;
mod migration;
mod network;
mod page;
mod stories;
mod tabs;

/// A window as on a desk, CSS pixels.
const DESK: (u32, u32) = (1_440, 900);
/// A screen as in a hand, CSS pixels.
const HAND: (u32, u32) = (390, 844);
