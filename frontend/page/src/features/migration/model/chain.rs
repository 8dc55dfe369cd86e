//! Chains of connections that replaced each other.

use sluice_shared::lab::{PathChange, SwitchReport};

/// Returns a connection's change with its final successor: a successor that was cut before it carried any
/// data is replaced by the one after it. `known` are the changes of other connections.
pub(crate) fn resolved<'a>(
    path: &PathChange,
    known: impl Iterator<Item = &'a PathChange> + Clone,
) -> PathChange {
    let mut resolved = path.clone();
    let Some(tcp) = &mut resolved.tcp else { return resolved };
    // A replacement has a higher number, so this loop terminates.
    while let Some(next) = tcp.next.filter(|next| next.first_byte_at.is_none()) {
        let cut = known.clone().find(|other| other.flow == next.flow && other.flow > path.flow);
        let Some((after, cut)) = cut.and_then(|cut| Some((cut.tcp?.next?, cut))) else { break };
        if after.flow <= next.flow {
            break;
        }
        tcp.next = Some(after);
        resolved.new_address.clone_from(&cut.new_address);
    }
    resolved
}

/// Returns a change with only the connections in use, each with its final successor, and the number of
/// connections omitted because their lanes had left them before the change.
pub(crate) fn resolved_switch(switch: &SwitchReport, all: &[SwitchReport]) -> (SwitchReport, usize) {
    let known = all.iter().flat_map(|switch| &switch.paths);
    let used = switch.paths.iter().filter(|path| is_in_use(path, switch));
    let paths: Vec<PathChange> = used.map(|path| resolved(path, known.clone())).collect();
    let left_out = switch.paths.len() - paths.len();
    (SwitchReport { paths, ..switch.clone() }, left_out)
}

/// True if a connection was the newest of its lane when the clients changed networks.
pub(crate) fn is_in_use(path: &PathChange, switch: &SwitchReport) -> bool {
    let is_newer = |other: &PathChange| {
        other.flow > path.flow && other.lane == path.lane && other.transport == path.transport
    };
    path.lane.is_none() || !switch.paths.iter().any(is_newer)
}

#[cfg(test)]
mod tests {
    use sluice_shared::lab::NextConnection;
    use sluice_shared::time::Time;

    use super::*;
    use crate::features::migration::model::facts::gap_micros;
    use crate::features::migration::model::samples;

    /// Returns the change of connection `flow`, which was replaced by another one.
    fn cut(flow: u64, next: u64, first_byte_at: Option<Time>) -> PathChange {
        let mut path = PathChange { flow, ..samples::tcp() };
        if let Some(tcp) = &mut path.tcp {
            tcp.next = Some(NextConnection { flow: next, first_byte_at, ..NextConnection::default() });
        }
        path
    }

    #[test]
    fn a_gap_lasts_until_a_connection_carries_something() {
        let all = [cut(0, 2, None), cut(2, 3, None), cut(3, 7, Some(samples::at(996)))];
        let switches = all.map(|path| SwitchReport { paths: vec![path], ..samples::switch() });
        assert_eq!(gap_micros(&switches[0].paths[0]), None);
        let (first, left_out) = resolved_switch(&switches[0], &switches);
        assert_eq!(left_out, 0);
        assert_eq!(gap_micros(&first.paths[0]), Some(1_000_000));
    }

    #[test]
    fn what_nothing_followed_is_not_over() {
        let all = [cut(0, 2, None), cut(2, 2, None)];
        assert_eq!(gap_micros(&resolved(&all[0], all.iter())), None);
        assert_eq!(resolved(&samples::quic(), all.iter()), samples::quic());
    }

    #[test]
    fn connections_that_were_left_before_are_left_out() {
        let newer = PathChange { flow: 5, ..samples::quic() };
        let nameless = PathChange { flow: 2, lane: None, ..samples::quic() };
        let paths = vec![samples::quic(), samples::tcp(), nameless, newer];
        let switch = SwitchReport { paths, ..samples::switch() };
        let (shown, left_out) = resolved_switch(&switch, &[]);
        let flows: Vec<u64> = shown.paths.iter().map(|path| path.flow).collect();
        assert_eq!((flows, left_out), (vec![0, 2, 5], 1));
    }
}
