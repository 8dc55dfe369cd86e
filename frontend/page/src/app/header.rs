//! Header of the page: navigation and actions that concern the whole page.

use leptos::prelude::*;

use sluice_browser::window;

use crate::app::state::App;
use crate::features::share::view::menu::ShareMenu;
use crate::url::route::Route;
use sluice_text::format;

/// Renders logo, navigation, time of measurement, and the reset, sharing and theme buttons.
#[component]
pub fn Header() -> impl IntoView {
    let app = expect_context::<App>();
    let next_theme = move |_| {
        app.theme.update(|theme| *theme = theme.next());
        // A private window keeps the theme only for this visit.
        let _kept = app.theme.get_untracked().remember();
    };
    view! {
        <header class="top">
            <a class="logo" href="." aria-label="Sluice, with its first set-up"><Mark/>"Sluice"</a>
            <Navigation/>
            <span class="elapsed" tabindex="0" data-tip="Time of measurement" data-testid="elapsed" data-value=app.elapsed_secs>
                {move || format::stopwatch(app.elapsed_secs.get())}
            </span>
            <button type="button" data-testid="reset" data-tip="Forget all measurements and begin anew" on:click=move |_| app.reset()>
                "Reset"
            </button>
            <ShareMenu/>
            <button
                type="button"
                data-testid="theme"
                data-value=move || app.theme.get().name()
                data-tip=move || format!("Colours: {}", app.theme.get().name())
                aria-label=move || format!("Colours: {}. Change", app.theme.get().name())
                on:click=next_theme
            >
                <span class="theme-mark" aria-hidden="true">{move || match app.theme.get().name() {
                    "light" => "☀",
                    "dark" => "☾",
                    _ => "◐",
                }}</span>
            </button>
        </header>
    }
}

/// Renders a link for each view; the browser's Back button returns to the previous one.
#[component]
fn Navigation() -> impl IntoView {
    let app = expect_context::<App>();
    let links = Route::ALL
        .map(|route| {
            let is_shown = move || app.route.get().in_navigation() == route;
            let open = move |event: leptos::ev::MouseEvent| {
                // The browser itself opens new tabs and windows.
                if !(event.ctrl_key() || event.meta_key() || event.shift_key()) {
                    event.prevent_default();
                    app.open_route(route);
                }
            };
            view! {
                <a
                    href=["?view=", &route.name()].concat()
                    data-testid=["view-", &route.name()].concat()
                    aria-current=move || is_shown().then_some("page")
                    on:click=open
                >
                    {route.title()}
                </a>
            }
        })
        .collect_view();
    // On a narrow screen the links are a strip that scrolls.
    Effect::new(move |_| {
        let link = ["[data-testid=view-", &app.route.get().in_navigation().name(), "]"].concat();
        window::scroll_strip_to(".views", &link);
    });
    view! { <nav class="views" aria-label="Views">{links}</nav> }
}

/// Renders the logo: a gate in a channel.
#[component]
fn Mark() -> impl IntoView {
    view! {
        <svg width="22" height="22" viewBox="0 0 22 22" aria-hidden="true">
            <path d="M1 6h7c3 0 3 4 6 4h7M1 16h7c3 0 3-4 6-4h7" fill="none" stroke="currentColor" stroke-width="2"/>
            <rect class="mark-gate" x="9.5" y="2" width="3" height="7" rx="1"/>
        </svg>
    }
}
