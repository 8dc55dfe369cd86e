//! Formats a continuity certificate as text for the continuity view: one sentence with the verdict, and lines
//! with the numbers. Numbers are shown exactly as certified.

use sluice_shared::certificate::{Certificate, CertifiedStream, Verdict};
use sluice_shared::wire::GapReason;

use sluice_text::format::count;

/// One line of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Name of the quantity.
    pub title: String,
    /// Test id.
    pub id: &'static str,
    /// Number or digest as text.
    pub text: String,
    /// Number as read by tests.
    pub value: String,
    /// True if the line reports a fault.
    pub is_harm: bool,
}

/// Returns the verdict in a sentence.
pub fn sentence(certificate: &Certificate) -> String {
    if let Some(reason) = certificate.verdict.reason() {
        return reason.to_owned();
    }
    let streams = certificate.streams.len();
    let connections = certificate.connections;
    let what = if certificate.verdict == Verdict::Continuous {
        "Every message was consumed, once"
    } else {
        "Every message was consumed once or lies in a reported gap"
    };
    format!("{what}. {} over {}.", counted(streams as u64, "stream"), counted(connections, "connection"))
}

fn counted(number: u64, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {what}{plural}", count(number))
}

/// Returns the lines, from the number produced to the digests of both sides.
pub fn lines(certificate: &Certificate) -> Vec<Line> {
    let number = |title: &str, id, value: u64, is_harm| Line {
        title: title.to_owned(),
        id,
        text: count(value),
        value: value.to_string(),
        is_harm,
    };
    let total = |of: fn(&CertifiedStream) -> u64| certificate.total(of);
    let mut lines = vec![
        number("produced", "certificate-produced", total(|stream| stream.produced.count()), false),
        number("= consumed", "certificate-consumed", total(|stream| stream.consumed.count()), false),
        number(&gaps_title(certificate), "certificate-gaps", total(|stream| stream.gaps.count()), false),
    ];
    let unfollowed = total(|stream| stream.unfollowed.count());
    if unfollowed > 0 {
        lines.push(number("+ passed, not followed", "certificate-unfollowed", unfollowed, false));
    }
    let (lost, twice) = (total(|stream| stream.lost.count()), total(CertifiedStream::duplicates));
    lines.push(number("+ lost", "certificate-lost", lost, lost > 0));
    lines.push(number("consumed twice", "certificate-duplicates", twice, twice > 0));
    let (server, client) = (certificate.digest_server(), certificate.digest_client());
    let digest = |title: &str, id, value: u64| {
        let text = format!("{value:016x}");
        Line { title: title.to_owned(), id, value: text.clone(), text, is_harm: server != client }
    };
    lines.push(digest("digest, server", "certificate-server", server));
    lines.push(digest("digest, here", "certificate-client", client));
    lines
}

fn gaps_title(certificate: &Certificate) -> String {
    let counts = certificate.gap_reasons();
    let reasons = GapReason::ALL.iter().zip(counts).filter(|(_, count)| *count > 0);
    let reasons: Vec<&str> = reasons.map(|(reason, _)| reason.name()).collect();
    if reasons.is_empty() { "+ in gaps".to_owned() } else { format!("+ in gaps: {}", reasons.join(", ")) }
}

#[cfg(test)]
mod tests {
    use sluice_shared::audit::Account;
    use sluice_shared::digest::IdDigest;
    use sluice_shared::ids::{Epoch, Seq, SessionId, StreamId};
    use sluice_shared::mode::Mode;
    use sluice_shared::policy::Policy;
    use sluice_shared::time::Time;
    use sluice_shared::wire::Span;

    use super::*;

    fn certificate(lost: u64) -> Certificate {
        let run = |first, end| IdDigest::of_run(Seq(first), Seq(end));
        let span = Span { stream: StreamId(1), first: Seq(0), cut: Seq(100) };
        let mut gap_reasons = [0; GapReason::ALL.len()];
        gap_reasons[0] = 10;
        let account = Account {
            consumed: run(0, 90 - lost),
            gaps: run(90, 100),
            gap_reasons,
            lost: run(90 - lost, 90),
            unfollowed: IdDigest::EMPTY,
        };
        let streams = vec![CertifiedStream::new(span, run(0, 100), &account)];
        Certificate {
            session: SessionId([1; 16]),
            epoch: Epoch(1),
            mode: Mode::WebSocket,
            policy: Policy::Lossless,
            taken_at: Time::ZERO,
            connections: 3,
            repeats_discarded: 0,
            verdict: Certificate::judge(&streams),
            streams,
        }
    }

    #[test]
    fn gaps_are_named_and_the_digests_agree() {
        let certificate = certificate(0);
        let lines = lines(&certificate);
        let shown: Vec<_> = lines.iter().map(|line| (line.title.as_str(), line.value.as_str())).collect();
        let digest = format!("{:016x}", certificate.digest_server());
        assert_eq!(
            shown,
            [
                ("produced", "100"),
                ("= consumed", "90"),
                ("+ in gaps: retention", "10"),
                ("+ lost", "0"),
                ("consumed twice", "0"),
                ("digest, server", &digest),
                ("digest, here", &digest),
            ]
        );
        assert!(lines.iter().all(|line| !line.is_harm));
        assert!(sentence(&certificate).contains("reported gap. 1 stream over 3 connections."));
    }

    #[test]
    fn what_is_lost_is_red_and_so_are_the_digests() {
        let certificate = certificate(7);
        let harm: Vec<_> = lines(&certificate).into_iter().filter(|line| line.is_harm).collect();
        assert_eq!(harm.len(), 3);
        assert_eq!((harm[0].id, harm[0].value.as_str()), ("certificate-lost", "7"));
        assert_eq!(sentence(&certificate), "Messages are missing, and nothing accounts for them.");
    }
}
