//! Colour theme: light, dark or the system's.

use sluice_browser::window;

/// Colour theme chosen by the visitor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    /// The system's theme.
    #[default]
    Auto,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

const KEY: &str = "sluice.theme";

impl Theme {
    /// Returns the theme of the last visit.
    pub fn remembered() -> Self {
        match window::stored(KEY).as_deref() {
            Some("light") => Self::Light,
            Some("dark") => Self::Dark,
            Some(_) | None => Self::Auto,
        }
    }

    /// Returns the name used in styles and test ids.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// Returns the next theme in the cycle.
    pub const fn next(self) -> Self {
        match self {
            Self::Auto => Self::Light,
            Self::Light => Self::Dark,
            Self::Dark => Self::Auto,
        }
    }

    /// Applies the theme to the page.
    pub fn show(self) {
        window::set_root_attribute("data-theme", (self != Self::Auto).then_some(self.name()));
    }

    /// Stores the theme for the next visit. Returns whether that succeeded.
    pub fn remember(self) -> bool {
        window::store(KEY, self.name())
    }
}
