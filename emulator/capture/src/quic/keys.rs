//! Packet protection (RFC 9001 §5).

use std::fmt;

use ring::aead::{self, Aad, LessSafeKey, Nonce, UnboundKey, quic};
use ring::hkdf;

use super::packet::whole_number;

/// The salt of version 1 (RFC 9001 §5.2).
const INITIAL_SALT: [u8; 20] = [
    0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17, 0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad, 0xcc,
    0xbb, 0x7f, 0x0a,
];

/// TLS 1.3 cipher suites (RFC 8446 appendix B.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suite {
    /// TLS_AES_128_GCM_SHA256
    Aes128,
    /// TLS_AES_256_GCM_SHA384
    Aes256,
    /// TLS_CHACHA20_POLY1305_SHA256
    ChaCha20,
}

impl Suite {
    /// All, the most usual first.
    pub const ALL: [Self; 3] = [Self::Aes128, Self::Aes256, Self::ChaCha20];

    /// The suite of that number; `None` when it is none of TLS 1.3 that is understood.
    pub const fn from_number(number: u16) -> Option<Self> {
        match number {
            0x1301 => Some(Self::Aes128),
            0x1302 => Some(Self::Aes256),
            0x1303 => Some(Self::ChaCha20),
            _ => None,
        }
    }

    /// Its name in the registry of TLS.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Aes128 => "TLS_AES_128_GCM_SHA256",
            Self::Aes256 => "TLS_AES_256_GCM_SHA384",
            Self::ChaCha20 => "TLS_CHACHA20_POLY1305_SHA256",
        }
    }

    pub(crate) fn hash(self) -> hkdf::Algorithm {
        match self {
            Self::Aes128 | Self::ChaCha20 => hkdf::HKDF_SHA256,
            Self::Aes256 => hkdf::HKDF_SHA384,
        }
    }

    pub(crate) const fn aead(self) -> &'static aead::Algorithm {
        match self {
            Self::Aes128 => &aead::AES_128_GCM,
            Self::Aes256 => &aead::AES_256_GCM,
            Self::ChaCha20 => &aead::CHACHA20_POLY1305,
        }
    }

    const fn header(self) -> &'static quic::Algorithm {
        match self {
            Self::Aes128 => &quic::AES_128,
            Self::Aes256 => &quic::AES_256,
            Self::ChaCha20 => &quic::CHACHA20,
        }
    }

    pub(crate) const fn secret_bytes(self) -> usize {
        match self {
            Self::Aes128 | Self::ChaCha20 => 32,
            Self::Aes256 => 48,
        }
    }
}

/// The keys of one direction at one level, and the numbers of its packets.
pub struct Keys {
    suite: Suite,
    secret: Vec<u8>,
    header: quic::HeaderProtectionKey,
    packet: PacketKey,
    is_phase_one: bool,
    largest: Option<u64>,
}

/// A packet that was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened<'a> {
    /// Its whole number.
    pub number: u64,
    /// The key phase bit of a short header (RFC 9001 §6); false in a long one.
    pub is_phase_one: bool,
    /// Its frames.
    pub payload: &'a [u8],
}

struct PacketKey {
    key: LessSafeKey,
    iv: [u8; aead::NONCE_LEN],
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys")
            .field("suite", &self.suite)
            .field("largest", &self.largest)
            .finish_non_exhaustive()
    }
}

/// The keys of the first packets, which anybody can make: the client's and the server's.
pub fn initial(client_destination_id: &[u8]) -> Option<(Keys, Keys)> {
    let secret = hkdf::Salt::new(hkdf::HKDF_SHA256, &INITIAL_SALT).extract(client_destination_id);
    let side = |label: &[u8]| Keys::new(Suite::Aes128, expand(&secret, label, 32)?);
    Some((side(b"client in")?, side(b"server in")?))
}

impl Keys {
    /// The keys that come of a traffic secret.
    pub fn new(suite: Suite, secret: Vec<u8>) -> Option<Self> {
        if secret.len() != suite.secret_bytes() {
            return None;
        }
        let prk = hkdf::Prk::new_less_safe(suite.hash(), &secret);
        let header = expand(&prk, b"quic hp", suite.header().key_len())?;
        let header = quic::HeaderProtectionKey::new(suite.header(), &header).ok()?;
        let packet = PacketKey::new(suite, &prk)?;
        Some(Self { suite, secret, header, packet, is_phase_one: false, largest: None })
    }

    /// Opens `packet` in place, whose number begins at `number_at`; where that fails, what is left of it is of no use.
    pub fn open<'a>(&mut self, packet: &'a mut [u8], number_at: usize) -> Option<Opened<'a>> {
        let sample = packet.get(number_at + 4..number_at + 4 + self.suite.header().sample_len())?;
        let mask = self.header.new_mask(sample).ok()?;
        let first = packet.first_mut()?;
        let is_long = *first & 0x80 != 0;
        *first ^= mask[0] & if is_long { 0x0f } else { 0x1f };
        let phase = *first & 0x04 != 0;
        let number_bytes = usize::from(*first & 0x03) + 1;
        let mut truncated = 0;
        for (byte, mask) in packet.get_mut(number_at..number_at + number_bytes)?.iter_mut().zip(&mask[1..]) {
            *byte ^= mask;
            truncated = truncated << 8 | u64::from(*byte);
        }
        let number = whole_number(self.largest, truncated, number_bytes);
        // A packet of the phase before a key update, come late, is not worth its keys.
        let next = if is_long || phase == self.is_phase_one { None } else { Some(self.next()?) };
        let (header, payload) = packet.split_at_mut_checked(number_at + number_bytes)?;
        let key = next.as_ref().map_or(&self.packet, |(_, key)| key);
        let payload = key.open(number, header, payload)?;
        if let Some((secret, key)) = next {
            (self.secret, self.packet, self.is_phase_one) = (secret, key, phase);
        }
        self.largest = self.largest.max(Some(number));
        Some(Opened { number, is_phase_one: !is_long && phase, payload })
    }

    /// The keys after an update (RFC 9001 §6); those of headers stay.
    fn next(&self) -> Option<(Vec<u8>, PacketKey)> {
        let prk = hkdf::Prk::new_less_safe(self.suite.hash(), &self.secret);
        let secret = expand(&prk, b"quic ku", self.suite.secret_bytes())?;
        let key = PacketKey::new(self.suite, &hkdf::Prk::new_less_safe(self.suite.hash(), &secret))?;
        Some((secret, key))
    }
}

impl PacketKey {
    fn new(suite: Suite, prk: &hkdf::Prk) -> Option<Self> {
        let key = expand(prk, b"quic key", suite.aead().key_len())?;
        let iv = expand(prk, b"quic iv", aead::NONCE_LEN)?.try_into().ok()?;
        Some(Self { key: LessSafeKey::new(UnboundKey::new(suite.aead(), &key).ok()?), iv })
    }

    fn open<'a>(&self, number: u64, header: &[u8], payload: &'a mut [u8]) -> Option<&'a [u8]> {
        let mut nonce = self.iv;
        for (byte, number) in nonce.iter_mut().rev().zip(number.to_le_bytes()) {
            *byte ^= number;
        }
        let nonce = Nonce::assume_unique_for_key(nonce);
        self.key.open_in_place(nonce, Aad::from(header), payload).ok().map(|payload| &*payload)
    }
}

/// HKDF-Expand-Label without a context (RFC 8446 §7.1).
pub(crate) fn expand(secret: &hkdf::Prk, label: &[u8], length: usize) -> Option<Vec<u8>> {
    /// A length as ring wants it.
    struct Length(usize);
    impl hkdf::KeyType for Length {
        fn len(&self) -> usize {
            self.0
        }
    }
    let prefix = b"tls13 ";
    let length_bytes = u16::try_from(length).ok()?.to_be_bytes();
    let label_bytes = [u8::try_from(prefix.len() + label.len()).ok()?];
    let info = [&length_bytes[..], &label_bytes, prefix, label, &[0]];
    let mut out = vec![0; length];
    secret.expand(&info, Length(length)).ok()?.fill(&mut out).ok()?;
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        let pairs = text.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).expect("digits"));
        pairs.map(|pair| u8::from_str_radix(pair, 16).expect("two digits")).collect()
    }

    #[test]
    fn initial_keys_are_those_of_the_standard() {
        // RFC 9001 appendix A.1.
        let secret = hkdf::Salt::new(hkdf::HKDF_SHA256, &INITIAL_SALT).extract(&hex("8394c8f03e515708"));
        let client = expand(&secret, b"client in", 32).expect("a length");
        assert_eq!(client, hex("c00cf151ca5be075ed0ebfb5c80323c42d6b7db67881289af4008f1f6c357aea"));
        let prk = hkdf::Prk::new_less_safe(hkdf::HKDF_SHA256, &client);
        for (label, key) in [
            (&b"quic key"[..], "1f369613dd76d5467730efcbe3b1a22d"),
            (b"quic iv", "fa044b2f42a3fd3b46fb255c"),
            (b"quic hp", "9f50449e04a0e810283a1e9933adedd2"),
        ] {
            let key = hex(key);
            assert_eq!(expand(&prk, label, key.len()).expect("a length"), key);
        }
    }

    #[test]
    fn a_packet_of_the_standard_opens() {
        // RFC 9001 appendix A.5: a short header with ChaCha20, packet number 654360564, payload a PING.
        let secret = hex("9ac312a7f877468ebe69422748ad00a15443f18203a07d6060f688f30f21632b");
        let mut keys = Keys::new(Suite::ChaCha20, secret).expect("the right length");
        keys.largest = Some(654_360_563);
        let mut packet = hex("4cfe4189655e5cd55c41f69080575d7999c25a5bfb");
        let opened = Opened { number: 654_360_564, is_phase_one: false, payload: &[0x01] };
        assert_eq!(keys.open(&mut packet, 1), Some(opened));
        assert_eq!(keys.largest, Some(654_360_564));
        let mut forged = hex("4cfe4189655e5cd55c41f69080575d7999c25a5bfc");
        assert_eq!(keys.open(&mut forged, 1), None);
    }

    #[test]
    fn short_or_strange_packets_do_not_open() {
        let (mut client, _) = initial(&[1; 8]).expect("keys");
        for length in 0..40 {
            assert_eq!(client.open(&mut vec![0xc3; length], 1), None, "{length} bytes");
        }
    }
}
