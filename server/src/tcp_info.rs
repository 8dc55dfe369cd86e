//! What is known of a TCP connection, by the kernel or by the emulator.

use sluice_shared::wire::PathSample;
use socket2::SockRef;
use tokio::net::TcpStream;

/// One reading of a socket. What the platform does not tell is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TcpReading {
    /// Smoothed round-trip time, microseconds.
    pub(crate) rtt_micros: Option<u64>,
    /// Congestion window, bytes.
    pub(crate) congestion_window: Option<u64>,
    /// Bytes sent and not acknowledged.
    pub(crate) in_flight: Option<u64>,
    /// Segments retransmitted in total.
    pub(crate) retransmits: Option<u64>,
    /// Segments sent in total.
    pub(crate) segments: Option<u64>,
    /// Largest segment payload, bytes.
    pub(crate) segment_bytes: Option<u32>,
    /// Bytes in the socket's send buffer that have never been sent.
    pub(crate) unsent: Option<u64>,
    /// What the send buffer takes at the moment, bytes; the kernel lets it grow with the path.
    pub(crate) send_buffer: Option<u64>,
}

impl TcpReading {
    /// The reading of an emulated connection.
    pub(crate) fn emulated(info: &sluice_tcp::Info) -> Self {
        let micros = |span: std::time::Duration| u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
        Self {
            rtt_micros: info.smoothed_rtt.map(micros),
            congestion_window: Some(info.cwnd_packets * u64::from(info.segment_bytes)),
            in_flight: Some(info.unacknowledged_bytes),
            retransmits: Some(info.retransmitted_packets),
            segments: Some(info.sent_segments),
            segment_bytes: Some(info.segment_bytes),
            unsent: Some(info.unsent_bytes),
            send_buffer: Some(info.unacknowledged_bytes + info.unsent_bytes + info.send_buffer_free_bytes),
        }
    }

    /// The reading as sessions report it.
    pub(crate) const fn path(&self) -> PathSample {
        PathSample {
            rtt_micros: self.rtt_micros,
            congestion_window: self.congestion_window,
            in_flight: self.in_flight,
            lost_packets: self.retransmits,
            sent_packets: self.segments,
            segment: self.segment_bytes,
        }
    }
}

/// Reads the socket; everything is `None` where the platform has no `TCP_INFO`, or the socket is gone.
pub(crate) fn read(socket: &TcpStream) -> TcpReading {
    #[cfg(target_os = "linux")]
    let reading = linux::read(socket).unwrap_or_default();
    #[cfg(not(target_os = "linux"))]
    let reading = TcpReading::default();
    let send_buffer = SockRef::from(socket).send_buffer_size().ok();
    TcpReading { send_buffer: send_buffer.and_then(|bytes| u64::try_from(bytes).ok()), ..reading }
}

/// The congestion controller's name; `None` where the platform does not tell.
pub(crate) fn congestion_control(socket: &TcpStream) -> Option<String> {
    #[cfg(target_os = "linux")]
    return linux::congestion_control(socket);
    #[cfg(not(target_os = "linux"))]
    return unknown(socket);
}

/// Where the platform does not tell.
#[cfg(not(target_os = "linux"))]
const fn unknown(_socket: &TcpStream) -> Option<String> {
    None
}

#[cfg(target_os = "linux")]
mod linux {
    use std::mem::size_of;
    use std::os::fd::AsRawFd;

    use tokio::net::TcpStream;

    use super::TcpReading;

    /// The beginning of the kernel's `struct tcp_info` (`linux/tcp.h`), which only ever grows at its end. The C
    /// library's own declaration ends before the fields that are needed here.
    #[repr(C)]
    #[derive(Clone, Copy, Default)]
    struct TcpInfo {
        /// State, options, window scales.
        bytes: [u8; 8],
        rto: u32,
        ato: u32,
        snd_mss: u32,
        rcv_mss: u32,
        unacked: u32,
        sacked: u32,
        lost: u32,
        retrans: u32,
        fackets: u32,
        last_data_sent: u32,
        last_ack_sent: u32,
        last_data_recv: u32,
        last_ack_recv: u32,
        pmtu: u32,
        rcv_ssthresh: u32,
        rtt: u32,
        rttvar: u32,
        snd_ssthresh: u32,
        snd_cwnd: u32,
        advmss: u32,
        reordering: u32,
        rcv_rtt: u32,
        rcv_space: u32,
        total_retrans: u32,
        pacing_rate: u64,
        max_pacing_rate: u64,
        bytes_acked: u64,
        bytes_received: u64,
        segs_out: u32,
        segs_in: u32,
        notsent_bytes: u32,
        min_rtt: u32,
    }

    pub(super) fn read(socket: &TcpStream) -> Option<TcpReading> {
        let mut info = TcpInfo::default();
        let length = get_option(socket, libc::TCP_INFO, &mut info)?;
        // An older kernel fills a shorter structure; what it does not fill is not known.
        let newest = (length >= size_of::<TcpInfo>()).then_some(());
        let in_bytes = |segments: u32| u64::from(segments) * u64::from(info.snd_mss);
        Some(TcpReading {
            rtt_micros: (info.rtt > 0).then_some(u64::from(info.rtt)),
            congestion_window: Some(in_bytes(info.snd_cwnd)),
            in_flight: Some(in_bytes(info.unacked)),
            retransmits: Some(u64::from(info.total_retrans)),
            segments: newest.map(|()| u64::from(info.segs_out)),
            segment_bytes: Some(info.snd_mss),
            unsent: newest.map(|()| u64::from(info.notsent_bytes)),
            send_buffer: None,
        })
    }

    pub(super) fn congestion_control(socket: &TcpStream) -> Option<String> {
        // TCP_CA_NAME_MAX of linux/tcp.h.
        let mut name = [0u8; 16];
        let length = get_option(socket, libc::TCP_CONGESTION, &mut name)?;
        let name = name.get(..length)?.split(|byte| *byte == 0).next()?;
        String::from_utf8(name.to_vec()).ok().filter(|name| !name.is_empty())
    }

    /// Plain data of which every pattern of bytes is a value, so that the kernel may fill it.
    trait Plain: Copy {}
    impl Plain for TcpInfo {}
    impl Plain for [u8; 16] {}

    /// Reads a TCP option into `value` and returns how much of it the kernel has filled.
    fn get_option<T: Plain>(socket: &TcpStream, option: libc::c_int, value: &mut T) -> Option<usize> {
        let mut length = libc::socklen_t::try_from(size_of::<T>()).ok()?;
        #[expect(unsafe_code, reason = "neither std nor socket2 reads TCP_INFO")]
        // SAFETY: the socket is open for as long as it is borrowed; `value` is valid for writes of `length` bytes,
        // which is its size, and is plain data.
        let result = unsafe {
            libc::getsockopt(
                socket.as_raw_fd(),
                libc::IPPROTO_TCP,
                option,
                std::ptr::from_mut(value).cast(),
                &raw mut length,
            )
        };
        (result == 0).then(|| usize::try_from(length).unwrap_or(0))
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn the_kernel_tells_about_a_connection() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let (client, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
        let (mut client, (mut server, _)) = (client.expect("connected"), accepted.expect("accepted"));
        server.write_all(&[7; 1_000]).await.expect("written");
        client.read_exact(&mut [0; 1_000]).await.expect("read");
        let reading = read(&server);
        assert!(reading.congestion_window > Some(0), "{reading:?}");
        assert!(reading.segment_bytes > Some(0), "{reading:?}");
        assert!(reading.segments > Some(0), "{reading:?}");
        assert_eq!(reading.unsent, Some(0), "{reading:?}");
        assert!(reading.send_buffer > Some(0), "{reading:?}");
        assert!(congestion_control(&server).is_some_and(|name| !name.is_empty()));
    }

    #[tokio::test]
    async fn what_a_reader_does_not_take_waits_unsent() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let (client, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
        let (_client, (server, _)) = (client.expect("connected"), accepted.expect("accepted"));
        server.writable().await.expect("writable");
        while server.try_write(&[0; 65_536]).is_ok() {}
        assert!(read(&server).unsent > Some(0), "{:?}", read(&server));
    }
}
