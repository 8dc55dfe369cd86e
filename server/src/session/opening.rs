//! From the first item of a connection to its session.

use std::future::poll_fn;
use std::sync::Arc;

use sluice_shared::ids::{Seq, StreamId};
use sluice_shared::session::{ServerSession, validate};
use sluice_shared::wire::{ClientItem, CloseCode, Continuity, Hello, PROTOCOL_VERSION, Resume, Welcome};

use super::carrier::{Carrier, Ended};
use super::driver::refused;
use super::exhibits::{Exhibits, Stage};
use super::followed::Followed;
use super::registry::{Place, Registry};
use crate::hub::{Hub, Signal, Subscription};
use crate::metrics::Metrics;

/// A connection that has said Hello.
pub(super) struct Opened {
    pub(super) hello: Hello,
    /// In a box: a future keeps room for each place that a value is moved through.
    pub(super) session: Box<ServerSession>,
    pub(super) subscription: Subscription,
    pub(super) place: Place,
    pub(super) followed: Arc<Followed>,
    /// What a failure exhibit runs by.
    pub(super) stage: Option<Stage>,
}

/// Reads the Hello and answers it with a session.
///
/// # Errors
/// The client leaves, says something else, or asks for what cannot be.
pub(super) async fn open(
    carrier: &mut impl Carrier,
    hub: &Hub,
    registry: &Registry,
    exhibits: &Arc<Exhibits>,
    metrics: &Metrics,
    signal: &Arc<Signal>,
) -> Result<Opened, Ended> {
    let hello = match poll_fn(|cx| carrier.poll_item(cx)).await? {
        ClientItem::Hello(hello) => hello,
        ClientItem::Grant { .. }
        | ClientItem::Lost { .. }
        | ClientItem::Ping(_)
        | ClientItem::SetPolicy(_)
        | ClientItem::SetFragments { .. }
        | ClientItem::Echo(_)
        | ClientItem::Certify(_)
        | ClientItem::Subscribe(_) => {
            return Err(protocol("the first item of a connection must be a Hello"));
        }
    };
    if hello.version != PROTOCOL_VERSION {
        let reason = validate(&hello).err().map_or_else(String::new, |error| error.to_string());
        return Err(Ended::Refused(CloseCode::Unsupported, reason));
    }
    validate(&hello).map_err(|error| protocol(&error.to_string()))?;
    if hello.mode.transport() != carrier.transport() {
        let (mode, transport) = (hello.mode, carrier.transport().name());
        return Err(protocol(&format!("the mode {mode} cannot be carried by {transport}")));
    }
    let stage = exhibits.enter(carrier.lab(), hello.policy)?;
    let subscription = hub.subscribe(&hello.feeds, signal).map_err(refused)?;
    let resume = hello.resume.as_ref().filter(|resume| resume.epoch == hub.epoch());
    let resumed = match resume {
        Some(resume) => {
            check_positions(&subscription, resume)?;
            registry.resume(resume.session, Arc::clone(signal))
        }
        None => None,
    };
    let continuity = match (&hello.resume, resume, &resumed) {
        (None, _, _) => Continuity::New,
        (Some(_), None, _) => Continuity::EpochChanged,
        (Some(_), Some(_), None) => Continuity::UnknownSession,
        (Some(_), Some(_), Some(_)) => Continuity::Continued,
    };
    if hello.resume.is_some() {
        metrics.resumed(carrier.transport(), continuity_name(continuity));
    }
    let is_resumed = resumed.is_some();
    let (place, followed) = match resumed {
        Some(resumed) => resumed,
        None => registry
            .open(Arc::clone(signal))
            .map_err(|error| Ended::Refused(CloseCode::Internal, error.to_string()))?,
    };
    let position = |stream: StreamId| -> Option<Seq> {
        let resume = resume.filter(|_| is_resumed)?;
        let (_, next) = resume.next.iter().find(|(id, _)| *id == stream)?;
        followed.position(stream, *next)
    };
    let streams = subscription.infos(position);
    followed.note(&streams);
    carrier.open_lanes(hello.mode, &streams);
    let now = hub.clock().now();
    let welcome = Welcome {
        version: PROTOCOL_VERSION,
        session: place.id,
        epoch: hub.epoch(),
        server_now: now,
        continuity,
        streams,
        policy: hello.policy,
        facts: carrier.facts(),
    };
    let session = Box::new(ServerSession::new(&hello, welcome, now));
    Ok(Opened { hello, session, subscription, place, followed, stage })
}

/// Nobody can have received what was not published.
fn check_positions(subscription: &Subscription, resume: &Resume) -> Result<(), Ended> {
    for (stream, next) in &resume.next {
        if let Some(head) = subscription.view().head(*stream)
            && *next > head
        {
            let StreamId(stream) = stream;
            return Err(protocol(&format!(
                "stream {stream} cannot be resumed at {}: it ends before {}",
                next.0, head.0
            )));
        }
    }
    Ok(())
}

fn protocol(reason: &str) -> Ended {
    Ended::Refused(CloseCode::Protocol, reason.to_owned())
}

const fn continuity_name(continuity: Continuity) -> &'static str {
    match continuity {
        Continuity::New => "new",
        Continuity::Continued => "continued",
        Continuity::UnknownSession => "unknown-session",
        Continuity::EpochChanged => "epoch-changed",
    }
}
