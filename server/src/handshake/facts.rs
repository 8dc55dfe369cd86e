//! Both stacks side by side: what each costs, as measured, beside what the standards say.

use sluice_shared::handshake::{ClockKind, Fact, HandshakeRequest, Probe};
use sluice_shared::lab::Congestion;
use sluice_shared::time::micros;

use super::attempt::Attempt;
use super::bench::{Bench, Settings, profile};
use super::count::RoundTripCount;
use super::error::LabError;
use super::load::{Load, Loaded, address_change_quic, address_change_tcp, load_quic, load_tcp};
use super::run::{Identities, run_once};

/// Runs behind each figure, which is their median.
const RUNS: u64 = 5;
/// Objects that are asked for at once where loss is looked at.
const OBJECTS: Load = Load { objects: 8, bytes: 50_000 };
/// What a connection that was just opened is asked for.
const FIRST: Load = Load { objects: 1, bytes: 100_000 };
/// What shows how a controller takes loss.
const LARGE: Load = Load { objects: 1, bytes: 1_000_000 };
/// Loss where loss is looked at and the request has none, %.
const USUAL_LOSS: f64 = 2.0;
/// The bottleneck where loss is looked at and the request has none, kbit/s.
const USUAL_RATE: f64 = 20_000.0;

/// What the standards say of a first connection.
const COLD: &str = "TCP takes a round trip (RFC 9293 §3.5) before TLS 1.3 takes its own (RFC 8446 §2); QUIC has both in \
                    one (RFC 9001 §4). Then the request.";
/// What the standards say of early data.
const EARLY: &str = "Early data rides with the ClientHello (RFC 8446 §2.3), for TCP behind the SYN's round trip, for \
                     QUIC in the first datagrams (RFC 9001 §4.6). It can be replayed, so only safe requests may ride \
                     (RFC 8470).";

/// Measures every line of the table, in virtual time.
pub(super) fn measure(
    request: &HandshakeRequest,
    seed: u64,
    identities: &Identities,
) -> Result<Vec<Fact>, LabError> {
    let scene = Scene {
        request: HandshakeRequest { clock: ClockKind::Virtual, ..request.clone() },
        seed,
        identities,
    };
    Ok(vec![
        scene.opening("new-connection", "New connection", Probe::Http2Cold, COLD)?,
        scene.opening("warm-connection", "Known server", Probe::Http2Early, EARLY)?,
        scene.loss()?,
        scene.address_change()?,
        scene.congestion()?,
        scene.middleboxes()?,
    ])
}

struct Scene<'a> {
    request: HandshakeRequest,
    seed: u64,
    identities: &'a Identities,
}

impl Scene<'_> {
    fn opening(&self, name: &str, title: &str, tcp: Probe, standard: &str) -> Result<Fact, LabError> {
        let calm = HandshakeRequest { loss_percent: 0.0, blackout_ms: None, ..self.request.clone() };
        let words = |probe: Probe| -> Result<String, LabError> {
            let mut figures = Vec::new();
            for run in 0..RUNS {
                let attempt = run_once(&calm, probe, self.seed.wrapping_add(run), self.identities)?;
                figures.extend(opened(&attempt));
            }
            Ok(median(figures).map_or_else(
                || "no answer".to_owned(),
                |(micros, trips)| format!("first byte after {}: {}", ms(micros), round_trips(trips)),
            ))
        };
        Ok(fact(name, title, words(tcp)?, words(tcp.twin())?, standard))
    }

    fn settings(&self, run: u64) -> Result<Settings, LabError> {
        Settings::new(&self.request, self.seed.wrapping_add(run))
    }

    /// A bench where loss can be looked at, with `congestion` at both servers.
    fn lossy(&self, run: u64, congestion: Congestion) -> Result<Bench, LabError> {
        let rate = self.request.rate_kbit.unwrap_or(USUAL_RATE);
        let profile = profile(self.request.rtt_ms, self.loss_percent(), Some(rate))?;
        let settings = Settings { profile, congestion, ..self.settings(run)? };
        Ok(Bench::new(settings, &self.identities.small))
    }

    fn loss_percent(&self) -> f64 {
        if self.request.loss_percent > 0.0 { self.request.loss_percent } else { USUAL_LOSS }
    }

    fn loss(&self) -> Result<Fact, LabError> {
        let words = |is_quic: bool| -> Result<String, LabError> {
            let loaded = self.loads(OBJECTS, Congestion::Cubic, is_quic)?;
            let half = median(loaded.iter().map(|loaded| loaded.half_micros()).collect());
            let last = median(loaded.iter().map(|loaded| loaded.last_micros()).collect());
            Ok(match (half, last) {
                (Some(half), Some(last)) => {
                    let complete = complete(loaded.len());
                    format!("half of them after {}, all after {}{complete}", ms(half), ms(last))
                }
                _ => "never complete".to_owned(),
            })
        };
        let title = format!(
            "Loss of {} %: {} objects of {} kB at once",
            self.loss_percent(),
            OBJECTS.objects,
            OBJECTS.bytes / 1_000
        );
        let standard = "A lost TCP segment holds up every HTTP/2 stream behind it (RFC 9113 §5.2 leaves that to TCP); a \
                        lost QUIC packet holds up the streams it had data of (RFC 9000 §2.2).";
        Ok(fact("loss", &title, words(false)?, words(true)?, standard))
    }

    /// The runs of `load` over one stack; those that were never complete are left out.
    fn loads(&self, load: Load, congestion: Congestion, is_quic: bool) -> Result<Vec<Loaded>, LabError> {
        let mut all = Vec::new();
        for run in 0..RUNS {
            let bench = self.lossy(run, congestion)?;
            let loaded = bench.stage.run(async {
                if is_quic { load_quic(&bench, load).await } else { load_tcp(&bench, load).await }
            })?;
            all.extend(loaded.ok());
        }
        Ok(all)
    }

    fn address_change(&self) -> Result<Fact, LabError> {
        let words = |is_quic: bool| -> Result<String, LabError> {
            let mut gaps = Vec::new();
            for run in 0..RUNS {
                let calm = HandshakeRequest { loss_percent: 0.0, ..self.request.clone() };
                let settings = Settings::new(&calm, self.seed.wrapping_add(run))?;
                let bench = Bench::new(settings, &self.identities.small);
                let gap = bench.stage.run(async {
                    if is_quic { address_change_quic(&bench).await } else { address_change_tcp(&bench).await }
                })?;
                gaps.extend(gap.ok().map(micros));
            }
            let survived = gaps.len();
            let gap = median(gaps);
            Ok(gap.map_or_else(
                || "no answer any more".to_owned(),
                |gap| {
                    let how = if is_quic { "the same connection" } else { "a new connection, with a ticket" };
                    format!("next answer after {}: {how} ({survived} of {RUNS})", ms(gap))
                },
            ))
        };
        let standard = "A TCP connection is its four addresses and ports (RFC 9293 §3.3.1). A QUIC connection is its \
                        connection IDs: the server validates the new path and goes on (RFC 9000 §9).";
        Ok(fact("address-change", "Client's address changes", words(false)?, words(true)?, standard))
    }

    fn congestion(&self) -> Result<Fact, LabError> {
        let words = |is_quic: bool| -> Result<String, LabError> {
            let calm = HandshakeRequest { loss_percent: 0.0, rate_kbit: None, ..self.request.clone() };
            let bench = Bench::new(Settings::new(&calm, self.seed)?, &self.identities.small);
            let first = bench.stage.run(async {
                if is_quic { load_quic(&bench, FIRST).await } else { load_tcp(&bench, FIRST).await }
            })?;
            let trips = first.ok().map(|loaded| round_trips(loaded.round_trips));
            let mut text = format!(
                "{} kB on a young connection: {}",
                FIRST.bytes / 1_000,
                trips.unwrap_or_else(|| "never".to_owned())
            );
            for congestion in [Congestion::Cubic, Congestion::Bbr] {
                let loaded = self.loads(LARGE, congestion, is_quic)?;
                let time = median(loaded.iter().map(|loaded| loaded.last_micros()).collect());
                let name = congestion.label();
                text += &match time {
                    Some(micros) => {
                        let complete = complete(loaded.len());
                        format!("; {name} 1 MB with loss: {:.1} s{complete}", micros as f64 / 1e6)
                    }
                    None => format!("; {name} 1 MB with loss: never complete"),
                };
            }
            Ok(text)
        };
        let standard = "Both begin with about ten packets (RFC 6928; RFC 9002 §7.2) and may use any controller: CUBIC (RFC \
                        9438), BBR. What decides is the controller and its settings, not the transport.";
        Ok(fact("congestion-control", "Congestion control", words(false)?, words(true)?, standard))
    }

    fn middleboxes(&self) -> Result<Fact, LabError> {
        let words = |probe: Probe| -> Result<String, LabError> {
            let mut settings = self.settings(0)?;
            settings.profile.blocks_udp = true;
            let bench = Bench::new(settings, &self.identities.small);
            let attempt = bench.stage.run(super::attempt::attempt(&bench, probe, None))??;
            Ok(match (opened(&attempt), &attempt.stop) {
                (Some((micros, _)), _) => format!("UDP blocked: first byte after {}", ms(micros)),
                (None, Some((words, at))) => {
                    let seconds = at.since(attempt.began).as_secs_f64();
                    format!("UDP blocked: {words}, given up after {seconds:.1} s")
                }
                (None, None) => "UDP blocked: no answer".to_owned(),
            })
        };
        let standard = "Networks may block UDP, so HTTP/3 needs a fallback (RFC 9308 §2, RFC 9114 §3.1); middleboxes read and \
                        change TCP headers (RFC 9065), of QUIC they see what RFC 8999 lists.";
        Ok(fact("middleboxes", "Middleboxes", words(Probe::Http2Cold)?, words(Probe::Http3Cold)?, standard))
    }
}

/// Time and round trips to the first byte.
fn opened(attempt: &Attempt) -> Option<(u64, u32)> {
    let at = attempt.first_byte_at?;
    Some((micros(at.since(attempt.began)), RoundTripCount::of(&attempt.sights).until(at)))
}

fn fact(name: &str, title: &str, tcp: String, quic: String, standard: &str) -> Fact {
    Fact { name: name.to_owned(), title: title.to_owned(), tcp, quic, standard: standard.to_owned() }
}

/// The median of what is there.
fn median<T: Ord + Copy>(mut figures: Vec<T>) -> Option<T> {
    figures.sort_unstable();
    figures.get(figures.len().saturating_sub(1) / 2).copied()
}

/// Says so where not every run was complete: the figures are those of the others.
fn complete(runs: usize) -> String {
    if runs as u64 == RUNS { String::new() } else { format!(" ({runs} of {RUNS} runs complete)") }
}

fn ms(micros: u64) -> String {
    format!("{:.1} ms", micros as f64 / 1e3)
}

fn round_trips(count: u32) -> String {
    if count == 1 { "1 round trip".to_owned() } else { format!("{count} round trips") }
}
