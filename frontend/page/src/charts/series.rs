//! Series styles: one colour family per transport, one shade and dash per lane within it.

use sluice_shared::mode::{Mode, Transport};

use sluice_text::decimal;

/// A lane's colour and dash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeriesStyle {
    /// Transport, which determines the colour family.
    pub transport: Transport,
    /// Index of the lane within its family, from 0.
    pub ordinal: usize,
}

impl SeriesStyle {
    /// Number of shades in a family.
    pub const SHADES: usize = 4;

    /// Returns the name of the design token that holds the colour.
    pub fn token(self) -> String {
        let family = match self.transport {
            Transport::WebSocket => "ws",
            Transport::WebTransport => "wt",
        };
        format!("--{family}-{}", self.ordinal % Self::SHADES)
    }

    /// Returns the lengths of dashes and spaces, pixels; empty for a solid line. Together with the shade,
    /// they distinguish lanes of one family where colour alone would not.
    pub const fn dash(self) -> &'static [f64] {
        match self.ordinal % Self::SHADES {
            0 => &[],
            1 => &[6.0, 3.0],
            2 => &[2.0, 3.0],
            _ => &[8.0, 3.0, 2.0, 3.0],
        }
    }
}

/// Returns the styles of lanes with these modes, from the top.
pub fn series_styles(modes: &[Mode]) -> Vec<SeriesStyle> {
    modes
        .iter()
        .enumerate()
        .map(|(at, mode)| {
            let transport = mode.transport();
            let ordinal = modes.iter().take(at).filter(|other| other.transport() == transport).count();
            SeriesStyle { transport, ordinal }
        })
        .collect()
}

/// Returns the colour at `share` between two colours, all as `rgb(r, g, b)`; `from` if either has another
/// form.
pub fn mixed(from: &str, to: &str, share: f64) -> String {
    let (Some(start), Some(end)) = (channels(from), channels(to)) else { return from.to_owned() };
    let [red, green, blue]: [u8; 3] =
        core::array::from_fn(|at| (start[at] + (end[at] - start[at]) * share).round() as u8);
    format!("rgb({red}, {green}, {blue})")
}

fn channels(colour: &str) -> Option<[f64; 3]> {
    let inner = colour.strip_prefix("rgb(")?.strip_suffix(')')?;
    let mut numbers = inner.split(',').map(|number| decimal::parsed(number.trim()));
    let channels = [numbers.next()??, numbers.next()??, numbers.next()??];
    numbers.next().is_none().then_some(channels)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mixture_begins_and_ends_at_its_colours() {
        let (from, to) = ("rgb(20, 40, 60)", "rgb(120, 140, 0)");
        assert_eq!(mixed(from, to, 0.0), from);
        assert_eq!(mixed(from, to, 1.0), to);
        assert_eq!(mixed(from, to, 0.5), "rgb(70, 90, 30)");
        assert_eq!(mixed("red", to, 0.5), "red");
    }

    #[test]
    fn four_lanes_have_four_tones_whatever_their_modes() {
        for modes in
            [[Mode::WebSocket; 4], [Mode::WebSocket, Mode::Datagrams, Mode::WebSocketStream, Mode::OneStream]]
        {
            let series_styles = series_styles(&modes);
            for (at, series_style) in series_styles.iter().enumerate() {
                assert!(series_styles[..at].iter().all(|other| other.token() != series_style.token()));
            }
        }
    }
}
