//! The kernel's distributions as data that a test reads.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;

use sluice_shared::lab::Congestion;
use sluice_tcp::traffic::{Measured, Traffic, quantile_millis};

use crate::run::Compared;
use crate::setting::IN_KERNEL;

/// The probabilities of the stored quantiles.
const PROBABILITIES: [f64; 14] =
    [0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 1.0];

/// Writes a file per congestion controller and kind of traffic that was measured; returns their names.
pub(crate) fn write(folder: &Path, rows: &[Compared]) -> io::Result<Vec<String>> {
    fs::create_dir_all(folder)?;
    let mut names = Vec::new();
    for congestion in IN_KERNEL {
        for is_bulk in [false, true] {
            let rows: Vec<&Compared> = rows
                .iter()
                .filter(|row| row.setting.congestion == congestion)
                .filter(|row| (row.setting.traffic == Traffic::Bulk) == is_bulk)
                .collect();
            if !rows.is_empty() {
                let name = format!("{congestion}-{}.toml", if is_bulk { "bulk" } else { "delays" });
                fs::write(folder.join(&name), file(congestion, &rows))?;
                names.push(name);
            }
        }
    }
    Ok(names)
}

/// The running kernel, by its version alone.
pub(crate) fn kernel_version() -> String {
    let text = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    text.trim().split(['-', '+']).next().unwrap_or_default().to_owned()
}

fn file(congestion: Congestion, rows: &[&Compared]) -> String {
    let mut text = String::from(
        "# Kernel TCP through two TUN devices over emulated links; written by `cargo xtask reference --store`.\n\
         # Delays are milliseconds beyond the one-way delay, of all seeds together, at `probabilities`;\n\
         # `by_seed` has the median, the 95th and the 99th percentile of each seed.\n",
    );
    let probabilities = PROBABILITIES.map(|probability| probability.to_string()).join(", ");
    add(&mut text, format_args!("kernel = \"Linux {}\"", kernel_version()));
    add(&mut text, format_args!("congestion = \"{congestion}\""));
    add(&mut text, format_args!("probabilities = [{probabilities}]"));
    for row in rows {
        entry(&mut text, row);
    }
    text
}

fn entry(text: &mut String, row: &Compared) {
    let setting = &row.setting;
    add(text, format_args!("\n[[setting]]"));
    add(text, format_args!("traffic = \"{}\"", setting.traffic.name()));
    add(text, format_args!("rtt_millis = {}", setting.rtt_millis));
    add(text, format_args!("loss_billionths = {}", setting.loss.as_billionths()));
    add(text, format_args!("burst_millis = {}", setting.burst_millis));
    add(text, format_args!("jitter_millis = {}", setting.jitter_millis));
    add(text, format_args!("mbit_per_sec = {}", setting.mbit_per_sec));
    add(text, format_args!("seconds = {}", setting.seconds));
    add(text, format_args!("seeds = {}", setting.seeds));
    add(text, format_args!("packets = {}", list(&row.kernel, |run| run.packets.to_string())));
    add(text, format_args!("lost = {}", list(&row.kernel, |run| run.lost.to_string())));
    if setting.traffic == Traffic::Bulk {
        let goodput = list(&row.kernel, |run| format!("{:.3}", run.goodput_mbit_per_sec));
        add(text, format_args!("goodput_mbit_per_sec = {goodput}"));
        return;
    }
    let missing: usize = row.kernel.iter().map(|run| run.missing).sum();
    let pooled = Compared::pooled(&row.kernel);
    let delays = PROBABILITIES.map(|probability| format!("{:.3}", quantile_millis(&pooled, probability)));
    add(text, format_args!("delivered = {}", pooled.len()));
    add(text, format_args!("missing = {missing}"));
    add(text, format_args!("delays_millis = [{}]", delays.join(", ")));
    let by_seed = list(&row.kernel, |run| {
        let values = [0.5, 0.95, 0.99].map(|at| format!("{:.3}", quantile_millis(&run.delays, at)));
        format!("[{}]", values.join(", "))
    });
    add(text, format_args!("by_seed = {by_seed}"));
}

fn list(runs: &[Measured], value: impl Fn(&Measured) -> String) -> String {
    format!("[{}]", runs.iter().map(value).collect::<Vec<_>>().join(", "))
}

/// Adds a line.
fn add(text: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing into a string cannot fail.
    if writeln!(text, "{line}").is_err() {
        unreachable!("a string takes everything");
    }
}
