//! The page: tools, Trunk, compression; skipped whole when nothing that it is made of changed.

use std::path::PathBuf;
use std::process::Command;

use crate::compress::{self, FileSize};
use crate::failure::{Failure, Result};
use crate::fingerprint;
use crate::process;
use crate::progress::Steps;
use crate::style;
use crate::toolchain::WasmToolchain;
use crate::tools::{self, Tool};
use crate::workspace::Workspace;

/// How many steps [`Page::build`] reports.
pub(crate) const STEPS: usize = 3;

/// Everything the page is made of.
const INPUTS: [&str; 7] =
    [".cargo", "Cargo.lock", "Cargo.toml", "Trunk.toml", "frontend", "index.html", "shared"];
/// The module that the page loads when one of its panels is opened first, with its style sheet.
const LAZY_MODULE: &str = "views";
const NOTE: &str = "page-fingerprint";
const LOCK: &str = "page.lock";

/// The page of this workspace.
#[derive(Debug)]
pub(crate) struct Page<'workspace> {
    workspace: &'workspace Workspace,
}

impl<'workspace> Page<'workspace> {
    /// The page that belongs to `workspace`.
    pub(crate) fn new(workspace: &'workspace Workspace) -> Self {
        Self { workspace }
    }

    /// Builds and compresses the page into `dist/` unless it is there already, in [`STEPS`] steps.
    ///
    /// Two builds at once would pull Trunk's staging folder from under each other: the second waits for the first.
    pub(crate) fn build(&self, steps: &mut Steps) -> Result<()> {
        let _until_built = self.workspace.lock(LOCK)?;
        let unchanged = self.is_current()?;
        let mut trunk = None;
        steps.step("checking the page's tools", || {
            if unchanged {
                return Ok("not needed, the page is unchanged".into());
            }
            let (command, remark) = self.trunk()?;
            trunk = Some(command);
            Ok(remark)
        })?;
        let Some(mut trunk) = trunk else {
            steps.step("building the page", || Ok("unchanged".into()))?;
            return steps.step("compressing the page", || Ok("unchanged".into()));
        };
        steps.step("building the page", || {
            if !self.index().is_file() {
                println!("      the first build compiles everything: about 3 minutes on two cores");
            }
            trunk.args(["build", "--release"]);
            process::run(&mut trunk, "building the page").map(|()| String::new())
        })?;
        steps.step("compressing the page", || {
            let dist = self.workspace.dist();
            style::merge(&dist)?;
            style::minify_others(&dist)?;
            let count = compress::compress(&dist)?;
            self.workspace.set_note(NOTE, &self.fingerprint()?)?;
            Ok(format!("{count} files, {} for a first visit", kilobytes(self.first_visit_bytes()?)))
        })
    }

    /// Trunk with its helpers on its search path and the compiler for wasm32, and a remark that names the compiler.
    pub(crate) fn trunk(&self) -> Result<(Command, String)> {
        let toolchain = WasmToolchain::ensure(self.workspace)?;
        let trunk = Tool::trunk().ensure(self.workspace)?;
        let helpers = [
            Tool::wasm_bindgen(self.workspace)?.ensure(self.workspace)?,
            Tool::wasm_opt().ensure(self.workspace)?,
        ];
        let mut command = process::command(self.workspace, trunk);
        tools::expose(self.workspace, &mut command, &helpers);
        toolchain.prepare(&mut command);
        // Trunk would print the stack of every error it reports.
        command.env("TRUNK_SKIP_VERSION_CHECK", "true").env("RUST_BACKTRACE", "0");
        Ok((command, toolchain.name().to_owned()))
    }

    /// Bytes that a first visit downloads, compressed with brotli.
    fn first_visit_bytes(&self) -> Result<u64> {
        let sizes = compress::sizes(&self.workspace.dist())?;
        Ok(sizes.iter().filter(|file| !is_lazy(file)).map(|file| file.brotli_bytes).sum())
    }

    fn is_current(&self) -> Result<bool> {
        if !self.index().is_file() {
            return Ok(false);
        }
        Ok(self.workspace.note(NOTE) == Some(self.fingerprint()?))
    }

    fn index(&self) -> PathBuf {
        self.workspace.dist().join("index.html")
    }

    /// Covers the inputs and the result: a page built by hand, or half built, is not taken for the finished one.
    fn fingerprint(&self) -> Result<String> {
        let salt = format!("trunk {} wasm-opt {}", tools::TRUNK_VERSION, tools::WASM_OPT_VERSION);
        let inputs = fingerprint::of(self.workspace.root(), &INPUTS, &salt)?;
        let result = fingerprint::of(&self.workspace.dist(), &[""], "")?;
        Ok(format!("{inputs}-{result}"))
    }
}

/// Limits of what a visitor downloads, bytes with brotli.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Budget {
    /// A first visit: document, styles, scripts, wasm, icon.
    pub(crate) page_bytes: u64,
    /// The first opening of a panel that is not in the page.
    pub(crate) lazy_bytes: u64,
}

/// Prints every file with its size, and fails if the files of a first visit, or those of the lazily loaded module, are
/// larger than their budget.
pub(crate) fn check_budget(workspace: &Workspace, budget: Budget) -> Result<String> {
    let sizes = compress::sizes(&workspace.dist())?;
    let (lazy, page): (Vec<_>, Vec<_>) = sizes.iter().partition(|file| is_lazy(file));
    if !page.iter().any(|file| file.name == "index.html") || lazy.is_empty() {
        return Err(Failure::failed("size budget: dist/ is not complete; build the page first"));
    }
    let mut verdicts = Vec::new();
    let mut excess = Vec::new();
    for (what, files, budget_bytes) in
        [("first visit", page, budget.page_bytes), (LAZY_MODULE, lazy, budget.lazy_bytes)]
    {
        println!("      {what}");
        for file in &files {
            println!(
                "      {:>9} brotli  {:>9} plain  {}",
                kilobytes(file.brotli_bytes),
                kilobytes(file.plain_bytes),
                file.name
            );
        }
        let total: u64 = files.iter().map(|file| file.brotli_bytes).sum();
        let verdict = format!("{what} {} of {}", kilobytes(total), kilobytes(budget_bytes));
        println!("      {verdict}");
        if total > budget_bytes {
            excess.push(verdict.clone());
        }
        verdicts.push(verdict);
    }
    if excess.is_empty() {
        return Ok(verdicts.join(", "));
    }
    Err(Failure::failed(format!("size budget: {} (with brotli; make it smaller)", excess.join(", "))))
}

/// Whether a file is loaded on demand alone (see `index.html`).
fn is_lazy(file: &FileSize) -> bool {
    let stem = file.name.split('.').next().unwrap_or_default();
    stem.trim_end_matches("_bg") == LAZY_MODULE
}

#[expect(clippy::cast_precision_loss, reason = "sizes of files that a browser downloads are far below 2^52")]
fn kilobytes(bytes: u64) -> String {
    format!("{:.1} KB", bytes as f64 / 1_000.0)
}
