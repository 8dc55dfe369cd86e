//! The continuity certificate: whether everything that was produced is accounted for, checked on both sides.

use core::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::audit::Account;
use crate::digest::IdDigest;
use crate::ids::{Epoch, SessionId};
use crate::mode::Mode;
use crate::policy::Policy;
use crate::time::Time;
use crate::wire::{GapReason, Span};

/// What one session can prove of the messages that were produced for it, from its first to a cut.
///
/// The server's digest is of the positions that the hub's log appended; the client's is of those that its consumer was
/// done with, of those that were reported in gaps, and of those that passed while it did not follow their stream. Both
/// are computed apart and meet here alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// The session; its text form is shortened, as its whole name is the key to it.
    pub session: SessionId,
    /// The life of the hub.
    pub epoch: Epoch,
    /// What carried the session at the end.
    pub mode: Mode,
    /// The policy at the end.
    pub policy: Policy,
    /// When the client was done, on its own clock.
    pub taken_at: Time,
    /// Connections that carried the session so far.
    pub connections: u64,
    /// Messages that arrived again and were not consumed again.
    pub repeats_discarded: u64,
    /// Each stream that was followed at the cut, in the order of their ids; none when the certificate is void.
    pub streams: Vec<CertifiedStream>,
    /// What follows.
    pub verdict: Verdict,
}

/// One stream of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertifiedStream {
    /// Which part of which stream.
    pub span: Span,
    /// What the server's log appended there.
    pub produced: IdDigest,
    /// What was consumed.
    pub consumed: IdDigest,
    /// What was reported in gaps.
    pub gaps: IdDigest,
    /// The same by reason, in the order of [`GapReason::ALL`].
    pub gap_reasons: [u64; GapReason::ALL.len()],
    /// What is missing, and nothing accounts for.
    pub lost: IdDigest,
    /// What passed while the stream was not followed.
    pub unfollowed: IdDigest,
}

/// What a certificate says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// Everything was consumed, once.
    Continuous,
    /// Everything was consumed once, or lies in a gap that was reported.
    WithGaps,
    /// Messages are missing, and nothing accounts for them.
    Lost,
    /// More is accounted for than was produced: something was consumed twice.
    Repeated,
    /// The numbers agree, and the digests don't: something else was consumed than was produced.
    Differs,
    /// Nothing can be said: the server has restarted, and the positions of its earlier life mean nothing in this one.
    EpochChanged,
    /// Nothing can be said: the server knows a stream no more.
    StreamGone,
}

impl Verdict {
    /// The kind, as tests and styles read it: `continuous`, `with-gaps`, `broken` or `void`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Continuous => "continuous",
            Self::WithGaps => "with-gaps",
            Self::Lost | Self::Repeated | Self::Differs => "broken",
            Self::EpochChanged | Self::StreamGone => "void",
        }
    }

    /// Why it is broken or void, in a sentence.
    pub const fn reason(self) -> Option<&'static str> {
        match self {
            Self::Continuous | Self::WithGaps => None,
            Self::Lost => Some("Messages are missing, and nothing accounts for them."),
            Self::Repeated => Some("More is accounted for than was produced."),
            Self::Differs => Some("The numbers agree, but the digests don't."),
            Self::EpochChanged => {
                Some("The server has restarted: positions of its earlier life mean nothing now.")
            }
            Self::StreamGone => Some("The server knows a stream no more."),
        }
    }
}

impl CertifiedStream {
    /// What the server says of `span`, and what became of it here.
    pub const fn new(span: Span, produced: IdDigest, account: &Account) -> Self {
        let &Account { consumed, gaps, gap_reasons, lost, unfollowed } = account;
        Self { span, produced, consumed, gaps, gap_reasons, lost, unfollowed }
    }

    /// What the client accounts for.
    pub fn accounted(&self) -> IdDigest {
        self.consumed + self.gaps + self.unfollowed
    }

    /// Positions that are accounted for more than once, at least.
    pub fn duplicates(&self) -> u64 {
        (self.accounted() + self.lost).count().saturating_sub(self.produced.count())
    }

    fn verdict(&self) -> Verdict {
        if self.duplicates() > 0 {
            Verdict::Repeated
        } else if self.accounted() + self.lost != self.produced {
            Verdict::Differs
        } else if self.lost.count() > 0 {
            Verdict::Lost
        } else if self.gaps.count() > 0 {
            Verdict::WithGaps
        } else {
            Verdict::Continuous
        }
    }
}

impl Certificate {
    /// What `streams` come to: the worst of them counts.
    pub fn judge(streams: &[CertifiedStream]) -> Verdict {
        let found = |wanted: Verdict| streams.iter().any(|stream| stream.verdict() == wanted);
        [Verdict::Differs, Verdict::Repeated, Verdict::Lost, Verdict::WithGaps]
            .into_iter()
            .find(|verdict| found(*verdict))
            .unwrap_or(Verdict::Continuous)
    }

    /// Messages over all streams, as `of` tells them of one.
    pub fn total(&self, of: impl Fn(&CertifiedStream) -> u64) -> u64 {
        self.streams.iter().map(of).fold(0, u64::saturating_add)
    }

    /// Messages in gaps over all streams, by [`GapReason::ALL`]'s order.
    pub fn gap_reasons(&self) -> [u64; GapReason::ALL.len()] {
        let mut totals = [0u64; GapReason::ALL.len()];
        for stream in &self.streams {
            for (total, count) in totals.iter_mut().zip(stream.gap_reasons) {
                *total = total.saturating_add(count);
            }
        }
        totals
    }

    /// The digest of what was produced, over all streams.
    pub fn digest_server(&self) -> u64 {
        IdDigest::fold(self.streams.iter().map(|stream| stream.produced))
    }

    /// The digest of what the client accounts for, over all streams.
    pub fn digest_client(&self) -> u64 {
        IdDigest::fold(self.streams.iter().map(CertifiedStream::accounted))
    }

    /// The certificate as JSON. Digests are hexadecimal text, as a number of JavaScript does not hold them.
    pub fn to_json(&self) -> String {
        let mut json = String::from("{\n");
        let mut field = |name: &str, value: &str| {
            // Writing to a string cannot fail.
            let _infallible = writeln!(json, "  \"{name}\": {value},");
        };
        field("session", &quoted(&self.session.to_string()));
        field("epoch", &quoted(&hex(self.epoch.0)));
        field("mode", &quoted(self.mode.name()));
        field("policy", &quoted(&self.policy.to_string()));
        field("taken_at_micros", &self.taken_at.as_micros().to_string());
        field("connections", &self.connections.to_string());
        field("verdict", &quoted(self.verdict.name()));
        field("reason", &self.verdict.reason().map_or_else(|| "null".to_owned(), quoted));
        field("produced", &self.total(|stream| stream.produced.count()).to_string());
        field("consumed", &self.total(|stream| stream.consumed.count()).to_string());
        field("gaps", &reasons(&self.gap_reasons()));
        field("lost", &self.total(|stream| stream.lost.count()).to_string());
        field("not_followed", &self.total(|stream| stream.unfollowed.count()).to_string());
        field("duplicates", &self.total(CertifiedStream::duplicates).to_string());
        field("repeats_discarded", &self.repeats_discarded.to_string());
        field("digest_server", &quoted(&hex(self.digest_server())));
        field("digest_client", &quoted(&hex(self.digest_client())));
        let streams: Vec<String> = self.streams.iter().map(|stream| stream.json()).collect();
        json.push_str("  \"streams\": [");
        json.push_str(&streams.join(","));
        json.push_str(if streams.is_empty() { "]\n}\n" } else { "\n  ]\n}\n" });
        json
    }
}

impl CertifiedStream {
    fn json(&self) -> String {
        let fields = [
            ("stream", u64::from(self.span.stream.0).to_string()),
            ("first", self.span.first.0.to_string()),
            ("cut", self.span.cut.0.to_string()),
            ("produced", self.produced.count().to_string()),
            ("consumed", self.consumed.count().to_string()),
            ("gaps", reasons(&self.gap_reasons)),
            ("lost", self.lost.count().to_string()),
            ("not_followed", self.unfollowed.count().to_string()),
            ("digest_server", quoted(&hex(self.produced.fingerprint()))),
            ("digest_client", quoted(&hex(self.accounted().fingerprint()))),
        ];
        let fields = fields.map(|(name, value)| ["\"", name, "\": ", &value].concat());
        ["\n    { ", &fields.join(", "), " }"].concat()
    }
}

fn quoted(text: &str) -> String {
    ["\"", text, "\""].concat()
}

/// Sixteen digits, so that digests line up.
fn hex(value: u64) -> String {
    format!("{value:016x}")
}

fn reasons(counts: &[u64; GapReason::ALL.len()]) -> String {
    let named = GapReason::ALL.iter().zip(counts).filter(|(_, count)| **count > 0);
    let fields: Vec<String> =
        named.map(|(reason, count)| ["\"", reason.name(), "\": ", &count.to_string()].concat()).collect();
    ["{", &fields.join(", "), "}"].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{Seq, StreamId};
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn run(first: u64, end: u64) -> IdDigest {
        IdDigest::of_run(Seq(first), Seq(end))
    }

    fn stream(consumed: IdDigest, gaps: IdDigest, lost: IdDigest) -> CertifiedStream {
        let span = Span { stream: StreamId(7), first: Seq(10), cut: Seq(30) };
        let mut gap_reasons = [0; GapReason::ALL.len()];
        gap_reasons[1] = gaps.count();
        let account = Account { consumed, gaps, gap_reasons, lost, unfollowed: IdDigest::EMPTY };
        CertifiedStream::new(span, run(10, 30), &account)
    }

    fn certificate(streams: Vec<CertifiedStream>) -> Certificate {
        Certificate {
            session: SessionId([0xab; 16]),
            epoch: Epoch(5),
            mode: Mode::OneStream,
            policy: Policy::Latest,
            taken_at: Time::from_millis(9),
            connections: 2,
            repeats_discarded: 1,
            verdict: Certificate::judge(&streams),
            streams,
        }
    }

    #[test]
    fn the_verdict_follows_from_the_digests() {
        let whole = stream(run(10, 30), IdDigest::EMPTY, IdDigest::EMPTY);
        let with_gap = stream(run(10, 25), run(25, 30), IdDigest::EMPTY);
        let lossy = stream(run(10, 25), run(25, 28), run(28, 30));
        let twice = stream(run(10, 30) + run(12, 13), IdDigest::EMPTY, IdDigest::EMPTY);
        let exchanged = stream(run(10, 29) + run(12, 13), IdDigest::EMPTY, IdDigest::EMPTY);
        for (streams, expected) in [
            (vec![], Verdict::Continuous),
            (vec![whole], Verdict::Continuous),
            (vec![whole, with_gap], Verdict::WithGaps),
            (vec![with_gap, lossy, whole], Verdict::Lost),
            (vec![lossy, twice], Verdict::Repeated),
            (vec![twice, exchanged], Verdict::Differs),
        ] {
            assert_eq!(Certificate::judge(&streams), expected);
            let certificate = certificate(streams);
            let agree = certificate.digest_server() == certificate.digest_client();
            assert_eq!(agree, expected.name() != "broken", "{expected:?}");
        }
        assert_eq!(twice.duplicates(), 1);
    }

    #[test]
    fn the_json_has_every_number_and_hides_the_sessions_name() {
        let json = certificate(vec![stream(run(10, 25), run(25, 30), IdDigest::EMPTY)]).to_json();
        for expected in [
            "\"session\": \"abababab…\",",
            "\"verdict\": \"with-gaps\",",
            "\"produced\": 20,",
            "\"consumed\": 15,",
            "\"gaps\": {\"conflated\": 5},",
            "\"duplicates\": 0,",
            "{ \"stream\": 7, \"first\": 10, \"cut\": 30, \"produced\": 20,",
        ] {
            assert!(json.contains(expected), "{expected} is not in {json}");
        }
        assert!(!json.contains("abababababab"));
    }
}
