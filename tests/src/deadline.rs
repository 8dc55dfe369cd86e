//! Waiting for a condition, never for a fixed time.

use std::fmt::Debug;
use std::future::Future;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

/// How long a condition may take before the test that waits for it fails.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// How often a condition that cannot wake its waiter is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Looks until `look` returns a value.
///
/// # Panics
/// It did not within [`PATIENCE`]; the panic says `what` was waited for.
pub async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, look: impl FnMut() -> F) -> T {
    patiently(PATIENCE, what, look).await
}

/// The same for what takes longer.
///
/// # Panics
/// It did not within `patience`; the panic says `what` was waited for.
pub async fn patiently<T, F: Future<Output = Option<T>>>(
    patience: Duration,
    what: &str,
    mut look: impl FnMut() -> F,
) -> T {
    let give_up = Instant::now() + patience;
    loop {
        if let Some(value) = look().await {
            return value;
        }
        assert!(Instant::now() < give_up, "waited {patience:?} in vain until {what}");
        sleep(LOOK_EVERY).await;
    }
}

/// Waits for `future`.
///
/// # Panics
/// It did not end within [`PATIENCE`]; the panic says `what` was waited for.
pub async fn in_time<F: Future>(what: &str, future: F) -> F::Output {
    match timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(_) => panic!("waited {PATIENCE:?} in vain until {what}"),
    }
}

/// The value of a step that a test cannot go on without.
///
/// # Panics
/// There is none; the panic says `what` failed and why.
pub fn must<T, E: Debug>(what: &str, result: Result<T, E>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("{what}: {error:?}"),
    }
}
