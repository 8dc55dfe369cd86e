//! What is found in one packet, and what is most worth saying of it.

use sluice_shared::handshake::{Layer, RungKind, RungPart};

/// Parts that are told of one packet; further ones are counted.
const MAX_PARTS: usize = 96;
/// Words of one packet; further ones are not said.
const MAX_WORDS_HELD: usize = 512;
/// Words of a label, beyond which only the first and the last are said.
const MAX_WORDS: usize = 3;

/// How much a word belongs into a label: those of the first rank that occurs are said, no others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rank {
    /// What the packet is about.
    Headline,
    /// What it is about when there is no headline.
    Usual,
    /// Housekeeping.
    Minor,
    /// Acknowledgments and padding.
    Last,
}

/// What decides a packet's [`RungKind`]: the largest in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Weight {
    Opaque,
    Transport,
    /// A TLS message behind the handshake, such as a ticket.
    Aftermath,
    Data,
    Handshake,
    Early,
}

/// Whose word it is, since many of TLS are drawn together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    Tls,
    Other,
}

#[derive(Clone, Debug)]
struct Word {
    rank: Rank,
    source: Source,
    text: String,
    is_early: bool,
    /// The QUIC packet it was said in, if that is to be named.
    level: Option<&'static str>,
}

/// A place among what is found, for [`Findings::said_since`].
#[derive(Debug)]
pub(crate) struct Mark {
    words: usize,
    weight: Weight,
}

/// What was said of a piece of a packet.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) rank: Rank,
    pub(crate) text: String,
    pub(crate) weight: Weight,
}

/// Everything that is found in a packet.
#[derive(Debug)]
pub(crate) struct Findings {
    parts: Vec<RungPart>,
    left_out: usize,
    words: Vec<Word>,
    /// The names of QUIC's packets.
    levels: Vec<&'static str>,
    /// The one that is being read, if it is to be named.
    level: Option<&'static str>,
    weight: Weight,
    /// Said in front of words of early data.
    early_prefix: &'static str,
    /// Whether what is being found is early data.
    is_early: bool,
}

impl Findings {
    /// Nothing so far; `early_prefix` is said in front of early data.
    pub(crate) const fn new(early_prefix: &'static str) -> Self {
        Self {
            parts: Vec::new(),
            left_out: 0,
            words: Vec::new(),
            levels: Vec::new(),
            level: None,
            weight: Weight::Opaque,
            early_prefix,
            is_early: false,
        }
    }

    pub(crate) fn part(&mut self, layer: Layer, name: impl Into<String>, detail: impl Into<String>) {
        if self.parts.len() < MAX_PARTS {
            self.parts.push(RungPart { layer, name: name.into(), detail: detail.into() });
        } else {
            self.left_out += 1;
        }
    }

    /// Adds a word for the label.
    pub(crate) fn word(&mut self, rank: Rank, text: impl Into<String>) {
        self.push_word(rank, Source::Other, text.into());
    }

    /// Adds a TLS message's name to the label.
    pub(crate) fn tls_word(&mut self, text: impl Into<String>) {
        self.push_word(Rank::Headline, Source::Tls, text.into());
    }

    /// Says which QUIC packet what comes is in, if that is to be named in front of the label.
    pub(crate) fn set_level(&mut self, name: Option<&'static str>) {
        self.level = name;
        if let Some(name) = name
            && !self.levels.contains(&name)
        {
            self.levels.push(name);
        }
    }

    pub(crate) fn weigh(&mut self, weight: Weight) {
        let weight = if self.is_early && weight == Weight::Data { Weight::Early } else { weight };
        self.weight = self.weight.max(weight);
    }

    /// Says whether what comes is early data.
    pub(crate) const fn set_early(&mut self, is_early: bool) {
        self.is_early = is_early;
    }

    /// Begins a piece of the packet of which it is to be known by itself what was said.
    pub(crate) const fn mark(&mut self) -> Mark {
        let weight = self.weight;
        self.weight = Weight::Opaque;
        Mark { words: self.words.len(), weight }
    }

    /// Ends the piece that began at `mark`: what was said of it, with the prefix of early data if `has_prefix`.
    pub(crate) fn said_since(&mut self, mark: &Mark, has_prefix: bool) -> Option<Said> {
        let weight = self.weight;
        self.weight = weight.max(mark.weight);
        let words = self.words.get(mark.words..)?;
        let rank = words.iter().map(|word| word.rank).min()?;
        let text = joined(words, if has_prefix { self.early_prefix } else { "" });
        Some(Said { rank, text, weight })
    }

    /// How many words there are, to see whether anything is said.
    pub(crate) const fn words_so_far(&self) -> usize {
        self.words.len()
    }

    /// What is most worth knowing of the packet.
    pub(crate) const fn kind(&self) -> RungKind {
        match self.weight {
            Weight::Opaque => RungKind::Opaque,
            Weight::Transport => RungKind::Transport,
            Weight::Aftermath | Weight::Handshake => RungKind::Handshake,
            Weight::Data => RungKind::Data,
            Weight::Early => RungKind::Early,
        }
    }

    /// A few words for the packet; `bytes` is how large it is, for want of anything better.
    pub(crate) fn label(&self, bytes: usize) -> String {
        let words = joined(&self.words, self.early_prefix);
        let rank = self.words.iter().map(|word| word.rank).min();
        let mut levels = self.levels.clone();
        if rank.is_some() {
            let said = self.words.iter().filter(|word| Some(word.rank) == rank);
            let said: Vec<&str> = said.filter_map(|word| word.level).collect();
            levels.retain(|level| said.contains(level));
        }
        match (levels.is_empty(), words.is_empty()) {
            (true, true) => format!("{bytes} bytes"),
            (true, false) => words,
            (false, true) => levels.join(" + "),
            (false, false) => format!("{}: {words}", levels.join(" + ")),
        }
    }

    /// All parts, from the outside in.
    pub(crate) fn into_parts(mut self) -> Vec<RungPart> {
        if self.left_out > 0
            && let Some(last) = self.parts.last_mut()
        {
            last.detail = format!("{}; and {} parts more", last.detail, self.left_out);
        }
        self.parts
    }

    fn push_word(&mut self, rank: Rank, source: Source, text: String) {
        let is_early = self.is_early && source == Source::Other;
        let is_repeated = self.words.last().is_some_and(|last| {
            rank >= Rank::Minor && (last.rank, &last.text, last.level) == (rank, &text, self.level)
        });
        if !is_repeated && self.words.len() < MAX_WORDS_HELD {
            self.words.push(Word { rank, source, text, is_early, level: self.level });
        }
    }
}

/// The words of the best rank, each TLS flight drawn together.
fn joined(words: &[Word], early_prefix: &str) -> String {
    let Some(rank) = words.iter().map(|word| word.rank).min() else { return String::new() };
    // Each with how often it is said in a row; in packets of several levels, such as a farewell, it is the same word.
    let mut said: Vec<(&Word, usize)> = Vec::new();
    for word in words.iter().filter(|word| word.rank == rank) {
        match said.last_mut() {
            Some((last, times)) if (&last.text, last.is_early) == (&word.text, word.is_early) => {
                *times += usize::from(last.level == word.level && word.rank < Rank::Minor);
            }
            _ => said.push((word, 1)),
        }
    }
    let mut pieces: Vec<String> = Vec::new();
    let mut was_early = false;
    for run in said.chunk_by(|(one, _), (next, _)| one.source == Source::Tls && next.source == Source::Tls) {
        let ([(first, _), ..], [.., (last, _)]) = (run, run) else { continue };
        if run.len() < 3 && run.iter().all(|(word, _)| word.text != MORE) {
            for (word, times) in run {
                let prefix = if word.is_early && !was_early { early_prefix } else { "" };
                was_early = word.is_early;
                let times = if *times > 1 { format!(" ×{times}") } else { String::new() };
                pieces.push(format!("{prefix}{}{times}", word.text));
            }
            continue;
        }
        pieces.push(match (first.text == MORE, last.text == MORE) {
            (false, false) => format!("{} … {}", first.text, last.text),
            (true, false) => format!("… {}", last.text),
            (false, true) => format!("{} …", first.text),
            (true, true) => "handshake, continued".to_owned(),
        });
    }
    match pieces.as_slice() {
        [first, .., last] if pieces.len() > MAX_WORDS => format!("{first} … {last}"),
        _ => pieces.join(" + "),
    }
}

/// A word for what has begun in an earlier packet or ends in a later one.
pub(crate) const MORE: &str = "…";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_say_what_a_packet_is_about() {
        let mut findings = Findings::new("0-RTT ");
        assert_eq!(findings.label(17), "17 bytes");
        findings.word(Rank::Last, "ACK");
        assert_eq!(findings.label(17), "ACK");
        findings.word(Rank::Usual, "SETTINGS");
        findings.tls_word("Finished");
        findings.word(Rank::Headline, "GET /hello");
        assert_eq!(findings.label(17), "Finished + GET /hello");
    }

    #[test]
    fn levels_are_named_that_have_a_say() {
        let mut findings = Findings::new("0-RTT ");
        findings.set_level(Some("Initial"));
        assert_eq!(findings.label(17), "Initial", "it was not opened");
        findings.word(Rank::Last, "ACK");
        findings.set_level(Some("Handshake"));
        findings.word(Rank::Last, "ACK");
        assert_eq!(findings.label(17), "Initial + Handshake: ACK");
        let mut farewell = Findings::new("0-RTT ");
        for level in [Some("Handshake"), None] {
            farewell.set_level(level);
            farewell.word(Rank::Last, "ACK");
            farewell.word(Rank::Headline, "CONNECTION_CLOSE");
        }
        assert_eq!(farewell.label(17), "Handshake: CONNECTION_CLOSE");
        findings.tls_word("Finished");
        findings.set_level(None);
        findings.word(Rank::Headline, "GET /hello");
        assert_eq!(findings.label(17), "Handshake: Finished + GET /hello");
    }

    #[test]
    fn a_flight_is_drawn_together() {
        let mut findings = Findings::new("0-RTT ");
        for name in ["ServerHello", "EncryptedExtensions", "Certificate", "CertificateVerify", "Finished"] {
            findings.tls_word(name);
        }
        assert_eq!(findings.label(1), "ServerHello … Finished");
        let mut findings = Findings::new("0-RTT ");
        findings.tls_word("ServerHello");
        findings.tls_word(MORE);
        assert_eq!(findings.label(1), "ServerHello …");
        let mut findings = Findings::new("0-RTT ");
        findings.tls_word(MORE);
        findings.tls_word(MORE);
        assert_eq!(findings.label(1), "handshake, continued");
    }

    #[test]
    fn early_requests_are_counted_behind_one_prefix() {
        let mut findings = Findings::new("0-RTT ");
        findings.tls_word("ClientHello");
        findings.set_early(true);
        for _ in 0..12 {
            findings.weigh(Weight::Data);
            findings.word(Rank::Headline, "GET /hello");
        }
        assert_eq!(findings.label(1), "ClientHello + 0-RTT GET /hello ×12");
        findings.word(Rank::Usual, "DATA");
        findings.word(Rank::Headline, "GET /hello");
        assert_eq!(findings.label(1), "ClientHello + 0-RTT GET /hello ×13", "what is between is not said");
        assert_eq!(findings.kind(), RungKind::Early);
    }

    #[test]
    fn parts_are_bounded() {
        let mut findings = Findings::new("");
        for _ in 0..1_000 {
            findings.part(Layer::Frame, "PING", "");
        }
        let parts = findings.into_parts();
        assert_eq!(parts.len(), MAX_PARTS);
        assert_eq!(parts[MAX_PARTS - 1].detail, "; and 904 parts more");
    }
}
