//! Child processes: a clean environment, readable failures, output that can be kept.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::failure::{Failure, Result};
use crate::workspace::Workspace;

/// A command that starts in the workspace's folder with an environment as if cargo had not started this tool.
pub(crate) fn command(workspace: &Workspace, program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(workspace.root());
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(is_set_by_our_caller) {
            command.env_remove(name);
        }
    }
    command.env("PATH", join_paths(&search_path()));
    command
}

/// Cargo for the machine itself, by the toolchain that runs this tool.
pub(crate) fn cargo(workspace: &Workspace) -> Command {
    command(workspace, "cargo")
}

/// The folders in which programs are looked for: cargo's own first, so that no other cargo shadows rustup's.
pub(crate) fn search_path() -> Vec<PathBuf> {
    let inherited = env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = cargo_home().map(|home| home.join("bin")).into_iter().collect();
    for folder in env::split_paths(&inherited) {
        if !folders.contains(&folder) {
            folders.push(folder);
        }
    }
    folders
}

/// The first program called `name` on the search path.
pub(crate) fn find_program(name: &str) -> Option<PathBuf> {
    let file = format!("{name}{}", env::consts::EXE_SUFFIX);
    search_path().into_iter().map(|folder| folder.join(&file)).find(|path| path.is_file())
}

/// Puts `folders` before the search path of `command`.
pub(crate) fn prepend_path(command: &mut Command, folders: &[PathBuf]) {
    let mut all = folders.to_vec();
    all.extend(search_path());
    command.env("PATH", join_paths(&all));
}

/// Runs a command with this tool's own terminal; `doing` completes the sentence "… failed".
pub(crate) fn run(command: &mut Command, doing: &str) -> Result<()> {
    let status = command.status().map_err(|error| not_started(command, &error))?;
    if status.success() {
        Ok(())
    } else {
        Err(Failure::failed(format!("{doing} failed ({status}): {}", line(command))))
    }
}

/// Runs a command silently and returns its standard output; a failure carries the last line of its standard error.
pub(crate) fn output(command: &mut Command, doing: &str) -> Result<String> {
    let output = command.stdin(Stdio::null()).output().map_err(|error| not_started(command, &error))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    let last = stderr.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("no message");
    Err(Failure::failed(format!("{doing} failed ({}): {last}", output.status)))
}

/// Runs a command, shows its standard output as it comes, and returns the lines that `keep` chooses.
///
/// The second value tells whether it succeeded, so that the kept lines of a failed run can still be shown.
pub(crate) fn tee(command: &mut Command, keep: fn(&str) -> bool) -> Result<(Vec<String>, bool)> {
    let mut child = command.stdout(Stdio::piped()).spawn().map_err(|error| not_started(command, &error))?;
    let mut kept = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).split(b'\n') {
            let line = line.map_err(|error| {
                Failure::failed(format!("reading the output of {}: {error}", self::line(command)))
            })?;
            let line = String::from_utf8_lossy(&line).into_owned();
            println!("{line}");
            if keep(&line) {
                kept.push(line);
            }
        }
    }
    let status = child.wait().map_err(|error| not_started(command, &error))?;
    Ok((kept, status.success()))
}

/// Becomes `command`: signals and the exit code are then the program's own. Returns only if that was impossible.
#[cfg(unix)]
pub(crate) fn become_program(mut command: Command) -> Result<()> {
    use std::os::unix::process::CommandExt as _;
    let error = command.exec();
    Err(not_started(&command, &error))
}

/// Runs `command` to its end and passes its exit code on.
#[cfg(not(unix))]
pub(crate) fn become_program(mut command: Command) -> Result<()> {
    let status = command.status().map_err(|error| not_started(&command, &error))?;
    std::process::exit(status.code().unwrap_or(1))
}

/// The error of a program that could not be started.
pub(crate) fn not_started(command: &Command, error: &std::io::Error) -> Failure {
    Failure::failed(format!("starting {}: {error}", line(command)))
}

fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}

/// Cargo describes this tool's package to it, and rustup its library folder; a child must see neither.
///
/// `RUSTFLAGS` would replace the flags of `.cargo/config.toml`, and some tools misread `NO_COLOR`.
fn is_set_by_our_caller(name: &str) -> bool {
    const NAMES: [&str; 9] = [
        "CARGO",
        "CARGO_ENCODED_RUSTFLAGS",
        "CARGO_PRIMARY_PACKAGE",
        "DYLD_FALLBACK_LIBRARY_PATH",
        "LD_LIBRARY_PATH",
        "NO_COLOR",
        "RUSTC",
        "RUSTDOC",
        "RUSTFLAGS",
    ];
    const PREFIXES: [&str; 3] = ["CARGO_BIN_", "CARGO_MANIFEST_", "CARGO_PKG_"];
    NAMES.contains(&name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

fn cargo_home() -> Option<PathBuf> {
    env::var_os("CARGO_HOME").map(PathBuf::from).or_else(|| env::home_dir().map(|home| home.join(".cargo")))
}

/// A folder whose name holds the separator cannot be on a search path, so such folders are left out.
fn join_paths(folders: &[PathBuf]) -> OsString {
    let usable: Vec<&Path> =
        folders.iter().map(PathBuf::as_path).filter(|folder| env::join_paths([folder]).is_ok()).collect();
    env::join_paths(usable).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workspace() -> Workspace {
        Workspace::find().expect("the test runs in the workspace")
    }

    #[test]
    fn a_failed_program_is_named_with_its_last_words() {
        let mut command = command(&workspace(), "sh");
        command.args(["-c", "echo first >&2; echo last words >&2; exit 3"]);
        let failure = output(&mut command, "asking the shell").expect_err("the shell exits with 3");
        assert_eq!(failure.exit_code(), 1);
        assert!(failure.to_string().contains("asking the shell failed"), "{failure}");
        assert!(failure.to_string().ends_with("last words"), "{failure}");
    }

    #[test]
    fn tee_keeps_the_chosen_lines_of_a_failed_program_too() {
        let mut command = command(&workspace(), "sh");
        command.args(["-c", "echo test result: FAILED; echo other; exit 1"]);
        let (kept, succeeded) = tee(&mut command, |line| line.starts_with("test result")).expect("sh starts");
        assert_eq!(kept, ["test result: FAILED"]);
        assert!(!succeeded);
    }

    #[test]
    fn cargo_does_not_leak_its_description_of_this_tool() {
        assert!(is_set_by_our_caller("CARGO_PKG_NAME"));
        assert!(is_set_by_our_caller("RUSTFLAGS"));
        assert!(!is_set_by_our_caller("CARGO_HOME"));
        assert!(!is_set_by_our_caller("RUSTUP_TOOLCHAIN"));
    }
}
