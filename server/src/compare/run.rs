//! Running a plan.

use super::error::CompareError;
use super::plan::Plan;
use super::report::{Report, Time};
use super::{native, virtual_time};

/// Runs `plan` in real time, its lanes one after the other: an in-process server, its emulated network, native clients.
///
/// # Errors
/// The scenario has a setting that labs do not have, the server cannot start, or a lane cannot be run.
pub async fn run_native(plan: &Plan) -> Result<Report, CompareError> {
    if let Some(setting) = plan.virtual_only() {
        return Err(CompareError::VirtualOnly { scenario: plan.scenario().name.clone(), setting });
    }
    Ok(Report::new(plan, Time::Native, native::measure(plan).await?))
}

/// Runs `plan` in virtual time. The same plan gives the same report, byte by byte.
///
/// # Errors
/// QUIC cannot be set up, or an end broke the protocol, which none should.
pub fn run_virtual(plan: &Plan) -> Result<Report, CompareError> {
    let lanes = plan.lanes().iter().map(|lane| virtual_time::measure(plan, lane));
    Ok(Report::new(plan, Time::Virtual, lanes.collect::<Result<_, _>>()?))
}
