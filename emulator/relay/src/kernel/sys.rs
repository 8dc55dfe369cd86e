//! System calls that the standard library does not have, each behind a safe function.
#![expect(unsafe_code, reason = "the kernel is asked directly")]

use std::io;
use std::mem::{self, MaybeUninit};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;

/// Most descriptors in one message.
pub(super) const MAX_DESCRIPTORS: usize = 4;

/// Room for the control message that carries [`MAX_DESCRIPTORS`], aligned as its header must be.
#[repr(C, align(8))]
pub(super) struct ControlBuffer([u8; 64]);

impl ControlBuffer {
    pub(super) const fn new() -> Self {
        Self([0; 64])
    }
}

/// The error that the last system call of this thread left behind.
pub(super) fn last_errno() -> i32 {
    io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO)
}

/// Two sockets connected to each other that keep messages apart.
pub(super) fn socket_pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let mut ends = [0; 2];
    // SAFETY: `ends` has room for the two descriptors.
    let result = unsafe {
        libc::socketpair(libc::AF_UNIX, libc::SOCK_SEQPACKET | libc::SOCK_CLOEXEC, 0, ends.as_mut_ptr())
    };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: both were just opened, and nothing else owns them.
    Ok(unsafe { (OwnedFd::from_raw_fd(ends[0]), OwnedFd::from_raw_fd(ends[1])) })
}

/// Sends `text` with `descriptors` (at most [`MAX_DESCRIPTORS`]); allocates nothing, so a forked child may call it.
pub(super) fn send_with_descriptors(socket: RawFd, text: &[u8], descriptors: &[RawFd]) -> Result<(), i32> {
    let count = descriptors.len().min(MAX_DESCRIPTORS);
    let descriptor_bytes = u32::try_from(count * size_of::<RawFd>()).unwrap_or(0);
    let mut control = ControlBuffer::new();
    let mut part = libc::iovec { iov_base: text.as_ptr().cast_mut().cast(), iov_len: text.len() };
    // SAFETY: an all-zero header is valid; it then points at buffers that outlive the call, and the control message
    // stays inside `control`: 4 descriptors and a header take 32 of its 64 bytes.
    let sent = unsafe {
        let mut header: libc::msghdr = mem::zeroed();
        header.msg_iov = &raw mut part;
        header.msg_iovlen = 1;
        if count > 0 {
            header.msg_control = (&raw mut control).cast();
            header.msg_controllen = libc::CMSG_SPACE(descriptor_bytes) as _;
            let message = libc::CMSG_FIRSTHDR(&raw const header);
            (*message).cmsg_level = libc::SOL_SOCKET;
            (*message).cmsg_type = libc::SCM_RIGHTS;
            (*message).cmsg_len = libc::CMSG_LEN(descriptor_bytes) as _;
            ptr::copy_nonoverlapping(descriptors.as_ptr(), libc::CMSG_DATA(message).cast(), count);
        }
        libc::sendmsg(socket, &raw const header, libc::MSG_NOSIGNAL)
    };
    if sent < 0 { Err(last_errno()) } else { Ok(()) }
}

/// Receives one message with its descriptors; zero bytes mean that the other end is gone.
pub(super) fn receive_with_descriptors(
    socket: BorrowedFd<'_>,
    text: &mut [u8],
) -> io::Result<(usize, Vec<OwnedFd>)> {
    let mut control = ControlBuffer::new();
    let mut part = libc::iovec { iov_base: text.as_mut_ptr().cast(), iov_len: text.len() };
    let mut descriptors = Vec::new();
    // SAFETY: the header points at buffers that outlive the call; descriptors are taken only from a control message
    // that the kernel wrote, as many as its length says, and each is owned by nobody else.
    let received = unsafe {
        let mut header: libc::msghdr = mem::zeroed();
        header.msg_iov = &raw mut part;
        header.msg_iovlen = 1;
        header.msg_control = (&raw mut control).cast();
        header.msg_controllen = size_of::<ControlBuffer>() as _;
        let received = libc::recvmsg(socket.as_raw_fd(), &raw mut header, libc::MSG_CMSG_CLOEXEC);
        let message = libc::CMSG_FIRSTHDR(&raw const header);
        if received >= 0
            && !message.is_null()
            && (*message).cmsg_level == libc::SOL_SOCKET
            && (*message).cmsg_type == libc::SCM_RIGHTS
        {
            let bytes = (*message).cmsg_len as usize - libc::CMSG_LEN(0) as usize;
            let first: *const RawFd = libc::CMSG_DATA(message).cast();
            for index in 0..bytes / size_of::<RawFd>() {
                descriptors.push(OwnedFd::from_raw_fd(first.add(index).read_unaligned()));
            }
        }
        received
    };
    let received = usize::try_from(received).map_err(|_| io::Error::last_os_error())?;
    Ok((received, descriptors))
}

/// Sends one byte, which asks the helper for a socket.
pub(super) fn send_byte(socket: BorrowedFd<'_>, byte: u8) -> io::Result<()> {
    send_with_descriptors(socket.as_raw_fd(), &[byte], &[]).map_err(io::Error::from_raw_os_error)
}

/// Makes reads and writes return at once.
pub(super) fn set_nonblocking(descriptor: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: the descriptor is open for as long as it is borrowed, and the flags are plain numbers.
    let result = unsafe {
        let flags = libc::fcntl(descriptor.as_raw_fd(), libc::F_GETFL);
        if flags < 0 {
            flags
        } else {
            libc::fcntl(descriptor.as_raw_fd(), libc::F_SETFL, flags | libc::O_NONBLOCK)
        }
    };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Sets the congestion controller of a TCP socket by the kernel's name for it (`TCP_CONGESTION`).
///
/// # Errors
/// `NotFound` when the kernel has none of that name, and `PermissionDenied` where only the administrator may choose it.
pub(super) fn set_congestion(socket: BorrowedFd<'_>, name: &str) -> io::Result<()> {
    let length = libc::socklen_t::try_from(name.len()).map_err(io::Error::other)?;
    // SAFETY: the kernel reads `length` bytes from `name`.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_CONGESTION,
            name.as_ptr().cast(),
            length,
        )
    };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Waits for a child process that has been told to end.
pub(super) fn reap(pid: libc::pid_t) {
    let mut status = MaybeUninit::<i32>::uninit();
    // SAFETY: `status` has room for the answer, which nobody reads.
    while unsafe { libc::waitpid(pid, status.as_mut_ptr(), 0) } < 0 && last_errno() == libc::EINTR {}
}
