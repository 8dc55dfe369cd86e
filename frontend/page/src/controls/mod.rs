//! Form controls without knowledge of the page.

pub mod choice;
pub mod dynamic;
pub mod number;
pub mod segmented;
pub mod slider;
