//! Packages of the operating system: installed only as root, otherwise the exact command is printed.

use std::env;
use std::path::PathBuf;

use crate::failure::{Failure, Result};
use crate::process;
use crate::workspace::Workspace;

/// A program of the operating system that tests need.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Program {
    /// Environment variable that names it.
    pub(crate) variable: &'static str,
    /// What it is called on PATH, the preferred name first.
    pub(crate) names: &'static [&'static str],
    /// Debian's package.
    pub(crate) package: &'static str,
}

impl Program {
    /// Where it is.
    pub(crate) fn find(self) -> Option<PathBuf> {
        let named = env::var_os(self.variable).map(PathBuf::from).filter(|path| path.is_file());
        named.or_else(|| self.names.iter().find_map(|name| process::find_program(name)))
    }

    /// Finds it, installing Debian's package if it is missing.
    pub(crate) fn ensure(self, workspace: &Workspace, purpose: &str) -> Result<PathBuf> {
        if let Some(path) = self.find() {
            return Ok(path);
        }
        install(workspace, &[self.package], purpose)?;
        self.find().ok_or_else(|| self.not_found(purpose))
    }

    /// It was not found, although it should be there.
    pub(crate) fn not_found(self, purpose: &str) -> Failure {
        let name = self.names.first().unwrap_or(&self.package);
        Failure::Missing(format!("{purpose}: `{name}` is not on PATH; name it in {}", self.variable))
    }
}

/// What can be done about missing packages on this machine.
#[derive(Debug, PartialEq, Eq)]
enum Plan {
    /// Install them with apt-get, as root.
    Install,
    /// Tell the person; the text holds the command.
    Tell(String),
}

/// Installs Debian `packages`, needed for `purpose`, or fails with the command that does.
pub(crate) fn install(workspace: &Workspace, packages: &[&str], purpose: &str) -> Result<()> {
    match plan(packages, purpose, is_root(workspace), process::find_program("apt-get").is_some()) {
        Plan::Tell(message) => Err(Failure::Missing(message)),
        Plan::Install => {
            println!("      installing {} (for {purpose})", packages.join(" "));
            // A stale package list is the usual reason for a failure, so it is renewed once.
            if apt_get(workspace, packages).is_ok() {
                return Ok(());
            }
            let mut update = process::command(workspace, "apt-get");
            update.args(["update", "-qq"]);
            process::output(&mut update, "apt-get update")?;
            apt_get(workspace, packages)
        }
    }
}

fn apt_get(workspace: &Workspace, packages: &[&str]) -> Result<()> {
    let mut install = process::command(workspace, "apt-get");
    install.env("DEBIAN_FRONTEND", "noninteractive").args([
        "install",
        "-y",
        "-qq",
        "--no-install-recommends",
    ]);
    install.args(packages);
    process::output(&mut install, "apt-get install").map(drop)
}

fn plan(packages: &[&str], purpose: &str, is_root: bool, has_apt: bool) -> Plan {
    let list = packages.join(" ");
    match (has_apt, is_root) {
        (true, true) => Plan::Install,
        (true, false) => {
            Plan::Tell(format!("{purpose}: system packages are missing; run: sudo apt-get install -y {list}"))
        }
        (false, _) => Plan::Tell(format!(
            "{purpose}: missing what Debian calls `{list}`; install it with your system's package manager and run again"
        )),
    }
}

fn is_root(workspace: &Workspace) -> bool {
    let mut id = process::command(workspace, "id");
    id.arg("-u");
    process::output(&mut id, "asking for the user id").is_ok_and(|id| id.trim() == "0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ordinary_user_is_told_the_exact_command() {
        let plan = plan(&["chromium", "chromium-driver"], "the browser tests", false, true);
        let Plan::Tell(message) = plan else { panic!("nothing may be installed: {plan:?}") };
        assert_eq!(
            message,
            "the browser tests: system packages are missing; run: sudo apt-get install -y chromium chromium-driver"
        );
    }

    #[test]
    fn only_root_on_debian_installs() {
        assert_eq!(plan(&["chromium"], "x", true, true), Plan::Install);
        assert!(matches!(plan(&["chromium"], "x", true, false), Plan::Tell(_)));
    }
}
