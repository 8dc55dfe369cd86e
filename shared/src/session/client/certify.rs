//! Proving that nothing was lost.

use super::{ClientEvent, ClientSession};
use crate::audit::{Audit, Entry};
use crate::certificate::{Certificate, CertifiedStream, Verdict};
use crate::ids::{Epoch, SessionId};
use crate::time::Time;
use crate::wire::{CertifyRequest, ClientItem, GapReport, ProducedReport, Span, StreamInfo};

/// The session's books, and the certificate that is being made of them.
#[derive(Debug, Default)]
pub(super) struct Notary {
    audit: Audit,
    certifying: Option<Certifying>,
    nonce: u64,
    connections: u64,
}

/// A certificate that is being made.
#[derive(Debug)]
struct Certifying {
    spans: Vec<Span>,
    answer: Option<ProducedReport>,
}

impl ClientSession {
    /// Begins to prove that nothing was lost of what was seen up to here: asks the server what it produced, and compares
    /// as soon as all of it is accounted for. [`ClientEvent::Certificate`] tells the result; reconnecting meanwhile does
    /// no harm.
    ///
    /// Returns whether a certificate is on the way, an earlier one perhaps: a session that was never welcomed has
    /// nothing to prove.
    pub fn certify(&mut self) -> bool {
        if self.notary.certifying.is_none() && self.identity.is_some() {
            self.draw_cuts();
        }
        self.notary.certifying.is_some()
    }

    /// Messages that a certificate on the way waits for: seen, but neither consumed nor accounted for otherwise.
    pub fn uncertified(&self) -> Option<u64> {
        self.notary.certifying.as_ref().map(|_| self.notary.audit.open())
    }

    fn draw_cuts(&mut self) {
        let spans = self.notary.audit.draw_cuts(self.delivery.seen());
        self.notary.nonce += 1;
        self.notary.certifying = Some(Certifying { spans, answer: None });
        self.ask_to_certify();
    }

    fn ask_to_certify(&mut self) {
        let Notary { certifying, nonce, .. } = &self.notary;
        if let Some(Certifying { spans, answer: None }) = certifying
            && self.connected
            && self.welcomed
        {
            let request = CertifyRequest { nonce: *nonce, spans: spans.clone() };
            self.outgoing.push_back(ClientItem::Certify(request));
        }
    }

    /// The server has said what it produced.
    pub(super) fn handle_produced(&mut self, report: ProducedReport) {
        let Notary { certifying, nonce, .. } = &mut self.notary;
        let is_ours = report.nonce == *nonce && self.identity.is_some_and(|(_, epoch)| epoch == report.epoch);
        if let Some(certifying) = certifying.as_mut().filter(|_| is_ours) {
            certifying.answer = Some(report);
        }
    }

    /// Another connection carries the session; what was asked on the earlier one may never be answered.
    pub(super) fn certify_on_this_connection(&mut self) {
        self.notary.connections += 1;
        self.ask_to_certify();
    }

    /// Other streams are followed, perhaps: begins the books of new ones.
    pub(super) fn book_streams(&mut self, streams: &[StreamInfo]) {
        for info in streams {
            self.notary.audit.follow(info.id, info.next);
        }
        for (stream, range) in self.delivery.take_passed_over() {
            self.notary.audit.handle_run(stream, range, Entry::Unfollowed);
        }
        self.notary.audit.retain(|stream| self.delivery.knows(stream));
        // A stream that is followed no longer may never come to rest, and the server would not answer for it.
        let is_about = |spans: &[Span]| {
            self.delivery.seen().map(|(stream, _)| stream).eq(spans.iter().map(|span| span.stream))
        };
        if self.notary.certifying.as_ref().is_some_and(|certifying| !is_about(&certifying.spans)) {
            self.draw_cuts();
        }
    }

    /// Positions will not be consumed.
    pub(super) fn book_gap(&mut self, report: &GapReport) {
        self.book_all(report, Entry::Gap(report.reason));
    }

    /// Positions are missing, and nothing accounts for them.
    pub(super) fn book_lost(&mut self, report: &GapReport) {
        self.book_all(report, Entry::Lost);
    }

    fn book_all(&mut self, report: &GapReport, entry: Entry) {
        for range in &report.ranges {
            self.notary.audit.handle_run(report.stream, *range, entry);
        }
    }

    /// The books, for what is booked one by one.
    pub(super) const fn audit(&mut self) -> &mut Audit {
        &mut self.notary.audit
    }

    /// The positions booked so far mean nothing any more.
    pub(super) fn void_books(&mut self) {
        let at = self.pulse.heard_at();
        let is_waited_for = self.notary.certifying.take().is_some();
        if let Some(identity) = self.identity.filter(|_| is_waited_for) {
            self.issue(identity, Vec::new(), Some(Verdict::EpochChanged), at);
        }
        self.notary.audit = Audit::default();
    }

    /// Issues the certificate once the server has answered and everything before the cuts is booked.
    pub(super) fn settle_certificate(&mut self, now: Time) {
        if self.notary.audit.open() > 0 {
            return;
        }
        let Some(certifying) = self.notary.certifying.take_if(|certifying| certifying.answer.is_some())
        else {
            return;
        };
        let mut streams = Vec::with_capacity(certifying.spans.len());
        let mut void = None;
        for (span, produced) in certifying.answer.into_iter().flat_map(|answer| answer.spans) {
            let account = self.notary.audit.account(span.stream).unwrap_or_default();
            match produced {
                Some(produced) => streams.push(CertifiedStream::new(span, produced, &account)),
                None => void = Some(Verdict::StreamGone),
            }
        }
        // A server that answers for something else has not answered.
        if !streams.iter().map(|stream| &stream.span).eq(&certifying.spans) {
            void = Some(Verdict::StreamGone);
        }
        self.notary.audit.give_up_cuts();
        if let Some(identity) = self.identity {
            self.issue(identity, streams, void, now);
        }
    }

    fn issue(
        &mut self,
        (session, epoch): (SessionId, Epoch),
        streams: Vec<CertifiedStream>,
        void: Option<Verdict>,
        taken_at: Time,
    ) {
        let certificate = Certificate {
            session,
            epoch,
            mode: self.config.mode,
            policy: self.config.policy,
            taken_at,
            connections: self.notary.connections,
            repeats_discarded: self.duplicates,
            verdict: void.unwrap_or_else(|| Certificate::judge(&streams)),
            streams: if void.is_some() { Vec::new() } else { streams },
        };
        self.events.push_back(ClientEvent::Certificate(Box::new(certificate)));
    }
}
