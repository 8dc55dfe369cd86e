//! Messages on a pipe between processes.
//!
//! ```text
//! frame = length (4 bytes, little-endian)  body
//! body  = postcard(message)  bytes         the bytes run to the end of the frame
//! ```

use std::io;

use bytes::{Buf, Bytes, BytesMut};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// Most bytes of a frame's body: a certificate chain fits, and sixteen kilobytes of a stream.
pub(super) const MAX_BODY_BYTES: usize = 64 * 1024;
/// Bytes of a frame's length.
const LENGTH_BYTES: usize = 4;
/// What is read from a pipe at once, bytes.
const READ_BYTES: usize = 64 * 1024;

/// Why a pipe cannot be read on.
#[derive(Debug, thiserror::Error)]
pub(super) enum FrameError {
    /// A frame is larger than any that is sent.
    #[error("a frame of {0} bytes, more than {MAX_BODY_BYTES}")]
    TooLarge(usize),
    /// A frame holds no message.
    #[error("a frame that is no message: {0}")]
    Malformed(#[from] postcard::Error),
    /// The pipe is broken.
    #[error("the pipe is broken: {0}")]
    Io(#[from] io::Error),
    /// The pipe has ended within a frame.
    #[error("the pipe has ended within a frame")]
    Cut,
}

/// The frame of `message` and the bytes that follow it.
///
/// # Errors
/// It would be too large.
pub(super) fn encode(message: &impl Serialize, bytes: &[u8]) -> Result<Bytes, FrameError> {
    let mut frame = postcard::to_extend(message, vec![0; LENGTH_BYTES])?;
    frame.extend_from_slice(bytes);
    let length = frame.len() - LENGTH_BYTES;
    match (u32::try_from(length), frame.first_chunk_mut()) {
        (Ok(prefix), Some(place)) if length <= MAX_BODY_BYTES => *place = prefix.to_le_bytes(),
        _ => return Err(FrameError::TooLarge(length)),
    }
    Ok(frame.into())
}

/// What has been read from a pipe.
#[derive(Debug, Default)]
pub(super) struct Frames(BytesMut);

impl Frames {
    /// The next message and the bytes that follow it; `None` when the pipe has ended.
    ///
    /// Nothing is lost when the future is dropped.
    ///
    /// # Errors
    /// The pipe is broken, or carries something else.
    pub(super) async fn next<T: DeserializeOwned>(
        &mut self,
        pipe: &mut (impl AsyncRead + Unpin),
    ) -> Result<Option<(T, Bytes)>, FrameError> {
        loop {
            if let Some(message) = self.take()? {
                return Ok(Some(message));
            }
            self.0.reserve(READ_BYTES);
            if pipe.read_buf(&mut self.0).await? == 0 {
                return if self.0.is_empty() { Ok(None) } else { Err(FrameError::Cut) };
            }
        }
    }

    /// The next message that is there in full.
    fn take<T: DeserializeOwned>(&mut self) -> Result<Option<(T, Bytes)>, FrameError> {
        let Some(prefix) = self.0.first_chunk::<LENGTH_BYTES>() else { return Ok(None) };
        let length = usize::try_from(u32::from_le_bytes(*prefix)).unwrap_or(usize::MAX);
        if length > MAX_BODY_BYTES {
            return Err(FrameError::TooLarge(length));
        }
        if self.0.len() < LENGTH_BYTES + length {
            return Ok(None);
        }
        self.0.advance(LENGTH_BYTES);
        let body = self.0.split_to(length).freeze();
        let (message, bytes) = postcard::take_from_bytes(&body)?;
        let bytes = body.slice_ref(bytes);
        Ok(Some((message, bytes)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::message::{News, Order, ToBackend, ToServer};
    use super::*;

    fn push(frames: &mut Frames, bytes: &[u8]) {
        frames.0.extend_from_slice(bytes);
    }

    #[test]
    fn what_is_sent_arrives_however_the_pipe_cuts_it() {
        let mut all = Vec::new();
        for stream in 0..50_u64 {
            let message = ToBackend::Session(7, Order::Write { stream });
            all.extend_from_slice(
                &encode(&message, &vec![1; 400 * usize::try_from(stream).expect("few")]).expect("small"),
            );
        }
        for step in [1, 3, 1_000, all.len()] {
            let (mut frames, mut arrived) = (Frames::default(), 0);
            for part in all.chunks(step) {
                push(&mut frames, part);
                while let Some((message, bytes)) = frames.take::<ToBackend>().expect("well-formed") {
                    let ToBackend::Session(7, Order::Write { stream }) = message else {
                        panic!("{message:?}")
                    };
                    assert_eq!((stream, bytes.len() as u64), (arrived, 400 * stream));
                    arrived += 1;
                }
            }
            assert_eq!(arrived, 50, "in parts of {step} bytes");
        }
    }

    #[test]
    fn a_frame_that_is_too_large_is_neither_made_nor_read() {
        let order = ToBackend::Session(1, Order::Datagram);
        assert!(encode(&order, &[0; MAX_BODY_BYTES - 16]).is_ok());
        assert!(matches!(encode(&order, &[0; MAX_BODY_BYTES]), Err(FrameError::TooLarge(_))));
        let mut frames = Frames::default();
        push(&mut frames, &[0xff; LENGTH_BYTES]);
        assert!(matches!(frames.take::<ToBackend>(), Err(FrameError::TooLarge(_))));
    }

    #[tokio::test]
    async fn a_pipe_may_end_between_frames_alone() {
        let frame = encode(&ToServer::Session(3, News::Arrived), b"").expect("small");
        let mut pipe = frame.as_ref();
        let mut frames = Frames::default();
        let first = frames.next::<ToServer>(&mut pipe).await.expect("well-formed");
        assert!(matches!(first, Some((ToServer::Session(3, News::Arrived), bytes)) if bytes.is_empty()));
        assert!(frames.next::<ToServer>(&mut pipe).await.expect("the end").is_none());
        let mut cut = frame.get(..frame.len() - 1).expect("not empty");
        assert!(matches!(frames.next::<ToServer>(&mut cut).await, Err(FrameError::Cut)));
    }

    proptest! {
        #[test]
        fn whatever_the_pipe_carries_is_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut frames = Frames::default();
            push(&mut frames, &bytes);
            while let Ok(Some((message, _))) = frames.take::<ToServer>() {
                drop(message);
            }
            prop_assert!(frames.0.len() <= bytes.len());
        }
    }
}
