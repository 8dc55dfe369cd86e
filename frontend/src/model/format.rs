//! Numbers as people read them.

/// Separates thousands: narrow, and no place to break a line.
const THIN: char = '\u{202f}';
/// Separates a number from its unit: no place to break a line.
const NBSP: char = '\u{a0}';

/// A span, from 0.01 ms to hours, in two or three significant digits.
pub fn span(micros: u64) -> String {
    let millis = micros as f64 / 1e3;
    if micros == 0 {
        format!("0{NBSP}ms")
    } else if millis < 1.0 {
        format!("{:.2}{NBSP}ms", millis.max(0.01))
    } else if millis < 9.95 {
        format!("{millis:.1}{NBSP}ms")
    } else if millis < 999.5 {
        format!("{millis:.0}{NBSP}ms")
    } else if millis < 9_950.0 {
        format!("{:.2}{NBSP}s", millis / 1e3)
    } else if millis < 99_950.0 {
        format!("{:.1}{NBSP}s", millis / 1e3)
    } else {
        format!("{:.0}{NBSP}s", millis / 1e3)
    }
}

/// A count, with thousands set apart; millions are shortened from ten on.
pub fn count(number: u64) -> String {
    if number >= 10_000_000 {
        return format!("{:.1}{NBSP}M", number as f64 / 1e6);
    }
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(THIN);
        }
        text.push(digit);
    }
    text
}

/// Bytes in decimal units.
pub fn bytes(number: u64) -> String {
    let scaled = number as f64;
    if number < 1_000 {
        format!("{number}{NBSP}B")
    } else if scaled < 9_950.0 {
        format!("{:.1}{NBSP}KB", scaled / 1e3)
    } else if scaled < 999_500.0 {
        format!("{:.0}{NBSP}KB", scaled / 1e3)
    } else if scaled < 9.95e6 {
        format!("{:.1}{NBSP}MB", scaled / 1e6)
    } else if scaled < 999.5e6 {
        format!("{:.0}{NBSP}MB", scaled / 1e6)
    } else {
        format!("{:.1}{NBSP}GB", scaled / 1e9)
    }
}

/// Messages a second.
pub fn per_second(number: u64) -> String {
    if number < 10_000 { format!("{}/s", count(number)) } else { format!("{:.1}k/s", number as f64 / 1e3) }
}

/// A share of one, in per cent.
pub fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent > 0.0 && percent < 9.95 {
        format!("{percent:.1}{NBSP}%")
    } else {
        format!("{percent:.0}{NBSP}%")
    }
}

/// A ratio.
pub fn factor(ratio: f64) -> String {
    if ratio < 9.95 { format!("{ratio:.1}×") } else { format!("{}×", count(ratio.round() as u64)) }
}

/// A duration as minutes and seconds.
pub fn stopwatch(seconds: u64) -> String {
    format!("{:02}:{:02}", seconds / 60, seconds % 60)
}

/// An age on an axis, where round numbers stand.
pub fn axis_age(micros: f64) -> String {
    if micros <= 0.0 {
        "0".to_owned()
    } else if micros < 99.0 {
        format!("{}{NBSP}µs", micros.round())
    } else if micros < 999_999.0 {
        format!("{}{NBSP}ms", (micros / 10.0).round() / 100.0)
    } else {
        format!("{}{NBSP}s", (micros / 10_000.0).round() / 100.0)
    }
}

/// A consumer's delay, down to a tenth of a millisecond.
pub fn delay(micros: u32) -> String {
    let millis = f64::from(micros) / 1e3;
    if micros.is_multiple_of(1_000) { format!("{millis:.0}{NBSP}ms") } else { format!("{millis:.1}{NBSP}ms") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> String {
        text.replace([THIN, NBSP], " ")
    }

    #[test]
    fn a_span_keeps_two_or_three_digits() {
        let cases = [
            (0, "0 ms"),
            (3, "0.01 ms"),
            (420, "0.42 ms"),
            (4_230, "4.2 ms"),
            (131_200, "131 ms"),
            (999_600, "1.00 s"),
            (3_140_000, "3.14 s"),
            (31_400_000, "31.4 s"),
            (314_000_000, "314 s"),
        ];
        for (micros, text) in cases {
            assert_eq!(plain(&span(micros)), text);
        }
    }

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!(plain(&count(7)), "7");
        assert_eq!(plain(&count(16_402)), "16 402");
        assert_eq!(plain(&count(1_234_567)), "1 234 567");
        assert_eq!(plain(&count(12_345_678)), "12.3 M");
    }

    #[test]
    fn bytes_change_their_unit_with_their_size() {
        assert_eq!(plain(&bytes(640)), "640 B");
        assert_eq!(plain(&bytes(2_400)), "2.4 KB");
        assert_eq!(plain(&bytes(65_536)), "66 KB");
        assert_eq!(plain(&bytes(4_000_000)), "4.0 MB");
        assert_eq!(plain(&bytes(8_200_000_000)), "8.2 GB");
    }

    #[test]
    fn small_shares_keep_a_digit() {
        assert_eq!(plain(&percent(0.0)), "0 %");
        assert_eq!(plain(&percent(0.034)), "3.4 %");
        assert_eq!(plain(&percent(0.34)), "34 %");
        assert_eq!(factor(3.24), "3.2×");
        assert_eq!(plain(&factor(1_520.4)), "1 520×");
        assert_eq!(plain(&axis_age(100.0)), "0.1 ms");
        assert_eq!(plain(&axis_age(10.0)), "10 µs");
        assert_eq!(plain(&axis_age(2_500_000.0)), "2.5 s");
        assert_eq!(stopwatch(125), "02:05");
        assert_eq!(plain(&delay(5_000)), "5 ms");
        assert_eq!(plain(&delay(1_500)), "1.5 ms");
    }
}
