//! The comparison, for people.

use sluice_shared::lab::Congestion;
use sluice_shared::link::Share;
use sluice_tcp::traffic::{Measured, Traffic, quantile_millis};

use crate::run::Compared;

/// Judged quantiles of delay.
const QUANTILES: [f64; 3] = [0.5, 0.95, 0.99];
/// How far the model's delay may be off.
const DELAY_SHARE: f64 = 0.15;
const DELAY_MILLIS: f64 = 2.0;
/// How far the model's goodput may be off.
const GOODPUT_SHARE: f64 = 0.10;
/// Standard errors that chance is given where the seeds differ among themselves.
const CHANCE: f64 = 2.0;

/// How one figure of the model compares with the kernel's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    Within,
    /// No further off than so few seeds would be from each other.
    ByChance,
    Off,
}

/// A figure of both, over all seeds.
#[derive(Clone, Copy, Debug)]
struct Pair {
    kernel: f64,
    model: f64,
    /// The standard error of their difference, from how much the seeds differ.
    uncertainty: f64,
}

impl Pair {
    fn verdict(self, allowed: f64) -> Verdict {
        let off = (self.model - self.kernel).abs();
        if off <= allowed {
            Verdict::Within
        } else if off <= allowed + CHANCE * self.uncertainty {
            Verdict::ByChance
        } else {
            Verdict::Off
        }
    }
}

/// Prints a line for each setting; says whether the model is within bounds in all that are judged.
pub(crate) fn print(rows: &[Compared]) -> bool {
    println!("\n{:<70} {:>6} {:>26} {:>26}  {:<20}", "setting", "lost %", "kernel", "model", "model/kernel");
    let mut all_agree = true;
    for row in rows {
        let (verdict, held) = (line(row), row.setting.held_quantiles());
        all_agree &= verdict != Verdict::Off || held == 0;
        let verdict = match verdict {
            Verdict::Within => "ok",
            Verdict::ByChance => "ok, by chance off",
            Verdict::Off => "OFF",
        };
        match held {
            _ if row.setting.traffic == Traffic::Bulk => println!(" {verdict}"),
            0 => println!(" not judged"),
            1 => println!(" {verdict} (p50)"),
            2 => println!(" {verdict} (p50, p95)"),
            _ => println!(" {verdict}"),
        }
    }
    if let Some(floor) = noise_floor(rows) {
        println!(
            "\nnoise floor, from ticks without loss: p95 {floor:.2} ms; smaller delays are this machine's"
        );
    }
    println!(
        "delays in ms beyond the one-way delay: p50 / p95 / p99, within 15 % and 2 ms; goodput within 10 %; \"by chance\" \
         beyond that by no more than {CHANCE} standard errors between seeds; where a tail is a matter of a few moments, it is \
         not judged"
    );
    all_agree
}

/// What the machine itself adds: the largest 95th percentile of the kernel's ticks where CUBIC loses nothing.
fn noise_floor(rows: &[Compared]) -> Option<f64> {
    let is_clean = |row: &&Compared| {
        let setting = &row.setting;
        let is_ticks = matches!(setting.traffic, Traffic::OneWayTicks | Traffic::TwoWayTicks);
        is_ticks && setting.loss == Share::ZERO && setting.congestion == Congestion::Cubic
    };
    let clean = rows.iter().filter(is_clean);
    clean.map(|row| quantile_millis(&Compared::pooled(&row.kernel), 0.95)).max_by(f64::total_cmp)
}

/// Prints the figures of one setting, and judges them.
fn line(row: &Compared) -> Verdict {
    print!("{:<70} {:>6.2}", row.setting.label(), lost_percent(&row.kernel));
    if row.setting.traffic == Traffic::Bulk {
        let goodput = |run: &Measured| run.goodput_mbit_per_sec;
        let [kernel, model] = [&row.kernel, &row.model].map(|runs| mean(runs.iter().map(goodput)));
        let pair = Pair { kernel, model, uncertainty: uncertainty(row, goodput) };
        print!(" {kernel:>19.2} Mbit/s {model:>19.2} Mbit/s  {:<20.2}", model / kernel);
        return pair.verdict(GOODPUT_SHARE * kernel);
    }
    let [kernel, model] = [&row.kernel, &row.model].map(|runs| Compared::pooled(runs));
    let pairs = QUANTILES.map(|probability| Pair {
        kernel: quantile_millis(&kernel, probability),
        model: quantile_millis(&model, probability),
        uncertainty: uncertainty(row, |run| quantile_millis(&run.delays, probability)),
    });
    let text = |value: fn(Pair) -> String| pairs.map(value).join(" / ");
    print!(
        " {:>26} {:>26}  {:<20}",
        text(|pair| format!("{:.1}", pair.kernel)),
        text(|pair| format!("{:.1}", pair.model)),
        // The ratio of two values that are nothing says nothing.
        text(|pair| if pair.kernel < 1.0 {
            "–".to_owned()
        } else {
            format!("{:.2}", pair.model / pair.kernel)
        })
    );
    let held = pairs.iter().take(row.setting.held_quantiles());
    let verdicts = held.map(|pair| pair.verdict(DELAY_SHARE * pair.kernel + DELAY_MILLIS));
    verdicts.max().unwrap_or(Verdict::Off)
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len().max(1);
    values.sum::<f64>() / count as f64
}

/// The standard error of the difference between the kernel's and the model's means of `figure` over the seeds.
fn uncertainty(row: &Compared, figure: impl Fn(&Measured) -> f64) -> f64 {
    let squares = [&row.kernel, &row.model].map(|runs| {
        let average = mean(runs.iter().map(&figure));
        let spread: f64 = runs.iter().map(|run| (figure(run) - average).powi(2)).sum();
        let count = runs.len();
        spread / (count * count.saturating_sub(1)).max(1) as f64
    });
    (squares[0] + squares[1]).sqrt()
}

fn lost_percent(runs: &[Measured]) -> f64 {
    let (lost, packets) =
        runs.iter().fold((0, 0), |(lost, packets), run| (lost + run.lost, packets + run.packets));
    lost as f64 * 1e2 / packets.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chance_is_allowed_for_and_said() {
        let pair = Pair { kernel: 100.0, model: 118.0, uncertainty: 4.0 };
        assert_eq!(pair.verdict(17.0), Verdict::ByChance);
        assert_eq!(pair.verdict(18.0), Verdict::Within);
        assert_eq!(Pair { uncertainty: 0.4, ..pair }.verdict(17.0), Verdict::Off);
    }

    #[test]
    fn seeds_that_differ_make_a_mean_uncertain() {
        let run = |goodput_mbit_per_sec| Measured { goodput_mbit_per_sec, ..Measured::default() };
        let setting = crate::setting::all(true)[0];
        let row = Compared { setting, kernel: [1.0, 3.0].map(run).into(), model: [2.0, 2.0].map(run).into() };
        // The kernel's two values have a standard deviation of √2, their mean √2 ÷ √2.
        assert!((uncertainty(&row, |run| run.goodput_mbit_per_sec) - 1.0).abs() < 1e-9);
    }
}
