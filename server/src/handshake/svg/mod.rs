//! Ladders as SVG: a sequence diagram of one run, or of two on a common time axis.
//!
//! Colours are classes alone: the page has its own style for them, an exported file carries one inside. Nothing of a
//! packet reaches the text unescaped, so the page may put it into itself as it is.
//!
//! | file | concept |
//! |---|---|
//! | `document.rs` | the whole picture |
//! | `axis.rs` | time to height, the same for both sides |
//! | `side.rs` | one ladder: its two lines, packets and marks |
//! | `labels.rs` | room for words along arrows |
//! | `words.rs` | what a packet says of itself when it is pointed at |
//! | `xml.rs` | escaping |

mod axis;
mod document;
mod labels;
mod side;
mod words;
mod xml;

#[cfg(test)]
mod tests;

pub use document::{ladder, ladder_export};
