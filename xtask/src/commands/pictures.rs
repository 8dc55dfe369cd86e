//! `cargo xtask pictures`: the pictures of the page that docs/ shows.

use crate::browser::Browser;
use crate::failure::Result;
use crate::process;
use crate::progress::Steps;
use crate::server;
use crate::workspace::Workspace;

/// Builds the release server and becomes the program that takes the pictures in Chromium.
pub(crate) fn pictures(workspace: &Workspace) -> Result<()> {
    let browser = Browser::ensure(workspace)?;
    server::build_with_page(workspace, &mut Steps::new(server::STEPS))?;
    let mut camera = process::cargo(workspace);
    camera.args(["run", "--release", "--quiet", "--package", "sluice-tests", "--bin", "sluice-pictures"]);
    camera.env("SLUICE_BIN", workspace.server_binary());
    browser.describe_to(&mut camera);
    process::become_program(camera)
}
