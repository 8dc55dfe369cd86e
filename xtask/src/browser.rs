//! Chromium and its driver, for the end-to-end tests and the page's benches.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use crate::failure::Result;
use crate::process;
use crate::system;
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
                Err(crate::failure::Failure::Missing(format!(
                    "the browser tests: `{}` is not on PATH; name it in {}",
                    program.names[0], program.variable
                )))
            }
        }
    }

    /// Tells a test where the browser is.
    pub(crate) fn describe_to(&self, command: &mut Command) {
        command.env(CHROMIUM.variable, &self.chromium).env(DRIVER.variable, &self.driver);
    }
}

#[derive(Debug, Clone, Copy)]
struct Program {
    /// Environment variable that names it.
    variable: &'static str,
    /// What it is called on PATH, the preferred name first.
    names: &'static [&'static str],
    /// Debian's package.
    package: &'static str,
}

impl Program {
    fn find(self) -> Option<PathBuf> {
        let named = env::var_os(self.variable).map(PathBuf::from).filter(|path| path.is_file());
        named.or_else(|| self.names.iter().find_map(|name| process::find_program(name)))
    }
}
