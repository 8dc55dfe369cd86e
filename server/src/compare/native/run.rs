//! All lanes of a plan, one after the other, on one server.

use sluice_shared::mode::Mode;
use tokio::sync::oneshot;

use super::lane;
use crate::compare::error::CompareError;
use crate::compare::plan::Plan;
use crate::compare::report::LaneReport;
use crate::config::Config;
use crate::feeds::FeedKind;
use crate::listen::ListenAddress;
use crate::server::Server;

/// Runs every lane of `plan`, one after the other.
///
/// # Errors
/// The server cannot start, or a lab cannot be had.
pub(in crate::compare) async fn measure(plan: &Plan) -> Result<Vec<LaneReport>, CompareError> {
    let config = Config {
        http: ListenAddress::loopback(0),
        quic: ListenAddress::loopback(0),
        feeds: vec![FeedKind::Ticks],
        max_labs: 1,
        ..Config::default()
    };
    let server = Server::bind(config).await?;
    let address = server.http_address();
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(server.run(async {
        // It also stops when this function is left early.
        drop(stopped.await);
    }));
    let mut reports = Vec::new();
    for (index, lane) in plan.lanes().iter().enumerate() {
        reports.push(lane::measure(plan, lane, u16::try_from(index).unwrap_or(0), address).await?);
    }
    drop(stop);
    serving.await.map_err(|error| CompareError::Native {
        mode: plan.lanes().first().map_or(Mode::WebSocket, |lane| lane.mode),
        problem: format!("the server failed: {error}"),
    })?;
    Ok(reports)
}
