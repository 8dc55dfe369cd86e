//! A place in a story: the story and its step, as in `?story=train&step=3`.

use crate::stories::text::{CARDS, StoryCard};

/// A story and one of its steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The story.
    pub story: &'static str,
    /// Index of the step, from 0.
    pub step: usize,
}

impl Place {
    /// Returns the first step of a story.
    pub const fn first(card: &'static StoryCard) -> Self {
        Self { story: card.id, step: 0 }
    }

    /// Returns the place that a query names; `None` if it names no known story. A step that cannot be read is the first.
    pub fn from_query(query: &str) -> Option<Self> {
        let value = |name: &str| {
            let mut parts = query.trim_start_matches('?').split('&');
            parts.find_map(|part| part.strip_prefix(name))
        };
        let story = value("story=")?;
        let card = CARDS.iter().find(|card| card.id == story)?;
        let number: usize = value("step=").and_then(|step| step.parse().ok()).unwrap_or(1);
        Some(Self { story: card.id, step: number.saturating_sub(1) })
    }

    /// Returns its part of a query: steps count from 1 there.
    pub fn query(self) -> String {
        ["story=", self.story, "&step=", &(self.step + 1).to_string()].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_survives_its_link() {
        let place = Place { story: "train", step: 2 };
        assert_eq!(place.query(), "story=train&step=3");
        assert_eq!(Place::from_query(&("?".to_owned() + &place.query())), Some(place));
        assert_eq!(
            Place::from_query("?lane=websocket&story=train&step=x"),
            Some(Place { story: "train", step: 0 })
        );
        assert_eq!(Place::from_query("?story=pigeons&step=3"), None);
        assert_eq!(Place::from_query("?step=3"), None);
    }
}
