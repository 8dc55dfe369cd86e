//! From a request to its outcome.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use sluice_shared::handshake::{Case, HandshakeReport, HandshakeRequest, Probe};

use super::attempt::{Attempt, attempt};
use super::bench::{Bench, Settings};
use super::error::LabError;
use super::outcome::{Outcome, RunError};
use super::summary::Summary;
use super::tls::Identity;
use super::trace::trace;
use super::{facts, hostile, replay};

/// What may ride in early data when first flights are to be larger than that; less if less was
/// asked for, bytes.
pub(super) const SMALL_CAP: u32 = 4_096;
/// First flights that are sent again for each stack and guard at least; more when each probe runs more often.
const MIN_REPLAYS: u32 = 20;

/// The certificates of a request's servers.
#[derive(Debug)]
pub(super) struct Identities {
    pub(super) small: Arc<Identity>,
    large: Arc<Identity>,
}

impl Identities {
    /// New ones.
    pub(super) fn new() -> Result<Self, LabError> {
        Ok(Self { small: Arc::new(Identity::new(false)?), large: Arc::new(Identity::new(true)?) })
    }
}

/// Runs every probe, one after the other, on the calling thread.
///
/// # Errors
/// A setting is out of its range, or the lab itself fails. A connection that does not come about is no error but a
/// result.
pub fn run(request: &HandshakeRequest) -> Result<Outcome, RunError> {
    request.validate()?;
    run_checked(request).map_err(|error| RunError::Lab(error.to_string()))
}

fn run_checked(request: &HandshakeRequest) -> Result<Outcome, LabError> {
    let seed = request.seed.map_or_else(getrandom::u64, Ok)?;
    let request = HandshakeRequest { seed: Some(seed), ..request.clone() };
    let identities = Identities::new()?;
    let mut probes = Vec::new();
    let mut traces = BTreeMap::new();
    for probe in request.probes() {
        let mut summary = Summary::default();
        for run in 0..request.runs {
            let attempt = run_once(&request, probe, seed.wrapping_add(run.into()), &identities)?;
            summary.add(&attempt);
            traces.entry(probe).or_insert_with(|| trace(&attempt));
        }
        probes.push(summary.report(probe, &request));
    }
    let (mut replays, mut hostile, mut facts) = (Vec::new(), None, Vec::new());
    if request.with_facts {
        replays = replay::all(&request, request.runs.max(MIN_REPLAYS), &identities)?;
        hostile = Some(hostile::measure(&request, seed, &identities)?);
        facts = facts::measure(&request, seed, &identities)?;
    }
    let id = format!("{:016x}", getrandom::u64()?);
    Ok(Outcome { report: HandshakeReport { id, request, probes, replays, hostile, facts }, traces })
}

/// One run of `probe` with `seed`.
pub(super) fn run_once(
    request: &HandshakeRequest,
    probe: Probe,
    seed: u64,
    identities: &Identities,
) -> Result<Attempt, LabError> {
    let mut settings = Settings::new(request, seed)?;
    let mut identity = &identities.small;
    match probe.case() {
        Case::LargeCertificate => identity = &identities.large,
        Case::BeyondCap => {
            settings.early_data_bytes = settings.early_data_bytes.min(SMALL_CAP);
            settings.zero_rtt_bytes = settings.zero_rtt_bytes.min(SMALL_CAP);
        }
        Case::ExpiredTicket => settings.ticket_expires = true,
        Case::Cold | Case::Resumed | Case::Early | Case::EarlyPost | Case::Session | Case::ForeignTicket => {}
    }
    let blackout = request.blackout_ms.map(|millis| Duration::from_secs_f64(millis / 1e3));
    let bench = Bench::new(settings, identity);
    bench.stage.run(attempt(&bench, probe, blackout))?
}
