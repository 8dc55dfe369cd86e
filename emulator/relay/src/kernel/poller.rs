//! Waiting for descriptors with a deadline finer than a millisecond.
#![expect(unsafe_code, reason = "epoll is not in the standard library")]

use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};
use std::ptr;
use std::time::Duration;

/// A set of descriptors of which any may become readable.
#[derive(Debug)]
pub struct Poller {
    epoll: OwnedFd,
    events: Vec<libc::epoll_event>,
}

/// Something that [`Poller::wait`] was woken by: the token its descriptor was added with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wake(pub u64);

impl Poller {
    /// Most descriptors that one wait reports; the others follow in the next.
    const MAX_EVENTS: usize = 256;

    /// An empty set.
    ///
    /// # Errors
    /// When the process has too many files open.
    pub fn new() -> io::Result<Self> {
        // SAFETY: plain numbers.
        let epoll = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        if epoll < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: just opened, and owned by nobody else.
        let epoll = unsafe { OwnedFd::from_raw_fd(epoll) };
        Ok(Self { epoll, events: Vec::with_capacity(Self::MAX_EVENTS) })
    }

    /// Wakes with `token` while `descriptor` can be read; closing it takes it out.
    ///
    /// # Errors
    /// When it is in the set already, or cannot be waited for.
    pub fn add(&self, descriptor: BorrowedFd<'_>, token: u64) -> io::Result<()> {
        let events = u32::try_from(libc::EPOLLIN).unwrap_or(1);
        let mut event = libc::epoll_event { events, u64: token };
        // SAFETY: both descriptors are open, and the kernel copies the event.
        let result = unsafe {
            libc::epoll_ctl(
                self.epoll.as_raw_fd(),
                libc::EPOLL_CTL_ADD,
                descriptor.as_raw_fd(),
                &raw mut event,
            )
        };
        if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    /// Waits until a descriptor can be read, or for `timeout`; without one for as long as it takes.
    ///
    /// # Errors
    /// On kernels before 5.11.
    pub fn wait(&mut self, timeout: Option<Duration>) -> io::Result<impl Iterator<Item = Wake> + '_> {
        let timeout = timeout.map(|timeout| libc::timespec {
            tv_sec: libc::time_t::try_from(timeout.as_secs()).unwrap_or(libc::time_t::MAX),
            tv_nsec: timeout.subsec_nanos() as _,
        });
        let timeout = timeout.as_ref().map_or(ptr::null(), ptr::from_ref);
        self.events.clear();
        // SAFETY: the buffer has room for as many events as the call is told, of which the kernel says how many it
        // wrote; the timeout is null or points at a value that outlives the call.
        unsafe {
            let count = libc::syscall(
                libc::SYS_epoll_pwait2,
                self.epoll.as_raw_fd(),
                self.events.as_mut_ptr(),
                Self::MAX_EVENTS,
                timeout,
                ptr::null::<libc::sigset_t>(),
                0usize,
            );
            match usize::try_from(count) {
                Ok(count) => self.events.set_len(count.min(Self::MAX_EVENTS)),
                Err(_) if io::Error::last_os_error().kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Err(io::Error::last_os_error()),
            }
        }
        Ok(self.events.iter().map(|event| Wake(event.u64)))
    }
}
