//! `sluice handshake`.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use sluice_server::handshake::{Outcome, RunError, Trace, ladder_export, run, table, unexpected};
use sluice_shared::handshake::{ClockKind, HandshakeRequest, Probe, Stack, limits};
use sluice_shared::link::limits::Limit;

use super::WrongUsage;

#[derive(Debug, clap::Args)]
pub(crate) struct Handshake {
    /// Round trip time of the network, 1 to 2000 ms, such as 100ms or 0.1s
    #[arg(long, value_name = "TIME", default_value = "100ms", value_parser = rtt, allow_hyphen_values = true)]
    rtt: f64,
    /// Random loss in both directions, 0 to 100 %
    #[arg(long, value_name = "PERCENT", default_value = "0", value_parser = loss, allow_negative_numbers = true)]
    loss: f64,
    /// The bottleneck's rate in both directions, 16 to 10000000 kbit/s [default: no bottleneck]
    #[arg(long, value_name = "KBIT", value_parser = rate, allow_negative_numbers = true)]
    rate: Option<f64>,
    /// Runs of each probe, 1 to 1000
    #[arg(long, value_name = "N", default_value = "5", value_parser = runs, allow_negative_numbers = true)]
    runs: u32,
    /// Where every chance comes from [default: drawn]
    #[arg(long, value_name = "N", value_parser = seed, allow_negative_numbers = true)]
    seed: Option<u64>,
    /// What to probe, such as http2-cold,http3-cold [default: everything]
    #[arg(long = "probe", value_name = "NAME", value_delimiter = ',', value_parser = probe)]
    probes: Vec<Probe>,
    /// Run in virtual time: computing takes none, and the same seed gives the same times and counts
    #[arg(long = "virtual")]
    is_virtual: bool,
    /// Measure replays, hostile datagrams and the table of both stacks too
    #[arg(long)]
    facts: bool,
    /// What TLS tickets over TCP allow to ride in early data, 0 to 1048576 bytes
    #[arg(
        long,
        value_name = "BYTES",
        default_value = "16384",
        value_parser = early_data,
        allow_negative_numbers = true
    )]
    early_data: u32,
    /// The initial_max_data that QUIC clients remember with a ticket, 1024 to 16777216 bytes
    #[arg(
        long,
        value_name = "BYTES",
        default_value = "65536",
        value_parser = zero_rtt,
        allow_negative_numbers = true
    )]
    zero_rtt: u32,
    /// From when on nothing passes any more, after the first packet, 0 to 60000 ms
    #[arg(long, value_name = "TIME", value_parser = blackout, allow_hyphen_values = true)]
    blackout: Option<f64>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Write the packets of each probe's first run, with the TLS secrets inside
    #[arg(long, value_name = "FILE")]
    pcapng: Option<PathBuf>,
    /// Draw the packets of a first run [default: of http2-cold beside http3-cold]
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Write what a client's QUIC says of its first run [default: of http3-cold]
    #[arg(long, value_name = "FILE")]
    qlog: Option<PathBuf>,
    /// Whose first run the files are about
    #[arg(long, value_name = "NAME", value_parser = probe)]
    capture_of: Option<Probe>,
}

/// What is to be printed, and what went wrong beside it.
#[derive(Debug)]
pub(crate) struct Printed {
    /// For the standard output.
    pub(crate) text: String,
    /// What ends the process with 1 when the text is out.
    pub(crate) failure: Option<Box<dyn Error>>,
}

impl Handshake {
    /// Probes, writes the files that were asked for, and returns what is to be printed.
    ///
    /// # Errors
    /// [`WrongUsage`], or the lab failed.
    pub(crate) fn run(self) -> Result<Printed, Box<dyn Error>> {
        let request = self.request();
        let files = Files::new(&self, &request.probes())?;
        let outcome = run(&request).map_err(|error| match error {
            RunError::OutOfRange(error) => Box::new(WrongUsage(error.to_string())),
            RunError::Lab(_) => Box::<dyn Error>::from(error),
        })?;
        let text = if self.json {
            serde_json::to_string_pretty(&outcome.report)? + "\n"
        } else {
            table(&outcome.report)
        };
        let written = files.write(&outcome);
        let failure = written.err().or_else(|| unexpected(&outcome.report).map(Box::from));
        Ok(Printed { text, failure })
    }

    fn request(&self) -> HandshakeRequest {
        HandshakeRequest {
            rtt_ms: self.rtt,
            loss_percent: self.loss,
            rate_kbit: self.rate,
            runs: self.runs,
            seed: self.seed,
            probes: self.probes.clone(),
            early_data_bytes: self.early_data,
            zero_rtt_bytes: self.zero_rtt,
            blackout_ms: self.blackout,
            clock: if self.is_virtual { ClockKind::Virtual } else { ClockKind::Real },
            with_facts: self.facts,
        }
    }
}

/// Which file gets which probe's packets.
#[derive(Debug)]
struct Files<'a> {
    pcapng: Option<(&'a Path, Vec<Probe>)>,
    svg: Option<(&'a Path, Probe, Option<Probe>)>,
    qlog: Option<(&'a Path, Probe)>,
}

impl<'a> Files<'a> {
    /// Decides before anything runs.
    fn new(options: &'a Handshake, probes: &[Probe]) -> Result<Self, WrongUsage> {
        let chosen = options.capture_of;
        if let Some(probe) = chosen.filter(|probe| !probes.contains(probe)) {
            return Err(WrongUsage(format!(
                "--capture-of is {probe}, which is not probed: give one of {}",
                names(probes)
            )));
        }
        let usual = |usual: Probe| probes.contains(&usual).then_some(usual);
        let pcapng = options.pcapng.as_deref().map(|file| match chosen {
            Some(probe) => (file, vec![probe]),
            None => (file, probes.to_vec()),
        });
        let svg = options.svg.as_deref().and_then(|file| match chosen {
            Some(probe) => Some((file, probe, None)),
            None => {
                let first = usual(Probe::Http2Cold).or_else(|| probes.first().copied())?;
                Some((file, first, usual(first.twin())))
            }
        });
        let is_quic = |probe: &Probe| probe.stack() == Stack::Quic;
        let qlog = options.qlog.as_deref().map(|file| {
            let probe = match chosen {
                Some(probe) => Some(probe).filter(is_quic),
                None => usual(Probe::Http3Cold).or_else(|| probes.iter().copied().find(is_quic)),
            };
            probe.map(|probe| (file, probe)).ok_or_else(|| {
                let quic: Vec<Probe> = Probe::ALL.into_iter().filter(is_quic).collect();
                WrongUsage(format!("--qlog needs a probe over QUIC: give one of {}", names(&quic)))
            })
        });
        Ok(Self { pcapng, svg, qlog: qlog.transpose()? })
    }

    fn write(&self, outcome: &Outcome) -> Result<(), Box<dyn Error>> {
        if let Some((file, probes)) = &self.pcapng {
            // A pcapng file is a sequence of sections, each with interfaces and secrets of its own.
            let traces = probes.iter().map(|probe| trace(outcome, *probe));
            let sections = traces.map(|trace| trace.map(|trace| trace.pcapng.as_slice()));
            let sections: Vec<&[u8]> = sections.collect::<Result<_, _>>()?;
            write(file, &sections.concat())?;
        }
        if let Some((file, left, right)) = self.svg {
            let right = right.map(|probe| trace(outcome, probe)).transpose()?;
            let rtt_micros = (outcome.report.request.rtt_ms * 1e3).round() as u64;
            let left = &trace(outcome, left)?.ladder;
            write(file, ladder_export(left, right.map(|trace| &trace.ladder), rtt_micros).as_bytes())?;
        }
        if let Some((file, probe)) = self.qlog {
            let qlog = trace(outcome, probe)?.qlog.as_deref();
            write(file, qlog.ok_or_else(|| format!("{probe} left no qlog"))?)?;
        }
        Ok(())
    }
}

fn trace(outcome: &Outcome, probe: Probe) -> Result<&Trace, String> {
    outcome.traces.get(&probe).ok_or_else(|| format!("{probe} left no packets"))
}

fn write(file: &Path, content: &[u8]) -> Result<(), String> {
    fs::write(file, content).map_err(|error| format!("{} cannot be written: {error}", file.display()))
}

fn names(probes: &[Probe]) -> String {
    let names: Vec<&str> = probes.iter().map(|probe| probe.name()).collect();
    names.join(", ")
}

fn rtt(text: &str) -> Result<f64, String> {
    span(text, limits::RTT)
}

fn blackout(text: &str) -> Result<f64, String> {
    span(text, limits::BLACKOUT)
}

fn loss(text: &str) -> Result<f64, String> {
    number(text, 1.0, limits::LOSS, "")
}

fn rate(text: &str) -> Result<f64, String> {
    number(text, 1.0, limits::RATE, "")
}

fn runs(text: &str) -> Result<u32, String> {
    whole(text, limits::RUNS)
}

fn early_data(text: &str) -> Result<u32, String> {
    whole(text, limits::EARLY_DATA)
}

fn zero_rtt(text: &str) -> Result<u32, String> {
    whole(text, limits::ZERO_RTT)
}

fn seed(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("give a whole number from 0 to {}", u64::MAX))
}

fn probe(text: &str) -> Result<Probe, String> {
    Probe::find(text).ok_or_else(|| format!("give one or several of {}", names(&Probe::ALL)))
}

/// A time in ms, with its unit or without.
fn span(text: &str, limit: Limit) -> Result<f64, String> {
    let hint = ", such as 100ms or 0.1s";
    match (text.strip_suffix("ms"), text.strip_suffix('s')) {
        (Some(millis), _) => number(millis, 1.0, limit, hint),
        (None, Some(seconds)) => number(seconds, 1e3, limit, hint),
        (None, None) => number(text, 1.0, limit, hint),
    }
}

fn number(text: &str, factor: f64, limit: Limit, hint: &str) -> Result<f64, String> {
    let told = text.parse::<f64>().ok().map(|value| value * factor);
    told.filter(|value| (limit.low..=limit.high).contains(value)).ok_or_else(|| range(limit, hint))
}

fn whole(text: &str, limit: Limit) -> Result<u32, String> {
    let told = text.parse::<u32>().ok();
    told.filter(|value| (limit.low..=limit.high).contains(&f64::from(*value))).ok_or_else(|| range(limit, ""))
}

fn range(limit: Limit, hint: &str) -> String {
    format!("give {} to {} {}{hint}", limit.low, limit.high, limit.unit)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        options: Handshake,
    }

    fn options(arguments: &[&str]) -> Result<Handshake, String> {
        let line = ["handshake"].iter().chain(arguments);
        Line::try_parse_from(line).map(|line| line.options).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_left_out_is_as_the_api_has_it() {
        let request = options(&["--virtual"]).expect("no options").request();
        assert_eq!(request, HandshakeRequest::default());
    }

    #[test]
    fn times_have_a_unit_or_are_milliseconds() {
        for (text, millis) in [("100ms", 100.0), ("0.1s", 100.0), ("100", 100.0), ("1", 1.0), ("2s", 2_000.0)]
        {
            assert_eq!(options(&["--rtt", text]).expect(text).rtt, millis);
        }
        for wrong in ["2001", "0", "2.1s", "-1", "-1ms", "NaN", "inf", "1e9", "ms", "s", "", "100m", "1 0"] {
            let error = options(&["--rtt", wrong]).expect_err(wrong);
            assert!(error.contains("give 1 to 2000 ms"), "{wrong}: {error}");
        }
    }

    #[test]
    fn files_are_of_probes_that_run() {
        let wrong = |arguments: &[&str]| {
            let options = options(arguments).expect("well formed");
            Files::new(&options, &options.request().probes()).expect_err("no such file").to_string()
        };
        let error = wrong(&["--probe", "wss,http3-cold", "--capture-of", "http2-cold"]);
        assert_eq!(error, "--capture-of is http2-cold, which is not probed: give one of http3-cold, wss");
        let error = wrong(&["--qlog", "f", "--capture-of", "http2-cold"]);
        assert!(error.starts_with("--qlog needs a probe over QUIC: give one of http3-cold,"), "{error}");
        let error = wrong(&["--qlog", "f", "--probe", "wss"]);
        assert!(error.contains("over QUIC"), "{error}");

        let options = options(&["--pcapng", "a", "--svg", "b", "--qlog", "c"]).expect("well formed");
        let files = Files::new(&options, &options.request().probes()).expect("to be had");
        assert_eq!(files.pcapng.expect("asked for").1, Probe::ALL);
        let (_, left, right) = files.svg.expect("asked for");
        assert_eq!((left, right), (Probe::Http2Cold, Some(Probe::Http3Cold)));
        assert_eq!(files.qlog.expect("asked for").1, Probe::Http3Cold);
    }
}
