//! Medians, ratios, cores.

use std::fmt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use sluice_tests::deadline::must;
use sluice_tests::host;

/// How long and how often to measure.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) runs: usize,
    pub(crate) span: Duration,
}

/// One line of the table.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) what: String,
    pub(crate) value: String,
    pub(crate) compared_with: String,
    pub(crate) ratio: String,
    pub(crate) runs: usize,
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, value, compared_with, ratio, runs } = self;
        write!(f, "| {what} | {value} | {compared_with} | {ratio} | {runs} |")
    }
}

/// Two series that were measured in turn.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pairs {
    pub(crate) ours: Vec<f64>,
    pub(crate) theirs: Vec<f64>,
}

impl Pairs {
    /// A row with both medians, told by `unit`, and the median of the ratios pair by pair.
    pub(crate) fn row(&self, what: &str, against: &str, unit: impl Fn(f64) -> String) -> Row {
        let ratios: Vec<f64> =
            self.ours.iter().zip(&self.theirs).map(|(ours, theirs)| ours / theirs).collect();
        let spread = |ratios: &[f64]| {
            let (least, most) =
                ratios.iter().fold((f64::MAX, 0f64), |(a, b), ratio| (a.min(*ratio), b.max(*ratio)));
            format!("{:.2} ({least:.2}–{most:.2})", median(ratios))
        };
        Row {
            what: what.into(),
            value: unit(median(&self.ours)),
            compared_with: format!("{against}: {}", unit(median(&self.theirs))),
            ratio: spread(&ratios),
            runs: ratios.len(),
        }
    }
}

/// A row without a comparison.
pub(crate) fn plain_row(what: &str, values: &[f64], unit: impl Fn(f64) -> String) -> Row {
    let value = unit(median(values));
    Row { what: what.into(), value, compared_with: "–".into(), ratio: "–".into(), runs: values.len() }
}

/// The middle value; 0 of none.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => 0.0,
        length if length % 2 == 1 => sorted[length / 2],
        length => f64::midpoint(sorted[length / 2 - 1], sorted[length / 2]),
    }
}

/// What passed and what it cost in one span of time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Passed {
    pub(crate) per_second: f64,
    /// Processor time of the sending process for each, µs.
    pub(crate) cpu_micros: f64,
}

/// Counts what passes in `span` and what processor time process `pid` takes meanwhile.
pub(crate) async fn passes(pid: u32, span: Duration, count: impl Fn() -> u64) -> Passed {
    let (before, cpu, started) = (count(), cpu_of(pid), Instant::now());
    tokio::time::sleep(span).await;
    let passed = (count() - before) as f64;
    let (cpu, took) = ((cpu_of(pid) - cpu).as_secs_f64(), started.elapsed().as_secs_f64());
    Passed { per_second: passed / took, cpu_micros: cpu * 1e6 / passed.max(1.0) }
}

fn cpu_of(pid: u32) -> Duration {
    must("reading processor time", host::processor_time(pid))
}

/// Puts all threads of a process onto one core, and this process onto the others, so that what is measured and what
/// measures it don't compete. On a machine with one core, or without `taskset`, they do.
pub(crate) fn put_apart(measured: u32) {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    if cores > 1 {
        put_onto(measured, "0");
        put_onto(std::process::id(), &format!("1-{}", cores - 1));
    }
}

fn put_onto(pid: u32, cores: &str) {
    let mut taskset = Command::new("taskset");
    taskset.args(["-a", "-p", "-c", cores, &pid.to_string()]).stdout(Stdio::null());
    match taskset.status() {
        Ok(status) if status.success() => {}
        Ok(status) => eprintln!("taskset: {status}: processes share the cores"),
        Err(error) => eprintln!("taskset: {error}: processes share the cores"),
    }
}

/// `1234567` as `1,234,567`.
pub(crate) fn grouped(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}
