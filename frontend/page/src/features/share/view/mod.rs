//! Components: the share menu and an open recording.

pub mod menu;
pub mod recorded;
