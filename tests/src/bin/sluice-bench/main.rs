//! `sluice-bench`: what DESIGN promises, measured on this machine over the loopback.
//!
//! Each bench runs what it compares in turn, several times in the same run, and prints medians, and the median of the
//! ratios pair by pair: absolute figures are this machine's, ratios are worth comparing. The server runs in a process
//! of its own with one worker thread on one core, and whatever reads from it on another core.
#![expect(clippy::print_stdout, reason = "the table is what the program is for")]

mod bare;
mod cuts;
mod emulator;
mod fan_out;
mod measure;
mod memory;
mod migration;
mod modes;
mod page;
mod readers;
mod relay;
mod stalled;
mod survival;
mod timelines;
mod tunnel;

use std::time::Duration;

use clap::{Parser, ValueEnum};

use crate::measure::{Plan, Row};

#[derive(Debug, Parser)]
#[command(version, about = "Measures the server and the page, and prints a table in Markdown")]
struct Cli {
    /// What to measure; everything when nothing is named
    benches: Vec<Bench>,
    /// Rounds of each comparison
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Seconds that each measurement lasts
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// Become the bare broadcaster that the server is compared with, at `RATE` messages a second
    #[arg(long, hide = true, value_name = "RATE")]
    bare_broadcaster: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Bench {
    /// 64 B to 1,000 WebSocket connections, against a bare tokio-tungstenite broadcaster
    FanOut,
    /// The same with a window against without one
    Credit,
    /// CPU per message of each mode against WebSocket
    Modes,
    /// Memory of an idle connection, and how fast connections come
    Memory,
    /// Frame times of the page with two lanes of 20,000 messages a second
    Page,
    /// First visits to the page: largest contentful paint, first data, layout shift
    Load,
    /// What the models of TCP and of links cost in virtual time
    Emulator,
    /// What the network emulator carries on one core, what that costs, and how late it is
    Relay,
    /// 1,000 cuts of each kind of lane: what is lost, what comes twice, what lies in gaps
    Cuts,
    /// What one stalled consumer of 1,000 does to the others, and what it holds at the server
    Stalled,
    /// How long the first fresh message takes after a tunnel
    Tunnel,
    /// Which of a browser's connections survive a tunnel, by its length and the server's initial window
    Survival,
    /// 1,000 live changes of address at each of two heartbeats: who survives them, and for how long nothing comes
    Migration,
}

fn main() {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => panic!("no runtime: {error}"),
    };
    if let Some(rate) = cli.bare_broadcaster {
        return runtime.block_on(bare::broadcast(rate));
    }
    let plan = Plan { runs: cli.runs.max(1), span: Duration::from_secs_f64(cli.seconds.clamp(0.5, 600.0)) };
    let chosen = |bench| cli.benches.is_empty() || cli.benches.contains(&bench);
    println!("| what | value | compared with | ratio | runs |\n|---|---|---|---|---|");
    runtime.block_on(async {
        let print = |rows: Vec<Row>| rows.iter().for_each(|row| println!("{row}"));
        if chosen(Bench::FanOut) {
            print(fan_out::against_bare(plan).await);
        }
        if chosen(Bench::Credit) {
            print(fan_out::with_credit_against_without(plan).await);
        }
        if chosen(Bench::Modes) {
            print(modes::cpu_per_message(plan).await);
        }
        if chosen(Bench::Memory) {
            print(memory::of_idle_connections(plan).await);
        }
        if chosen(Bench::Page) {
            print(page::frame_times(plan).await);
        }
        if chosen(Bench::Load) {
            print(page::first_visits(plan).await);
        }
        if chosen(Bench::Emulator) {
            print(emulator::of_virtual_time(plan));
        }
        if chosen(Bench::Relay) {
            print(relay::carries(plan).await);
        }
        if chosen(Bench::Cuts) {
            print(cuts::cost_nothing().await);
        }
        if chosen(Bench::Stalled) {
            print(stalled::disturbs_nobody(plan).await);
        }
        if chosen(Bench::Tunnel) {
            print(tunnel::is_over_soon().await);
        }
        if chosen(Bench::Survival) {
            print(survival::of_tunnels(plan).await);
        }
        if chosen(Bench::Migration) {
            print(migration::goes_on().await);
        }
    });
}
