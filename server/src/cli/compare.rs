//! `sluice compare`.

use std::error::Error;

use sluice_server::compare::{
    CompareError, Overrides, Plan, ScenarioRefused, find, run_native, run_virtual, table,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Compare {
    /// A built-in scenario, as `sluice scenarios` lists them, or a file
    #[arg(long, value_name = "NAME|FILE.toml")]
    scenario: String,
    /// Where every chance comes from [default: the scenario's]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// For how long the feed sends, 1 to 600 [default: the scenario's]
    #[arg(long, value_name = "N")]
    seconds: Option<u32>,
    /// The modes to compare, such as websocket,stream-per-topic [default: the scenario's]
    #[arg(long, value_name = "MODE", value_delimiter = ',')]
    lanes: Vec<String>,
    /// Run in virtual time: no sockets, and the same report for the same seed
    #[arg(long = "virtual")]
    is_virtual: bool,
    /// Print JSON, as docs/compare.md describes it
    #[arg(long)]
    json: bool,
}

/// Something that was asked for is not to be had; the exit code is 2, as for wrong options.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct WrongUsage(pub(super) String);

impl Compare {
    /// Runs the comparison, and returns what is to be printed.
    ///
    /// # Errors
    /// [`WrongUsage`], or the run failed.
    pub(crate) fn run(self) -> Result<String, Box<dyn Error>> {
        let wrong = |error: &dyn Error| WrongUsage(error.to_string());
        let scenario = find(&self.scenario).map_err(|error| match error {
            ScenarioRefused::Unknown { .. } | ScenarioRefused::Malformed { .. } => Box::new(wrong(&error)),
            ScenarioRefused::Unreadable { .. } => Box::<dyn Error>::from(error),
        })?;
        let overrides = Overrides { seed: self.seed, seconds: self.seconds, lanes: self.lanes };
        let plan = Plan::new(scenario, &overrides).map_err(|error| wrong(&error))?;
        let report = if self.is_virtual {
            run_virtual(&plan)?
        } else {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
            let report = runtime.block_on(run_native(&plan));
            runtime.shutdown_background();
            report.map_err(|error| match error {
                CompareError::VirtualOnly { .. } => Box::new(wrong(&error)),
                CompareError::Start(_)
                | CompareError::Certificate(_)
                | CompareError::Quic(_)
                | CompareError::Protocol { .. }
                | CompareError::Native { .. }
                | CompareError::Stuck { .. } => Box::<dyn Error>::from(error),
            })?
        };
        if self.json { Ok(report.to_json()? + "\n") } else { Ok(table(&report)) }
    }
}
