//! Form controls without knowledge of the page.

pub mod choice;
pub mod number;
pub mod segmented;
pub mod slider;
