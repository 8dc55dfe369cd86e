//! The stories' words, generated at build time from `stories/en/*.toml`.

/// A story's title and summary, as shown on its card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoryCard {
    /// Name in the page's URL and in test ids: the file's name.
    pub id: &'static str,
    /// Title.
    pub title: &'static str,
    /// One or two sentences.
    pub summary: &'static str,
    /// True if it is about the lanes, and not about another instrument.
    pub has_lanes: bool,
}

/// The words of a story.
#[derive(Clone, Copy, Debug)]
pub struct StoryText {
    /// Title and summary.
    pub card: &'static StoryCard,
    /// The lanes, from the top; empty for a story about another instrument.
    pub lanes: &'static [LaneText],
    /// The steps.
    pub steps: &'static [StepText],
}

/// A lane's part in a story.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaneText {
    /// Name in templates.
    pub id: &'static str,
    /// Description, without the transport.
    pub label: &'static str,
    /// Badge beside it.
    pub badge: Option<Badge>,
}

/// A lane's badge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Badge {
    /// The lane shows the failure.
    Failure,
    /// The lane shows what should be done.
    Fix,
}

/// The words of a step.
#[derive(Clone, Copy, Debug)]
pub struct StepText {
    /// Name of the step.
    pub id: &'static str,
    /// Title.
    pub title: &'static str,
    /// At most [`StepText::MAX_WORDS`] words.
    pub text: &'static str,
    /// The step's only control.
    pub control: Option<ControlText>,
    /// A question to predict, or to review.
    pub question: Option<QuestionText>,
    /// Template of the answer, with measured numbers.
    pub answer: Option<&'static str>,
    /// The reason, and where to read on.
    pub why: Option<WhyText>,
    /// The lanes in this step, if they differ from the story's.
    pub lanes: &'static [LaneText],
}

impl StepText {
    /// Maximum number of words of a step's text.
    pub const MAX_WORDS: usize = 45;
}

/// A control's label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ControlText {
    /// Name of the control in the script.
    pub id: &'static str,
    /// Label of its button.
    pub label: &'static str,
}

/// A question with options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuestionText {
    /// The question.
    pub ask: &'static str,
    /// The options.
    pub options: &'static [&'static str],
    /// Index of the right option.
    pub right: usize,
}

/// The reason behind a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WhyText {
    /// The reason in a sentence.
    pub text: &'static str,
    /// Name of the specification's section.
    pub rfc: Option<&'static str>,
    /// Address of that section.
    pub url: Option<&'static str>,
    /// Name of the view that shows more.
    pub view: Option<&'static str>,
}

include!(concat!(env!("OUT_DIR"), "/stories.rs"));

impl StoryText {
    /// Returns the story with this id.
    pub fn find(id: &str) -> Option<&'static Self> {
        STORIES.iter().find(|story| story.card.id == id)
    }

    /// Returns the lanes of the step at `index`.
    pub fn lanes_at(&self, index: usize) -> &'static [LaneText] {
        match self.steps.get(index) {
            Some(step) if !step.lanes.is_empty() => step.lanes,
            Some(_) | None => self.lanes,
        }
    }
}
