//! `cargo xtask dist`: the one file that a user needs.

use std::fs;

use crate::failure::{Failure, Result};
use crate::progress::Steps;
use crate::server;
use crate::workspace::Workspace;

/// Builds everything and copies the server, with the page inside, to `target/dist`.
pub(crate) fn dist(workspace: &Workspace) -> Result<()> {
    let mut steps = Steps::new(server::STEPS + 1);
    server::build_with_page(workspace, &mut steps)?;
    steps.step("copying the server", || {
        let binary = workspace.server_binary();
        let folder = workspace.target().join("dist");
        fs::create_dir_all(&folder).map_err(|error| Failure::io("creating", &folder, &error))?;
        let copy = folder.join(binary.file_name().unwrap_or_default());
        let bytes =
            fs::copy(&binary, &copy).map_err(|error| Failure::io("copying the server to", &copy, &error))?;
        Ok(format!("{} ({:.1} MiB)", copy.display(), mebibytes(bytes)))
    })
}

#[expect(clippy::cast_precision_loss, reason = "the size of one program is far below 2^52 bytes")]
fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / (1024.0 * 1024.0)
}
