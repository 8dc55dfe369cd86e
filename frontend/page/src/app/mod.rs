//! The page as a whole: state, layout, server, theme.

pub mod footer;
pub mod header;
pub mod layout;
pub mod lazy_panel;
pub mod notices;
pub mod server;
pub mod sidebar;
pub mod start;
pub mod state;
pub mod theme;
pub mod verdict_bar;
pub mod views;
