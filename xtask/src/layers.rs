//! The house rules that a compiler does not check: who may use whom, and what the pure crates must not reach.

mod edges;
mod purity;
mod sources;

use crate::failure::{Failure, Result};
use crate::workspace::Workspace;

/// Checks all house rules; the text tells how much was looked at, a failure lists every breach.
pub(crate) fn check(workspace: &Workspace) -> Result<String> {
    let members = edges::members(workspace)?;
    let mut breaches = edges::breaches(&members);
    breaches.extend(purity::breaches(workspace, &members)?);
    breaches.extend(sources::undocumented(workspace, &members)?);
    let (sources, too_long) = sources::too_long(workspace)?;
    breaches.extend(too_long);
    if breaches.is_empty() {
        return Ok(format!("{} crates, {sources} source files", members.len()));
    }
    for breach in &breaches {
        println!("      {breach}");
    }
    Err(Failure::failed(format!("layers: {} breaches, listed above", breaches.len())))
}
