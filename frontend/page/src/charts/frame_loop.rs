//! The animation-frame loop of a module: one for the page, one for the lazily loaded views.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use leptos::prelude::{LocalStorage, StoredValue};
use sluice_shared::time::Time;
use wasm_bindgen::prelude::*;

use crate::charts::palette::Palette;
use sluice_browser::clock;
use sluice_browser::window;

/// The media query for a wish for less motion.
pub const REDUCED_MOTION: &str = "(prefers-reduced-motion: reduce)";

/// What a painter is given.
#[derive(Debug)]
pub struct Frame {
    /// The browser's clock as the frame began.
    pub now: Time,
    /// Counts frames.
    pub number: u64,
    /// The colours in force.
    pub palette: Rc<Palette>,
    /// Somebody has asked for less motion.
    pub reduced_motion: bool,
}

type Painter = Box<dyn FnMut(&Frame)>;

/// The frame loop that a component's canvases join, in its context.
#[derive(Clone, Copy)]
pub struct CanvasFrames(pub StoredValue<FrameLoop, LocalStorage>);

/// Calls everything that draws, once a frame, in the order of registration. A hidden page has no frames.
#[derive(Clone, Default)]
pub struct FrameLoop(Rc<Inner>);

#[derive(Default)]
struct Inner {
    painters: RefCell<Vec<(u64, Painter)>>,
    next_id: Cell<u64>,
    frames: Cell<u64>,
    /// It waits for a painter.
    is_paused: Cell<bool>,
    look_revision: Cell<u32>,
    look: RefCell<Option<(Rc<Palette>, bool)>>,
    callback: RefCell<Option<Closure<dyn FnMut()>>>,
}

impl FrameLoop {
    /// Begins, and goes on for as long as the page lives. `before` runs ahead of the painters of a frame, `after`
    /// behind them with the milliseconds that the frame took.
    pub fn start(
        &self,
        mut before: impl FnMut(&Frame) + 'static,
        mut after: impl FnMut(&Frame, f64) + 'static,
    ) {
        let this = self.clone();
        *self.0.callback.borrow_mut() = Some(Closure::new(move || {
            let began_ms = clock::page_millis();
            let frame = this.frame();
            before(&frame);
            for (_, paint) in this.0.painters.borrow_mut().iter_mut() {
                paint(&frame);
            }
            after(&frame, clock::page_millis() - began_ms);
            this.request();
        }));
        self.request();
    }

    /// Begins, and runs whenever there are painters.
    pub fn start_for_painters(&self) {
        let this = self.clone();
        self.0.is_paused.set(true);
        *self.0.callback.borrow_mut() = Some(Closure::new(move || {
            let frame = this.frame();
            for (_, paint) in this.0.painters.borrow_mut().iter_mut() {
                paint(&frame);
            }
            if this.0.painters.borrow().is_empty() {
                this.0.is_paused.set(true);
            } else {
                this.request();
            }
        }));
    }

    /// Registers a painter; [`FrameLoop::remove`] takes the returned number.
    pub fn add(&self, painter: impl FnMut(&Frame) + 'static) -> u64 {
        let id = self.0.next_id.get();
        self.0.next_id.set(id + 1);
        self.0.painters.borrow_mut().push((id, Box::new(painter)));
        if self.0.is_paused.replace(false) {
            self.request();
        }
        id
    }

    /// Forgets a painter.
    pub fn remove(&self, id: u64) {
        self.0.painters.borrow_mut().retain(|(other, _)| *other != id);
    }

    /// Reads colours and the wish for less motion again at the next frame: the theme or the wish has changed.
    pub fn invalidate_look(&self) {
        self.0.look.borrow_mut().take();
        self.0.look_revision.set(self.0.look_revision.get().wrapping_add(1));
    }

    /// Returns a number that changes whenever colours or the wish for less motion do.
    pub fn look_revision(&self) -> u32 {
        self.0.look_revision.get()
    }

    fn frame(&self) -> Frame {
        let number = self.0.frames.get() + 1;
        self.0.frames.set(number);
        let mut look = self.0.look.borrow_mut();
        let (palette, reduced_motion) =
            look.get_or_insert_with(|| (Rc::new(Palette::read()), window::media_matches(REDUCED_MOTION)));
        Frame { now: clock::now(), number, palette: Rc::clone(palette), reduced_motion: *reduced_motion }
    }

    fn request(&self) {
        if let (Some(window), Some(callback)) = (web_sys::window(), self.0.callback.borrow().as_ref()) {
            let requested = window.request_animation_frame(callback.as_ref().unchecked_ref());
            debug_assert!(requested.is_ok(), "a page has frames");
        }
    }
}
