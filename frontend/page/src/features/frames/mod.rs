//! WebSocket frame inspector.

pub mod cost;
pub mod model;
pub mod state;
pub mod view;
