//! Networks as the command line names them.

use std::path::Path;
use std::str::FromStr;

use sluice_server::{parse_settings, read_settings};
use sluice_shared::lab::LinkRequest;
use sluice_shared::link::{NetworkProfile, Preset};

/// A preset's name, or a TOML file with a network in it.
///
/// # Errors
/// There is no such name or file, or the file's text is no network; the message says what and where.
pub(super) fn network(text: &str) -> Result<LinkRequest, String> {
    let path = Path::new(text);
    let is_file = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("toml"))
        || path.components().count() > 1;
    if !is_file {
        let preset =
            Preset::from_str(text).map_err(|error| format!("{error} (sluice profiles lists all)"))?;
        return Ok(LinkRequest { preset: Some(preset.name().to_owned()), ..LinkRequest::default() });
    }
    let content = read_settings(path).map_err(|error| format!("it cannot be read: {error}"))?;
    let profile: NetworkProfile = parse_settings(&content).map_err(|error| error.to_string())?;
    Ok(LinkRequest { profile: Some(profile), ..LinkRequest::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_has_a_name_or_a_file() {
        assert_eq!(network("lossy-2").expect("known").preset.as_deref(), Some("lossy-2"));
        let error = network("lossy2").expect_err("unknown");
        assert!(error.contains("did you mean \"lossy-2\"?"), "{error}");
        let error = network("nowhere.toml").expect_err("no file");
        assert!(error.contains("cannot be read"), "{error}");
    }
}
