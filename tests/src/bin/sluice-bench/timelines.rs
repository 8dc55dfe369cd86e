//! What changes of a client's address did, by what the client saw.

use std::time::Duration;

use sluice_shared::time::Time;
use sluice_tests::timeline::Moment;

/// What one change did to a session over QUIC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Life {
    /// Whether its connection was there until the next change.
    pub(crate) has_survived: bool,
    /// From the last message before it to the first by the new path; `None` when the next change came first, whose gap
    /// it is then.
    pub(crate) gap: Option<Duration>,
    /// Messages that would have come in the gap, and came after it.
    pub(crate) waited: u64,
}

/// What one change did to a session over TCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outage {
    /// From the change until the client knew.
    pub(crate) detect: Duration,
    /// From then until another connection was open.
    pub(crate) connect: Duration,
    /// From then until the server had welcomed the session.
    pub(crate) resume: Duration,
    /// From the last message by the old connection to the first by the new one.
    pub(crate) gap: Duration,
}

/// What each of `changes` (when it was, and when the first packet by the new path came) did to a session over QUIC, whose
/// messages are `way` on their way when nothing is in it.
pub(crate) fn lives(
    moments: &[(Time, Moment)],
    changes: &[(Time, Option<Time>)],
    way: Duration,
) -> Vec<Life> {
    let moments = sorted(moments);
    let mut lives = Vec::new();
    for (index, (at, new_path_at)) in changes.iter().enumerate() {
        let end = changes.get(index + 1).map(|(next, _)| *next);
        let is_before_the_next = |when: Time| end.is_none_or(|end| when < end);
        let has_survived = !moments
            .iter()
            .any(|(when, moment)| *moment == Moment::Lost && *when >= *at && is_before_the_next(*when));
        let gap = || {
            let new_path_at = (*new_path_at).filter(|new| is_before_the_next(*new))?;
            let last = arrivals(&moments).take_while(|(when, _)| *when < new_path_at).last()?;
            let first = arrivals(&moments).find(|(when, _)| *when >= new_path_at)?;
            let would_have_come = |produced_at: Time| (last.0..first.0).contains(&(produced_at + way));
            let after = arrivals(&moments).skip_while(|(when, _)| *when < first.0);
            let waited = after.take_while(|(when, _)| is_before_the_next(*when));
            let waited = waited.filter(|(_, produced_at)| would_have_come(*produced_at)).count() as u64;
            is_before_the_next(first.0).then(|| (first.0.since(last.0), waited))
        };
        let (gap, waited) = gap().filter(|_| has_survived).unzip();
        lives.push(Life { has_survived, gap, waited: waited.unwrap_or(0) });
    }
    lives
}

/// What each of `changes` did to a session over TCP; those that it was not back from before the next are left out.
pub(crate) fn outages(moments: &[(Time, Moment)], changes: &[Time]) -> Vec<Outage> {
    let moments = sorted(moments);
    let mut outages = Vec::new();
    for (index, at) in changes.iter().enumerate() {
        let end = changes.get(index + 1).copied();
        let next = |wanted: fn(&Moment) -> bool, from: Time| {
            let found = moments.iter().find(|(when, moment)| *when >= from && wanted(moment));
            found.map(|(when, _)| *when).filter(|when| end.is_none_or(|end| *when < end))
        };
        let outage = || {
            let lost_at = next(|moment| *moment == Moment::Lost, *at)?;
            let connected_at = next(|moment| *moment == Moment::Connected, lost_at)?;
            let welcome_at = next(|moment| *moment == Moment::Welcome, connected_at)?;
            let first_at = next(|moment| matches!(moment, Moment::Arrival { .. }), welcome_at)?;
            let last = arrivals(&moments).take_while(|(when, _)| *when <= lost_at).last()?;
            Some(Outage {
                detect: lost_at.since(*at),
                connect: connected_at.since(lost_at),
                resume: welcome_at.since(connected_at),
                gap: first_at.since(last.0),
            })
        };
        outages.extend(outage());
    }
    outages
}

/// What arrived last may be consumed after the connection has ended.
fn sorted(moments: &[(Time, Moment)]) -> Vec<(Time, Moment)> {
    let mut sorted = moments.to_vec();
    sorted.sort_by_key(|(at, _)| *at);
    sorted
}

fn arrivals(moments: &[(Time, Moment)]) -> impl Iterator<Item = (Time, Time)> {
    moments.iter().filter_map(|(at, moment)| match moment {
        Moment::Arrival { produced_at } => Some((*at, *produced_at)),
        Moment::Connected | Moment::Welcome | Moment::Lost => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(millis: u64) -> Time {
        Time::from_millis(millis)
    }

    const fn arrival(millis: u64, produced: u64) -> (Time, Moment) {
        (at(millis), Moment::Arrival { produced_at: at(produced) })
    }

    const WAY: Duration = Duration::from_millis(30);

    #[test]
    fn a_life_has_a_gap_and_what_waited_in_it() {
        let moments = [
            (at(1), Moment::Connected),
            arrival(40, 10),
            // Under way when the address changed.
            arrival(60, 30),
            arrival(150, 50),
            arrival(151, 70),
            arrival(152, 125),
        ];
        let [life] = lives(&moments, &[(at(50), Some(at(140)))], WAY)[..] else { panic!("one change") };
        assert_eq!(life, Life { has_survived: true, gap: Some(Duration::from_millis(90)), waited: 2 });
        let changes = [(at(50), Some(at(140))), (at(120), Some(at(145)))];
        let [early, late] = lives(&moments, &changes, WAY)[..] else { panic!("two changes") };
        assert_eq!((early.gap, late.gap), (None, Some(Duration::from_millis(90))), "one gap for both");
        assert!(early.has_survived && late.has_survived);
    }

    #[test]
    fn who_connects_anew_has_not_survived() {
        let moments = [
            arrival(40, 10),
            (at(100), Moment::Lost),
            (at(120), Moment::Connected),
            (at(130), Moment::Welcome),
            arrival(135, 30),
        ];
        let [life] = lives(&moments, &[(at(50), Some(at(90)))], WAY)[..] else { panic!("one change") };
        assert_eq!((life.has_survived, life.gap), (false, None));
        let [outage] = outages(&moments, &[at(50)])[..] else { panic!("one change") };
        let millis = |span: Duration| span.as_millis();
        assert_eq!((millis(outage.detect), millis(outage.connect)), (50, 20));
        assert_eq!((millis(outage.resume), millis(outage.gap)), (10, 95));
        assert_eq!(outages(&moments, &[at(50), at(125)]).len(), 0, "it was not back");
    }
}
