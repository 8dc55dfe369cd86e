//! TLS on TCP: records, and what is in them.

use sluice_shared::handshake::Layer;
use sluice_shared::link::Direction;

use crate::findings::{Findings, MORE, Rank, Weight};
use crate::http::Application;
use crate::quic::Suite;
use crate::secrets::{SecretLabel, Secrets};
use crate::tls::{
    ContentType, Handshake, Messages, RecordHeader, RecordKeys, describe, message_type, name_of,
};

/// One direction of a connection.
#[derive(Debug)]
pub(super) struct TlsSide {
    direction: Direction,
    /// Records that are not complete.
    buffer: Vec<u8>,
    /// Something came that is no record: nothing behind it is understood.
    is_broken: bool,
    /// Which keys opened the last record, among [`levels`].
    level: usize,
    keys: [Option<RecordKeys>; 3],
    messages: Messages,
    application: Application,
    /// Whether the last data that was opened was early.
    is_early: bool,
    /// Whether its handshake is over.
    is_finished: bool,
}

/// The secrets of a direction, in the order in which they come into use.
const fn levels(direction: Direction) -> [Option<SecretLabel>; 3] {
    match direction {
        Direction::Up => [
            Some(SecretLabel::ClientEarly),
            Some(SecretLabel::ClientHandshake),
            Some(SecretLabel::ClientTraffic),
        ],
        Direction::Down => [None, Some(SecretLabel::ServerHandshake), Some(SecretLabel::ServerTraffic)],
    }
}

const LEVEL_NAMES: [&str; 3] = ["early data", "handshake", "traffic"];
const EARLY: usize = 0;
const TRAFFIC: usize = 2;

impl TlsSide {
    pub(super) fn new(direction: Direction) -> Self {
        Self {
            direction,
            buffer: Vec::new(),
            is_broken: false,
            level: EARLY,
            keys: [None, None, None],
            messages: Messages::default(),
            application: Application::new(direction == Direction::Up),
            is_early: false,
            is_finished: false,
        }
    }

    /// Takes the next bytes.
    pub(super) fn push(
        &mut self,
        bytes: &[u8],
        secrets: &Secrets,
        handshake: &mut Handshake,
        findings: &mut Findings,
    ) {
        let has_begun_before = !self.buffer.is_empty();
        if has_begun_before {
            self.say_more(findings);
        }
        let mut is_first = true;
        self.buffer.extend_from_slice(bytes);
        while !self.is_broken {
            let header = match RecordHeader::read(&self.buffer) {
                Ok(Some(header)) => header,
                Ok(None) => break,
                Err(_) => {
                    self.is_broken = true;
                    break;
                }
            };
            if self.buffer.len() < header.record_bytes {
                break;
            }
            let record: Vec<u8> = self.buffer.drain(..header.record_bytes).collect();
            self.record(header.content, &record, secrets, handshake, findings);
            is_first = false;
        }
        if self.is_broken {
            findings.part(Layer::Record, "no TLS record", format!("{} bytes", self.buffer.len()));
            self.buffer = Vec::new();
        } else if !self.buffer.is_empty() {
            let have = self.buffer.len();
            let detail = match RecordHeader::read(&self.buffer) {
                Ok(Some(header)) => format!("{have} of {} bytes so far", header.record_bytes),
                Ok(None) | Err(_) => format!("{have} bytes so far"),
            };
            findings.part(Layer::Record, "record, not complete", detail);
            // A piece from the middle of a record was named already.
            if !(has_begun_before && is_first) {
                self.say_more(findings);
            }
        }
    }

    /// Part of a record that is opened elsewhere: what it is can only be told from where it lies.
    fn say_more(&self, findings: &mut Findings) {
        if self.is_finished || self.level == TRAFFIC {
            findings.weigh(Weight::Data);
            findings.word(Rank::Usual, "data, continued");
        } else if self.is_early && self.level == EARLY {
            findings.weigh(Weight::Early);
            findings.word(Rank::Usual, "early data, continued");
        } else {
            findings.weigh(Weight::Handshake);
            findings.tls_word(MORE);
        }
    }

    fn record(
        &mut self,
        content: ContentType,
        record: &[u8],
        secrets: &Secrets,
        handshake: &mut Handshake,
        findings: &mut Findings,
    ) {
        let size = record.len();
        match content {
            ContentType::ApplicationData => {
                let Some((content, text)) = self.open(record, secrets, handshake) else {
                    findings.part(
                        Layer::Record,
                        content.name(),
                        format!("{size} bytes, which no secret opens"),
                    );
                    return;
                };
                let keys = LEVEL_NAMES.get(self.level).copied().unwrap_or_default();
                findings.part(Layer::Record, content.name(), format!("{size} bytes, {keys} keys"));
                self.content(content, &text, handshake, findings);
            }
            ContentType::Handshake | ContentType::Alert | ContentType::ChangeCipherSpec => {
                findings.part(Layer::Record, content.name(), format!("{size} bytes, plain"));
                self.content(content, record.get(5..).unwrap_or_default(), handshake, findings);
            }
        }
    }

    fn content(
        &mut self,
        content: ContentType,
        text: &[u8],
        handshake: &mut Handshake,
        findings: &mut Findings,
    ) {
        match content {
            ContentType::ChangeCipherSpec => {
                // For middleboxes (RFC 8446 appendix D.4).
                findings.weigh(Weight::Handshake);
                findings.word(Rank::Minor, "ChangeCipherSpec");
            }
            ContentType::Alert => {
                let name = alert(text);
                findings.weigh(Weight::Transport);
                findings.part(Layer::Tls, name.clone(), "");
                findings.word(if name == CLOSE_NOTIFY { Rank::Usual } else { Rank::Headline }, name);
            }
            ContentType::Handshake => self.handshake(text, handshake, findings),
            ContentType::ApplicationData => {
                let is_early = self.level == EARLY;
                if self.is_early && !is_early && handshake.is_early_accepted == Some(false) {
                    // The server has skipped what was early: the client begins anew.
                    self.application = Application::new(self.direction == Direction::Up);
                }
                self.is_early = is_early;
                findings.set_early(is_early);
                let words = findings.words_so_far();
                self.application.push(text, findings);
                if findings.words_so_far() == words {
                    findings.word(Rank::Usual, "data, in part");
                }
                findings.set_early(false);
            }
        }
    }

    fn handshake(&mut self, text: &[u8], handshake: &mut Handshake, findings: &mut Findings) {
        let mut has_new_keys = false;
        let mut is_finished = false;
        self.messages.push(text, |kind, body| {
            handshake.learn(kind, body);
            tell_message(kind, body, findings);
            has_new_keys |= kind == message_type::KEY_UPDATE;
            is_finished |= kind == message_type::FINISHED;
        });
        self.is_finished |= is_finished;
        if let Some(progress) = self.messages.progress() {
            tell_progress(progress.kind, progress.have, progress.total, findings);
        }
        if has_new_keys && let Some(keys) = self.keys.get_mut(self.level) {
            *keys = keys.as_ref().and_then(RecordKeys::next);
        }
    }

    /// Tries the keys in use and those that come after them.
    fn open(
        &mut self,
        record: &[u8],
        secrets: &Secrets,
        handshake: &Handshake,
    ) -> Option<(ContentType, Vec<u8>)> {
        let random = handshake.client_random.as_ref()?;
        for (level, label) in levels(self.direction).into_iter().enumerate().skip(self.level) {
            let Some(label) = label else { continue };
            let slot = self.keys.get_mut(level)?;
            if let Some(keys) = slot {
                if let Some(opened) = keys.open(record) {
                    self.level = level;
                    return Some(opened);
                }
                continue;
            }
            let Some(secret) = secrets.find(label, random) else { continue };
            // Early data comes before the server has chosen a suite, and is under that of the ticket.
            let suites = Suite::ALL.into_iter().filter(|suite| {
                label == SecretLabel::ClientEarly || handshake.suite.is_none_or(|chosen| chosen == *suite)
            });
            for mut keys in suites.filter_map(|suite| RecordKeys::new(suite, secret.clone())) {
                if let Some(opened) = keys.open(record) {
                    *slot = Some(keys);
                    self.level = level;
                    return Some(opened);
                }
            }
        }
        None
    }
}

/// Says that a handshake message was completed.
pub(super) fn tell_message(kind: u8, body: &[u8], findings: &mut Findings) {
    let (name, detail) = describe(kind, body);
    let is_aftermath = matches!(kind, message_type::NEW_SESSION_TICKET | message_type::KEY_UPDATE);
    findings.weigh(if is_aftermath { Weight::Aftermath } else { Weight::Handshake });
    findings.part(Layer::Tls, name, detail);
    findings.tls_word(name);
}

/// Says how far a handshake message is whose end is to come.
pub(super) fn tell_progress(kind: u8, have: usize, total: usize, findings: &mut Findings) {
    findings.weigh(Weight::Handshake);
    findings.part(Layer::Tls, name_of(kind), format!("{have} of {total} bytes so far"));
    findings.tls_word(format!("{}, in part", name_of(kind)));
}

const CLOSE_NOTIFY: &str = "close_notify";

/// RFC 8446 §6.
fn alert(text: &[u8]) -> String {
    let name = match text.get(1) {
        None => "alert",
        Some(0) => CLOSE_NOTIFY,
        Some(10) => "unexpected_message",
        Some(20) => "bad_record_mac",
        Some(40) => "handshake_failure",
        Some(42) => "bad_certificate",
        Some(45) => "certificate_expired",
        Some(46) => "certificate_unknown",
        Some(47) => "illegal_parameter",
        Some(48) => "unknown_ca",
        Some(50) => "decode_error",
        Some(51) => "decrypt_error",
        Some(70) => "protocol_version",
        Some(80) => "internal_error",
        Some(90) => "user_canceled",
        Some(109) => "missing_extension",
        Some(112) => "unrecognized_name",
        Some(120) => "no_application_protocol",
        Some(other) => return format!("alert {other}"),
    };
    name.to_owned()
}
