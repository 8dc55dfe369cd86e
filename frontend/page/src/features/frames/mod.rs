//! Frames of a lane's WebSocket, and the cost of framing.

pub mod cost;
pub mod explanation;
pub mod model;
pub mod state;
pub mod view;
