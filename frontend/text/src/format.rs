//! Formatting of numbers, durations, byte counts and rates for display.
//!
//! Called throughout the page. A number never breaks across lines: thousands and units are separated by
//! no-break spaces.

use crate::decimal::fixed;
use crate::decimal::short;

/// Thousands separator: a narrow no-break space.
const THIN: char = '\u{202f}';
/// Separator between a number and its unit: a no-break space.
const NBSP: char = '\u{a0}';

/// Formats a number with its unit.
fn unit(value: f64, digits: u32, unit: &str) -> String {
    named(fixed(value, digits), unit)
}

fn named(mut number: String, unit: &str) -> String {
    number.push(NBSP);
    number.push_str(unit);
    number
}

/// Formats a duration, from 0.01 ms to hours, in two or three significant digits.
pub fn span(micros: u64) -> String {
    let millis = micros as f64 / 1e3;
    if micros == 0 {
        unit(0.0, 0, "ms")
    } else if millis < 1.0 {
        unit(millis.max(0.01), 2, "ms")
    } else if millis < 9.95 {
        unit(millis, 1, "ms")
    } else if millis < 999.5 {
        unit(millis, 0, "ms")
    } else if millis < 9_950.0 {
        unit(millis / 1e3, 2, "s")
    } else if millis < 99_950.0 {
        unit(millis / 1e3, 1, "s")
    } else {
        unit(millis / 1e3, 0, "s")
    }
}

/// Formats a duration; below a second to a tenth of a millisecond, which distinguishes computing from
/// waiting.
pub fn exact_span(micros: u64) -> String {
    if micros < 1_000_000 { unit(micros as f64 / 1e3, 1, "ms") } else { span(micros) }
}

/// Formats a count with separated thousands, or in millions from ten million on.
pub fn count(number: u64) -> String {
    if number >= 10_000_000 {
        return unit(number as f64 / 1e6, 1, "M");
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

/// Formats bytes in decimal units.
pub fn bytes(number: u64) -> String {
    let scaled = number as f64;
    if number < 1_000 {
        unit(scaled, 0, "B")
    } else if scaled < 9_950.0 {
        unit(scaled / 1e3, 1, "KB")
    } else if scaled < 999_500.0 {
        unit(scaled / 1e3, 0, "KB")
    } else if scaled < 9.95e6 {
        unit(scaled / 1e6, 1, "MB")
    } else if scaled < 999.5e6 {
        unit(scaled / 1e6, 0, "MB")
    } else {
        unit(scaled / 1e9, 1, "GB")
    }
}

/// Formats bits per second, in two or three digits.
pub fn bits(number: u64) -> String {
    let scaled = number as f64;
    let (value, name) = match number {
        0..1_000 => (scaled, "bit/s"),
        1_000..1_000_000 => (scaled / 1e3, "kbit/s"),
        1_000_000..1_000_000_000 => (scaled / 1e6, "Mbit/s"),
        _ => (scaled / 1e9, "Gbit/s"),
    };
    let digits = u32::from(number >= 1_000 && value < 9.95);
    unit(value, digits, name)
}

/// Formats messages per second.
pub fn per_second(number: u64) -> String {
    if number < 10_000 { count(number) + "/s" } else { fixed(number as f64 / 1e3, 1) + "k/s" }
}

/// Formats a share of one in per cent.
pub fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent > 0.0 && percent < 9.95 { unit(percent, 1, "%") } else { unit(percent, 0, "%") }
}

/// Formats a ratio.
pub fn factor(ratio: f64) -> String {
    if ratio < 9.95 { fixed(ratio, 1) + "×" } else { count(ratio.round() as u64) + "×" }
}

/// Formats a duration as minutes and seconds.
pub fn stopwatch(seconds: u64) -> String {
    format!("{:02}:{:02}", seconds / 60, seconds % 60)
}

/// Formats a latency as an axis label, where numbers are round.
pub fn axis_age(micros: f64) -> String {
    if micros <= 0.0 {
        "0".to_owned()
    } else if micros < 99.0 {
        unit(micros, 0, "µs")
    } else if micros < 999_999.0 {
        named(short((micros / 10.0).round() / 100.0), "ms")
    } else {
        named(short((micros / 10_000.0).round() / 100.0), "s")
    }
}

/// Formats a consumer's delay, down to a tenth of a millisecond.
pub fn delay(micros: u32) -> String {
    let millis = f64::from(micros) / 1e3;
    if micros.is_multiple_of(1_000) { unit(millis, 0, "ms") } else { unit(millis, 1, "ms") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> String {
        text.replace([THIN, NBSP], " ")
    }

    #[test]
    fn an_exact_span_keeps_tenths_of_milliseconds() {
        assert_eq!(plain(&exact_span(200_140)), "200.1 ms");
        assert_eq!(plain(&exact_span(1_234_000)), "1.23 s");
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
    fn rates_change_their_unit_with_their_size() {
        assert_eq!(plain(&bits(0)), "0 bit/s");
        assert_eq!(plain(&bits(768_000)), "768 kbit/s");
        assert_eq!(plain(&bits(1_600_000)), "1.6 Mbit/s");
        assert_eq!(plain(&bits(20_000_000)), "20 Mbit/s");
        assert_eq!(plain(&bits(1_000_000_000)), "1.0 Gbit/s");
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
