//! Where scenarios come from.

use std::io;
use std::path::Path;

use sluice_shared::link::nearest;
use sluice_shared::scenario::Scenario;

use crate::settings_file::{Malformed, parse_settings, read_settings};

/// Names and texts of the built-in scenarios, in the order in which they are shown.
pub const BUILT_IN: [(&str, &str); 15] = [
    ("clean", include_str!("../../scenarios/clean.toml")),
    ("lossy", include_str!("../../scenarios/lossy.toml")),
    ("head-of-line", include_str!("../../scenarios/head-of-line.toml")),
    ("lte", include_str!("../../scenarios/lte.toml")),
    ("bufferbloat", include_str!("../../scenarios/bufferbloat.toml")),
    ("satellite", include_str!("../../scenarios/satellite.toml")),
    ("tunnel", include_str!("../../scenarios/tunnel.toml")),
    ("train", include_str!("../../scenarios/train.toml")),
    ("rebind", include_str!("../../scenarios/rebind.toml")),
    ("balancer-by-address", include_str!("../../scenarios/balancer-by-address.toml")),
    ("balancer-by-cid", include_str!("../../scenarios/balancer-by-cid.toml")),
    ("spoof", include_str!("../../scenarios/spoof.toml")),
    ("slow-consumer", include_str!("../../scenarios/slow-consumer.toml")),
    ("firehose", include_str!("../../scenarios/firehose.toml")),
    ("udp-blocked", include_str!("../../scenarios/udp-blocked.toml")),
];

/// A scenario that cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioRefused {
    /// No built-in scenario has this name.
    #[error("there is no scenario \"{name}\"{} (`sluice scenarios` lists all; a file is named with its .toml)", suggestion(*.nearest))]
    Unknown {
        /// The name that was asked for.
        name: String,
        /// The one that is nearly called so, if one is.
        nearest: Option<&'static str>,
    },
    /// The file cannot be read.
    #[error("{path} cannot be read ({source}): name a file with a scenario, or one of `sluice scenarios`")]
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// The file holds no scenario.
    #[error("{path}{}: {problem}", at(*.line))]
    Malformed {
        /// The file, or the built-in scenario.
        path: String,
        /// The line, from 1, where it is known.
        line: Option<usize>,
        /// What is wrong, in one line.
        problem: String,
    },
}

fn suggestion(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |name| format!("; did you mean \"{name}\"?"))
}

fn at(line: Option<usize>) -> String {
    line.map_or_else(String::new, |line| format!(", line {line}"))
}

/// The scenario that `name` means: a built-in one, or a file when it ends in `.toml` or has a path.
///
/// # Errors
/// There is none, or the file is no scenario.
pub fn find(name: &str) -> Result<Scenario, ScenarioRefused> {
    let path = Path::new(name);
    let is_file = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("toml"))
        || path.components().count() > 1;
    if is_file { parse(name, &read(name)?) } else { built_in(name) }
}

/// The built-in scenario of this name.
///
/// # Errors
/// There is none.
pub fn built_in(name: &str) -> Result<Scenario, ScenarioRefused> {
    match BUILT_IN.into_iter().find(|(known, _)| *known == name) {
        Some((name, text)) => parse(name, text),
        None => Err(ScenarioRefused::Unknown {
            name: name.to_owned(),
            nearest: nearest(name, BUILT_IN.into_iter().map(|(known, _)| known)),
        }),
    }
}

fn read(path: &str) -> Result<String, ScenarioRefused> {
    read_settings(Path::new(path))
        .map_err(|source| ScenarioRefused::Unreadable { path: path.to_owned(), source })
}

fn parse(path: &str, text: &str) -> Result<Scenario, ScenarioRefused> {
    parse_settings(text).map_err(|Malformed { line, problem }| ScenarioRefused::Malformed {
        path: path.to_owned(),
        line,
        problem,
    })
}
