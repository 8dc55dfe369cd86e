//! Turns the stories' texts (`stories/en/*.toml`) and the glossary (`glossary/en.toml`) into Rust constants, so that the
//! page carries no parser for them.
//!
//! A text that is incomplete or misspells a key fails the build with its file and line. What a text refers to (controls,
//! lanes, figures) is checked against the scripts by the tests of `stories`.

use std::path::{Path, PathBuf};
use std::{env, fs};

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Story {
    /// Position in the list of stories, from 1.
    number: u32,
    title: String,
    summary: String,
    #[serde(default)]
    lanes: Vec<Lane>,
    steps: Vec<Step>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Lane {
    id: String,
    label: String,
    badge: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    id: String,
    title: String,
    text: String,
    control: Option<Control>,
    question: Option<Question>,
    answer: Option<String>,
    why: Option<Why>,
    #[serde(default)]
    lanes: Vec<Lane>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Control {
    id: String,
    label: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    ask: String,
    options: Vec<String>,
    /// Number of the right option, from 1.
    right: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Why {
    text: String,
    rfc: Option<String>,
    url: Option<String>,
    view: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Glossary {
    terms: Vec<Term>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Term {
    term: String,
    #[serde(default)]
    forms: Vec<String>,
    text: String,
    rfc: String,
    url: String,
}

fn main() {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets the manifest's folder"));
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets the output folder"));
    let folder = root.join("stories/en");
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut stories = read(&folder);
    stories.sort_by_key(|(_, story)| story.number);
    fs::write(out.join("stories.rs"), generated(&stories)).expect("the output folder is writable");

    let path = root.join("glossary/en.toml");
    println!("cargo::rerun-if-changed={}", path.display());
    let text = fs::read_to_string(&path).expect("the glossary can be read");
    let glossary: Glossary =
        toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    fs::write(out.join("glossary.rs"), terms(glossary.terms)).expect("the output folder is writable");
}

/// Returns the terms in alphabetical order as Rust code.
fn terms(mut terms: Vec<Term>) -> String {
    terms.sort_by_key(|term| term.term.to_lowercase());
    let mut code = String::new();
    let count = terms.len();
    for Term { term, mut forms, text, rfc, url } in terms {
        forms.push(term.clone());
        forms.sort_by_key(|form| usize::MAX - form.len());
        code += &format!(
            "    Term {{ term: {term:?}, forms: &{forms:?}, text: {text:?}, rfc: {rfc:?}, url: {url:?} }},\n"
        );
    }
    format!("/// All terms, in alphabetical order.\npub static TERMS: [Term; {count}] = [\n{code}];\n")
}

/// Reads all stories of a language, each with its id: the name of its file.
fn read(folder: &Path) -> Vec<(String, Story)> {
    let files = fs::read_dir(folder).expect("the folder of the stories can be read");
    let paths = files.map(|file| file.expect("a folder's entry can be read").path());
    let texts = paths.filter(|path| path.extension().is_some_and(|extension| extension == "toml"));
    texts
        .map(|path| {
            let text = fs::read_to_string(&path).expect("a story can be read");
            let story = toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let id = path.file_stem().expect("a file has a name").to_string_lossy().into_owned();
            (id, story)
        })
        .collect()
}

fn generated(stories: &[(String, Story)]) -> String {
    let mut code = String::new();
    let mut cards = String::new();
    for (id, story) in stories {
        let Story { title, summary, .. } = story;
        let has_lanes = !story.lanes.is_empty();
        let fields = format!("id: {id:?}, title: {title:?}, summary: {summary:?}, has_lanes: {has_lanes}");
        cards += &format!(
            "    StoryCard {{ {fields} }},
"
        );
        code += &format!(
            "    StoryText {{ card: &StoryCard {{ {fields} }}, lanes: &{}, steps: &[
",
            lanes(&story.lanes)
        );
        for step in &story.steps {
            code += &format!("        {},\n", step_code(step));
        }
        code.push_str("    ] },\n");
    }
    let count = stories.len();
    format!(
        "/// Titles and summaries of all stories, in their order.\npub static CARDS: [StoryCard; {count}] = [\n{cards}];\n\n\
         /// The texts of all stories, in their order.\npub static STORIES: [StoryText; {count}] = [\n{code}];\n"
    )
}

fn step_code(step: &Step) -> String {
    let Step { id, title, text, .. } = step;
    let control = step.control.as_ref().map_or_else(
        || "None".to_owned(),
        |Control { id, label }| format!("Some(ControlText {{ id: {id:?}, label: {label:?} }})"),
    );
    let question = step.question.as_ref().map_or_else(
        || "None".to_owned(),
        |Question { ask, options, right }| {
            assert!(
                (1..=options.len()).contains(right),
                "step {id}: option {right} of {} is not there",
                options.len()
            );
            format!("Some(QuestionText {{ ask: {ask:?}, options: &{options:?}, right: {} }})", right - 1)
        },
    );
    let why = step.why.as_ref().map_or_else(
        || "None".to_owned(),
        |Why { text, rfc, url, view }| {
            format!("Some(WhyText {{ text: {text:?}, rfc: {rfc:?}, url: {url:?}, view: {view:?} }})")
        },
    );
    format!(
        "StepText {{ id: {id:?}, title: {title:?}, text: {text:?}, control: {control}, question: {question}, \
         answer: {:?}, why: {why}, lanes: &{} }}",
        step.answer,
        lanes(&step.lanes)
    )
}

fn lanes(lanes: &[Lane]) -> String {
    let lanes: Vec<_> = lanes
        .iter()
        .map(|Lane { id, label, badge }| {
            let badge = match badge.as_deref() {
                Some("failure") => "Some(Badge::Failure)",
                Some("fix") => "Some(Badge::Fix)",
                None => "None",
                Some(other) => panic!("lane {id}: the badge {other:?} is neither \"failure\" nor \"fix\""),
            };
            format!("LaneText {{ id: {id:?}, label: {label:?}, badge: {badge} }}")
        })
        .collect();
    format!("[{}]", lanes.join(", "))
}
