//! What the process has worked.

use std::time::Duration;

/// CPU time of all threads since the process started; `None` where the platform does not tell.
#[cfg(target_os = "linux")]
pub(super) fn process_time() -> Option<Duration> {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    #[expect(unsafe_code, reason = "std reads no CPU clock")]
    // SAFETY: `time` is valid for writes and outlives the call.
    let result = unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) };
    let (secs, nanos) = (u64::try_from(time.tv_sec).ok()?, u32::try_from(time.tv_nsec).ok()?);
    (result == 0).then(|| Duration::new(secs, nanos))
}

/// CPU time of all threads since the process started; `None` where the platform does not tell.
#[cfg(not(target_os = "linux"))]
pub(super) const fn process_time() -> Option<Duration> {
    None
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn work_takes_cpu_time() {
        let before = process_time().expect("Linux tells");
        let mut word = 1_u64;
        while process_time().expect("Linux tells") < before + Duration::from_millis(2) {
            word = std::hint::black_box(word.wrapping_mul(6_364_136_223_846_793_005));
        }
        assert_ne!(word, 0);
    }
}
