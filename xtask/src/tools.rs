//! The programs that build and check the page, each in a pinned version.
//!
//! A program on PATH is used if its version fits; else the project's own copy in `target/tools/<name>-<version>`,
//! installed there when it is first needed.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use crate::failure::{Failure, Result};
use crate::process;
use crate::progress;
use crate::workspace::Workspace;

/// Version of Trunk; the newest that this workspace's minimum Rust compiles.
pub(crate) const TRUNK_VERSION: &str = "0.21.14";
/// Version of wasm-opt, named in `Trunk.toml` too.
pub(crate) const WASM_OPT_VERSION: &str = "132";
const CARGO_DENY_VERSION: &str = "0.20.2";
const CARGO_FUZZ_VERSION: &str = "0.13.2";
const LIGHTHOUSE_VERSION: &str = "12.8.2";
const AXE_VERSION: &str = "4.14.1";

/// One program and the way to get it.
#[derive(Debug, Clone)]
pub(crate) struct Tool {
    program: &'static str,
    version: String,
    source: Source,
}

#[derive(Debug, Clone, Copy)]
enum Source {
    /// A crate of this name, compiled with these options: debug builds are installed two to three times faster, and
    /// these programs have little to compute.
    Crate { name: &'static str, options: &'static [&'static str] },
    /// A package of npm of this name, in the version with these trailing numbers.
    Npm { name: &'static str, version_suffix: &'static str },
}

impl Tool {
    /// Trunk, which builds the page.
    pub(crate) fn trunk() -> Self {
        let options: &[&str] = &["--locked", "--debug", "--no-default-features", "--features", "rustls"];
        Self::new("trunk", TRUNK_VERSION, Source::Crate { name: "trunk", options })
    }

    /// The generator of the glue between wasm and JavaScript, in the version that `Cargo.lock` names.
    pub(crate) fn wasm_bindgen(workspace: &Workspace) -> Result<Self> {
        Self::of_wasm_bindgen(workspace, "wasm-bindgen")
    }

    /// The runner of tests that are compiled to wasm; a part of wasm-bindgen's command line.
    pub(crate) fn wasm_test_runner(workspace: &Workspace) -> Result<Self> {
        Self::of_wasm_bindgen(workspace, "wasm-bindgen-test-runner")
    }

    /// The auditor of page loads.
    pub(crate) fn lighthouse() -> Self {
        Self::new("lighthouse", LIGHTHOUSE_VERSION, Source::Npm { name: "lighthouse", version_suffix: "" })
    }

    /// The optimiser of wasm files.
    pub(crate) fn wasm_opt() -> Self {
        Self::new("wasm-opt", WASM_OPT_VERSION, Source::Npm { name: "binaryen", version_suffix: ".0.0" })
    }

    /// The audit of dependencies.
    pub(crate) fn cargo_deny() -> Self {
        Self::new(
            "cargo-deny",
            CARGO_DENY_VERSION,
            Source::Crate { name: "cargo-deny", options: &["--locked", "--debug"] },
        )
    }

    /// The driver of the fuzz targets.
    pub(crate) fn cargo_fuzz() -> Self {
        Self::new(
            "cargo-fuzz",
            CARGO_FUZZ_VERSION,
            Source::Crate { name: "cargo-fuzz", options: &["--locked", "--debug"] },
        )
    }

    /// Returns the program's path, installing it if need be.
    pub(crate) fn ensure(&self, workspace: &Workspace) -> Result<PathBuf> {
        if let Some(path) = process::find_program(self.program).filter(|path| self.fits(workspace, path)) {
            return Ok(path);
        }
        let own = self.own_path(workspace);
        if self.fits(workspace, &own) {
            return Ok(own);
        }
        println!(
            "      installing {} {} into {}",
            self.program,
            self.version,
            self.folder(workspace).display()
        );
        let started = Instant::now();
        self.install(workspace)?;
        if !self.fits(workspace, &own) {
            return Err(Failure::failed(format!(
                "{} was installed but is not version {}",
                own.display(),
                self.version
            )));
        }
        println!("      installed {} ({})", self.program, progress::readable(started.elapsed()));
        Ok(own)
    }

    fn new(program: &'static str, version: impl Into<String>, source: Source) -> Self {
        Self { program, version: version.into(), source }
    }

    fn of_wasm_bindgen(workspace: &Workspace, program: &'static str) -> Result<Self> {
        // Its lock file may name crates that a registry mirror does not have yet: the newest fitting ones are taken.
        let source = Source::Crate { name: "wasm-bindgen-cli", options: &["--debug"] };
        Ok(Self::new(program, workspace.locked_version("wasm-bindgen")?, source))
    }

    fn fits(&self, workspace: &Workspace, path: &Path) -> bool {
        if !path.is_file() {
            return false;
        }
        let mut ask = process::command(workspace, path);
        ask.arg("--version");
        process::output(&mut ask, "asking for a version")
            .is_ok_and(|text| names_version(&text, &self.version))
    }

    fn folder(&self, workspace: &Workspace) -> PathBuf {
        let name = match self.source {
            Source::Crate { name, .. } | Source::Npm { name, .. } => name,
        };
        workspace.tools().join(format!("{name}-{}", self.version))
    }

    fn own_path(&self, workspace: &Workspace) -> PathBuf {
        let below = match self.source {
            Source::Crate { .. } => "bin",
            Source::Npm { .. } => "node_modules/.bin",
        };
        self.folder(workspace).join(below).join(self.program)
    }

    fn install(&self, workspace: &Workspace) -> Result<()> {
        let folder = self.folder(workspace);
        let mut command = match self.source {
            Source::Crate { name, options } => {
                let mut cargo = process::cargo(workspace);
                cargo
                    .args(["install", "--quiet", name, "--version", &self.version, "--root"])
                    .arg(&folder)
                    .args(options);
                cargo
            }
            Source::Npm { name, version_suffix } => {
                npm_install(workspace, &folder, &format!("{name}@{}{version_suffix}", self.version))?
            }
        };
        process::run(&mut command, &format!("installing {}", self.program))
    }
}

/// Returns the path of axe-core's script, the accessibility checker that the browser tests inject into the page;
/// installs it if need be.
pub(crate) fn axe_script(workspace: &Workspace) -> Result<PathBuf> {
    let package = format!("axe-core-{AXE_VERSION}");
    let folder = workspace.tools().join(&package);
    let script = folder.join("node_modules/axe-core/axe.min.js");
    if !is_axe(&script) {
        println!("      installing {package} into {}", folder.display());
        let mut npm = npm_install(workspace, &folder, &format!("axe-core@{AXE_VERSION}"))?;
        process::run(&mut npm, "installing axe-core")?;
    }
    if is_axe(&script) {
        Ok(script)
    } else {
        Err(Failure::failed(format!("{} was installed but is not version {AXE_VERSION}", script.display())))
    }
}

/// Reports whether a file is axe-core in the pinned version, which its first line names.
fn is_axe(script: &Path) -> bool {
    let text = std::fs::read_to_string(script).unwrap_or_default();
    text.lines().next().is_some_and(|line| names_version(line, &format!("v{AXE_VERSION}")))
}

/// Puts the folders of the project's own copies before the search path of `command`.
///
/// `used` holds the paths that [`Tool::ensure`] gave; those that were on PATH stay where they are.
pub(crate) fn expose(workspace: &Workspace, command: &mut Command, used: &[PathBuf]) {
    let own = workspace.tools();
    let folders: Vec<PathBuf> = used
        .iter()
        .filter(|path| path.starts_with(&own))
        .filter_map(|path| path.parent())
        .map(Path::to_path_buf)
        .collect();
    process::prepend_path(command, &folders);
}

/// Returns the command that installs one package of npm into `folder`, without running any of its scripts.
fn npm_install(workspace: &Workspace, folder: &Path, package: &str) -> Result<Command> {
    let npm = process::find_program("npm").ok_or_else(|| {
        let text = format!("{package} comes from npm, which is not on PATH; install Node.js 20 or newer");
        Failure::Missing(text)
    })?;
    let mut command = process::command(workspace, npm);
    command
        .args(["install", "--silent", "--ignore-scripts", "--no-save", "--no-audit", "--no-fund", "--prefix"])
        .arg(folder)
        .arg(package);
    Ok(command)
}

/// Tells whether a program's answer to `--version` names exactly `version` as one of its words.
fn names_version(answer: &str, version: &str) -> bool {
    answer.split_whitespace().any(|word| word == version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_whole_words() {
        assert!(names_version("wasm-opt version 132 (version_132)", "132"));
        assert!(names_version("wasm-bindgen 0.2.130", "0.2.130"));
        assert!(!names_version("wasm-bindgen 0.2.13", "0.2.130"));
        assert!(!names_version("trunk 0.21.140", "0.21.14"));
    }

    #[test]
    fn a_script_of_another_version_is_not_axe() {
        let folder = std::env::temp_dir().join(format!("sluice-axe-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let script = folder.join("axe.min.js");
        let is_axe_after = |text: &str| {
            std::fs::write(&script, text).expect("a file");
            is_axe(&script)
        };
        assert!(is_axe_after(&format!("/*! axe v{AXE_VERSION}\n * text */")));
        assert!(!is_axe_after("/*! axe v3.0.0\n * text */"));
        std::fs::remove_dir_all(&folder).expect("removed");
        assert!(!is_axe(&script));
    }

    #[test]
    fn a_program_of_another_version_does_not_fit() {
        let workspace = Workspace::find().expect("the test runs in the workspace");
        let cargo = process::find_program("cargo").expect("cargo runs this test");
        let tool = Tool::new("cargo", "0.0.0", Source::Crate { name: "cargo", options: &[] });
        assert!(!tool.fits(&workspace, &cargo));
        assert!(!tool.fits(&workspace, Path::new("/nowhere/cargo")));
    }
}
