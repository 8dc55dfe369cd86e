//! How each view fits the screen: nothing overlaps, is cut off or too small to read, and nothing scrolls sideways.

use serde_json::json;
use sluice_tests::deadline::{eventually, must};
use sluice_tests::load_times::load_times;
use sluice_tests::stage::{Stage, on_stage};

use crate::{DESK, HAND};
use sluice_tests::views::{VIEWS, open_everything, show_view};

/// Widths of screens, CSS pixels; 720 is a desk at 200 % zoom.
const WIDTHS: [u32; 7] = [320, 390, 720, 768, 1_024, 1_440, 1_920];
const HEIGHT: u32 = 900;

/// Returns the faults of the layout, each as a sentence with the element.
const FAULTS: &str = r#"
    const width = document.documentElement.clientWidth;
    const name = (element) => {
        const id = element.closest("[data-testid]")?.dataset.testid ?? "";
        const text = (element.innerText ?? element.textContent ?? "").trim().replace(/\s+/g, " ").slice(0, 40);
        return `${element.tagName.toLowerCase()}.${element.getAttribute("class") ?? ""} [${id}] “${text}”`;
    };
    const isShown = (element) => element.checkVisibility({ visibilityProperty: true, opacityProperty: true });
    const isForSpeech = (element) => element.closest(".spoken, .skip, .visually-hidden") !== null;
    const all = [...document.body.querySelectorAll("*")].filter((each) => isShown(each) && !isForSpeech(each));
    // The part of an element that its scrolling ancestors leave in sight.
    const sight = (element) => {
        const box = element.getBoundingClientRect();
        let [left, top, right, bottom] = [box.left, box.top, box.right, box.bottom];
        for (let parent = element.parentElement; parent && parent !== document.body; parent = parent.parentElement) {
            const style = getComputedStyle(parent);
            if (style.overflowX === "visible" && style.overflowY === "visible") continue;
            const clip = parent.getBoundingClientRect();
            [left, top] = [Math.max(left, clip.left), Math.max(top, clip.top)];
            [right, bottom] = [Math.min(right, clip.right), Math.min(bottom, clip.bottom)];
        }
        return { left, top, right, bottom };
    };
    const hasOwnText = (element) =>
        [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim() !== "");
    const isClipping = (element) => ["hidden", "clip"].includes(getComputedStyle(element).overflowX);

    const scroll = document.documentElement.scrollWidth - width;
    const wide = all.filter((each) => sight(each).right > width + 1 && each.getBoundingClientRect().width > 0);
    const small = all.filter((each) => hasOwnText(each) && parseFloat(getComputedStyle(each).fontSize) < 12);
    const cut = all.filter((each) =>
        isClipping(each) && each.innerText?.trim()
            && (each.scrollWidth > each.clientWidth + 1 || each.scrollHeight > each.clientHeight + 2));
    const controls = all
        .filter((each) => each.matches("a[href], button, select, input, summary, [tabindex='0']"))
        .map((each) => ({ each, box: sight(each) }))
        .filter(({ box }) => box.right > box.left && box.bottom > box.top);
    const overlapping = [];
    controls.forEach((one, at) => {
        for (const other of controls.slice(at + 1)) {
            if (one.each.contains(other.each) || other.each.contains(one.each)) continue;
            const x = Math.min(one.box.right, other.box.right) - Math.max(one.box.left, other.box.left);
            const y = Math.min(one.box.bottom, other.box.bottom) - Math.max(one.box.top, other.box.top);
            if (x > 1 && y > 1) overlapping.push(`${name(one.each)} and ${name(other.each)}`);
        }
    });
    return [
        scroll > 0 ? `the page scrolls sideways by ${scroll} px` : null,
        ...wide.map((each) => `sticks out: ${name(each)}`),
        ...small.map((each) => `text of ${getComputedStyle(each).fontSize}: ${name(each)}`),
        ...cut.map((each) => `is cut off: ${name(each)}`),
        ...overlapping.map((pair) => `overlap: ${pair}`),
    ].filter((fault) => fault !== null).slice(0, 12);
"#;

async fn faults(stage: &Stage) -> Vec<String> {
    must("reading the layout's faults", serde_json::from_value(stage.browser.run(FAULTS, json!([])).await))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_view_fits_every_screen() {
    on_stage("layout", DESK, "", async |stage| {
        stage
            .until("both lanes consume", |facts| {
                ["stream-per-topic", "websocket"].iter().all(|lane| facts.consumes(lane, 800.0))
            })
            .await;
        let mut found = Vec::new();
        for view in VIEWS {
            stage.resize(DESK.0, DESK.1).await;
            show_view(stage, view).await;
            for is_open in [false, true] {
                if is_open {
                    open_everything(stage).await;
                }
                for width in WIDTHS {
                    stage.resize(width, HEIGHT).await;
                    let faults = faults(stage).await;
                    found.extend(faults.into_iter().map(|fault| format!("{view} at {width} px: {fault}")));
                }
            }
        }
        assert!(found.is_empty(), "{} faults:\n{}", found.len(), found.join("\n"));
    })
    .await;
}

/// Cumulative layout shift that a first visit may have.
const STILL: f64 = 0.02;
/// Messages of each lane after which figures and sentences are there.
const SETTLED: f64 = 3_000.0;

#[tokio::test(flavor = "multi_thread")]
async fn nothing_moves_while_the_page_starts() {
    for (name, size) in [("still_desk", DESK), ("still_hand", HAND)] {
        on_stage(name, size, "", async |stage| {
            // A window cannot be as narrow as a telephone; its page is loaded again in that size.
            stage.resize(size.0, size.1).await;
            stage.browser.reload().await;
            stage
                .until("the figures are there", |facts| {
                    ["stream-per-topic", "websocket"].iter().all(|lane| facts.consumes(lane, SETTLED))
                })
                .await;
            let times = eventually("times are there", || load_times(&stage.browser)).await;
            assert!(times.shift <= STILL, "{size:?}: {times:?}");
            assert!(times.paint.is_some(), "{size:?}: {times:?}");
        })
        .await;
    }
}
