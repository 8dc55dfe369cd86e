//! What is on the page: the menu, and an open recording.

pub mod menu;
pub mod recorded;
