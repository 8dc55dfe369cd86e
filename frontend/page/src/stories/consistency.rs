//! Tests that the stories' words and their scripts agree.

use std::collections::HashSet;

use crate::stories::metric::Metric;
use crate::stories::script::{Claim, ControlKind, EndCondition, Script, StoryStage};
use crate::stories::scripts;
use crate::stories::template::{Part, parts};
use crate::stories::text::{Badge, STORIES, StepText};
use crate::url::route::Route;
use sluice_bridge::View;
use sluice_shared::handshake::Probe;

/// Longest time from the press of a control to its answer, announcement included.
const MAX_SECS: u64 = 60;

fn words(text: &str) -> usize {
    text.split_whitespace().count()
}

#[test]
fn each_text_has_a_script_with_the_same_steps_and_controls() {
    assert_eq!(STORIES.len(), scripts::ALL.len());
    for (story, script) in STORIES.iter().zip(scripts::ALL) {
        assert_eq!(story.card.id, script.story, "stories and scripts have one order");
        let ids: Vec<_> = story.steps.iter().map(|step| step.id).collect();
        assert_eq!(ids, script.steps.iter().map(|step| step.id).collect::<Vec<_>>(), "{}", script.story);
        for (step, does) in story.steps.iter().zip(script.steps) {
            let named = step.control.map(|control| control.id);
            assert_eq!(named, does.control.map(|control| control.id), "{}, step {}", script.story, step.id);
        }
        assert_eq!(story.lanes.is_empty(), script.stage != StoryStage::Lanes, "{}", script.story);
    }
}

#[test]
fn a_story_is_short() {
    for story in &STORIES {
        assert!((4..=7).contains(&story.steps.len()), "{} has {} steps", story.card.id, story.steps.len());
        for step in story.steps {
            let place = [story.card.id, ", step ", step.id].concat();
            assert!(words(step.text) <= StepText::MAX_WORDS, "{place}: {} words", words(step.text));
            if let Some(answer) = step.answer {
                assert!(
                    words(answer) <= StepText::MAX_WORDS,
                    "{place}: the answer has {} words",
                    words(answer)
                );
            }
        }
    }
}

#[test]
fn each_figure_of_an_answer_is_measured_by_its_lane_or_probe() {
    for (story, script) in STORIES.iter().zip(scripts::ALL) {
        for (at, step) in story.steps.iter().enumerate() {
            let place = [story.card.id, ", step ", step.id].concat();
            let known: Vec<&str> = match script.stage {
                StoryStage::Lanes => story.lanes_at(at).iter().map(|lane| lane.id).collect(),
                StoryStage::Handshakes => Probe::ALL.iter().map(|probe| probe.name()).collect(),
                StoryStage::Frames => vec!["up", "down"],
            };
            for part in step.answer.map(parts).unwrap_or_default() {
                match part {
                    Part::Text(text) => assert!(!text.contains(['{', '}']), "{place}: {text}"),
                    Part::Figure { subject, metric } => {
                        assert!(known.contains(&subject), "{place}: no lane {subject}");
                        assert!(Metric::from_name(metric).is_some(), "{place}: no metric {metric}");
                        assert!(script.steps[at].control.is_some(), "{place}: a figure needs a run");
                    }
                }
            }
            if step.question.is_some() {
                assert!(step.answer.is_some(), "{place}: a question has an answer");
            }
        }
    }
}

#[test]
fn each_question_has_distinct_options_and_not_always_the_same_right_one() {
    for story in &STORIES {
        let questions: Vec<_> = story.steps.iter().filter_map(|step| step.question).collect();
        assert!(!questions.is_empty(), "{}", story.card.id);
        for question in questions {
            let distinct: HashSet<_> = question.options.iter().collect();
            assert_eq!(distinct.len(), question.options.len(), "{}", question.ask);
            assert!((2..=4).contains(&question.options.len()) && question.right < question.options.len());
        }
    }
    let right: HashSet<_> = STORIES
        .iter()
        .flat_map(|story| story.steps.iter().filter_map(|step| step.question))
        .map(|question| question.right)
        .collect();
    assert!(right.len() > 1);
}

#[test]
fn each_reason_leads_to_a_view_and_to_a_specification() {
    for story in &STORIES {
        for why in story.steps.iter().filter_map(|step| step.why) {
            if let Some(view) = why.view {
                assert!(View::ALL.iter().any(|known| known.name() == view), "{view}");
                assert_eq!(Route::from_query(&["?view=", view].concat()).name(), view);
            }
            assert_eq!(why.rfc.is_some(), why.url.is_some(), "{}", why.text);
            if let (Some(name), Some(url)) = (why.rfc, why.url) {
                // "RFC 9000, section 5.1 and section 9" is at rfc9000#section-5.1.
                let mut numbers = name
                    .split(|character: char| !(character.is_ascii_digit() || character == '.'))
                    .filter(|number| number.len() > 1 || number.parse::<u8>().is_ok());
                let (rfc, section) = (numbers.next().expect("an RFC"), numbers.next().expect("a section"));
                assert_eq!(
                    url,
                    format!("https://www.rfc-editor.org/rfc/rfc{rfc}#section-{section}"),
                    "{name}"
                );
            }
        }
    }
}

#[test]
fn claims_are_about_lanes_of_the_story_and_a_run_has_a_bound() {
    for (story, script) in STORIES.iter().zip(scripts::ALL) {
        for (at, step) in script.steps.iter().enumerate() {
            let Some(ControlKind::Lanes(experiment)) = step.control.map(|control| control.kind) else {
                continue;
            };
            let lanes: Vec<_> = story.lanes_at(at).iter().map(|lane| lane.id).collect();
            for claim in experiment.claims {
                let named: &[&str] = match claim {
                    Claim::AtLeast(subject, ..) | Claim::AtMost(subject, ..) => &[subject],
                    Claim::Less(first, second, _) => &[first, second],
                };
                assert!(named.iter().all(|name| lanes.contains(name)), "{}: {claim:?}", script.story);
            }
            assert!(!experiment.ends.is_empty() && !experiment.claims.is_empty(), "{}", script.story);
            assert!(experiment.countdown_secs + experiment.limit_secs <= MAX_SECS, "{}", script.story);
            assert!(experiment.absent.iter().all(|lane| lanes.contains(lane)), "{}", script.story);
            let last_event = experiment.events.last().map_or(0, |(millis, _)| millis / 1_000);
            assert!(last_event < experiment.limit_secs);
            for end in experiment.ends {
                if let EndCondition::Elapsed(secs) = end {
                    assert!(*secs < experiment.limit_secs, "{}", script.story);
                }
            }
        }
    }
}

#[test]
fn a_set_up_has_the_lanes_of_its_text() {
    use crate::stories::script::Abilities;
    for (story, script) in STORIES.iter().zip(scripts::ALL) {
        for at in 0..script.steps.len() {
            let Some(setup) = script.setup_at(at) else { continue };
            for has in [false, true] {
                let settings = setup(Abilities { has_websocket_backpressure: has, has_webtransport: true });
                if script.stage == StoryStage::Lanes {
                    assert_eq!(settings.lanes.len(), story.lanes_at(at).len(), "{} step {at}", script.story);
                }
                assert!(settings.lanes.len() <= crate::url::setup::PageSetup::MAX_LANES);
                assert!(settings.network.preset.parse::<sluice_shared::link::Preset>().is_ok());
            }
        }
    }
}

#[test]
fn a_fix_is_claimed_to_be_no_worse_than_its_failure() {
    for (story, script) in STORIES.iter().zip(scripts::ALL) {
        for (at, step) in script.steps.iter().enumerate() {
            let Some(ControlKind::Lanes(experiment)) = step.control.map(|control| control.kind) else {
                continue;
            };
            let lanes = story.lanes_at(at);
            let badge =
                |wanted| lanes.iter().filter(move |lane| lane.badge == Some(wanted)).map(|lane| lane.id);
            for failure in badge(Badge::Failure) {
                let is_shown = experiment.claims.iter().any(|claim| match claim {
                    Claim::AtLeast(subject, ..) | Claim::AtMost(subject, ..) => *subject == failure,
                    // A small window is the harm itself.
                    Claim::Less(worse, _, Metric::PeerWindow) => *worse == failure,
                    Claim::Less(better, worse, _) => {
                        assert_ne!(*better, failure, "{}: the failure looks better", script.story);
                        *worse == failure
                    }
                });
                assert!(is_shown, "{}, step {}: nothing shows the failure", script.story, step.id);
            }
        }
    }
}

#[test]
fn scripts_are_found_by_name() {
    for script in scripts::ALL {
        assert_eq!(Script::find(script.story).map(|found| found.story), Some(script.story));
    }
    assert!(Script::find("pigeons").is_none());
}
