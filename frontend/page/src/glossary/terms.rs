//! Definitions, and the places in a text where their terms stand.

/// A term with its definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Term {
    /// The term.
    pub term: &'static str,
    /// Its forms in texts, the term itself included, the longest first.
    pub forms: &'static [&'static str],
    /// Definition in one sentence.
    pub text: &'static str,
    /// Name of the specification's section.
    pub rfc: &'static str,
    /// Address of that section.
    pub url: &'static str,
}

include!(concat!(env!("OUT_DIR"), "/glossary.rs"));

/// A part of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part<'text> {
    /// Words without a definition.
    Text(&'text str),
    /// A term, as it stands in the text.
    Term(&'text str, &'static Term),
}

/// Returns the parts of a text. Each term is found once, where it stands first as whole words.
pub fn parts(text: &str) -> Vec<Part<'_>> {
    let mut found: Vec<(usize, &str, &'static Term)> = Vec::new();
    for term in &TERMS {
        let first =
            term.forms.iter().filter_map(|form| Some((whole_words(text, form)?, form.len()))).min_by_key(
                // The longest form wins where two begin at the same place.
                |(at, length)| (*at, usize::MAX - length),
            );
        if let Some((at, length)) = first {
            found.push((at, &text[at..at + length], term));
        }
    }
    crate::short_list::sort_by_key(&mut found, |(at, form, _)| (*at, usize::MAX - form.len()));
    let (mut parts, mut end) = (Vec::new(), 0);
    for (at, form, term) in found {
        // A term within another one, such as "migration" in "connection migration", is that other one.
        if at < end {
            continue;
        }
        if at > end {
            parts.push(Part::Text(&text[end..at]));
        }
        parts.push(Part::Term(form, term));
        end = at + form.len();
    }
    if end < text.len() {
        parts.push(Part::Text(&text[end..]));
    }
    parts
}

/// Returns the position of the first occurrence of `form` that is not part of a longer word.
fn whole_words(text: &str, form: &str) -> Option<usize> {
    let is_within =
        |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'-');
    text.match_indices(form).map(|(at, _)| at).find(|at| {
        let before = at.checked_sub(1).and_then(|before| text.as_bytes().get(before));
        !is_within(before) && !is_within(text.as_bytes().get(at + form.len()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(text: &str) -> Vec<(&str, &str)> {
        let term = |part| match part {
            Part::Term(form, term) => Some((form, term.term)),
            Part::Text(_) => None,
        };
        parts(text).into_iter().filter_map(term).collect()
    }

    #[test]
    fn terms_are_found_as_whole_words_and_once() {
        assert_eq!(
            named("QUIC streams: a stream of QUIC is not upstream, and ACKs are no PACKs."),
            [("QUIC", "QUIC"), ("streams", "stream"), ("ACKs", "ACK")]
        );
        assert_eq!(named("nothing here"), []);
        assert_eq!(
            named("Each packet has a Destination Connection ID"),
            [("Destination Connection ID", "connection ID")]
        );
    }

    #[test]
    fn the_parts_are_the_text() {
        for text in ["", "QUIC", "the QUIC handshake, in 0-RTT", "é QUIC é", "TCP's window"] {
            let whole: String = parts(text)
                .into_iter()
                .map(|part| match part {
                    Part::Text(words) | Part::Term(words, _) => words,
                })
                .collect();
            assert_eq!(whole, text);
        }
    }

    #[test]
    fn a_definition_is_one_sentence_with_a_source() {
        for term in &TERMS {
            assert!(
                term.text.ends_with('.') && !term.text.trim_end_matches('.').contains(". "),
                "{}",
                term.text
            );
            assert!(term.text.split_whitespace().count() <= 26, "{}", term.term);
            assert!(term.forms.contains(&term.term), "{}", term.term);
            let section = term.rfc.strip_prefix("RFC ").map(|name| name.replace(", section ", "#section-"));
            let expected = match section {
                Some(section) => "https://www.rfc-editor.org/rfc/rfc".to_owned() + &section,
                None => ["https://datatracker.ietf.org/doc/", term.rfc, "/"].concat(),
            };
            assert_eq!(term.url, expected);
        }
        let mut names: Vec<_> = TERMS.iter().map(|term| term.term.to_lowercase()).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), TERMS.len());
    }
}
