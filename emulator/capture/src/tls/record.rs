//! Records and their protection (RFC 8446 §5).

use ring::aead::{self, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::hkdf;

use crate::quic::{Suite, expand};

/// Bytes of a record's header.
const HEADER_BYTES: usize = 5;
/// Most bytes behind a header: those of a ciphertext (RFC 8446 §5.2).
const MAX_BODY_BYTES: usize = (1 << 14) + 256;

/// What a record holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ContentType {
    ChangeCipherSpec,
    Alert,
    Handshake,
    ApplicationData,
}

/// The beginning of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RecordHeader {
    pub(crate) content: ContentType,
    /// Bytes with the header.
    pub(crate) record_bytes: usize,
}

/// The keys of one direction at one level.
pub(crate) struct RecordKeys {
    suite: Suite,
    secret: Vec<u8>,
    key: LessSafeKey,
    iv: [u8; aead::NONCE_LEN],
    /// The next record's number.
    number: u64,
}

impl ContentType {
    const fn from_number(number: u8) -> Option<Self> {
        match number {
            20 => Some(Self::ChangeCipherSpec),
            21 => Some(Self::Alert),
            22 => Some(Self::Handshake),
            23 => Some(Self::ApplicationData),
            _ => None,
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::ChangeCipherSpec => "change_cipher_spec",
            Self::Alert => "alert",
            Self::Handshake => "handshake",
            Self::ApplicationData => "application_data",
        }
    }
}

impl RecordHeader {
    /// Reads the header at the beginning of `bytes`: `Ok(None)` when there is too little, an error when that is none.
    pub(crate) fn read(bytes: &[u8]) -> Result<Option<Self>, NoRecord> {
        let Some(&[kind, major, _, high, low]) = bytes.first_chunk::<HEADER_BYTES>() else { return Ok(None) };
        let body = usize::from(u16::from_be_bytes([high, low]));
        match ContentType::from_number(kind) {
            Some(content) if major == 3 && body <= MAX_BODY_BYTES => {
                Ok(Some(Self { content, record_bytes: HEADER_BYTES + body }))
            }
            _ => Err(NoRecord),
        }
    }
}

/// The bytes are not those of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoRecord;

impl RecordKeys {
    /// The keys that come of a traffic secret (RFC 8446 §7.3).
    pub(crate) fn new(suite: Suite, secret: Vec<u8>) -> Option<Self> {
        if secret.len() != suite.secret_bytes() {
            return None;
        }
        let prk = hkdf::Prk::new_less_safe(suite.hash(), &secret);
        let key = expand(&prk, b"key", suite.aead().key_len())?;
        let key = LessSafeKey::new(UnboundKey::new(suite.aead(), &key).ok()?);
        let iv = expand(&prk, b"iv", aead::NONCE_LEN)?.try_into().ok()?;
        Some(Self { suite, secret, key, iv, number: 0 })
    }

    /// Opens a whole record; the number goes on only when it opens.
    pub(crate) fn open(&mut self, record: &[u8]) -> Option<(ContentType, Vec<u8>)> {
        let (header, body) = record.split_at_checked(HEADER_BYTES)?;
        let mut nonce = self.iv;
        for (byte, number) in nonce.iter_mut().rev().zip(self.number.to_le_bytes()) {
            *byte ^= number;
        }
        let mut text = body.to_vec();
        let nonce = Nonce::assume_unique_for_key(nonce);
        let length = self.key.open_in_place(nonce, Aad::from(header), &mut text).ok()?.len();
        text.truncate(length);
        // The type stands behind the content, zeros pad it.
        let type_at = text.iter().rposition(|byte| *byte != 0)?;
        let content = ContentType::from_number(*text.get(type_at)?)?;
        text.truncate(type_at);
        self.number += 1;
        Some((content, text))
    }

    /// The keys behind a KeyUpdate (RFC 8446 §7.2).
    pub(crate) fn next(&self) -> Option<Self> {
        let prk = hkdf::Prk::new_less_safe(self.suite.hash(), &self.secret);
        Self::new(self.suite, expand(&prk, b"traffic upd", self.suite.secret_bytes())?)
    }
}

impl std::fmt::Debug for RecordKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RecordKeys")
            .field("suite", &self.suite)
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}
