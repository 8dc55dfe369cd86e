//! `/api/labs/{id}/frames?lane=N`: what the bytes of a lane's WebSocket say.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, Request, State};
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::lab::{LabApi, find};
use super::lane::lane_of;
use super::problem::ProblemResponse;
use super::reports::{self, ReportSource, ReportStream, ReportsEnd};
use crate::frames::FrameWatch;

/// How often there is an event at most.
const REPORT_EVERY: Duration = Duration::from_millis(250);
/// Ticks without news after which an event is sent all the same: a reader that has left is only found out by writing.
const QUIET_TICKS: u32 = 8;

/// `GET /api/labs/{id}/frames?lane=N`: frames, each event a [`FrameEvent`](sluice_shared::lab::FrameEvent), as
/// server-sent events or over a WebSocket.
pub(super) async fn watch(
    State(api): State<Arc<LabApi>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, ProblemResponse> {
    reports::respond(&api, request, |uri| open(&api, &id, uri))
}

fn open(api: &LabApi, id: &str, uri: &Uri) -> Result<ReportStream, ProblemResponse> {
    let lab = find(api, id)?;
    let lane = lane_of(uri.query()).ok_or_else(|| {
        let detail =
            "lane is missing or no number: ask for /frames?lane=N, N being what the lane's own URL says";
        ProblemResponse::new(StatusCode::BAD_REQUEST, detail)
    })?;
    let watch = lab.frames().watch(lane).ok_or_else(|| {
        let detail = format!(
            "lane {lane} has no WebSocket in this lab: let it connect to the lab's port with /ws?lane={lane}"
        );
        ProblemResponse::new(StatusCode::NOT_FOUND, detail)
    })?;
    let mut ticks = interval(REPORT_EVERY);
    // A reader that is too slow misses frames, and is told how many.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    Ok(reports::stream(FrameReports { watch, lab_is_over: Box::pin(lab.over()), ticks, quiet_ticks: 0 }))
}

/// Frames of a lane, as they pass.
struct FrameReports {
    watch: FrameWatch,
    lab_is_over: Pin<Box<dyn Future<Output = ()> + Send>>,
    ticks: Interval,
    /// Ticks since the last event.
    quiet_ticks: u32,
}

impl ReportSource for FrameReports {
    async fn next(&mut self) -> Result<String, ReportsEnd> {
        loop {
            tokio::select! {
                _ = self.ticks.tick() => {}
                () = self.lab_is_over.as_mut() => return Err(ReportsEnd::LabEnded),
            }
            if self.watch.is_over() {
                return Err(ReportsEnd::TakenOver);
            }
            self.quiet_ticks += 1;
            let event = match self.watch.take_news() {
                None if self.quiet_ticks >= QUIET_TICKS => self.watch.take(),
                None => continue,
                Some(event) => event,
            };
            self.quiet_ticks = 0;
            return reports::encode(&event);
        }
    }
}
