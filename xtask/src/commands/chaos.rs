//! `cargo xtask chaos`: random cuts, blackouts and restarts, and nothing may be lost.

use crate::failure::Result;
use crate::process;
use crate::progress::Steps;
use crate::server;
use crate::workspace::Workspace;

/// Builds the release server, with whatever page there is, and becomes the program that plays havoc with it.
pub(crate) fn chaos(workspace: &Workspace, args: &[String]) -> Result<()> {
    server::allow_missing_page(workspace)?;
    Steps::new(1).step("building the server", || server::build(workspace).map(|()| String::new()))?;
    let mut chaos = process::cargo(workspace);
    chaos.args(["run", "--release", "--quiet", "--package", "sluice-tests", "--bin", "sluice-chaos", "--"]);
    chaos.args(args).env("SLUICE_BIN", workspace.server_binary());
    process::become_program(chaos)
}
