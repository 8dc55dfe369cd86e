//! Proportional rate reduction (RFC 6937bis, as in Linux's `tcp_cwnd_reduction`).

/// Spreads the reduction of the window over the round trip of a recovery.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Prr {
    /// Packets delivered and sent since the recovery began.
    delivered: u64,
    sent: u64,
}

/// What an acknowledgment in recovery brought.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PrrAck {
    /// Packets newly acknowledged or selectively acknowledged.
    pub(crate) delivered: u64,
    /// Packets in flight after loss was marked.
    pub(crate) in_flight: u64,
    /// The cumulative acknowledgment moved, and no packet was newly held lost.
    pub(crate) is_good: bool,
}

impl Prr {
    /// Counts packets sent during the recovery.
    pub(crate) const fn on_sent(&mut self, packets: u64) {
        self.sent += packets;
    }

    /// The congestion window after `ack`, on the way from `prior_cwnd` to `ssthresh`; `None` leaves it.
    pub(crate) fn cwnd_after(&mut self, ack: PrrAck, prior_cwnd: u64, ssthresh: u64) -> Option<u64> {
        if ack.delivered == 0 || prior_cwnd == 0 {
            return None;
        }
        self.delivered += ack.delivered;
        let may_send = if ack.in_flight > ssthresh {
            (ssthresh * self.delivered).div_ceil(prior_cwnd).saturating_sub(self.sent)
        } else {
            let owed = self.delivered.saturating_sub(self.sent).max(ack.delivered);
            (owed + u64::from(ack.is_good)).min(ssthresh - ack.in_flight)
        };
        // The fast retransmit itself always goes.
        let least = u64::from(self.sent == 0);
        Some(ack.in_flight + may_send.max(least))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_as_many_packets_leave_as_arrive_while_the_window_halves() {
        let mut prr = Prr::default();
        let mut in_flight = 99;
        let mut sent = 0;
        for _ in 0..99 {
            let ack = PrrAck { delivered: 1, in_flight: in_flight - 1, is_good: false };
            in_flight -= 1;
            let cwnd = prr.cwnd_after(ack, 100, 50).expect("something was delivered");
            let new = cwnd - in_flight;
            prr.on_sent(new);
            in_flight += new;
            sent += new;
        }
        assert_eq!((in_flight, sent), (50, 50));
    }

    #[test]
    fn the_first_retransmission_goes_even_when_nothing_may() {
        let mut prr = Prr::default();
        let ack = PrrAck { delivered: 1, in_flight: 10, is_good: false };
        assert_eq!(prr.cwnd_after(ack, 1_000, 2), Some(11));
    }
}
