//! JSON parser (RFC 8259): parses text into a tree of values.
//!
//! Called by the decoder for every JSON text of the server. [`MAX_DEPTH`] bounds the nesting, so that no text
//! can exhaust the stack.

/// A JSON value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number that is not negative.
    Unsigned(u64),
    /// Any other number.
    Float(f64),
    /// A string.
    Text(String),
    /// An array.
    List(Vec<Self>),
    /// An object. Its fields are few, so a search through them costs less code than a map.
    Object(Vec<(String, Self)>),
}

/// Maximum nesting of lists and objects: more would exhaust the stack.
const MAX_DEPTH: u32 = 64;

/// Parses `text` as one JSON value; `None` if it is not one.
pub(super) fn parse(text: &str) -> Option<Value> {
    let mut reader = Reader { text, at: 0, depth: 0 };
    let value = reader.value()?;
    reader.next().is_none().then_some(value)
}

struct Reader<'text> {
    text: &'text str,
    /// Number of bytes read; always on a character boundary.
    at: usize,
    depth: u32,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn bump(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    /// Skips white space and returns the next byte without consuming it.
    fn next(&mut self) -> Option<u8> {
        while matches!(self.peek()?, b' ' | b'\t' | b'\n' | b'\r') {
            self.at += 1;
        }
        self.peek()
    }

    /// Skips white space and consumes `byte` if it is next. Returns whether it was.
    fn takes(&mut self, byte: u8) -> bool {
        let is_next = self.next() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    fn value(&mut self) -> Option<Value> {
        match self.next()? {
            b'"' => self.string().map(Value::Text),
            b'[' => {
                let mut items = Vec::new();
                self.sequence(b']', |reader| {
                    items.push(reader.value()?);
                    Some(())
                })?;
                Some(Value::List(items))
            }
            b'{' => {
                let mut fields = Vec::new();
                self.sequence(b'}', |reader| {
                    reader.next().filter(|byte| *byte == b'"')?;
                    let name = reader.string()?;
                    reader.takes(b':').then_some(())?;
                    fields.push((name, reader.value()?));
                    Some(())
                })?;
                Some(Value::Object(fields))
            }
            b'n' => self.word("null", Value::Null),
            b't' => self.word("true", Value::Bool(true)),
            b'f' => self.word("false", Value::Bool(false)),
            _ => self.number(),
        }
    }

    /// Reads an opening bracket, items between commas, and the bracket `end`.
    fn sequence(&mut self, end: u8, mut item: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.at += 1;
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return None;
        }
        if !self.takes(end) {
            loop {
                item(self)?;
                if self.takes(end) {
                    break;
                }
                self.takes(b',').then_some(())?;
            }
        }
        self.depth -= 1;
        Some(())
    }

    fn word(&mut self, word: &str, value: Value) -> Option<Value> {
        self.text.get(self.at..)?.starts_with(word).then_some(())?;
        self.at += word.len();
        Some(value)
    }

    /// Reads a number. With a fraction or an exponent it is exact to 15 digits: the standard library's
    /// parser, which is exact to the last bit, would be several times larger than this module.
    fn number(&mut self) -> Option<Value> {
        let is_negative = self.takes(b'-');
        let (mut digits, mut exponent) = (Digits::default(), 0_i32);
        let has_leading_zero = self.peek() == Some(b'0');
        if self.digits(&mut digits)? > 1 && has_leading_zero {
            return None;
        }
        let mut is_whole = !is_negative && digits.dropped == 0;
        if self.peek() == Some(b'.') {
            self.at += 1;
            is_whole = false;
            exponent -= self.digits(&mut digits)?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            is_whole = false;
            let is_fraction = self.peek() == Some(b'-');
            self.at += usize::from(matches!(self.peek(), Some(b'-' | b'+')));
            let mut power = Digits::default();
            self.digits(&mut power)?;
            // A number's largest power of ten is 308; the digits of a fraction may reduce it by as many.
            let power = i32::try_from(power.value.min(10_000)).ok()?;
            exponent += if is_fraction { -power } else { power };
        }
        if is_whole {
            return Some(Value::Unsigned(digits.value));
        }
        exponent += digits.dropped;
        // Scaled in two steps, since the power of ten of the smallest numbers is not representable.
        let (half, rest) = (exponent / 2, exponent - exponent / 2);
        let scale = |number: f64, power: i32| {
            let factor = 10_f64.powi(power.abs());
            if power < 0 { number / factor } else { number * factor }
        };
        let number = if exponent.abs() <= EXACT_POWER {
            scale(digits.value as f64, exponent)
        } else {
            scale(scale(digits.value as f64, half), rest)
        };
        Some(Value::Float(if is_negative { -number } else { number }))
    }

    /// Reads at least one digit and returns their number.
    fn digits(&mut self, digits: &mut Digits) -> Option<i32> {
        let from = self.at;
        while let Some(digit @ b'0'..=b'9') = self.peek() {
            self.at += 1;
            let more =
                digits.value.checked_mul(10).and_then(|tens| tens.checked_add(u64::from(digit - b'0')));
            match more.filter(|_| digits.dropped == 0) {
                Some(more) => digits.value = more,
                None => digits.dropped += 1,
            }
        }
        i32::try_from(self.at - from).ok().filter(|count| *count > 0)
    }

    fn string(&mut self) -> Option<String> {
        self.at += 1;
        let mut text = String::new();
        loop {
            let from = self.at;
            while !matches!(self.peek()?, b'"' | b'\\' | 0..0x20) {
                self.at += 1;
            }
            text += self.text.get(from..self.at)?;
            match self.bump()? {
                b'"' => return Some(text),
                b'\\' => text.push(self.escaped()?),
                _ => return None,
            }
        }
    }

    fn escaped(&mut self) -> Option<char> {
        Some(match self.bump()? {
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            plain @ (b'"' | b'\\' | b'/') => char::from(plain),
            b'u' => {
                let unit = self.code_unit()?;
                // A character beyond 16 bits is written as two surrogates.
                if !(0xD800..0xDC00).contains(&unit) {
                    return char::from_u32(unit);
                }
                (self.bump()? == b'\\' && self.bump()? == b'u').then_some(())?;
                let low = self.code_unit()?.checked_sub(0xDC00).filter(|low| *low < 0x400)?;
                return char::from_u32(0x10000 + ((unit - 0xD800) << 10) + low);
            }
            _ => return None,
        })
    }

    fn code_unit(&mut self) -> Option<u32> {
        let digits = self.text.get(self.at..self.at + 4)?;
        self.at += 4;
        digits.bytes().try_fold(0, |unit, digit| Some(unit << 4 | char::from(digit).to_digit(16)?))
    }
}

/// Number read from decimal digits.
#[derive(Default)]
struct Digits {
    value: u64,
    /// Number of digits that did not fit into `value`.
    dropped: i32,
}

/// Exponent of the largest power of ten that a float holds exactly.
const EXACT_POWER: i32 = 22;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_have_their_escapes_resolved() {
        for text in [r#""""#, r#""plain""#, r#""a\"b\\c\/d\n\r\t\b\f""#, r#""\u0041\u00e9\ud83d\ude00 é 😀""#]
        {
            let expected: String = serde_json::from_str(text).expect("a string");
            assert_eq!(parse(text), Some(Value::Text(expected)), "{text}");
        }
    }

    #[test]
    fn whole_numbers_are_exact_and_others_to_15_digits() {
        assert_eq!(parse("18446744073709551615"), Some(Value::Unsigned(u64::MAX)));
        assert_eq!(parse(" 0 "), Some(Value::Unsigned(0)));
        for text in [
            "-1",
            "0.1",
            "2.5e3",
            "1E+2",
            "-0.001",
            "123456789.123456789",
            "0.30000000000000004",
            "1e22",
            "1e-300",
            "1.5e300",
            "5e-324",
            "18446744073709551616",
            "123456789012345678901234567890",
        ] {
            let expected: f64 = text.parse().expect("a number");
            let Some(Value::Float(number)) = parse(text) else { panic!("{text} is not parsed") };
            let is_near = (number - expected).abs() <= expected.abs() * 1e-15;
            assert!(is_near, "{text} is parsed as {number:e}, which is not {expected:e}");
        }
    }

    #[test]
    fn what_is_no_json_is_refused() {
        for text in [
            "",
            " ",
            "nul",
            "tru",
            "[1",
            "[1,]",
            "[,]",
            "{",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{a:1}",
            "1 2",
            "01",
            "-",
            "1.",
            ".5",
            "1e",
            "+1",
            "\"",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\\ud83d\"",
            "\"\n\"",
            "[1}",
            "NaN",
        ] {
            assert!(serde_json::from_str::<serde_json::Value>(text).is_err(), "{text} is JSON");
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |depth: usize| ["[".repeat(depth), "]".repeat(depth)].concat();
        assert!(parse(&nested(64)).is_some());
        assert_eq!(parse(&nested(65)), None);
        assert_eq!(parse(&nested(1_000_000)), None);
    }
}
