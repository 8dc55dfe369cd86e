//! The set-up and its form in the page's address.

pub mod route;
pub mod setup;
pub mod share;
pub mod view_query;
