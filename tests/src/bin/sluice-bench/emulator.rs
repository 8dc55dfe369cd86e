//! What the model of TCP and of links costs, in virtual time: no socket, no clock, no waiting.

use std::time::{Duration, Instant};

use sluice_shared::lab::Congestion;
use sluice_shared::link::{
    Bitrate, BottleneckLimits, LinkProfile, LossModel, NetworkProfile, QueueLimit, Share,
};
use sluice_tcp::Config;
use sluice_tcp::traffic::{self, Traffic};

use crate::measure::{Plan, Row, grouped, plain_row};

/// How much of the network's time passes in one run.
const NETWORK_TIME: Duration = Duration::from_secs(60);

/// What passes, and over what.
struct Case {
    what: &'static str,
    traffic: Traffic,
    mbit_per_sec: Option<u64>,
    loss_percent: u32,
}

const CASES: [Case; 3] = [
    Case {
        what: "bulk, 100 Mbit/s, no loss",
        traffic: Traffic::Bulk,
        mbit_per_sec: Some(100),
        loss_percent: 0,
    },
    Case {
        what: "bulk, 50 Mbit/s, 1 % lost",
        traffic: Traffic::Bulk,
        mbit_per_sec: Some(50),
        loss_percent: 1,
    },
    Case {
        what: "200 messages/s, 2 % lost",
        traffic: Traffic::OneWayTicks,
        mbit_per_sec: None,
        loss_percent: 2,
    },
];

/// Packets through both links a second, and how long a minute of network takes, on one core.
pub(crate) fn of_virtual_time(plan: Plan) -> Vec<Row> {
    let mut rows = Vec::new();
    for case in CASES {
        let network = case.network();
        for congestion in [Congestion::Cubic, Congestion::Bbr] {
            let (mut rate, mut minute) = (Vec::new(), Vec::new());
            for seed in 1..=plan.runs as u64 {
                let config = Config::with_congestion(congestion);
                let started = Instant::now();
                let Some(run) = traffic::measure(config, &network, seed, case.traffic, NETWORK_TIME) else {
                    panic!("the handshake gets through");
                };
                let took = started.elapsed().as_secs_f64();
                rate.push(run.packets as f64 / took);
                minute.push(took * 1e3);
            }
            let what = format!("model of TCP, {congestion}, {}", case.what);
            rows.push(plain_row(&what, &rate, |rate| format!("{} packets/s", grouped(rate))));
            let what = format!("{what}: a minute of network");
            rows.push(plain_row(&what, &minute, |millis| format!("{} ms", grouped(millis))));
        }
    }
    rows
}

impl Case {
    /// A round trip of 50 ms, and a queue of as long.
    fn network(&self) -> NetworkProfile {
        let mut link = LinkProfile::delayed(Duration::from_millis(25));
        if self.loss_percent > 0 {
            link.loss = LossModel::Random(Share::from_percent(self.loss_percent));
        }
        link.bottleneck = self.mbit_per_sec.map(|rate| BottleneckLimits {
            rate: Bitrate::from_mbit_per_sec(rate),
            queue: QueueLimit::Time(Duration::from_millis(50)),
        });
        NetworkProfile::symmetric(link)
    }
}
