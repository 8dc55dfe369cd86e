//! Features of the page, one folder each: model, view and painting.

pub mod compare;
pub mod connection;
pub mod continuity;
pub mod feed;
pub mod flood;
pub mod frames;
pub mod handshakes;
pub mod host;
pub mod lane_columns;
pub mod lanes;
pub mod lazy_host;
pub mod log;
pub mod migration;
pub mod network;
pub mod pipeline;
pub mod policies;
pub mod share;
pub mod situations;
pub mod this_browser;
pub mod timeline;
pub mod trace;
