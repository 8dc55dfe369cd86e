//! How a native client's flood leaves it: beside what else is sent, as a page's would.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use sluice_shared::flood::Flood;
use sluice_shared::wire::EchoBlock;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

/// Blocks that wait at most: those of the largest flood.
const MOST_BLOCKS: usize = Flood::MAX_BYTES as usize / EchoBlock::MAX_PAYLOAD + 1;

/// Where blocks are handed over. What waits there is bounded by the flood's size alone, as in a page.
#[derive(Clone, Debug)]
pub struct Spout {
    blocks: mpsc::Sender<EchoBlock>,
    waiting_bytes: Arc<AtomicUsize>,
}

/// Where a transport takes them.
#[derive(Debug)]
pub(crate) struct Drain {
    blocks: mpsc::Receiver<EchoBlock>,
    waiting_bytes: Arc<AtomicUsize>,
}

/// Both ends.
pub(crate) fn spout() -> (Spout, Drain) {
    let (sender, receiver) = mpsc::channel(MOST_BLOCKS);
    let waiting_bytes = Arc::new(AtomicUsize::new(0));
    let drain = Drain { blocks: receiver, waiting_bytes: Arc::clone(&waiting_bytes) };
    (Spout { blocks: sender, waiting_bytes }, drain)
}

impl Spout {
    /// Hands a block over. One that comes after the end of the connection is lost with it.
    ///
    /// # Panics
    /// More waits than the largest flood has.
    pub fn pour(&self, block: EchoBlock) {
        self.waiting_bytes.fetch_add(block.payload.len(), Ordering::Relaxed);
        let sent = self.blocks.try_send(block);
        assert!(
            !matches!(sent, Err(TrySendError::Full(_))),
            "a flood is no larger than {MOST_BLOCKS} blocks"
        );
    }

    /// What the transport has not taken, bytes.
    pub fn waiting_bytes(&self) -> usize {
        self.waiting_bytes.load(Ordering::Relaxed)
    }

    /// Whether a flood that takes care may go on.
    pub(crate) fn has_room(&self) -> bool {
        self.waiting_bytes() < Flood::PACED_BYTES as usize
    }
}

impl Drain {
    /// The next block; `None` when nobody can hand any over.
    pub(crate) async fn next(&mut self) -> Option<EchoBlock> {
        self.blocks.recv().await
    }

    /// The transport has taken a block with a payload of so many bytes.
    pub(crate) fn handle_taken(&self, bytes: usize) {
        self.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}
