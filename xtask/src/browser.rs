//! Chromium and its driver, for the end-to-end tests and the page's benches.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::Result;
use crate::system::{self, Program};
use crate::workspace::Workspace;

const CHROMIUM: Program = Program {
    variable: "CHROMIUM",
    names: &["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"],
    package: "chromium",
};
const DRIVER: Program =
    Program { variable: "CHROMEDRIVER", names: &["chromedriver"], package: "chromium-driver" };

/// A real browser and the program that drives it.
#[derive(Debug)]
pub(crate) struct Browser {
    chromium: PathBuf,
    driver: PathBuf,
}

impl Browser {
    /// Finds both programs (`CHROMIUM` and `CHROMEDRIVER` win), installing Debian's packages if they are missing.
    pub(crate) fn ensure(workspace: &Workspace) -> Result<Self> {
        let missing: Vec<&str> = [CHROMIUM, DRIVER]
            .iter()
            .filter(|program| program.find().is_none())
            .map(|program| program.package)
            .collect();
        if !missing.is_empty() {
            system::install(workspace, &missing, "the browser tests")?;
        }
        match (CHROMIUM.find(), DRIVER.find()) {
            (Some(chromium), Some(driver)) => Ok(Self { chromium, driver }),
            (chromium, _) => {
                let program = if chromium.is_none() { CHROMIUM } else { DRIVER };
                Err(program.not_found("the browser tests"))
            }
        }
    }

    /// Returns the path of Chromium.
    pub(crate) fn chromium(&self) -> &Path {
        &self.chromium
    }

    /// Tells a test where the browser is.
    pub(crate) fn describe_to(&self, command: &mut Command) {
        command.env(CHROMIUM.variable, &self.chromium).env(DRIVER.variable, &self.driver);
    }
}
