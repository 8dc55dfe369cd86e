//! What passed a network: every packet with its time, its direction and its fate.
//!
//! | file | concept |
//! |---|---|
//! | `ring.rs` | the last packets, bounded |
//! | `headers.rs` | packets with their IP headers, as a capture shows them |
//! | `recorder.rs` | the ring written out: once, or as a stream |

mod headers;
mod recorder;
mod ring;

pub use recorder::Recording;
pub(crate) use recorder::{capture, record};
pub(crate) use ring::{Content, Mark, Ports, Tap};
