//! Compact conversions between decimal numbers and text. The standard library's conversions are exact to the
//! last bit, but their tables would make up a tenth of the page's size.

/// Formats `value` with `digits` decimals, rounded half away from zero; NaN becomes 0.
pub fn fixed(value: f64, digits: u32) -> String {
    let unit = 10u64.pow(digits);
    let scaled = (value.abs() * unit as f64).round() as u64;
    let mut text = String::new();
    if value < 0.0 && scaled > 0 {
        text.push('-');
    }
    text.push_str(&(scaled / unit).to_string());
    if digits > 0 {
        text.push('.');
        let decimals = (scaled % unit).to_string();
        text.extend(core::iter::repeat_n('0', (digits as usize).saturating_sub(decimals.len())));
        text.push_str(&decimals);
    }
    text
}

/// Formats `value` with as many decimals as it needs, at most six.
pub fn short(value: f64) -> String {
    let text = fixed(value, 6);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Parses digits with or without a decimal point; `None` for anything else, such as a sign or an exponent.
pub fn parsed(text: &str) -> Option<f64> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let has_digits = whole.len() + decimals.len() > 0;
    let mut digits = whole.bytes().chain(decimals.bytes());
    if !has_digits || !digits.clone().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let number = digits.try_fold(0u64, |number, digit| {
        number.checked_mul(10).and_then(|number| number.checked_add(u64::from(digit - b'0')))
    })?;
    Some(number as f64 / 10f64.powi(i32::try_from(decimals.len()).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_keeps_the_decimals_it_is_given() {
        let cases = [
            (0.0, 0, "0"),
            (0.049, 1, "0.0"),
            (0.05, 1, "0.1"),
            (12.0, 2, "12.00"),
            (-1.5, 1, "-1.5"),
            (-0.01, 1, "0.0"),
            (f64::NAN, 1, "0.0"),
        ];
        for (value, digits, text) in cases {
            assert_eq!(fixed(value, digits), text, "{value}");
        }
    }

    #[test]
    fn short_numbers_come_back_as_they_were() {
        for value in [0.0, 0.5, 2.0, 100.0, 0.001, 20_000.0, 1_234.567] {
            assert_eq!(parsed(&short(value)), Some(value));
        }
        assert_eq!((short(2.50), short(100.0)), ("2.5".into(), "100".into()));
    }

    #[test]
    fn what_is_no_plain_number_is_refused() {
        for text in ["", ".", "-3", "+3", "1e3", "NaN", "1.2.3", " 1", "99999999999999999999"] {
            assert_eq!(parsed(text), None, "{text}");
        }
        assert_eq!((parsed("5."), parsed(".5")), (Some(5.0), Some(0.5)));
    }
}
