//! `cargo xtask run`: from a clean clone to an open page.

use crate::failure::Result;
use crate::process;
use crate::progress::Steps;
use crate::server;
use crate::workspace::Workspace;

/// Builds what changed and becomes the server, which prints the page's address.
pub(crate) fn run(workspace: &Workspace, open: bool, server_args: &[String]) -> Result<()> {
    let mut steps = Steps::new(server::STEPS + 1);
    server::build_with_page(workspace, &mut steps)?;
    let mut serve = process::command(workspace, workspace.server_binary());
    serve.arg("serve");
    if open {
        serve.arg("--open");
    }
    serve.args(server_args);
    steps.step("starting the server", || Ok("Ctrl-C stops it".into()))?;
    process::become_program(serve)
}
