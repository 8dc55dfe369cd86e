//! Minimal JSON writer (RFC 8259), since serde_json would make up a tenth of the page's size.
//!
//! The page writes request bodies and recordings with it. Objects and lists are closed by the call that
//! opened them, so the output is always balanced. The reader is [`crate::decode`].

/// Writer of one JSON value.
#[derive(Debug, Default)]
pub struct JsonWriter {
    text: String,
    /// True if the next value or name follows another one in the same object or list.
    needs_comma: bool,
}

impl JsonWriter {
    /// Writes an object whose fields `fields` writes.
    pub fn object(&mut self, fields: impl FnOnce(&mut Self)) {
        self.nested('{', '}', fields);
    }

    /// Writes a list with one call of `item` for each of `items`.
    pub fn list<T>(&mut self, items: impl IntoIterator<Item = T>, mut item: impl FnMut(&mut Self, T)) {
        self.nested('[', ']', |json| items.into_iter().for_each(|value| item(json, value)));
    }

    /// Writes a list whose items `items` writes.
    pub fn tuple(&mut self, items: impl FnOnce(&mut Self)) {
        self.nested('[', ']', items);
    }

    /// Writes the name of a field; its value follows.
    pub fn name(&mut self, name: &str) -> &mut Self {
        self.text(name);
        self.text.push(':');
        self.needs_comma = false;
        self
    }

    /// Writes a string.
    pub fn text(&mut self, value: &str) {
        self.separate();
        self.text.push('"');
        for character in value.chars() {
            match character {
                '"' => self.text.push_str("\\\""),
                '\\' => self.text.push_str("\\\\"),
                '\n' => self.text.push_str("\\n"),
                control if control < ' ' => {
                    self.text.push_str("\\u00");
                    for digit in [control as u32 / 16, control as u32 % 16] {
                        self.text.extend(char::from_digit(digit, 16));
                    }
                }
                other => self.text.push(other),
            }
        }
        self.text.push('"');
        self.needs_comma = true;
    }

    /// Writes a whole number.
    pub fn number(&mut self, value: u64) {
        self.word(&value.to_string());
    }

    /// Writes a number with all its digits; NaN and ∞, which JSON cannot express, become `null`.
    pub fn real(&mut self, value: f64) {
        if value.is_finite() { self.word(&value.to_string()) } else { self.null() }
    }

    /// Writes `true` or `false`.
    pub fn flag(&mut self, value: bool) {
        self.word(if value { "true" } else { "false" });
    }

    /// Writes `null`.
    pub fn null(&mut self) {
        self.word("null");
    }

    /// Writes a line break, to keep the file readable.
    pub fn line(&mut self) {
        if self.needs_comma {
            self.text.push(',');
            self.needs_comma = false;
        }
        self.text.push('\n');
    }

    /// Returns the text.
    pub fn finish(self) -> String {
        self.text
    }

    fn nested(&mut self, open: char, close: char, content: impl FnOnce(&mut Self)) {
        self.separate();
        self.text.push(open);
        self.needs_comma = false;
        content(self);
        self.text.push(close);
        self.needs_comma = true;
    }

    fn word(&mut self, word: &str) {
        self.separate();
        self.text.push_str(word);
        self.needs_comma = true;
    }

    fn separate(&mut self) {
        if self.needs_comma {
            self.text.push(',');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_read_back_by_another_parser() {
        let hostile = "a\"b\\c\u{1}\u{1f}\n\t<&>é\u{202e}\u{1f600}";
        let mut json = JsonWriter::default();
        json.object(|json| {
            json.name("text").text(hostile);
            json.name("numbers").list([0, 7, u64::MAX], |json, number| json.number(number));
            json.line();
            json.name("empty").list([0u64; 0], |json, number| json.number(number));
            json.name("flags").list([true, false], |json, flag| json.flag(flag));
            json.name("nothing").null();
            json.name("reals").list([0.1, -2.5e-7, 1e21], |json, number| json.real(number));
            json.name("unlimited").real(f64::INFINITY);
            json.name("inner").object(|json| json.name("x").number(1));
        });
        let read: serde_json::Value = serde_json::from_str(&json.finish()).expect("it is JSON");
        let expected = serde_json::json!({
            "text": hostile, "numbers": [0, 7, u64::MAX], "empty": [], "flags": [true, false],
            "nothing": null, "reals": [0.1, -2.5e-7, 1e21], "unlimited": null, "inner": { "x": 1 },
        });
        assert_eq!(read, expected);
    }
}
