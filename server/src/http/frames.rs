//! `/api/labs/{id}/frames?lane=N`: what the bytes of a lane's WebSocket say.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use sluice_shared::lab::FrameEvent;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::lab::{LabApi, find};
use super::lane::lane_of;
use super::problem::ProblemResponse;
use crate::frames::FrameWatch;

/// How often there is an event at most.
const TELL_EVERY: Duration = Duration::from_millis(250);
/// After so many turns without news there is an event all the same: who has left is only found out by writing.
const QUIET_TURNS: u32 = 8;
/// How long a stream lasts; the page asks again, within the time that an HTTP connection has.
const WATCH_TIME: Duration = Duration::from_secs(240);

/// What a stream of frames needs.
struct Telling {
    watch: FrameWatch,
    lab_is_over: Pin<Box<dyn Future<Output = ()> + Send>>,
    ticks: tokio::time::Interval,
    until: Instant,
}

/// `GET /api/labs/{id}/frames?lane=N`: frames as server-sent events, each a [`FrameEvent`].
pub(super) async fn watch(
    State(api): State<Arc<LabApi>>,
    Path(id): Path<String>,
    uri: Uri,
) -> Result<Response, ProblemResponse> {
    let lab = find(&api, &id)?;
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
    let mut ticks = interval(TELL_EVERY);
    // A reader that is too slow misses frames, and is told how many.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let lab_is_over = Box::pin(lab.over());
    let telling = Telling { watch, lab_is_over, ticks, until: Instant::now() + WATCH_TIME };
    let events = futures_util::stream::unfold(telling, async |mut telling| {
        let event = telling.next().await?;
        Some((Ok::<_, Infallible>(event), telling))
    });
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    Ok((headers, Body::from_stream(events)).into_response())
}

impl Telling {
    /// The next event; `None` at the end.
    async fn next(&mut self) -> Option<Bytes> {
        for _ in 0..QUIET_TURNS {
            let now = tokio::select! {
                now = self.ticks.tick() => now,
                () = self.lab_is_over.as_mut() => return None,
            };
            if now >= self.until || self.watch.is_over() {
                return None;
            }
            if let Some(event) = self.watch.take_news() {
                return encoded(&event);
            }
        }
        encoded(&self.watch.take())
    }
}

fn encoded(event: &FrameEvent) -> Option<Bytes> {
    let mut text = b"data: ".to_vec();
    serde_json::to_writer(&mut text, event).ok()?;
    text.extend_from_slice(b"\n\n");
    Some(text.into())
}
