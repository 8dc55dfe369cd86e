//! Glossary: definitions of terms, beside the words where they occur and in a view of their own.
//!
//! The definitions are data (`glossary/en.toml`), generated into constants at build time.

pub mod terms;
pub mod view;
