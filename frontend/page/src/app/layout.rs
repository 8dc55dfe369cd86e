//! Layout of the page: navigation, verdict, timeline, lanes, the view below them and the controls beside
//! them.
//!
//! Mounted once by [`crate::app::start`]. Lanes and controls stay mounted across all views that concern the
//! lanes.

use leptos::prelude::*;
use sluice_bridge::View;

use sluice_browser::window;

use crate::app::footer::Footer;
use crate::app::header::Header;
use crate::app::lazy_panel::LazyPanel;
use crate::app::notices::Notices;
use crate::app::sidebar::Sidebar;
use crate::app::state::{App, MAIN};
use crate::app::verdict_bar::VerdictBar;
use crate::features::host::view::HostPanel;
use crate::features::lanes::lane_row::LaneRow;
use crate::features::share::view::recorded::{RecordingBanner, RecordingLog};
use crate::features::timeline::view::TimelineView;
use crate::stories::cards::StoryCards;
use crate::url::route::Route;

/// Renders the page: header, content, controls and footer.
#[component]
pub fn Page() -> impl IntoView {
    let app = expect_context::<App>();
    let has_lanes = Memo::new(move |_| app.has_lanes());
    let is_story = Memo::new(move |_| app.route.get() == Route::Story);
    let has_controls = move || has_lanes.get() && !is_story.get();
    view! {
        <a class="skip" href="#content">"Skip to the content"</a>
        <Header/>
        <div class="page" class:alone=move || !has_lanes.get() class:with-story=is_story>
            <main id=MAIN tabindex="-1" data-view=move || app.route.get().name()>
                <ViewTitle/>
                <Notices/>
                <Show when=move || has_lanes.get()>
                    <Live/>
                </Show>
                <Shown/>
            </main>
            <Show when=has_controls>
                <Sidebar/>
            </Show>
        </div>
        <Footer/>
    }
}

/// Renders the view's heading and its purpose.
#[component]
fn ViewTitle() -> impl IntoView {
    let app = expect_context::<App>();
    let title = move || match app.story() {
        Some(story) => story.title,
        None => app.route.get().heading(),
    };
    let purpose = move || match app.story() {
        Some(story) => story.summary,
        None => app.route.get().purpose(),
    };
    Effect::new(move |_| {
        let route = app.route.get();
        if route == Route::default() {
            window::set_title("Sluice");
        } else {
            let title = app.story().map_or_else(|| route.title(), |story| story.title);
            window::set_title(&[title, " · Sluice"].concat());
        }
    });
    view! {
        <div class="view-title">
            <h1>{title}</h1>
            <p>{purpose}</p>
        </div>
    }
}

/// Renders verdict, timeline and lanes, above every view that concerns the lanes.
#[component]
fn Live() -> impl IntoView {
    let app = expect_context::<App>();
    let is_live = move || app.share.opened.with(Option::is_none);
    view! {
        <section class="card live" aria-label=move || if is_live() { "Live comparison" } else { "Recording" }>
            <Show when=is_live fallback=|| view! { <RecordingBanner/> }>
                <VerdictBar/>
            </Show>
            <TimelineView/>
            <Show when=is_live fallback=|| view! { <RecordingLog/> }>
                // A story has its own table of the lanes.
                <Show when=move || app.route.get() != Route::Story>
                    <For each=move || app.lanes.get() key=|lane| lane.id children=|lane| view! { <LaneRow lane/> }/>
                </Show>
            </Show>
        </section>
    }
}

/// Renders the content of the current view.
#[component]
fn Shown() -> impl IntoView {
    let app = expect_context::<App>();
    move || match app.route.get() {
        Route::Stories => view! { <StoryCards/> }.into_any(),
        Route::Lab => {
            view! { <section class="card"><LazyPanel view=View::Situations/></section><HostPanel/> }
                .into_any()
        }
        Route::Story => view! { <LazyPanel view=View::Story/> }.into_any(),
        Route::Compare => card(view! { <LazyPanel view=View::Compare/> }.into_any()),
        Route::Trace => card(view! { <LazyPanel view=View::Trace/> }.into_any()),
        Route::Policies => card(view! { <LazyPanel view=View::Policies/> }.into_any()),
        Route::Continuity => card(view! { <LazyPanel view=View::Continuity/> }.into_any()),
        Route::Frames => card(view! { <LazyPanel view=View::Frames/> }.into_any()),
        Route::Inbound => card(view! { <LazyPanel view=View::Inbound/> }.into_any()),
        Route::Handshakes => card(view! { <LazyPanel view=View::Handshakes/> }.into_any()),
        Route::Migration => card(view! { <LazyPanel view=View::Migration/> }.into_any()),
        Route::ThisBrowser => card(view! { <LazyPanel view=View::ThisBrowser/> }.into_any()),
        Route::Glossary => card(view! { <LazyPanel view=View::Glossary/> }.into_any()),
        Route::Log => card(view! { <LazyPanel view=View::Log/> }.into_any()),
    }
}

fn card(content: AnyView) -> AnyView {
    view! { <section class="card panel">{content}</section> }.into_any()
}
