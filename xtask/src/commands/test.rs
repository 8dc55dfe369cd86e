//! `cargo xtask test`: every test there is.

use std::process::Command;

use crate::browser::Browser;
use crate::failure::{Failure, Result};
use crate::process;
use crate::progress::Steps;
use crate::server;
use crate::system::Program;
use crate::toolchain::{self, WasmToolchain};
use crate::tools::{self, Tool};
use crate::workspace::Workspace;

/// Reads the captures that the relay's tests write.
const TSHARK: Program = Program { variable: "TSHARK", names: &["tshark"], package: "tshark" };

/// The closing lines of all test runners so far, in order.
#[derive(Debug, Default)]
pub(crate) struct Closing {
    lines: Vec<String>,
}

impl Closing {
    /// Runs one test runner, shows its output and keeps its closing lines; fails if a test failed.
    fn run(&mut self, command: &mut Command, what: &str) -> Result<String> {
        let (lines, succeeded) = process::tee(command, is_closing_line)?;
        let total = Counts::of(&lines);
        self.lines.extend(lines.into_iter().map(|line| format!("{what}: {line}")));
        if succeeded {
            Ok(total.to_string())
        } else {
            self.print();
            Err(Failure::failed(format!("{what}: failed, see above ({total})")))
        }
    }

    /// Prints the lines together, and their sum.
    pub(crate) fn print(&self) {
        println!("\nclosing lines of the test runners");
        // A crate without documentation examples has a runner that ran nothing.
        for line in self.lines.iter().filter(|line| !line.contains(" 0 passed; 0 failed; 0 ignored;")) {
            println!("  {line}");
        }
        println!("  all together: {}\n", Counts::of(&self.lines));
    }
}

/// Builds what the tests need and runs all of them, or those whose name contains `filter`.
pub(crate) fn test(workspace: &Workspace, filter: Option<&str>) -> Result<()> {
    let mut steps = Steps::new(server::STEPS + 3);
    let mut closing = Closing::default();
    server::allow_missing_page(workspace)?;
    steps.step("native tests", || native(workspace, filter, &mut closing))?;
    steps.step("the shared crate's tests on wasm32", || wasm(workspace, filter, &mut closing))?;
    server::build_with_page(workspace, &mut steps)?;
    steps.step("end-to-end tests", || end_to_end(workspace, filter, &mut closing))?;
    closing.print();
    Ok(())
}

/// Tests of every crate but the end-to-end ones.
pub(crate) fn native(workspace: &Workspace, filter: Option<&str>, closing: &mut Closing) -> Result<String> {
    let tshark = TSHARK.ensure(workspace, "the tests of captures")?;
    let mut cargo = process::cargo(workspace);
    cargo.env(TSHARK.variable, tshark);
    cargo.args(["test", "--workspace", "--exclude", "sluice-tests"]).args(filter);
    closing.run(&mut cargo, "native")
}

/// Tests of the shared crate, compiled for wasm32 and run by Node.
pub(crate) fn wasm(workspace: &Workspace, filter: Option<&str>, closing: &mut Closing) -> Result<String> {
    let toolchain = WasmToolchain::ensure(workspace)?;
    let runner = Tool::wasm_test_runner(workspace)?.ensure(workspace)?;
    let mut cargo = process::cargo(workspace);
    toolchain.prepare(&mut cargo);
    cargo.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER", runner);
    cargo
        .args(["test", "--package", "sluice-shared", "--lib", "--tests", "--target", toolchain::TARGET])
        .args(filter);
    closing.run(&mut cargo, "wasm32")
}

/// Tests of the whole: native clients and Chromium against the release server with the page inside.
pub(crate) fn end_to_end(
    workspace: &Workspace,
    filter: Option<&str>,
    closing: &mut Closing,
) -> Result<String> {
    let browser = Browser::ensure(workspace)?;
    let axe = tools::axe_script(workspace)?;
    let mut cargo = process::cargo(workspace);
    cargo
        .args(["test", "--package", "sluice-tests", "--lib", "--test", "e2e", "--test", "browser"])
        .args(filter)
        .env("SLUICE_BIN", workspace.server_binary())
        .env("AXE_CORE", axe);
    browser.describe_to(&mut cargo);
    closing.run(&mut cargo, "end to end")
}

/// How many tests ran, by result.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    passed: u64,
    failed: u64,
    ignored: u64,
}

impl Counts {
    fn of(lines: &[String]) -> Self {
        let sum = |word: &str| lines.iter().filter_map(|line| count_before(line, word)).sum();
        Self { passed: sum("passed"), failed: sum("failed"), ignored: sum("ignored") }
    }
}

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} passed, {} failed, {} ignored", self.passed, self.failed, self.ignored)
    }
}

fn is_closing_line(line: &str) -> bool {
    line.starts_with("test result: ")
}

/// The number before `word` in `test result: ok. 3 passed; 0 failed; …`.
fn count_before(line: &str, word: &str) -> Option<u64> {
    let before = line.split_once(&format!(" {word}"))?.0;
    before.rsplit(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_are_summed() {
        let lines = [
            "native: test result: ok. 30 passed; 0 failed; 2 ignored; 0 measured; 0 filtered out; finished in 1.04s",
            "wasm32: test result: FAILED. 4 passed; 1 failed; 0 ignored; 0 filtered out; finished in 0.02s",
        ]
        .map(str::to_owned);
        assert_eq!(Counts::of(&lines), Counts { passed: 34, failed: 1, ignored: 2 });
    }

    #[test]
    fn only_a_runners_last_line_is_a_closing_line() {
        assert!(is_closing_line("test result: ok. 1 passed; 0 failed"));
        assert!(!is_closing_line("test credit_is_never_overspent ... ok"));
    }
}
