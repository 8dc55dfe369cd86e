//! Card of the current step: text, question, control, answer, reason, and the way on.

use leptos::prelude::*;
use sluice_bridge::{View, ViewAction};
use sluice_browser::window;

use crate::glossary::view::Explained;
use crate::stories::figures::Figures;
use crate::stories::metric::Metric;
use crate::stories::place::Place;
use crate::stories::run::{RunOutcome, RunProgress};
use crate::stories::script::{Control, ControlKind, Script};
use crate::stories::template::{Part, parts};
use crate::stories::text::{StepText, StoryText, WhyText};
use crate::stories::view::question::Question;
use crate::stories::view::state::StoryState;

/// Element id of the step's heading, which gets the focus with each step.
const HEADING: &str = "story-step";

/// Renders the current step of a story.
#[component]
pub fn StepCard(
    /// The view's state.
    state: StoryState,
    /// The story's text.
    text: &'static StoryText,
    /// The story's script.
    script: &'static Script,
) -> impl IntoView {
    let step = Memo::new(move |_| state.place.get().map_or(0, |place| place.step));
    Effect::new(move |before: Option<usize>| {
        let now = step.get();
        if before.is_some_and(|before| before != now) {
            window::focus_element(HEADING);
        }
        now
    });
    let marks = (0..text.steps.len())
        .map(|at| {
            let place = Place { story: text.card.id, step: at };
            view! {
                <li>
                    <a
                        href=["?", &place.query()].concat()
                        class:passed=move || at <= step.get()
                        aria-current=move || (at == step.get()).then_some("step")
                        aria-label=["Step ", &(at + 1).to_string(), ": ", text.steps[at].title].concat()
                        on:click=move |event| {
                            event.prevent_default();
                            state.go_to(place);
                        }
                    ></a>
                </li>
            }
        })
        .collect_view();
    view! {
        <section class="card story-steps" data-testid="story-step" data-value=move || step.get() + 1>
            <p class="story-place">{move || [text.card.title, " · step ", &(step.get() + 1).to_string(), " of ", &text.steps.len().to_string()].concat()}</p>
            <ol class="story-progress">{marks}</ol>
            {move || {
                let at = step.get();
                let place = Place { story: text.card.id, step: at };
                let control = script.steps.get(at).and_then(|step| step.control);
                text.steps.get(at).map(|step| view! { <Step state place step control is_last=at + 1 == text.steps.len()/> })
            }}
        </section>
    }
}

/// Renders one step.
#[component]
fn Step(
    /// The view's state.
    state: StoryState,
    /// The step's place.
    place: Place,
    /// The step's text.
    step: &'static StepText,
    /// The step's control.
    control: Option<Control>,
    /// True if no step follows.
    is_last: bool,
) -> impl IntoView {
    let key = control.map(|control| (place.story, control.id));
    let outcome = Memo::new(move |_| key.and_then(|key| state.outcome(key)));
    let has_choice = Memo::new(move |_| step.question.is_none() || state.choice(place).is_some());
    let is_answered = Memo::new(move |_| {
        let is_measured = control.is_none() || outcome.get() == Some(RunOutcome::Shown);
        step.answer.is_some() && is_measured && has_choice.get()
    });
    view! {
        <h2 id=HEADING tabindex="-1">{step.title}</h2>
        <p data-testid="story-text"><Explained text=step.text/></p>
        {step.question.map(|text| view! { <Question state place text is_answered/> })}
        {step.control.zip(control).map(|(text, control)| view! { <ControlButton state place control label=text.label/> })}
        <div class="story-answer" role="status" data-testid="story-answer" data-value=move || is_answered.get().to_string()>
            <Show when=move || is_answered.get()>
                <p>
                    {step.question.map(|question| {
                        move || {
                            let is_right = state.choice(place) == Some(question.right);
                            view! { <b>{if is_right { "Right. " } else { "Not quite. " }}</b> }
                        }
                    })}
                    {move || {
                        let figures = key.and_then(|key| state.figures(key)).unwrap_or_default();
                        step.answer.map(|template| answer(template, &figures))
                    }}
                </p>
            </Show>
            {move || match outcome.get() {
                Some(RunOutcome::NotShown(reason)) => Some(view! { <p class="story-missed" data-testid="story-missed">{reason}</p> }),
                Some(RunOutcome::Shown) | None => None,
            }}
        </div>
        {step.why.map(|why| view! { <Why state why/> })}
        <div class="story-way">
            <Show when=move || !is_last>
                <button type="button" class="primary" data-testid="story-next" on:click=move |_| state.go_to(Place { step: place.step + 1, ..place })>
                    "Next step"
                </button>
            </Show>
            <Show when=move || is_last>
                <button type="button" class="primary" data-testid="story-end" on:click=move |_| state.send(&ViewAction::OpenStories)>
                    "Choose another story"
                </button>
            </Show>
            <button type="button" data-testid="story-lab" on:click=move |_| state.send(&ViewAction::OpenLab)>
                "Open in the lab"
            </button>
        </div>
    }
}

/// Renders the step's only control, with the progress of its run.
#[component]
fn ControlButton(
    /// The view's state.
    state: StoryState,
    /// The step's place.
    place: Place,
    /// What the button does.
    control: Control,
    /// Its label.
    label: &'static str,
) -> impl IntoView {
    let key = (place.story, control.id);
    let progress =
        Memo::new(move |_| state.progress.get().and_then(|(of, progress)| (of == key).then_some(progress)));
    let is_prepared = move || match control.kind {
        ControlKind::Lanes(_) => state.are_ready.get(),
        ControlKind::Handshakes | ControlKind::Fragments(_) => true,
    };
    let text = move || match progress.get() {
        None if !is_prepared() => "Waiting for the lanes…".to_owned(),
        None if state.outcome(key).is_some() && matches!(control.kind, ControlKind::Lanes(_)) => {
            "Run this step again".to_owned()
        }
        None | Some(RunProgress::Ended(_)) => label.to_owned(),
        Some(RunProgress::Preparing) => "Connecting…".to_owned(),
        Some(RunProgress::Announced(secs)) => ["In ", &secs.to_string(), " s…"].concat(),
        Some(RunProgress::Running(secs)) => ["Running, ", &secs.to_string(), " s"].concat(),
    };
    view! {
        <button
            type="button"
            class="primary"
            data-testid="story-control"
            data-value=move || if progress.get().is_some() { "running" } else { "idle" }
            aria-disabled=move || (progress.get().is_some() || !is_prepared()).to_string()
            on:click=move |_| {
                if progress.get_untracked().is_none() && untrack(is_prepared) {
                    state.press(place, control);
                }
            }
        >
            {text}
        </button>
    }
}

/// Renders the reason, with links to the specification and to the view that shows more.
#[component]
fn Why(
    /// The view's state.
    state: StoryState,
    /// The reason.
    why: WhyText,
) -> impl IntoView {
    let view = why.view.and_then(|name| View::ALL.into_iter().find(|view| view.name() == name));
    view! {
        <details class="story-why">
            <summary>"Why?"</summary>
            <p>
                {why.text}
                {why.rfc.zip(why.url).map(|(name, url)| view! { " " <a href=url target="_blank" rel="noreferrer">{name}</a> })}
            </p>
            {view.map(|view| {
                view! {
                    <button type="button" class="quiet" on:click=move |_| state.send(&ViewAction::Open(view))>
                        "Open the instrument: " {view.name().replace('-', " ")}
                    </button>
                }
            })}
        </details>
    }
}

/// Renders a template with measured figures.
fn answer(template: &'static str, figures: &Figures) -> impl IntoView + use<> {
    parts(template)
        .into_iter()
        .map(|part| match part {
            Part::Text(text) => text.into_any(),
            Part::Figure { subject, metric } => {
                let found = Metric::from_name(metric);
                let value = found.and_then(|metric| figures.get(subject, metric));
                let text = found.map_or_else(|| "–".to_owned(), |metric| metric.text(value));
                let is_bad = found.is_some_and(|metric| metric.is_harm(value));
                view! { <b data-testid="story-figure" data-value=value class:bad=is_bad>{text}</b> }
                    .into_any()
            }
        })
        .collect_view()
}
