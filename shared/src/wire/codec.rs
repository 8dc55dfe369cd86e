//! Items as bytes.
//!
//! ```text
//! item    = length:varint  kind:u8  body        length counts kind and body, 1 ..= MAX_ITEM
//! message = kind 0, body = postcard(MessageHeader) payload        the payload runs to the end of the item
//! batch   = kind 1, body = postcard(BatchHeader)
//! control = kind 2, body = postcard(ServerControl | ClientItem)
//! ```
//!
//! A varint is postcard's: seven bits a byte, least significant first. Sizes are checked on the length alone, before
//! a byte of the body is kept, so a peer can make the other hold [`MAX_ITEM`] bytes and no more.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{BatchHeader, ClientItem, MessageHeader, ServerControl, ServerItem};

/// Largest payload of a message, bytes.
pub const MAX_PAYLOAD: usize = 64 * 1024;
/// Largest kind and body of an item, bytes: a full payload and its header.
pub const MAX_ITEM: usize = MAX_PAYLOAD + 64;
/// Largest WebSocket message, bytes, either way.
pub const MAX_FRAME: usize = 256 * 1024;
/// Largest kind and body of an item that a client may send, bytes.
pub const MAX_CLIENT_ITEM: usize = 16 * 1024;
/// Most bytes that a length prefix takes.
const MAX_PREFIX: usize = 3;

const KIND_MESSAGE: u8 = 0;
const KIND_BATCH: u8 = 1;
const KIND_CONTROL: u8 = 2;

/// Why bytes are no items.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// A length passes the limit.
    #[error("an item of {length} bytes passes the limit of {limit}")]
    TooLarge {
        /// What the prefix says.
        length: usize,
        /// What is allowed.
        limit: usize,
    },
    /// A length prefix that is longer than any allowed length needs, or a length of 0.
    #[error("an item's length prefix is malformed")]
    BadPrefix,
    /// A frame or datagram ends inside an item.
    #[error("a frame ends inside an item")]
    Truncated,
    /// A kind that this side does not take.
    #[error("items of kind {0} are not taken here")]
    UnexpectedKind(u8),
    /// A body that does not say what its kind should.
    #[error("an item of kind {0} has a malformed body")]
    BadBody(u8),
}

/// What one side of the connection reads.
pub trait Decode: Sized {
    /// Largest kind and body, bytes.
    const LIMIT: usize;

    /// Reads the body of an item of `kind`.
    ///
    /// # Errors
    /// The kind is not for this side, or the body is malformed or followed by more bytes.
    fn decode(kind: u8, body: Bytes) -> Result<Self, DecodeError>;
}

impl Decode for ServerItem {
    const LIMIT: usize = MAX_ITEM;

    fn decode(kind: u8, body: Bytes) -> Result<Self, DecodeError> {
        match kind {
            KIND_MESSAGE => {
                let (header, payload) = postcard::take_from_bytes::<MessageHeader>(&body)
                    .map_err(|_| DecodeError::BadBody(KIND_MESSAGE))?;
                let payload = body.slice_ref(payload);
                Ok(Self::Message { header, payload })
            }
            KIND_BATCH => whole(KIND_BATCH, &body).map(Self::Batch),
            KIND_CONTROL => whole(KIND_CONTROL, &body).map(Self::Control),
            other => Err(DecodeError::UnexpectedKind(other)),
        }
    }
}

impl Decode for ClientItem {
    const LIMIT: usize = MAX_CLIENT_ITEM;

    fn decode(kind: u8, body: Bytes) -> Result<Self, DecodeError> {
        match kind {
            KIND_CONTROL => whole(KIND_CONTROL, &body),
            other => Err(DecodeError::UnexpectedKind(other)),
        }
    }
}

fn whole<T: DeserializeOwned>(kind: u8, body: &[u8]) -> Result<T, DecodeError> {
    match postcard::take_from_bytes(body) {
        Ok((value, [])) => Ok(value),
        Ok(_) | Err(_) => Err(DecodeError::BadBody(kind)),
    }
}

/// Takes one whole item off the front of `buffer`, with its encoded length (what credit counts); `None` until there
/// is one.
///
/// # Errors
/// The prefix or the item is malformed or too large; `buffer` is then of no further use.
pub fn take_item<T: Decode>(buffer: &mut impl ItemBuffer) -> Result<Option<(T, u64)>, DecodeError> {
    let Some((prefix, length)) = peek_length(buffer.bytes(), T::LIMIT)? else { return Ok(None) };
    if buffer.bytes().len() < prefix + length {
        return Ok(None);
    }
    let mut item = buffer.take(prefix + length);
    item.advance(prefix);
    let kind = item.get_u8();
    T::decode(kind, item).map(|decoded| Some((decoded, (prefix + length) as u64)))
}

/// Reads a length prefix: how long it is, and what it says. `None` until it is whole.
fn peek_length(bytes: &[u8], limit: usize) -> Result<Option<(usize, usize)>, DecodeError> {
    let mut length = 0usize;
    for (index, byte) in bytes.iter().take(MAX_PREFIX).enumerate() {
        length |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return match length {
                0 => Err(DecodeError::BadPrefix),
                length if length > limit => Err(DecodeError::TooLarge { length, limit }),
                length => Ok(Some((index + 1, length))),
            };
        }
    }
    if bytes.len() >= MAX_PREFIX { Err(DecodeError::BadPrefix) } else { Ok(None) }
}

/// A buffer that items can be taken from without a copy.
pub trait ItemBuffer {
    /// What is there.
    fn bytes(&self) -> &[u8];
    /// Takes the first `length` bytes.
    ///
    /// # Panics
    /// There are fewer.
    fn take(&mut self, length: usize) -> Bytes;
}

impl ItemBuffer for Bytes {
    fn bytes(&self) -> &[u8] {
        self
    }

    fn take(&mut self, length: usize) -> Bytes {
        self.split_to(length)
    }
}

impl ItemBuffer for BytesMut {
    fn bytes(&self) -> &[u8] {
        self
    }

    fn take(&mut self, length: usize) -> Bytes {
        self.split_to(length).freeze()
    }
}

/// The items of one WebSocket message or datagram, in order; ends after the first error.
#[derive(Debug)]
pub struct FrameItems<T> {
    rest: Bytes,
    item: core::marker::PhantomData<T>,
}

impl<T: Decode> FrameItems<T> {
    /// Reads `frame`, which must hold whole items alone.
    pub fn new(frame: Bytes) -> Self {
        Self { rest: frame, item: core::marker::PhantomData }
    }
}

impl<T: Decode> Iterator for FrameItems<T> {
    type Item = Result<(T, u64), DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let item = take_item(&mut self.rest).and_then(|item| item.ok_or(DecodeError::Truncated));
        if item.is_err() {
            self.rest.clear();
        }
        Some(item)
    }
}

/// The items of one byte stream.
///
/// Push a chunk, then take items until there is none. What stays is less than one item.
#[derive(Debug)]
pub struct StreamItems<T> {
    buffer: BytesMut,
    item: core::marker::PhantomData<T>,
}

impl<T> Default for StreamItems<T> {
    fn default() -> Self {
        Self { buffer: BytesMut::new(), item: core::marker::PhantomData }
    }
}

impl<T: Decode> StreamItems<T> {
    /// Adds bytes as they arrived.
    pub fn push(&mut self, chunk: &[u8]) {
        self.buffer.extend_from_slice(chunk);
    }

    /// Takes the next whole item, with its encoded length; `None` until there is one.
    ///
    /// # Errors
    /// The stream is malformed; nothing after that can be read.
    pub fn take(&mut self) -> Result<Option<(T, u64)>, DecodeError> {
        take_item(&mut self.buffer)
    }

    /// Bytes of an item that has not arrived in full.
    pub fn held(&self) -> usize {
        self.buffer.len()
    }
}

/// Encodes a message once for all its subscribers.
///
/// # Errors
/// The payload passes [`MAX_PAYLOAD`].
pub fn encode_message(header: &MessageHeader, payload: &[u8]) -> Result<Bytes, PayloadTooLarge> {
    if payload.len() > MAX_PAYLOAD {
        return Err(PayloadTooLarge { length: payload.len() });
    }
    let mut item = BytesMut::with_capacity(MAX_PREFIX + 32 + payload.len());
    write_item(&mut item, KIND_MESSAGE, header, payload);
    Ok(item.freeze())
}

/// A payload that no message can carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a payload of {length} bytes passes the limit of {MAX_PAYLOAD}")]
pub struct PayloadTooLarge {
    /// Its length, bytes.
    pub length: usize,
}

/// Appends a batch header.
pub fn write_batch(out: &mut BytesMut, header: &BatchHeader) {
    write_item(out, KIND_BATCH, header, &[]);
}

/// Most bytes that [`write_batch`] appends.
pub const MAX_BATCH_HEADER: usize = 1 + 1 + 3 * 10;

/// Appends a server's control item.
pub fn write_server_control(out: &mut BytesMut, control: &ServerControl) {
    write_item(out, KIND_CONTROL, control, &[]);
}

/// Appends a client's item.
pub fn write_client_item(out: &mut BytesMut, item: &ClientItem) {
    write_item(out, KIND_CONTROL, item, &[]);
}

/// Appends prefix, kind, the postcard form of `body`, and `tail`.
///
/// The length is known last, so room for the longest prefix is kept and the item moves down by what is spare: the
/// body is encoded in place and once.
fn write_item(out: &mut BytesMut, kind: u8, body: &impl Serialize, tail: &[u8]) {
    let start = out.len();
    out.put_bytes(0, MAX_PREFIX);
    out.put_u8(kind);
    // Writing into a growing buffer cannot fail, and every type here has a postcard form.
    let encoded = postcard::serialize_with_flavor(body, Appender(out));
    debug_assert!(encoded.is_ok(), "wire types have a postcard form");
    out.extend_from_slice(tail);
    let length = out.len() - start - MAX_PREFIX;
    let prefix = prefix_of(length);
    let used = prefix.iter().position(|byte| byte & 0x80 == 0).map_or(MAX_PREFIX, |last| last + 1);
    out[start..start + used].copy_from_slice(&prefix[..used]);
    let spare = MAX_PREFIX - used;
    if spare > 0 {
        out.copy_within(start + MAX_PREFIX.., start + used);
        out.truncate(out.len() - spare);
    }
}

fn prefix_of(length: usize) -> [u8; MAX_PREFIX] {
    let mut rest = length;
    let mut prefix = [0; MAX_PREFIX];
    for byte in &mut prefix {
        *byte = rest.to_le_bytes()[0] & 0x7f;
        rest >>= 7;
        if rest == 0 {
            break;
        }
        *byte |= 0x80;
    }
    prefix
}

struct Appender<'a>(&'a mut BytesMut);

impl postcard::ser_flavors::Flavor for Appender<'_> {
    type Output = ();

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.0.put_u8(byte);
        Ok(())
    }

    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}
