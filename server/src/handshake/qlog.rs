//! What a client's QUIC tells of itself, in qlog.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use quinn::{QlogConfig, QlogStream};

/// Most bytes that are kept.
const MAX_BYTES: usize = 4 << 20;

/// A log in memory; clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Qlog(Arc<Mutex<Vec<u8>>>);

impl Qlog {
    /// Where a connection writes; its times count from `began`.
    pub(super) fn stream(&self, began: Instant) -> Option<QlogStream> {
        let mut config = QlogConfig::default();
        config
            .writer(Box::new(self.clone()))
            .title(Some("Sluice handshake lab".to_owned()))
            .start_time(began);
        config.into_stream()
    }

    /// What was written.
    pub(super) fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.lock())
    }
}

impl Write for Qlog {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let mut log = self.0.lock();
        if log.len() + data.len() <= MAX_BYTES {
            log.extend_from_slice(data);
        }
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
