//! What rate, queue and loss make of goodput and delay, as a table to be looked at.

use core::fmt::Write;

use expect_test::expect_file;
use sluice_link::{Link, Weather};
use sluice_shared::link::{Bitrate, Direction, LinkProfile, LossModel, Propagation, QueueLimit, Share};
use sluice_shared::time::Time;

use crate::harness::{TestLink, at_us, delivered, limited, ms, run};

const BYTES: u64 = 1_250;
const SECONDS: u64 = 5;
const DELAY_MS: u64 = 20;

/// How a source that nothing slows down sends.
#[derive(Clone, Copy)]
enum Load {
    /// 120 % of the rate, evenly.
    Over,
    /// 80 % of the rate, all of each 100 ms at once.
    Bursts,
}

impl Load {
    const fn name(self) -> &'static str {
        match self {
            Self::Over => "120 % even",
            Self::Bursts => "80 % bursts",
        }
    }

    /// When packets are sent, for 5 s.
    fn arrivals(self, mbit: u64) -> Vec<(Time, u64)> {
        // A packet of 10,000 bits: `mbit` · 100 of them a second are the rate.
        match self {
            Self::Over => {
                let count = SECONDS * mbit * 120;
                (0..count).map(|n| (at_us(n * SECONDS * 1_000_000 / count), BYTES)).collect()
            }
            Self::Bursts => {
                let in_burst = mbit * 8;
                let bursts = SECONDS * 10;
                (0..bursts * in_burst).map(|n| (Time::from_millis(n / in_burst * 100), BYTES)).collect()
            }
        }
    }
}

#[test]
fn the_table_of_rate_queue_and_loss_is_the_reviewed_one() {
    let mut table = format!(
        "A link of {DELAY_MS} ms, {BYTES}-byte packets, {SECONDS} s of sending, seed 1. Delay: handed in to delivered.\n\
         Made by `UPDATE_EXPECT=1 cargo test -p sluice-link table`.\n\n\
         {:<12} {:>7} {:>8} {:>6} | {:>8} {:>9} {:>9} {:>9} {:>9} {:>9}\n",
        "load", "Mbit/s", "queue ms", "loss %", "goodput", "queue %", "lost %", "p50 ms", "p99 ms", "max ms"
    );
    for load in [Load::Over, Load::Bursts] {
        for mbit in [1, 10, 100] {
            for queue_ms in [10, 50, 250] {
                for loss_percent in [0, 2, 10] {
                    row(&mut table, load, mbit, queue_ms, loss_percent);
                }
            }
        }
    }
    expect_file!["table.txt"].assert_eq(&table);
}

fn row(table: &mut String, load: Load, mbit: u64, queue_ms: u64, loss_percent: u32) {
    let profile = LinkProfile {
        loss: LossModel::Random(Share::from_percent(loss_percent)),
        propagation: Propagation { delay: ms(DELAY_MS), ..Propagation::default() },
        ..limited(Bitrate::from_mbit_per_sec(mbit), QueueLimit::Time(ms(queue_ms)))
    };
    let mut link: TestLink = Link::new(profile, Weather::new(1), Direction::Down);
    let fates = run(&mut link, load.arrivals(mbit));
    let arrived = delivered(&fates);
    let mut delays: Vec<u64> =
        arrived.iter().map(|packet| packet.delivered_at.as_micros() - packet.queued_at.as_micros()).collect();
    delays.sort_unstable();
    let delay_ms = |percent: usize| delays[(delays.len() - 1) * percent / 100] as f64 / 1e3;
    let (first, last) = (arrived[0].delivered_at, arrived[arrived.len() - 1].delivered_at);
    let bits: u64 = arrived[1..].iter().map(|packet| packet.size.bits()).sum();
    let goodput = bits as f64 / last.since(first).as_secs_f64() / 1e6;
    let counters = link.counters();
    let queue_percent = 100.0 * counters.dropped_by_queue.packets as f64 / counters.offered.packets as f64;
    let lost_percent = 100.0 * counters.realised_loss().unwrap_or(0.0);
    writeln!(
        table,
        "{:<12} {mbit:>7} {queue_ms:>8} {loss_percent:>6} | {goodput:>8.3} {queue_percent:>9.2} {lost_percent:>9.2} \
         {:>9.3} {:>9.3} {:>9.3}",
        load.name(),
        delay_ms(50),
        delay_ms(99),
        delay_ms(100),
    )
    .expect("a string takes everything");
}
