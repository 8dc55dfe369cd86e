//! What a lane's element says of its connections' life and of its silences, for whoever reads the page: text in
//! attributes, on the server's clock, so that it can stand on one time axis with what the network has seen.

use sluice_shared::time::Time;

use sluice_bridge::LifeEvent;
use sluice_bridge::LifeKind;
use sluice_bridge::Silence;
use sluice_bridge::Summary;

/// Events that an element tells.
const EVENTS: usize = 48;

/// Something that matters to who waits for a lane to come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// When, on the server's clock.
    pub at: Time,
    /// What.
    pub what: What,
}

/// What may matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// The connection broke, or was given up.
    Lost,
    /// The lane waits before it tries again.
    Wait,
    /// A connection is tried.
    Try,
    /// A transport has opened.
    Open,
    /// The server's Welcome is here.
    Welcome,
    /// The first message is here that is younger than that Welcome.
    Fresh,
}

impl What {
    /// All, as a lane that comes back goes through them.
    pub const ALL: [Self; 6] = [Self::Lost, Self::Wait, Self::Try, Self::Open, Self::Welcome, Self::Fresh];

    const fn name(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::Wait => "wait",
            Self::Try => "try",
            Self::Open => "open",
            Self::Welcome => "welcome",
            Self::Fresh => "fresh",
        }
    }

    const fn of(kind: LifeKind) -> Option<Self> {
        match kind {
            LifeKind::Dead | LifeKind::Lost => Some(Self::Lost),
            LifeKind::Backoff { .. } => Some(Self::Wait),
            LifeKind::Connecting(_) => Some(Self::Try),
            LifeKind::TransportOpen(_) => Some(Self::Open),
            LifeKind::Welcome(..) => Some(Self::Welcome),
            LifeKind::Fresh => Some(Self::Fresh),
            LifeKind::Ping
            | LifeKind::Pong { .. }
            | LifeKind::Missed
            | LifeKind::Online
            | LifeKind::Closed => None,
        }
    }
}

/// The last events that matter, as `name:µs`, oldest first; nothing while the server's clock is not known.
pub fn life_text<'a>(events: impl DoubleEndedIterator<Item = &'a LifeEvent>, summary: &Summary) -> String {
    let Some(offset_micros) = summary.clock_offset_micros else { return String::new() };
    let moments = events.rev().filter_map(|event| Some((event.at, What::of(event.kind)?.name())));
    let mut moments: Vec<_> = moments.take(EVENTS).collect();
    moments.reverse();
    let mut text = String::new();
    for (at, name) in moments {
        text.extend([name, ":", &micros_text(at, offset_micros), " "]);
    }
    text
}

/// Reads what [`life_text`] has written; what is none of it is left out.
pub fn moments(text: &str) -> Vec<Moment> {
    let moment = |word: &str| {
        let (name, micros) = word.split_once(':')?;
        let what = What::ALL.into_iter().find(|what| what.name() == name)?;
        Some(Moment { at: Time::from_micros(micros.parse().ok()?), what })
    };
    text.split_ascii_whitespace().filter_map(moment).collect()
}

/// Since when all silences are told, as `µs`, and each as `µs:µs:waited:left out:lost`; nothing while the server's clock is
/// not known.
pub fn silences_text(summary: &Summary) -> String {
    let (Some(offset_micros), Some(since)) = (summary.clock_offset_micros, summary.silences_since) else {
        return String::new();
    };
    let mut text = micros_text(since, offset_micros) + " ";
    for silence in &summary.silences {
        for at in [silence.from, silence.until] {
            text.extend([&*micros_text(at, offset_micros), ":"]);
        }
        text.extend([&*silence.waited.to_string(), ":", &silence.left_out.to_string(), ":"]);
        text.extend([&*silence.lost.to_string(), " "]);
    }
    text
}

/// Reads what [`silences_text`] has written; what is none of it is left out.
pub fn silences(text: &str) -> Vec<Silence> {
    let silence = |word: &str| {
        let mut numbers = word.split(':').map(str::parse);
        let mut next = || numbers.next()?.ok();
        Some(Silence {
            from: Time::from_micros(next()?),
            until: Time::from_micros(next()?),
            waited: next()?,
            left_out: next()?,
            lost: next()?,
        })
    };
    text.split_ascii_whitespace().filter_map(silence).collect()
}

/// Since when [`silences`] are all that there were; `None` where that is not known.
pub fn silences_since(text: &str) -> Option<Time> {
    text.split_ascii_whitespace().next()?.parse().ok().map(Time::from_micros)
}

fn micros_text(at: Time, offset_micros: i64) -> String {
    at.shifted_by_micros(offset_micros).as_micros().to_string()
}

#[cfg(test)]
mod tests {
    use sluice_shared::mode::Transport;

    use super::*;
    use sluice_bridge::Start;

    #[test]
    fn what_matters_of_a_life_is_told_on_the_servers_clock() {
        let event = |millis, kind| LifeEvent { at: Time::from_millis(millis), kind };
        let until = Time::from_millis(90);
        let events = [
            event(10, LifeKind::Ping),
            event(20, LifeKind::Dead),
            event(21, LifeKind::Backoff { until }),
            event(90, LifeKind::Connecting(Transport::WebSocket)),
            event(95, LifeKind::TransportOpen(Transport::WebSocket)),
            event(96, LifeKind::Welcome(Transport::WebSocket, Start::Resumed)),
            event(97, LifeKind::Fresh),
        ];
        let known = |offset_micros| Summary { clock_offset_micros: offset_micros, ..Summary::default() };
        let told = moments(&life_text(events.iter(), &known(Some(-5_000))));
        let whats: Vec<_> = told.iter().map(|moment| moment.what).collect();
        assert_eq!(whats, What::ALL);
        assert_eq!(told[0].at, Time::from_millis(15));
        let many = vec![events[1]; 200];
        assert_eq!(moments(&life_text(many.iter(), &known(Some(0)))).len(), EVENTS);
        assert_eq!(life_text(many.iter(), &known(None)), "");
    }

    #[test]
    fn silences_survive_their_text() {
        let silence = Silence {
            from: Time::from_millis(7),
            until: Time::from_millis(150),
            waited: 57,
            left_out: 3,
            lost: 1,
        };
        let summary = Summary {
            clock_offset_micros: Some(0),
            silences: vec![silence, Silence::default()],
            silences_since: Some(Time::from_millis(3)),
            ..Summary::default()
        };
        let text = silences_text(&summary);
        assert_eq!(
            (silences(&text), silences_since(&text)),
            (summary.silences.clone(), summary.silences_since)
        );
        let unknown = silences_text(&Summary { clock_offset_micros: None, ..summary });
        assert_eq!((&*unknown, silences_since(&unknown)), ("", None));
    }

    #[test]
    fn what_is_none_of_it_is_left_out() {
        assert_eq!(moments("lost: lost:x died:5 :: fresh:9"), moments("fresh:9"));
        assert_eq!(silences("1:2 3 a:b:c:d:e 1:2:3:4:5"), silences("1:2:3:4:5"));
    }
}
