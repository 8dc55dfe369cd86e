//! Browser interfaces behind plain Rust. Most `web-sys` calls of the page are here; a lane's transports have
//! their own.

pub mod api;
mod certificate_hash;
pub mod clock;
pub mod connect_timing;
mod decode;
pub mod dom;
pub mod files;
pub mod json;
pub mod lab_watch;
pub mod ladder_svg;
pub mod lazy;
pub mod support;
pub mod surface;
pub mod tips;
pub mod trusted_svg;
pub mod window;
pub mod worker_link;

pub use certificate_hash::certificate_hash;
