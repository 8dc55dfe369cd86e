//! `cargo xtask ci`: every check that a change must pass, in the order in which they fail fastest.

use std::time::{Duration, Instant};

use crate::commands::test::{self, Closing};
use crate::failure::Result;
use crate::layers;
use crate::page::{self, Budget};
use crate::process;
use crate::progress::{self, Steps};
use crate::server;
use crate::toolchain::{self, WasmToolchain};
use crate::tools::Tool;
use crate::workspace::Workspace;

/// Limits of what a visitor downloads, with brotli.
const SIZE_BUDGET: Budget = Budget { page_bytes: 384_000, lazy_bytes: 368_000 };

/// One line of the closing table.
struct Row {
    name: &'static str,
    outcome: String,
    took: Duration,
}

/// A check and what it does; its text says what was found.
type Check<'ci> = (&'static str, Box<dyn FnOnce(&mut Closing) -> Result<String> + 'ci>);

/// Runs all checks, stops at the first that fails, and prints a table of what ran.
pub(crate) fn ci(workspace: &Workspace) -> Result<()> {
    server::allow_missing_page(workspace)?;
    let checks = checks(workspace);
    let total = checks.len();
    let mut closing = Closing::default();
    let mut rows = Vec::new();
    let mut failure = None;
    for (step, (name, check)) in checks.into_iter().enumerate() {
        println!("\n=== [{}/{total}] {name}", step + 1);
        let started = Instant::now();
        let result = check(&mut closing);
        let outcome = match &result {
            Ok(remark) if remark.is_empty() => "ok".to_owned(),
            Ok(remark) => format!("ok: {remark}"),
            Err(error) => format!("FAILED: {error}"),
        };
        rows.push(Row { name, outcome, took: started.elapsed() });
        if let Err(error) = result {
            failure = Some(error);
            break;
        }
    }
    if failure.is_none() {
        closing.print();
    }
    print_table(&rows, total);
    failure.map_or(Ok(()), Err)
}

fn checks(workspace: &Workspace) -> Vec<Check<'_>> {
    vec![
        ("format", Box::new(|_| cargo(workspace, &["fmt", "--all", "--check"]))),
        ("layers", Box::new(|_| layers::check(workspace))),
        ("dependency audit", Box::new(|_| audit(workspace))),
        (
            "clippy, native",
            Box::new(|_| {
                cargo(workspace, &["clippy", "--locked", "--workspace", "--all-targets", "--", "-Dwarnings"])
            }),
        ),
        ("clippy, wasm32", Box::new(|_| clippy_wasm(workspace))),
        ("documentation", Box::new(|_| documentation(workspace))),
        ("native tests", Box::new(|closing| test::native(workspace, None, closing))),
        ("wasm32 tests", Box::new(|closing| test::wasm(workspace, None, closing))),
        (
            "page and server",
            Box::new(|_| {
                server::build_with_page(workspace, &mut Steps::new(server::STEPS)).map(|()| String::new())
            }),
        ),
        ("size budget", Box::new(|_| page::check_budget(workspace, SIZE_BUDGET))),
        ("end-to-end tests", Box::new(|closing| test::end_to_end(workspace, None, closing))),
    ]
}

fn cargo(workspace: &Workspace, args: &[&str]) -> Result<String> {
    let mut cargo = process::cargo(workspace);
    cargo.args(args);
    process::run(&mut cargo, &format!("cargo {}", args[0])).map(|()| String::new())
}

fn clippy_wasm(workspace: &Workspace) -> Result<String> {
    let toolchain = WasmToolchain::ensure(workspace)?;
    let mut clippy = process::cargo(workspace);
    toolchain.prepare(&mut clippy);
    clippy.args([
        "clippy",
        "--locked",
        "--package",
        "sluice-shared",
        "--package",
        "sluice-app",
        "--package",
        "sluice-page",
        "--package",
        "sluice-lane",
        "--package",
        "sluice-browser",
        "--package",
        "sluice-bridge",
        "--package",
        "sluice-text",
    ]);
    clippy.args(["--target", toolchain::TARGET, "--", "-Dwarnings"]);
    process::run(&mut clippy, "clippy for wasm32").map(|()| format!("by {}", toolchain.name()))
}

fn documentation(workspace: &Workspace) -> Result<String> {
    let mut doc = process::cargo(workspace);
    doc.args(["doc", "--locked", "--workspace", "--no-deps", "--document-private-items"]);
    // Private items are documented too, so a link to one leads somewhere.
    doc.env("RUSTDOCFLAGS", "-Dwarnings -Arustdoc::private_intra_doc_links");
    process::run(&mut doc, "cargo doc").map(|()| String::new())
}

/// Bans, licences and sources always; advisories where their database can be fetched.
fn audit(workspace: &Workspace) -> Result<String> {
    let deny = Tool::cargo_deny().ensure(workspace)?;
    let mut check = process::command(workspace, &deny);
    check.args(["--locked", "check", "--hide-inclusion-graph", "bans", "licenses", "sources"]);
    process::run(&mut check, "the dependency audit")?;

    let mut fetch = process::command(workspace, &deny);
    fetch.args(["fetch", "db"]);
    if let Err(failure) = process::output(&mut fetch, "fetching the advisory database") {
        println!("      {failure}");
        return Ok("bans, licenses, sources (advisories not: their database cannot be fetched here)".into());
    }
    let mut advisories = process::command(workspace, &deny);
    advisories.args(["--locked", "check", "--disable-fetch", "advisories"]);
    process::run(&mut advisories, "the audit of advisories")?;
    Ok("bans, licenses, sources, advisories".into())
}

fn print_table(rows: &[Row], total: usize) {
    println!("\n{:<18} {:>12}  result", "step", "time");
    for row in rows {
        println!("{:<18} {:>12}  {}", row.name, progress::readable(row.took), row.outcome);
    }
    let took: Duration = rows.iter().map(|row| row.took).sum();
    println!("{:<18} {:>12}  {} of {total} steps ran", "all", progress::readable(took), rows.len());
}
