//! Bad networks: their settings, the presets, and their text form.
//!
//! A [`NetworkProfile`] is two [`LinkProfile`]s, one per direction. In text (TOML, JSON) every setting carries its unit
//! in its name and is checked against the range in [`limits`] when it is read; an error names the setting, the value
//! and the range. In Rust the settings are types of their own, and [`NetworkProfile::validate`] does the same check.

mod error;
pub mod limits;
mod loss;
mod nearest;
mod outage;
mod preset;
mod profile;
mod text;
mod units;

pub use error::{ProfileError, UnknownPreset};
pub use loss::{BurstLoss, LossModel};
pub use nearest::nearest;
pub use outage::{Outage, OutageSchedule};
pub use preset::Preset;
pub use profile::{BottleneckLimits, Direction, LinkProfile, NetworkProfile, Propagation, QueueLimit};
pub(crate) use text::{Path as SettingsPath, whole};
pub use units::{Bitrate, ByteCount, Share};
