//! What a lab is set to, and what a request makes of it.

use std::str::FromStr;

use sluice_shared::lab::{LinkChange, LinkRequest};
use sluice_shared::link::{NetworkProfile, Preset, ProfileError, UnknownPreset};

/// A network as it was chosen: what it began with, and what is different.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Settings {
    /// The preset's name; `None` for a whole profile.
    pub(crate) preset: Option<Preset>,
    /// What the preset or the request said.
    base: NetworkProfile,
    /// What is different from it.
    pub(crate) change: LinkChange,
    /// What is in force: the base with the change.
    pub(crate) profile: NetworkProfile,
    /// Where every chance comes from.
    pub(crate) seed: u64,
}

/// Why a request for a network is refused.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub(crate) enum RequestError {
    /// There is no preset of that name.
    #[error("preset: {0} (GET /api/info lists all)")]
    Preset(#[from] UnknownPreset),
    /// A setting is out of range, or contradicts another.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// Two networks at once.
    #[error("give either preset or profile, not both")]
    Both,
}

impl Settings {
    /// What `request` asks for, on top of nothing.
    ///
    /// # Errors
    /// The request names what is not there, or is out of range.
    pub(crate) fn new(request: LinkRequest, drawn_seed: u64) -> Result<Self, RequestError> {
        let none = Self {
            preset: Some(Preset::None),
            base: NetworkProfile::none(),
            change: LinkChange::default(),
            profile: NetworkProfile::none(),
            seed: drawn_seed,
        };
        none.with(request).map(|(settings, _)| settings)
    }

    /// What `request` makes of these settings, and whether the weather begins anew.
    ///
    /// # Errors
    /// The request names what is not there, or is out of range; nothing is changed then.
    pub(crate) fn with(&self, request: LinkRequest) -> Result<(Self, bool), RequestError> {
        let LinkRequest { preset, profile, change, seed } = request;
        let is_new = preset.is_some() || profile.is_some();
        let (preset, base) = match (preset, profile) {
            (Some(_), Some(_)) => return Err(RequestError::Both),
            (Some(name), None) => {
                let preset = Preset::from_str(&name)?;
                (Some(preset), preset.profile())
            }
            (None, Some(profile)) => (None, profile),
            (None, None) => (self.preset, self.base.clone()),
        };
        let change = if is_new { change } else { self.change.then(change) };
        let profile = change.applied_to(&base)?;
        let renews = is_new || seed.is_some();
        Ok((Self { preset, base, change, profile, seed: seed.unwrap_or(self.seed) }, renews))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn preset(name: &str) -> LinkRequest {
        LinkRequest { preset: Some(name.to_owned()), ..LinkRequest::default() }
    }

    fn delay(millis: f64) -> LinkRequest {
        let change = LinkChange { delay_ms: Some(millis), ..LinkChange::default() };
        LinkRequest { change, ..LinkRequest::default() }
    }

    #[test]
    fn an_empty_request_is_no_network_and_the_drawn_seed() {
        let settings = Settings::new(LinkRequest::default(), 7).expect("nothing wrong");
        assert_eq!((settings.profile, settings.seed), (NetworkProfile::none(), 7));
    }

    #[test]
    fn changes_add_up_until_the_next_preset() {
        let lte = Settings::new(preset("lte"), 7).expect("known");
        let (slower, renews) = lte.with(delay(90.0)).expect("in range");
        assert!(!renews && slower.preset == Some(Preset::Lte));
        assert_eq!(slower.profile.down.propagation.delay.as_millis(), 90);
        assert_eq!(slower.profile.down.bottleneck, Preset::Lte.profile().down.bottleneck);
        let (none, renews) = slower.with(preset("none")).expect("known");
        assert!(renews && none.change.is_empty() && none.profile == NetworkProfile::none());
        let (seeded, renews) =
            none.with(LinkRequest { seed: Some(9), ..LinkRequest::default() }).expect("a seed");
        assert!(renews && seeded.seed == 9);
    }

    #[test]
    fn what_cannot_be_is_refused_and_says_what_can() {
        let error = Settings::new(preset("lossy2"), 7).expect_err("unknown").to_string();
        assert!(error.contains("did you mean \"lossy-2\"?"), "{error}");
        let error = Settings::new(delay(-1.0), 7).expect_err("negative").to_string();
        assert_eq!(error, "change.delay_ms is -1; give 0 to 60000 ms");
        let both = LinkRequest { profile: Some(NetworkProfile::none()), ..preset("lte") };
        assert_eq!(Settings::new(both, 7), Err(RequestError::Both));
    }
}
