//! `sluice scenarios` and `sluice profiles`.

use std::error::Error;

use sluice_server::compare::{BUILT_IN, built_in};
use sluice_shared::link::Preset;

/// The built-in scenarios, a line for each.
///
/// # Errors
/// One of them is malformed.
pub(crate) fn scenarios() -> Result<String, Box<dyn Error>> {
    let width = BUILT_IN.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for (name, _) in BUILT_IN {
        let scenario = built_in(name)?;
        text.push_str(&format!("{name:width$}  {}\n", scenario.summary));
    }
    Ok(text)
}

/// The network presets, a line for each.
pub(crate) fn profiles() -> String {
    let width = Preset::ALL.iter().map(|preset| preset.name().len()).max().unwrap_or(0);
    Preset::ALL.iter().map(|preset| format!("{preset:width$}  {}\n", preset.summary())).collect()
}
