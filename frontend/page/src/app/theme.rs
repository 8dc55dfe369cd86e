//! Light, dark, or as the system has it.

use sluice_browser::window;

/// Which theme somebody has chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    /// As the system has it.
    #[default]
    Auto,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

const KEY: &str = "sluice.theme";

impl Theme {
    /// The theme of the last visit.
    pub fn remembered() -> Self {
        match window::stored(KEY).as_deref() {
            Some("light") => Self::Light,
            Some("dark") => Self::Dark,
            Some(_) | None => Self::Auto,
        }
    }

    /// The name used in styles and test ids.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// The one after this when somebody goes through them.
    pub const fn next(self) -> Self {
        match self {
            Self::Auto => Self::Light,
            Self::Light => Self::Dark,
            Self::Dark => Self::Auto,
        }
    }

    /// Puts the theme on the page.
    pub fn show(self) {
        window::set_root_attribute("data-theme", (self != Self::Auto).then_some(self.name()));
    }

    /// Keeps the theme for the next visit. Whether it could.
    pub fn remember(self) -> bool {
        window::store(KEY, self.name())
    }
}
