//! `cargo xtask reference`: the TCP model beside the kernel's TCP, over the same emulated networks.

use crate::failure::Result;
use crate::process;
use crate::workspace::Workspace;

/// Where the model's tests look for what the kernel did.
const DATA_FOLDER: &str = "emulator/tcp/tests/data";

/// Becomes the measurement: minutes of real time for the kernel, seconds for the model, then the table.
pub(crate) fn reference(workspace: &Workspace, stores: bool, is_quick: bool) -> Result<()> {
    let mut cargo = process::cargo(workspace);
    cargo.args([
        "run",
        "--release",
        "--quiet",
        "--package",
        "sluice-relay",
        "--bin",
        "sluice-reference",
        "--",
    ]);
    if is_quick {
        cargo.arg("--quick");
    }
    if stores {
        cargo.arg("--store").arg(workspace.root().join(DATA_FOLDER));
    }
    process::become_program(cargo)
}
