//! The client's end of a session.

mod certify;
mod receive;
mod state;
mod types;
mod view;

pub use state::ClientSession;
pub use types::{ClientConfig, ClientError, ClientEvent, Delivered, Intake};
