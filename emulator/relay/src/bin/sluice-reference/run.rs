//! Both sides of the comparison, one after the other.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use sluice_relay::kernel::{self, Namespaces};
use sluice_shared::lab::Congestion;
use sluice_tcp::Config;
use sluice_tcp::traffic::{self, Measured};

use crate::arguments::Arguments;
use crate::lane::LaneError;
use crate::setting::{self, Setting};
use crate::wave::{self, Job};
use crate::{store, table};

/// What both did with a setting, seed by seed.
pub(crate) struct Compared {
    pub(crate) setting: Setting,
    pub(crate) kernel: Vec<Measured>,
    pub(crate) model: Vec<Measured>,
}

impl Compared {
    /// The delays of all seeds together, sorted.
    pub(crate) fn pooled(runs: &[Measured]) -> Vec<Duration> {
        let mut delays: Vec<Duration> = runs.iter().flat_map(|run| run.delays.iter().copied()).collect();
        delays.sort_unstable();
        delays
    }
}

/// Measures what `arguments` ask for, prints the table, and stores what was measured.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    // One pair of namespaces tells whether the machine can do it at all.
    if let Err(reason) = Namespaces::create() {
        println!("skipped: {reason}");
        return ExitCode::SUCCESS;
    }
    let settings: Vec<Setting> = setting::all(arguments.is_quick)
        .into_iter()
        .filter(|setting| arguments.congestion.is_none_or(|congestion| setting.congestion == congestion))
        .filter(|setting| arguments.only.as_ref().is_none_or(|text| setting.label().contains(text)))
        .map(|setting| Setting { seeds: arguments.seeds.unwrap_or(setting.seeds), ..setting })
        .filter(|setting| is_in_kernel(setting.congestion))
        .collect();
    let compared = match measure(&settings) {
        Ok(compared) => compared,
        Err(LaneError::Unavailable(reason)) => {
            println!("skipped: {reason}");
            return ExitCode::SUCCESS;
        }
        Err(error @ LaneError::Io(_)) => {
            eprintln!("sluice-reference: {error}");
            return ExitCode::FAILURE;
        }
    };
    let all_agree = table::print(&compared);
    if let Some(folder) = &arguments.store {
        match store::write(folder, &compared) {
            Ok(files) => println!("stored: {}", files.join(", ")),
            Err(error) => {
                eprintln!("sluice-reference: storing into {}: {error}", folder.display());
                return ExitCode::FAILURE;
            }
        }
    }
    if all_agree { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs the kernel in waves, then the model.
fn measure(settings: &[Setting]) -> Result<Vec<Compared>, LaneError> {
    let jobs: Vec<Job> = settings
        .iter()
        .flat_map(|setting| (1..=setting.seeds).map(|seed| Job { setting: *setting, seed }))
        .collect();
    let waves = wave::plan(&jobs);
    println!(
        "{} settings, {} runs of the kernel {} in {} waves, with {}",
        settings.len(),
        jobs.len(),
        store::kernel_version(),
        waves.len(),
        kernel::raise_priority()
    );
    let mut compared: Vec<Compared> = settings
        .iter()
        .map(|setting| Compared { setting: *setting, kernel: Vec::new(), model: Vec::new() })
        .collect();
    for (number, wave) in waves.iter().enumerate() {
        let (started, cpu_before) = (Instant::now(), wave::thread_cpu());
        let outcome = wave::run(wave)?;
        let took = started.elapsed();
        let cpu = wave::thread_cpu().zip(cpu_before).map(|(after, before)| after.saturating_sub(before));
        println!(
            "wave {}: {} runs in {:.0} s, {:.0} % of a core, late by {:.3} ms (median) and {:.3} ms (p99)",
            number + 1,
            wave.len(),
            took.as_secs_f64(),
            cpu.map_or(0.0, |cpu| wave::percent(cpu, took)),
            outcome.lateness_millis[0],
            outcome.lateness_millis[1]
        );
        for (job, measured) in wave.iter().zip(outcome.measured) {
            if let Some(row) = compared.iter_mut().find(|row| row.setting == job.setting) {
                row.kernel.push(measured);
            }
        }
    }
    for row in &mut compared {
        let setting = &row.setting;
        let config = Config { congestion: setting.congestion, ..Config::default() };
        let network = traffic::as_by_a_machine(setting.network());
        row.model = (1..=setting.seeds)
            .filter_map(|seed| traffic::measure(config, &network, seed, setting.traffic, setting.span()))
            .collect();
    }
    Ok(compared)
}

/// Whether this kernel has the congestion controller; says so when it has not.
fn is_in_kernel(congestion: Congestion) -> bool {
    let path = "/proc/sys/net/ipv4/tcp_available_congestion_control";
    let available = std::fs::read_to_string(path).unwrap_or_default();
    let is_there = available.split_whitespace().any(|name| name == congestion.controller());
    if !is_there {
        eprintln!("sluice-reference: this kernel has no {congestion}; its settings are left out");
    }
    is_there
}
