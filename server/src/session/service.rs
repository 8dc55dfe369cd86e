//! Everything that a connection needs to become a session.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use sluice_shared::exhibit::Cap;
use sluice_shared::policy::Policy;
use sluice_shared::wire::{CloseCode, Goodbye};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::timeout;
use tracing::Instrument;

use super::carrier::{Carrier, Ended, Limits};
use super::core_time::CoreTime;
use super::driver::Driver;
use super::exhibits::{Exhibits, NoThread, on_own_thread};
use super::opening::{Opened, open};
use super::registry::Registry;
use crate::hub::{Hub, Signal};
use crate::metrics::Metrics;

/// The sessions of a server, over whatever carries them.
#[derive(Debug)]
pub(crate) struct Sessions {
    hub: Arc<Hub>,
    registry: Registry,
    exhibits: Arc<Exhibits>,
    metrics: Arc<Metrics>,
    permits: Arc<Semaphore>,
    most: u32,
    stopping: watch::Sender<bool>,
}

/// The right to be one of the connections that the server takes.
#[derive(Debug)]
pub(crate) struct Permit(#[expect(dead_code, reason = "held for its Drop alone")] OwnedSemaphorePermit);

impl Sessions {
    /// At most `most` connections at a time, and as many sessions to resume.
    pub(crate) fn new(hub: Arc<Hub>, metrics: Arc<Metrics>, most: u32) -> Self {
        let registry = Registry::new(hub.clock(), most as usize);
        let permits = Arc::new(Semaphore::new(most as usize));
        let exhibits = Arc::new(Exhibits::new(Arc::clone(&metrics)));
        Self { hub, registry, exhibits, metrics, permits, most, stopping: watch::Sender::new(false) }
    }

    /// The hub.
    pub(crate) fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }

    /// The counters.
    pub(crate) fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// The right to connect; `None` when the server is full or stops.
    pub(crate) fn permit(&self) -> Option<Permit> {
        Arc::clone(&self.permits).try_acquire_owned().ok().map(Permit)
    }

    /// Runs a connection from its Hello to its end.
    pub(crate) async fn serve<C: Carrier + 'static>(self: &Arc<Self>, mut carrier: C, permit: Permit) {
        let transport = carrier.transport();
        let signal = Arc::new(Signal::default());
        let mut stopping = self.stopping.subscribe();
        let opened = tokio::select! {
            opened = timeout(
                Limits::HELLO,
                open(
                    &mut carrier,
                    &self.hub,
                    &self.registry,
                    &self.exhibits,
                    &self.metrics,
                    &signal,
                ),
            ) => opened.unwrap_or_else(|_| {
                let reason = format!("no Hello within {} s", Limits::HELLO.as_secs());
                Err(Ended::Refused(CloseCode::Unresponsive, reason))
            }),
            _ = stopping.wait_for(|stopping| *stopping) => {
                Err(Ended::Refused(CloseCode::GoingAway, "the server stops".to_owned()))
            }
        };
        let goodbye = match opened {
            Ok(opened) if opened.hello.policy == Policy::BusySpin => {
                match self.drive_apart(carrier, opened, signal).await {
                    Ok((back, goodbye)) => {
                        carrier = back;
                        goodbye
                    }
                    Err(error) => {
                        tracing::error!(%error, "an exhibit and its connection are lost");
                        self.metrics.closed(transport, Some(CloseCode::Internal));
                        return;
                    }
                }
            }
            Ok(opened) => self.drive(&mut carrier, opened, signal).await,
            Err(Ended::Left(why)) => {
                tracing::debug!(transport = transport.name(), why, "a client left before its Hello");
                None
            }
            Err(Ended::Refused(code, reason)) => Some(Goodbye { code, reason }),
        };
        if let Some(Goodbye { code, reason }) = &goodbye {
            tracing::info!(transport = transport.name(), code = code.name(), reason, "closing");
        }
        self.metrics.closed(transport, goodbye.as_ref().map(|goodbye| goodbye.code));
        carrier.close(goodbye).await;
        drop(permit);
    }

    /// As [`Sessions::drive`], on a thread that has nothing else to do. In a box, so that the connections that need
    /// none are no larger for it.
    fn drive_apart<C: Carrier + 'static>(
        self: &Arc<Self>,
        mut carrier: C,
        opened: Opened,
        signal: Arc<Signal>,
    ) -> BoxFuture<'static, Result<(C, Option<Goodbye>), NoThread>> {
        let sessions = Arc::clone(self);
        Box::pin(async move {
            let (place, stop) = (opened.place, Arc::clone(&signal));
            let apart = Arc::clone(&sessions);
            let driven = on_own_thread(stop, async move {
                let goodbye = apart.drive(&mut carrier, opened, signal).await;
                (carrier, goodbye)
            })
            .await;
            // What a thread that has failed leaves behind; otherwise it is forgotten already.
            sessions.registry.forget(place);
            driven
        })
    }

    async fn drive(
        &self,
        carrier: &mut impl Carrier,
        opened: Opened,
        signal: Arc<Signal>,
    ) -> Option<Goodbye> {
        let Opened { hello, session, subscription, place, followed, stage } = opened;
        let span = tracing::debug_span!("session", id = %place.id, mode = %hello.mode);
        span.in_scope(
            || tracing::info!(id = %place.id, mode = %hello.mode, policy = %hello.policy, "session open"),
        );
        // A server that began to stop while this session opened has not seen it in the registry.
        if *self.stopping.borrow() {
            signal.stop(crate::hub::Stop::GoingAway);
        }
        let metrics = self.metrics.lane(hello.mode);
        let hub = Arc::clone(&self.hub);
        let core = CoreTime::default();
        let driver = Driver { carrier, session, subscription, followed, signal, hub, metrics, core: &core };
        let outcome = core.meter(driver.run()).instrument(span).await;
        if outcome.resumable {
            self.registry.leave(place, outcome.subscription.into_holds());
        } else {
            self.registry.forget(place);
        }
        if let Some(stage) = stage {
            let by = outcome.goodbye.as_ref().map_or("client-left", |goodbye| goodbye.code.name());
            stage.leave(outcome.cap.map_or(by, Cap::name));
        }
        tracing::info!(id = %place.id, mode = %hello.mode, "session closed");
        outcome.goodbye
    }

    /// Forgets what nobody has come back for.
    pub(crate) fn sweep(&self) {
        self.registry.sweep();
        self.hub.sweep();
    }

    /// Takes no more connections, and asks those there are to close.
    pub(crate) fn stop(&self) {
        self.permits.close();
        self.stopping.send_replace(true);
        self.registry.stop_all();
    }

    /// Says true when the server stops, for connections that are no sessions.
    pub(crate) fn stopping(&self) -> watch::Receiver<bool> {
        self.stopping.subscribe()
    }

    /// Completes when no connection is left after [`Sessions::stop`].
    pub(crate) async fn stopped(&self) {
        while self.permits.available_permits() < self.most as usize {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }
}
