//! `cargo xtask bench`: the measurements that docs/ quotes.

use crate::browser::Browser;
use crate::failure::Result;
use crate::process;
use crate::progress::Steps;
use crate::server;
use crate::workspace::Workspace;

/// Builds the release server and becomes the benches, which measure it and the page in Chromium.
pub(crate) fn bench(workspace: &Workspace, args: &[String]) -> Result<()> {
    let browser = Browser::ensure(workspace)?;
    let mut steps = Steps::new(server::STEPS);
    server::build_with_page(workspace, &mut steps)?;
    let mut benches = process::cargo(workspace);
    benches.args(["run", "--release", "--quiet", "--package", "sluice-tests", "--bin", "sluice-bench", "--"]);
    benches.args(args).env("SLUICE_BIN", workspace.server_binary());
    browser.describe_to(&mut benches);
    process::become_program(benches)
}
