//! Saving and sharing: links with timed actions, recordings, pictures and series of the timeline.

pub mod actions;
pub mod capture;
pub mod csv;
pub mod date;
pub mod export;
pub mod link;
pub mod player;
pub mod recording;
pub mod state;
pub mod svg;
pub mod view;
