//! The compiler and standard library for wasm32: rustup's, or Debian's where rustup cannot fetch the target.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::failure::{Failure, Result};
use crate::process;
use crate::system;
use crate::workspace::Workspace;

/// The page's target.
pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

/// Note of the way that worked, so that a refused download is not tried on every run.
const NOTE: &str = "wasm-toolchain";
const DEBIAN: &str = "debian";
/// Name under which Debian's compiler is known to rustup.
const DEBIAN_TOOLCHAIN: &str = "debian-web";
const DEBIAN_PACKAGES: [&str; 4] = ["rustc-web", "cargo-web", "rust-web-src", "rust-web-clippy"];
/// Debian's programs and the standard library's source; if one is missing, the packages are.
const DEBIAN_FILES: [&str; 4] = [
    "/usr/bin/rustc",
    "/usr/bin/cargo",
    "/usr/bin/cargo-clippy",
    "/usr/lib/rustlib/src/rust/library/std/Cargo.toml",
];
const TARGET_ADD_LIMIT: Duration = Duration::from_secs(180);

/// How wasm32 code is compiled on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum WasmToolchain {
    /// The toolchain of rustup that runs this tool, with the target added.
    Rustup,
    /// Debian's compiler, which builds the standard library from source and borrows rustup's linker.
    Debian {
        /// rustup's copy of lld.
        linker: PathBuf,
    },
}

impl WasmToolchain {
    /// Finds or installs a toolchain: `rustup target add` first, else Debian's packages.
    pub(crate) fn ensure(workspace: &Workspace) -> Result<Self> {
        let sysroot = sysroot(workspace)?;
        if has_target(&sysroot) {
            return Ok(Self::Rustup);
        }
        if workspace.note(NOTE).as_deref() != Some(DEBIAN) {
            println!("      adding {TARGET} by rustup");
            match add_target(workspace) {
                Ok(()) => return Ok(Self::Rustup),
                Err(failure) => println!("      {failure}; taking Debian's compiler instead"),
            }
        }
        let toolchain = Self::ensure_debian(workspace, &sysroot)?;
        workspace.set_note(NOTE, DEBIAN)?;
        Ok(toolchain)
    }

    /// Sets up `command` (cargo, or a program that calls cargo) to compile for wasm32.
    pub(crate) fn prepare(&self, command: &mut Command) {
        match self {
            Self::Rustup => {}
            Self::Debian { linker } => {
                command
                    .env("RUSTUP_TOOLCHAIN", DEBIAN_TOOLCHAIN)
                    .env("RUSTC_BOOTSTRAP", "1")
                    .env("CARGO_UNSTABLE_BUILD_STD", "std,panic_abort")
                    .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
            }
        }
    }

    /// The name people know it by.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Rustup => "rustup's wasm32 target",
            Self::Debian { .. } => "Debian's compiler, building std for wasm32",
        }
    }

    fn ensure_debian(workspace: &Workspace, sysroot: &Path) -> Result<Self> {
        if DEBIAN_FILES.iter().any(|file| !Path::new(file).is_file()) {
            system::install(workspace, &DEBIAN_PACKAGES, "the page (rustup cannot fetch wasm32)")?;
        }
        let mut link = process::command(workspace, "rustup");
        link.args(["toolchain", "link", DEBIAN_TOOLCHAIN, "/usr"]);
        process::output(&mut link, "rustup toolchain link")?;
        let linker = sysroot.join("lib/rustlib").join(host(workspace)?).join("bin/rust-lld");
        if linker.is_file() {
            Ok(Self::Debian { linker })
        } else {
            Err(Failure::failed(format!(
                "no linker for wasm32 at {}; reinstall the Rust toolchain",
                linker.display()
            )))
        }
    }
}

/// The sysroot of the compiler that cargo uses in this workspace.
fn sysroot(workspace: &Workspace) -> Result<PathBuf> {
    let mut rustc = process::command(workspace, "rustc");
    rustc.args(["--print", "sysroot"]);
    process::output(&mut rustc, "asking rustc for its sysroot").map(|text| PathBuf::from(text.trim()))
}

fn host(workspace: &Workspace) -> Result<String> {
    let mut rustc = process::command(workspace, "rustc");
    rustc.arg("-vV");
    let text = process::output(&mut rustc, "asking rustc for its version")?;
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| Failure::failed("rustc -vV names no host"))
}

fn has_target(sysroot: &Path) -> bool {
    sysroot.join("lib/rustlib").join(TARGET).join("lib").is_dir()
}

fn add_target(workspace: &Workspace) -> Result<()> {
    if process::find_program("rustup").is_none() {
        return Err(Failure::failed("rustup is not on PATH"));
    }
    let mut add = process::command(workspace, "rustup");
    add.args(["target", "add", TARGET]);
    if env::var_os("RUSTUP_MAX_RETRIES").is_none() {
        add.env("RUSTUP_MAX_RETRIES", "1");
    }
    let mut child = add
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| process::not_started(&add, &error))?;
    let deadline = Instant::now() + TARGET_ADD_LIMIT;
    loop {
        match child.try_wait().map_err(|error| process::not_started(&add, &error))? {
            Some(status) if status.success() => return Ok(()),
            Some(status) => return Err(Failure::failed(format!("rustup could not fetch it ({status})"))),
            None if Instant::now() >= deadline => {
                child.kill().map_err(|error| process::not_started(&add, &error))?;
                child.wait().map_err(|error| process::not_started(&add, &error))?;
                return Err(Failure::failed(format!(
                    "rustup took more than {} s",
                    TARGET_ADD_LIMIT.as_secs()
                )));
            }
            None => thread::sleep(Duration::from_millis(100)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variable(command: &Command, name: &str) -> Option<String> {
        let value = command.get_envs().find(|(key, _)| *key == name)?.1?;
        Some(value.to_string_lossy().into_owned())
    }

    #[test]
    fn debians_way_builds_std_with_the_linked_toolchain_and_rustups_linker() {
        let mut command = Command::new("trunk");
        WasmToolchain::Debian { linker: PathBuf::from("/lld") }.prepare(&mut command);
        assert_eq!(variable(&command, "RUSTUP_TOOLCHAIN").as_deref(), Some("debian-web"));
        assert_eq!(variable(&command, "RUSTC_BOOTSTRAP").as_deref(), Some("1"));
        assert_eq!(variable(&command, "CARGO_UNSTABLE_BUILD_STD").as_deref(), Some("std,panic_abort"));
        assert_eq!(variable(&command, "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER").as_deref(), Some("/lld"));
    }

    #[test]
    fn rustups_way_changes_nothing() {
        let mut command = Command::new("trunk");
        WasmToolchain::Rustup.prepare(&mut command);
        assert_eq!(command.get_envs().count(), 0);
    }
}
