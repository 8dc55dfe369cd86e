//! The settings of a link in text, with their units and ranges.
//!
//! A network in text is a table with two links, `up` and `down`, and two switches, `blocks_udp` and `renews_address`;
//! everything may be left out and then does nothing. A link has `delay_ms`, `jitter_ms`, `jitter_reorders`,
//! `rate_kbit` together with `queue_ms` or `queue_bytes`, either `loss_percent` or a table `burst` (`good_ms`, `bad_ms`,
//! `loss_in_good_percent`, `loss_in_bad_percent`), `late_percent` with `late_by_ms`, `duplicate_percent`, and a list
//! `outages` of `at_ms` and `lasts_ms` that starts over after `outages_repeat_ms` if that is given:
//!
//! ```toml
//! [up]
//! delay_ms = 25
//!
//! [down]
//! delay_ms = 25
//! rate_kbit = 20_000
//! queue_ms = 300
//! burst = { good_ms = 1_470, bad_ms = 30, loss_in_good_percent = 0, loss_in_bad_percent = 50 }
//! outages = [{ at_ms = 5_000, lasts_ms = 2_000 }]
//! outages_repeat_ms = 7_000
//! ```

/// A setting: its name, its unit and its range, both ends included.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limit {
    /// The setting's name in text.
    pub name: &'static str,
    /// The unit of value and range.
    pub unit: &'static str,
    /// The least value.
    pub low: f64,
    /// The largest value.
    pub high: f64,
}

/// `delay_ms`: least time to the other end, 0 to 60,000 ms.
pub const DELAY: Limit = millis("delay_ms", 0.0, 60_000.0);
/// `jitter_ms`: up to how much longer a packet takes, 0 to 60,000 ms.
pub const JITTER: Limit = millis("jitter_ms", 0.0, 60_000.0);
/// `rate_kbit`: the bottleneck's rate, 1 kbit/s to 10 Gbit/s; left out, there is no bottleneck.
pub const RATE: Limit = Limit { name: "rate_kbit", unit: "kbit/s", low: 1.0, high: 10_000_000.0 };
/// `queue_ms`: the queue's size in time at the rate, 1 to 60,000 ms.
pub const QUEUE_TIME: Limit = millis("queue_ms", 1.0, 60_000.0);
/// `queue_bytes`: the queue's size, 1 byte to 64 MiB.
pub const QUEUE_BYTES: Limit = Limit { name: "queue_bytes", unit: "bytes", low: 1.0, high: 67_108_864.0 };
/// `loss_percent`: random loss, 0 to 100 %.
pub const LOSS: Limit = percent("loss_percent");
/// `burst.good_ms`: mean length of a good spell, 1 ms to an hour.
pub const BURST_GOOD: Limit = millis("burst.good_ms", 1.0, HOUR);
/// `burst.bad_ms`: mean length of a bad spell, 1 ms to an hour.
pub const BURST_BAD: Limit = millis("burst.bad_ms", 1.0, HOUR);
/// `burst.loss_in_good_percent`: loss in a good spell, 0 to 100 %.
pub const LOSS_IN_GOOD: Limit = percent("burst.loss_in_good_percent");
/// `burst.loss_in_bad_percent`: loss in a bad spell, 0 to 100 %.
pub const LOSS_IN_BAD: Limit = percent("burst.loss_in_bad_percent");
/// `late_percent`: share of stragglers, 0 to 100 %.
pub const LATE: Limit = percent("late_percent");
/// `late_by_ms`: how much later a straggler arrives, 0 to 60,000 ms.
pub const LATE_BY: Limit = millis("late_by_ms", 0.0, 60_000.0);
/// `duplicate_percent`: share of packets of which a second copy arrives, 0 to 100 %.
pub const DUPLICATE: Limit = percent("duplicate_percent");
/// `outages.at_ms`: its begin in the plan, 0 ms to a day.
pub const OUTAGE_AT: Limit = millis("outages.at_ms", 0.0, 24.0 * HOUR);
/// `outages.lasts_ms`: 1 ms to an hour.
pub const OUTAGE_LASTS: Limit = millis("outages.lasts_ms", 1.0, HOUR);
/// `outages_repeat_ms`: after how long the plan starts over, 10 ms to a day.
pub const OUTAGES_REPEAT: Limit = millis("outages_repeat_ms", 10.0, 24.0 * HOUR);
/// Most outages in a plan.
pub const MAX_OUTAGES: usize = 64;

const HOUR: f64 = 3_600_000.0;

const fn millis(name: &'static str, low: f64, high: f64) -> Limit {
    Limit { name, unit: "ms", low, high }
}

const fn percent(name: &'static str) -> Limit {
    Limit { name, unit: "%", low: 0.0, high: 100.0 }
}
