//! The set-up as the query of a URL.
//!
//! ```text
//! ?lane=websocket,busy:5ms&lane=stream-per-topic,policy:drop-oldest:256,window:64
//!  &feeds=ticks,host&rate=400&size=200&topics=8&keys=16&seed=7
//!  &net=lte&net-delay=80&net-loss=2&net-seed=1&hb=500,1500
//! ```
//! A lane names its mode; `sleep:` or `busy:` is its consumer, `policy:`, `window:`, `cc:` and `direct` follow when they
//! are not `lossless`, `auto`, `cubic` and through the emulated network; `start-over` gives sessions up with their
//! connections, `fallback` lets WebSocket stand in for WebTransport. `hb` is the heartbeat's interval and timeout, ms. `net` is a preset, and what follows it are the
//! settings that differ: ms, kbit/s and per cent. `view` is [`crate::url::route::Route`]'s;
//! `open`, `axis`, `metric` and `do` are [`crate::features::share::link::LinkExtras`]'s. What can't be read becomes the default and a note.

use core::fmt::Write as _;
use core::time::Duration;

use sluice_shared::feed::TicksSpec;
use sluice_shared::lab::Congestion;
use sluice_shared::link::Preset;
use sluice_shared::mode::Mode;
use sluice_shared::session::Heartbeat;

use crate::features::network::model::Knob;
use crate::features::network::model::NetworkSetup;
use crate::url::setup::FeedKind;
use crate::url::setup::FeedKinds;
use crate::url::setup::FeedSetup;
use crate::url::setup::LaneSetup;
use crate::url::setup::PageSetup;
use crate::url::setup::WindowChoice;
use sluice_bridge::Consumer;
use sluice_bridge::Recovery;
use sluice_bridge::Work;
use sluice_text::decimal::parsed;
use sluice_text::decimal::short;

/// The query for a set-up, with its question mark.
pub fn query_from_setup(setup: &PageSetup) -> String {
    let mut query = String::from("?");
    for lane in &setup.lanes {
        query.push_str("lane=");
        query.push_str(&lane_text(lane));
        query.push('&');
    }
    let kinds: Vec<_> = setup.feeds.kinds.iter().map(FeedKind::name).collect();
    let TicksSpec { rate, size, streams, keys, seed } = setup.feeds.ticks;
    query.push_str("feeds=");
    query.push_str(&kinds.join(","));
    let written = write!(query, "&rate={rate}&size={size}&topics={streams}&keys={keys}&seed={seed}");
    debug_assert!(written.is_ok(), "a String takes all text");
    query_from_network(&mut query, &setup.network);
    let Heartbeat { interval, timeout } = setup.heartbeat;
    if setup.heartbeat != Heartbeat::default() {
        let millis = |span: Duration| span.as_millis().to_string();
        query.extend(["&hb=", &millis(interval), ",", &millis(timeout)]);
    }
    query
}

fn query_from_network(query: &mut String, network: &NetworkSetup) {
    let default = NetworkSetup::default();
    let mut part = |name: &str, value: &str| query.extend(["&", name, "=", value]);
    if network.preset != default.preset {
        part("net", network.preset.name());
    }
    for knob in Knob::ALL {
        if let Some(value) = knob.changed(&network.change) {
            part(knob.id(), &short(value));
        }
    }
    if network.seed != default.seed {
        part("net-seed", &network.seed.to_string());
    }
}

/// The set-up of a query, and a sentence for each part that could not be read.
pub fn setup_from_query(query: &str) -> (PageSetup, Vec<String>) {
    let mut reader =
        Reader { setup: PageSetup { lanes: Vec::new(), ..PageSetup::default() }, notes: Vec::new() };
    for pair in query.trim_start_matches('?').split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        reader.read(name, &decoded(value));
    }
    if reader.setup.lanes.is_empty() {
        reader.setup.lanes = PageSetup::default().lanes;
    }
    (reader.setup, reader.notes)
}

fn lane_text(lane: &LaneSetup) -> String {
    let mut text = String::from(lane.mode.name());
    let default = LaneSetup::new(lane.mode);
    let mut part = |name: &str, value: &dyn core::fmt::Display| {
        let written = write!(text, ",{name}:{value}");
        debug_assert!(written.is_ok(), "a String takes all text");
    };
    if lane.consumer != default.consumer {
        let millis = short(f64::from(lane.consumer.delay_micros) / 1e3);
        part(work_name(lane.consumer.work), &(millis + "ms"));
    }
    if lane.policy != default.policy {
        part("policy", &lane.policy);
    }
    match lane.window {
        WindowChoice::Auto => {}
        WindowChoice::Messages(messages) => part("window", &messages),
    }
    if lane.congestion != default.congestion {
        part("cc", &lane.congestion);
    }
    let flags = [
        (lane.is_direct, ",direct"),
        (lane.recovery == Recovery::StartOver, ",start-over"),
        (lane.has_fallback(), ",fallback"),
    ];
    flags.into_iter().filter(|(is_set, _)| *is_set).for_each(|(_, name)| text.push_str(name));
    text
}

/// The name of a kind of work, in URLs and controls.
pub const fn work_name(work: Work) -> &'static str {
    match work {
        Work::Sleep => "sleep",
        Work::Busy => "busy",
    }
}

struct Reader {
    setup: PageSetup,
    notes: Vec<String>,
}

impl Reader {
    fn read(&mut self, name: &str, value: &str) {
        let FeedSetup { kinds, ticks } = &mut self.setup.feeds;
        let understood = match name {
            "lane" => return self.read_lane(value),
            "feeds" => {
                *kinds = FeedKinds::from_names(value.split(','));
                value.is_empty() || value.split(',').all(|name| FeedKind::from_name(name).is_some())
            }
            "rate" => number(value, 1..=u64::from(TicksSpec::MAX_RATE), &mut ticks.rate),
            "size" => number(
                value,
                u64::from(TicksSpec::MIN_SIZE)..=u64::from(TicksSpec::MAX_SIZE),
                &mut ticks.size,
            ),
            "topics" => number(value, 1..=u64::from(TicksSpec::MAX_STREAMS), &mut ticks.streams),
            "keys" => number(value, 1..=u64::from(TicksSpec::MAX_KEYS), &mut ticks.keys),
            "seed" => number(value, 0..=u64::MAX, &mut ticks.seed),
            "hb" => set(&mut self.setup.heartbeat, heartbeat(value)),
            "net" => return self.read_preset(value),
            "net-seed" => number(value, 0..=u64::MAX, &mut self.setup.network.seed),
            name if name.starts_with("net-") => self.read_knob(name, value),
            // Others may add parameters of their own to a link.
            _ => true,
        };
        if !understood {
            self.note(&format!("{name}={value}"), "is out of range or unknown, so the default is used");
        }
    }

    fn read_preset(&mut self, value: &str) {
        match value.parse::<Preset>() {
            Ok(preset) => self.setup.network.preset = preset,
            Err(error) => {
                let meant =
                    error.nearest.map_or_else(String::new, |name| format!("; did you mean “{name}”?"));
                self.note(
                    &format!("net={value}"),
                    &format!("is no network, so nothing is delayed, limited or lost{meant}"),
                );
            }
        }
    }

    fn read_knob(&mut self, name: &str, value: &str) -> bool {
        let knob = Knob::ALL.into_iter().find(|knob| knob.id() == name);
        let value = parsed(value);
        match (knob, value) {
            (Some(knob), Some(value)) if knob.allows(value) => {
                knob.set(&mut self.setup.network.change, value);
                true
            }
            (Some(_) | None, _) => false,
        }
    }

    fn read_lane(&mut self, text: &str) {
        let mut parts = text.split(',');
        let mode_name = parts.next().unwrap_or_default();
        let Ok(mode) = mode_name.parse::<Mode>() else {
            return self.note(mode_name, "is no lane, so it is left out");
        };
        if self.setup.lanes.len() == PageSetup::MAX_LANES {
            return self.note(mode_name, "is one lane too many, so it is left out");
        }
        let mut lane = LaneSetup::new(mode);
        for part in parts {
            let (name, value) = part.split_once(':').unwrap_or((part, ""));
            let understood = match name {
                "sleep" => set(&mut lane.consumer, consumer(value, Work::Sleep)),
                "busy" => set(&mut lane.consumer, consumer(value, Work::Busy)),
                "policy" => set(&mut lane.policy, value.parse().ok()),
                "window" => set(&mut lane.window, window(value)),
                "cc" => set(&mut lane.congestion, Congestion::named(value)),
                "direct" => set(&mut lane.is_direct, value.is_empty().then_some(true)),
                "start-over" => set(&mut lane.recovery, value.is_empty().then_some(Recovery::StartOver)),
                "fallback" => {
                    set(&mut lane.falls_back, value.is_empty().then_some(true)) && lane.has_fallback()
                }
                _ => false,
            };
            if !understood {
                self.note(
                    &format!("{part} of lane {mode_name}"),
                    "is not understood, so the default is used",
                );
            }
        }
        self.setup.lanes.push(lane);
    }

    fn note(&mut self, what: &str, outcome: &str) {
        // A link may come from anywhere: keep what is shown of it short.
        let shown: String = what.chars().take(60).collect();
        if self.notes.len() < 8 {
            let end = if outcome.ends_with('?') { "" } else { "." };
            self.notes.push(format!("In the link, “{shown}” {outcome}{end}"));
        }
    }
}

fn set<T>(place: &mut T, value: Option<T>) -> bool {
    match value {
        Some(value) => {
            *place = value;
            true
        }
        None => false,
    }
}

fn number<T: TryFrom<u64>>(text: &str, range: core::ops::RangeInclusive<u64>, place: &mut T) -> bool {
    let value = text.parse::<u64>().ok().filter(|value| range.contains(value));
    set(place, value.and_then(|value| T::try_from(value).ok()))
}

fn consumer(text: &str, work: Work) -> Option<Consumer> {
    let millis = parsed(text.strip_suffix("ms").unwrap_or(text))?;
    let micros = millis * 1e3;
    (0.0..=f64::from(Consumer::MAX_DELAY_MICROS))
        .contains(&micros)
        .then(|| Consumer { delay_micros: micros.round() as u32, work })
}

/// Interval and timeout, milliseconds.
fn heartbeat(text: &str) -> Option<Heartbeat> {
    let (interval, timeout) = text.split_once(',')?;
    let span = |text: &str| text.parse().ok().map(Duration::from_millis);
    let heartbeat = Heartbeat { interval: span(interval)?, timeout: span(timeout)? };
    Some(heartbeat).filter(|heartbeat| heartbeat.within_range() == *heartbeat)
}

fn window(text: &str) -> Option<WindowChoice> {
    if text == "auto" {
        return Some(WindowChoice::Auto);
    }
    let messages =
        text.parse().ok().filter(|messages| (1..=WindowChoice::MAX_MESSAGES).contains(messages))?;
    Some(WindowChoice::Messages(messages))
}

/// Undoes percent-encoding; what is no valid encoding stays as it is.
fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let escaped = (byte == b'%')
            .then(|| bytes.get(at + 1..at + 3))
            .flatten()
            .and_then(|pair| u8::from_str_radix(core::str::from_utf8(pair).ok()?, 16).ok());
        match escaped {
            Some(plain) => {
                out.push(plain);
                at += 3;
            }
            None => {
                out.push(if byte == b'+' { b' ' } else { byte });
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use sluice_shared::lab::LinkChange;
    use sluice_shared::policy::Policy;

    use super::*;

    fn elaborate() -> PageSetup {
        PageSetup {
            lanes: vec![
                LaneSetup {
                    consumer: Consumer { delay_micros: 5_500, work: Work::Busy },
                    ..LaneSetup::new(Mode::WebSocket)
                },
                LaneSetup {
                    policy: Policy::DropOldest { limit: 99 },
                    window: WindowChoice::Messages(64),
                    ..LaneSetup::new(Mode::Datagrams)
                },
                LaneSetup { congestion: Congestion::Bbr, is_direct: true, ..LaneSetup::new(Mode::Datagrams) },
                LaneSetup {
                    recovery: Recovery::StartOver,
                    falls_back: true,
                    ..LaneSetup::new(Mode::StreamPerTopic)
                },
            ],
            network: NetworkSetup {
                change: LinkChange {
                    delay_ms: Some(80.0),
                    loss_percent: Some(0.25),
                    ..LinkChange::default()
                },
                seed: u64::MAX,
                ..NetworkSetup::of(Preset::Lte)
            },
            heartbeat: Heartbeat {
                interval: Duration::from_millis(500),
                timeout: Duration::from_millis(1_500),
            },
            feeds: FeedSetup {
                kinds: FeedKinds::NONE.with(FeedKind::Publish),
                ticks: TicksSpec { rate: 20_000, size: 64, streams: 3, keys: 5, seed: u64::MAX },
            },
        }
    }

    #[test]
    fn a_set_up_survives_its_link() {
        for setup in [PageSetup::default(), elaborate()] {
            let (back, notes) = setup_from_query(&query_from_setup(&setup));
            assert_eq!(back, setup);
            assert_eq!(notes, Vec::<String>::new());
        }
    }

    #[test]
    fn a_link_can_be_read_by_people() {
        let query = query_from_setup(&elaborate());
        assert!(
            query.starts_with("?lane=websocket,busy:5.5ms&lane=datagrams,policy:drop-oldest:99,window:64&")
        );
    }

    #[test]
    fn no_query_is_the_default() {
        assert_eq!(setup_from_query(""), (PageSetup::default(), Vec::new()));
        assert_eq!(setup_from_query("?utm_source=x"), (PageSetup::default(), Vec::new()));
    }

    #[test]
    fn a_link_without_any_feed_stays_without() {
        let (setup, notes) = setup_from_query("?feeds=");
        assert_eq!(setup.feeds.kinds, FeedKinds::NONE);
        assert_eq!(notes, Vec::<String>::new());
    }

    #[test]
    fn bad_values_become_defaults_and_notes() {
        let (setup, notes) = setup_from_query(
            "?lane=pigeon&lane=websocket,sleep:-3ms,window:0,colour:red&rate=0&size=abc&topics=65&feeds=ticks,sky",
        );
        assert_eq!(setup.lanes, [LaneSetup::new(Mode::WebSocket)]);
        assert_eq!(setup.feeds.ticks, TicksSpec::default());
        assert_eq!(setup.feeds.kinds, FeedKinds::NONE.with(FeedKind::Ticks));
        assert_eq!(notes.len(), 8);
    }

    #[test]
    fn a_network_that_cannot_be_read_is_none_with_a_note_that_names_the_near_one() {
        let (setup, notes) =
            setup_from_query("?net=Satelite&net-loss=101&net-rate=0&net-colour=red&net-delay=-5");
        assert_eq!(setup.network.preset, Preset::None);
        assert_eq!(setup.network.change, LinkChange { rate_kbit: Some(0.0), ..LinkChange::default() });
        assert_eq!(notes.len(), 4, "{notes:?}");
        assert!(notes[0].ends_with("did you mean “satellite”?"), "{notes:?}");
        assert!(notes[1].contains("net-loss=101"), "{notes:?}");
    }

    #[test]
    fn a_hostile_link_is_survived() {
        let long = "lane=%".repeat(5_000);
        for query in ["?%", "?lane=%zz&rate=%31", "?lane=,,,,", "?=&=&lane", long.as_str(), "?sleep:NaNms"] {
            let (setup, notes) = setup_from_query(query);
            assert!(!setup.lanes.is_empty());
            assert!(notes.len() <= 8);
        }
        assert_eq!(setup_from_query("?rate=%31%30").0.feeds.ticks.rate, 10);
        assert!(setup_from_query("?lane=websocket,sleep:NaNms").0.lanes[0].consumer.delay_micros == 0);
    }

    #[test]
    fn a_fifth_lane_is_left_out_with_a_note() {
        let (setup, notes) = setup_from_query(&"lane=websocket&".repeat(5));
        assert_eq!(setup.lanes.len(), PageSetup::MAX_LANES);
        assert_eq!(notes.len(), 1);
    }
}
