//! Which of a lab's backends are up: those that somebody wants up, and whose processes are there.

use std::sync::Arc;

use parking_lot::Mutex;
use sluice_relay::Network;
use sluice_shared::lab::{LabEvent, LabReport};
use sluice_shared::scenario::Routing;

use super::lab::EventError;
use crate::backend::Processes;

/// A lab's view of the backends.
#[derive(Debug, Default)]
pub(super) struct LabBackends {
    /// Where backends are processes.
    processes: Option<Arc<Processes>>,
    /// What the lab's owner wants, by number. Locked while the balancer is told.
    wanted: Mutex<[bool; LabEvent::MAX_BACKENDS as usize]>,
}

impl LabBackends {
    /// The backends are those `processes`, if they are any.
    pub(super) fn new(processes: Option<Arc<Processes>>) -> Self {
        Self { processes, wanted: Mutex::new([true; LabEvent::MAX_BACKENDS as usize]) }
    }

    /// Puts a balancer in front of backends 0 to `count` − 1, all wanted up.
    pub(super) fn balance(&self, network: &Network, routing: Option<(Routing, u8)>) {
        let mut wanted = self.wanted.lock();
        wanted.fill(true);
        network.balance(routing);
        for backend in 0..routing.map_or(0, |(_, count)| count) {
            if !self.is_there(backend) {
                network.set_backend_up(backend, false);
            }
        }
    }

    /// A backend is wanted up or down.
    ///
    /// # Errors
    /// No balancer stands in front of it.
    pub(super) fn want(&self, network: &Network, backend: u8, up: bool) -> Result<(), EventError> {
        let mut wanted = self.wanted.lock();
        if !network.set_backend_up(backend, up && self.is_there(backend)) {
            return Err(EventError::NoBackend(backend));
        }
        if let Some(wanted) = wanted.get_mut(usize::from(backend)) {
            *wanted = up;
        }
        Ok(())
    }

    /// The process of a backend has come or gone.
    pub(super) fn follow(&self, network: &Network, backend: u8) {
        let wanted = self.wanted.lock();
        let is_wanted = wanted.get(usize::from(backend)).is_some_and(|wanted| *wanted);
        network.set_backend_up(backend, is_wanted && self.is_there(backend));
    }

    /// Has the process of a backend killed.
    ///
    /// # Errors
    /// There is no such backend, or it has no process.
    pub(super) fn kill(&self, backend: u8) -> Result<(), EventError> {
        let processes = self.processes.as_ref().ok_or(EventError::NoProcesses)?;
        if backend >= LabEvent::MAX_BACKENDS {
            return Err(EventError::NoSuchProcess(backend));
        }
        if processes.kill(backend) { Ok(()) } else { Err(EventError::NotRunning(backend)) }
    }

    /// Says in `report` which processes there are.
    pub(super) fn complete(&self, report: &mut LabReport) {
        let (Some(processes), Some(balancer)) = (&self.processes, &mut report.balancer) else { return };
        for (number, backend) in (0..).zip(&mut balancer.backends) {
            backend.process = processes.process(number);
        }
    }

    /// A backend that is no process is always there.
    fn is_there(&self, backend: u8) -> bool {
        self.processes.as_ref().is_none_or(|processes| processes.process(backend).is_some())
    }
}
