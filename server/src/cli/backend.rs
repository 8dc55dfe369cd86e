//! `sluice backend`: what `sluice serve --backends process` starts.

use super::log_filter;

#[derive(Debug, clap::Args)]
pub(crate) struct Backend {
    /// What to log
    #[arg(long, value_name = "FILTER", value_parser = log_filter)]
    pub(crate) log: Option<String>,
}
