//! The release build of the server, with the page inside it.

use std::fs;

use crate::failure::{Failure, Result};
use crate::page::{self, Page};
use crate::process;
use crate::progress::Steps;
use crate::workspace::Workspace;

/// How many steps [`build_with_page`] reports.
pub(crate) const STEPS: usize = page::STEPS + 1;

/// Builds the page and the server that carries it, in [`STEPS`] steps.
pub(crate) fn build_with_page(workspace: &Workspace, steps: &mut Steps) -> Result<()> {
    Page::new(workspace).build(steps)?;
    steps.step("building the server", || {
        if !workspace.server_binary().is_file() {
            println!("      the first build compiles everything: about 5 minutes on two cores");
        }
        build(workspace).map(|()| String::new())
    })
}

/// Builds the server around the page that lies in `dist/`; cargo decides what has to be compiled.
pub(crate) fn build(workspace: &Workspace) -> Result<()> {
    let mut cargo = process::cargo(workspace);
    cargo.args(["build", "--release", "--package", "sluice-server"]);
    process::run(&mut cargo, "building the server")
}

/// Creates an empty `dist/` if there is none: the server embeds that folder whenever it is compiled.
pub(crate) fn allow_missing_page(workspace: &Workspace) -> Result<()> {
    let dist = workspace.dist();
    fs::create_dir_all(&dist).map_err(|error| Failure::io("creating", &dist, &error))
}
