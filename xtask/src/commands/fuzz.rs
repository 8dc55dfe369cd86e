//! `cargo xtask fuzz`: coverage-guided fuzzing from the kept corpus.

use std::fs;
use std::path::{Path, PathBuf};

use crate::failure::{Failure, Result};
use crate::files;
use crate::process;
use crate::progress::Steps;
use crate::tools::Tool;
use crate::workspace::Workspace;

/// Runs every target for `seconds`, starting from `fuzz/corpus/<target>`; new inputs go to `target/fuzz-corpus`.
pub(crate) fn fuzz(workspace: &Workspace, seconds: u32) -> Result<()> {
    let targets = targets(&workspace.root().join("fuzz/fuzz_targets"))?;
    if targets.is_empty() {
        return Err(Failure::failed("fuzz/fuzz_targets holds no target"));
    }
    if !has_nightly(workspace) {
        return Err(Failure::Missing(
            "fuzzing needs a nightly compiler; run: rustup toolchain install nightly".into(),
        ));
    }
    let cargo_fuzz = Tool::cargo_fuzz().ensure(workspace)?;
    let mut steps = Steps::new(targets.len());
    for target in &targets {
        steps.step(&format!("fuzzing {target} for {seconds} s"), || {
            let found = workspace.target().join("fuzz-corpus").join(target);
            fs::create_dir_all(&found).map_err(|error| Failure::io("creating", &found, &error))?;
            let mut fuzz = process::command(workspace, &cargo_fuzz);
            fuzz.env("RUSTUP_TOOLCHAIN", "nightly").args(["fuzz", "run", target]).arg(found);
            fuzz.arg(workspace.root().join("fuzz/corpus").join(target));
            fuzz.args(["--", &format!("-max_total_time={seconds}")]);
            process::run(&mut fuzz, target).map(|()| "no crash".into())
        })?;
    }
    Ok(())
}

fn targets(folder: &Path) -> Result<Vec<String>> {
    let sources = files::all_below(folder)?;
    let rust: Vec<PathBuf> = sources
        .into_iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect();
    Ok(rust
        .iter()
        .filter_map(|path| path.file_stem())
        .map(|name| name.to_string_lossy().into_owned())
        .collect())
}

fn has_nightly(workspace: &Workspace) -> bool {
    let mut rustc = process::command(workspace, "rustc");
    rustc.env("RUSTUP_TOOLCHAIN", "nightly").arg("--version");
    process::output(&mut rustc, "asking for a nightly compiler").is_ok()
}
