//! The child process that makes both namespaces, and sockets in the client's for as long as they are wanted.
//!
//! A namespace belongs to a thread, and a user namespace only to a process of one thread. So a child is forked, which
//! enters the server's namespaces, makes what is needed there, enters the client's, and stays. A program of several
//! threads may fork as long as the child only makes system calls: nothing here allocates, locks or panics.
#![expect(unsafe_code, reason = "between fork and exit only system calls may be made")]

use std::os::fd::RawFd;

use super::sys;
use super::tun;

/// How far the child came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Step {
    Done,
    CloseDescriptors,
    EnterNamespaces,
    MapUser,
    OpenTun,
    CreateTun,
    ConfigureTun,
    MakeSocket,
}

impl Step {
    /// The step of a report's first byte.
    pub(super) const fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            0 => Self::Done,
            1 => Self::CloseDescriptors,
            2 => Self::EnterNamespaces,
            3 => Self::MapUser,
            4 => Self::OpenTun,
            5 => Self::CreateTun,
            6 => Self::ConfigureTun,
            7 => Self::MakeSocket,
            _ => return None,
        })
    }
}

/// Bytes of a report: the step, three of padding, the error number.
pub(super) const REPORT_BYTES: usize = 8;
/// What the parent sends to ask for a client socket.
pub(super) const SOCKET_WANTED: u8 = b's';

/// A step that failed, and the error number.
type Refusal = (Step, i32);

/// What the child writes into its `uid_map` and `gid_map`, made before the fork.
pub(super) struct Maps {
    pub(super) users: String,
    pub(super) groups: String,
}

impl Maps {
    /// The caller becomes root inside, and nobody else is there.
    pub(super) fn of_caller() -> Self {
        // SAFETY: these calls only return numbers.
        let (user, group) = unsafe { (libc::geteuid(), libc::getegid()) };
        Self { users: format!("0 {user} 1\n"), groups: format!("0 {group} 1\n") }
    }
}

/// Forks the child, which talks over `child_end` until the parent closes the other; returns its process id.
pub(super) fn fork(child_end: RawFd, maps: &Maps) -> Result<libc::pid_t, i32> {
    // SAFETY: the child makes system calls only and never returns from `live`.
    let pid = unsafe { libc::fork() };
    match pid {
        0 => live(child_end, maps),
        1.. => Ok(pid),
        _ => Err(sys::last_errno()),
    }
}

/// The child's whole life.
fn live(socket: RawFd, maps: &Maps) -> ! {
    let refusal = build_and_serve(socket, maps).err();
    // If neither descriptor leads to the parent, it learns from the channel's end.
    let is_told = refusal.is_none_or(|(step, errno)| {
        report(CHANNEL, step, errno, &[]).is_ok() || report(socket, step, errno, &[]).is_ok()
    });
    // SAFETY: ends the process without running anything of the parent's.
    unsafe { libc::_exit(i32::from(!is_told)) }
}

/// Where the child keeps its end of the channel: with nothing else open, the parent's files and ports are not held.
const CHANNEL: RawFd = 0;

fn build_and_serve(socket: RawFd, maps: &Maps) -> Result<(), Refusal> {
    leave_the_parent_alone(socket)?;
    enter_namespaces(maps)?;
    let server_tun = tun::create(tun::SERVER, tun::CLIENT)?;
    let listener = make_socket()?;
    unshare(libc::CLONE_NEWNET).map_err(|errno| (Step::EnterNamespaces, errno))?;
    let client_tun = tun::create(tun::CLIENT, tun::SERVER)?;
    report(CHANNEL, Step::Done, 0, &[client_tun, server_tun, listener])
        .map_err(|errno| (Step::MakeSocket, errno))?;
    for descriptor in [client_tun, server_tun, listener] {
        close(descriptor);
    }
    serve_sockets()
}

/// Answers each byte with a socket of this namespace, until the parent hangs up.
fn serve_sockets() -> Result<(), Refusal> {
    let mut request = [0u8; 1];
    loop {
        // SAFETY: `request` has room for the one byte.
        let received = unsafe { libc::read(CHANNEL, request.as_mut_ptr().cast(), request.len()) };
        match received {
            1 => {
                let socket = make_socket()?;
                report(CHANNEL, Step::Done, 0, &[socket]).map_err(|errno| (Step::MakeSocket, errno))?;
                close(socket);
            }
            0 => return Ok(()),
            _ if sys::last_errno() == libc::EINTR => {}
            _ => return Ok(()),
        }
    }
}

/// Closes everything of the parent's but the channel, and leaves its terminal and its signal handlers.
fn leave_the_parent_alone(socket: RawFd) -> Result<(), Refusal> {
    const ALL_ABOVE: libc::c_uint = libc::c_uint::MAX;
    // SAFETY: plain numbers; handlers of the parent would write to descriptors that are closed here.
    let result = unsafe {
        for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGPIPE, libc::SIGCHLD] {
            libc::signal(signal, libc::SIG_DFL);
        }
        libc::setsid();
        if libc::dup2(socket, CHANNEL) < 0 {
            -1
        } else {
            libc::syscall(libc::SYS_close_range, 1 as libc::c_uint, ALL_ABOVE, 0 as libc::c_uint)
        }
    };
    if result < 0 { Err((Step::CloseDescriptors, sys::last_errno())) } else { Ok(()) }
}

/// Enters a new network namespace, within a new user namespace where that alone is forbidden.
fn enter_namespaces(maps: &Maps) -> Result<(), Refusal> {
    match unshare(libc::CLONE_NEWNET) {
        Err(libc::EPERM) => {}
        outcome => return outcome.map_err(|errno| (Step::EnterNamespaces, errno)),
    }
    unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWNET).map_err(|errno| (Step::EnterNamespaces, errno))?;
    // Without this, nobody unprivileged may map groups.
    write_file(c"/proc/self/setgroups", b"deny").map_err(|errno| (Step::MapUser, errno))?;
    write_file(c"/proc/self/uid_map", maps.users.as_bytes()).map_err(|errno| (Step::MapUser, errno))?;
    write_file(c"/proc/self/gid_map", maps.groups.as_bytes()).map_err(|errno| (Step::MapUser, errno))
}

fn unshare(flags: libc::c_int) -> Result<(), i32> {
    // SAFETY: plain numbers.
    if unsafe { libc::unshare(flags) } < 0 { Err(sys::last_errno()) } else { Ok(()) }
}

fn write_file(path: &core::ffi::CStr, text: &[u8]) -> Result<(), i32> {
    // SAFETY: the path ends with a zero, and the kernel reads `text.len()` bytes from `text`.
    unsafe {
        let file = libc::open(path.as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC);
        if file < 0 {
            return Err(sys::last_errno());
        }
        let written = libc::write(file, text.as_ptr().cast(), text.len());
        let errno = sys::last_errno();
        close(file);
        if written < 0 { Err(errno) } else { Ok(()) }
    }
}

fn make_socket() -> Result<RawFd, Refusal> {
    // SAFETY: plain numbers.
    let socket = unsafe { libc::socket(libc::AF_INET, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, 0) };
    if socket < 0 { Err((Step::MakeSocket, sys::last_errno())) } else { Ok(socket) }
}

fn report(channel: RawFd, step: Step, errno: i32, descriptors: &[RawFd]) -> Result<(), i32> {
    let [a, b, c, d] = errno.to_ne_bytes();
    sys::send_with_descriptors(channel, &[step as u8, 0, 0, 0, a, b, c, d], descriptors)
}

fn close(descriptor: RawFd) {
    // SAFETY: the child opened it, and does not use it again.
    unsafe { libc::close(descriptor) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_survives_its_report() {
        let steps: Vec<Step> = (0..=u8::MAX).map_while(Step::from_byte).collect();
        assert_eq!(steps.len(), Step::MakeSocket as usize + 1);
        assert!((0..).zip(&steps).all(|(byte, step)| *step as u8 == byte));
        assert_eq!(Step::from_byte(u8::MAX), None);
    }
}
