//! One file per command.

pub(crate) mod bench;
pub(crate) mod chaos;
pub(crate) mod ci;
pub(crate) mod dev;
pub(crate) mod dist;
pub(crate) mod fuzz;
pub(crate) mod lighthouse;
pub(crate) mod nightly;
pub(crate) mod pictures;
pub(crate) mod reference;
pub(crate) mod run;
pub(crate) mod test;
