//! What the standard library does not tell of threads, nor ask for them.

#[cfg(target_os = "linux")]
mod linux {
    use std::io;
    use std::mem::MaybeUninit;
    use std::time::Duration;

    /// The clock of one thread's processor time.
    #[derive(Clone, Copy, Debug)]
    pub(crate) struct ThreadClock(libc::clockid_t);

    impl ThreadClock {
        #[expect(unsafe_code, reason = "no safe interface tells a thread's clock")]
        pub(crate) fn of_this_thread() -> io::Result<Self> {
            let mut clock = MaybeUninit::uninit();
            // SAFETY: the calling thread exists, and the pointer is valid for a write.
            let error = unsafe { libc::pthread_getcpuclockid(libc::pthread_self(), clock.as_mut_ptr()) };
            if error != 0 {
                return Err(io::Error::from_raw_os_error(error));
            }
            // SAFETY: on success the clock was written.
            Ok(Self(unsafe { clock.assume_init() }))
        }

        /// What the thread has used; zero once it has ended.
        #[expect(unsafe_code, reason = "no safe interface reads another thread's clock")]
        pub(crate) fn used(&self) -> Duration {
            let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
            // SAFETY: the pointer is valid for a write; a clock whose thread is gone is an error and not undefined.
            unsafe { libc::clock_gettime(self.0, &raw mut time) };
            Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
        }
    }

    /// Asks that timed waits of the calling thread end on time, and not within 50 µs after it as is usual.
    #[expect(unsafe_code, reason = "no safe interface sets a thread's timer slack")]
    pub(crate) fn wake_on_time() -> io::Result<()> {
        // SAFETY: the call takes one number and touches no memory of ours.
        let result = unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, 1 as libc::c_ulong) };
        if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }
}

#[cfg(not(target_os = "linux"))]
mod elsewhere {
    use std::io;
    use std::time::Duration;

    /// This platform tells no thread's time here: it always shows zero.
    #[derive(Clone, Copy, Debug)]
    pub(crate) struct ThreadClock;

    impl ThreadClock {
        pub(crate) fn of_this_thread() -> io::Result<Self> {
            Ok(Self)
        }

        pub(crate) fn used(&self) -> Duration {
            Duration::ZERO
        }
    }

    /// Nothing is asked of this platform.
    pub(crate) fn wake_on_time() -> io::Result<()> {
        Ok(())
    }
}

#[cfg(not(target_os = "linux"))]
pub(crate) use elsewhere::{ThreadClock, wake_on_time};
#[cfg(target_os = "linux")]
pub(crate) use linux::{ThreadClock, wake_on_time};
