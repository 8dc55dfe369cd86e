//! Builders of snapshots for tests.
//! Used by the situations and by other tests of the verdict.

use sluice_shared::lab::LateWrite;
use sluice_shared::mode::Mode;
use sluice_shared::policy::Policy;
use sluice_shared::time::Time;
use sluice_shared::wire::GapReason;

use crate::verdict::*;

pub(in crate::verdict) const SECOND: u64 = 1_000_000;

pub(in crate::verdict) const fn ms(millis: u64) -> u64 {
    millis * 1_000
}

/// Returns a lane without problems that has been connected for a minute.
pub(in crate::verdict) fn lane(mode: Mode) -> LaneSnapshot {
    LaneSnapshot {
        mode,
        has_fallback: false,
        policy: Policy::Lossless,
        starts_over: false,
        is_direct: false,
        connection: ConnectionSnapshot::Open { for_micros: 60 * SECOND, mode },
        was_connected: true,
        last_arrival_micros: Some(ms(5)),
        is_feed_running: true,
        sender: Some(SenderState::Flowing),
        consumer_delay_micros: 0,
        consumer_busy: None,
        consumed: 4_800,
        offered_per_second: Some(400),
        consumed_per_second: Some(400),
        unreported: UnreportedLoss::default(),
        skipped: [0; GapReason::ALL.len()],
        interruptions: Vec::new(),
        latency: Some(Latency { count: 4_800, p50_micros: ms(50), p99_micros: ms(60) }),
        stalls: Some(0),
        parts: LatencyParts::default(),
        worst_write: None,
    }
}

pub(in crate::verdict) fn ws() -> LaneSnapshot {
    lane(Mode::WebSocket)
}

pub(in crate::verdict) fn wt() -> LaneSnapshot {
    lane(Mode::StreamPerTopic)
}

impl LaneSnapshot {
    pub(in crate::verdict) fn connection(self, connection: ConnectionSnapshot) -> Self {
        Self {
            connection,
            sender: None,
            consumed: 0,
            consumed_per_second: None,
            latency: None,
            stalls: None,
            ..self
        }
    }

    pub(in crate::verdict) fn never_connected(self) -> Self {
        Self { was_connected: false, last_arrival_micros: None, ..self }
    }

    pub(in crate::verdict) fn connecting(self, for_micros: u64) -> Self {
        self.connection(ConnectionSnapshot::Connecting { for_micros })
    }

    pub(in crate::verdict) fn waiting(self, for_micros: u64, reason: &str, retry_in_micros: u64) -> Self {
        self.connection(ConnectionSnapshot::Waiting {
            for_micros,
            reason: reason.to_owned(),
            retry_in_micros: Some(retry_in_micros),
        })
    }

    pub(in crate::verdict) fn failed(self, for_micros: u64, reason: &str) -> Self {
        self.connection(ConnectionSnapshot::Failed { for_micros, reason: reason.to_owned() })
    }

    pub(in crate::verdict) fn silent(self, for_micros: u64) -> Self {
        Self { last_arrival_micros: Some(for_micros), consumed_per_second: Some(0), ..self }
    }

    pub(in crate::verdict) fn never_arrived(self) -> Self {
        Self {
            last_arrival_micros: None,
            consumed: 0,
            consumed_per_second: None,
            latency: None,
            stalls: None,
            ..self
        }
    }

    pub(in crate::verdict) fn sender(self, sender: SenderState) -> Self {
        Self { sender: Some(sender), ..self }
    }

    pub(in crate::verdict) fn fallen_back(self) -> Self {
        let connection = ConnectionSnapshot::Open { for_micros: 60 * SECOND, mode: Mode::WebSocket };
        Self { has_fallback: true, connection, ..self }
    }

    pub(in crate::verdict) fn direct(self) -> Self {
        Self { is_direct: true, ..self }
    }

    pub(in crate::verdict) fn policy(self, policy: Policy) -> Self {
        Self { policy, ..self }
    }

    pub(in crate::verdict) fn lost(self, in_epoch: u64, in_total: u64) -> Self {
        Self { unreported: UnreportedLoss { in_epoch, in_total }, ..self }
    }

    pub(in crate::verdict) fn skipped(mut self, reason: GapReason, messages: u64) -> Self {
        for (known, count) in GapReason::ALL.into_iter().zip(&mut self.skipped) {
            if known == reason {
                *count = messages;
            }
        }
        self
    }

    pub(in crate::verdict) fn starting_over(self) -> Self {
        Self { starts_over: true, ..self }
    }

    pub(in crate::verdict) fn reconnected(
        mut self,
        without_data: Option<u64>,
        lost: Option<u64>,
        skipped: Option<u64>,
    ) -> Self {
        self.interruptions.push(Interruption {
            kind: InterruptionKind::Reconnect,
            without_data_micros: without_data,
            lost,
            skipped,
        });
        self
    }

    pub(in crate::verdict) fn migrated(mut self, without_data: u64) -> Self {
        self.interruptions.push(Interruption {
            kind: InterruptionKind::Migration,
            without_data_micros: Some(without_data),
            lost: Some(0),
            skipped: Some(0),
        });
        self
    }

    pub(in crate::verdict) fn outlived_outage(mut self, without_data: u64) -> Self {
        self.interruptions.push(Interruption {
            kind: InterruptionKind::Outage,
            without_data_micros: Some(without_data),
            lost: Some(0),
            skipped: Some(0),
        });
        self
    }

    pub(in crate::verdict) fn slow_consumer(self, delay_micros: u64) -> Self {
        Self { consumer_delay_micros: delay_micros, ..self }
    }

    pub(in crate::verdict) fn rates(self, offered: u64, consumed: u64) -> Self {
        Self { offered_per_second: Some(offered), consumed_per_second: Some(consumed), ..self }
    }

    pub(in crate::verdict) fn latency(self, p50_millis: u64, p99_millis: u64) -> Self {
        self.latency_micros(ms(p50_millis), ms(p99_millis))
    }

    pub(in crate::verdict) fn latency_micros(self, p50_micros: u64, p99_micros: u64) -> Self {
        Self { latency: Some(Latency { count: 4_800, p50_micros, p99_micros }), ..self }
    }

    pub(in crate::verdict) fn measured(self, count: u64) -> Self {
        let latency = self.latency.map(|latency| Latency { count, ..latency });
        Self { latency, consumed: count, ..self }
    }

    pub(in crate::verdict) fn without_latency(self) -> Self {
        Self { latency: None, ..self }
    }

    pub(in crate::verdict) fn stalls(self, stalls: u64) -> Self {
        Self { stalls: Some(stalls), ..self }
    }

    pub(in crate::verdict) fn part(self, part: LatencyPart, millis: u64) -> Self {
        Self { parts: self.parts.with(part, ms(millis)), ..self }
    }

    pub(in crate::verdict) fn send_queue(self, wait: SendQueueWait, millis: u64) -> Self {
        let mut lane = self.part(LatencyPart::SendQueue, millis);
        lane.parts.send_queue_wait = Some(wait);
        lane
    }

    pub(in crate::verdict) fn blocked_by(self, lost_packet: u64, millis: u64) -> Self {
        let write = LateWrite {
            written_at: Time::ZERO,
            send_queue_micros: 0,
            bottleneck_micros: 0,
            propagation_micros: ms(50),
            blocked_micros: ms(millis),
            lost_packet: Some(lost_packet),
        };
        Self { worst_write: Some(write), ..self.part(LatencyPart::Blocked, millis) }
    }
}

/// Returns lanes 12 s after a change of network.
pub(in crate::verdict) fn page<const LANES: usize>(lanes: [LaneSnapshot; LANES]) -> Snapshot {
    Snapshot {
        epoch: Epoch { since_micros: 12 * SECOND, cause: Change::Network },
        in_progress: None,
        outage_ended_micros: None,
        machine: MachineLoad { cpu: Some(0.3), emulator: Some(0.1), page: Some(0.2) },
        is_udp_blocked: false,
        lanes: lanes.into(),
    }
}

impl Snapshot {
    pub(in crate::verdict) fn since(self, cause: Change, since_micros: u64) -> Self {
        Self { epoch: Epoch { since_micros, cause }, ..self }
    }

    pub(in crate::verdict) fn outage(self, for_secs: u64, left_secs: Option<u64>) -> Self {
        let left_micros = left_secs.map(|secs| secs * SECOND);
        self.during(Disruption::Outage { for_micros: for_secs * SECOND, left_micros })
    }

    pub(in crate::verdict) fn outage_ended(self, micros: u64) -> Self {
        Self { outage_ended_micros: Some(micros), ..self }
    }

    pub(in crate::verdict) fn during(self, disruption: Disruption) -> Self {
        Self { in_progress: Some(disruption), ..self }
    }

    pub(in crate::verdict) fn udp_blocked(self) -> Self {
        Self { is_udp_blocked: true, ..self }
    }

    pub(in crate::verdict) fn machine(self, machine: MachineLoad) -> Self {
        Self { machine, ..self }
    }
}
