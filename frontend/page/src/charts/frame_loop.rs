//! Animation-frame loop of a module: one for the page, one for the lazily loaded views.
//!
//! Canvases register painters, which run once per frame in the order of registration. A hidden page has no
//! frames.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use leptos::prelude::{LocalStorage, StoredValue};
use sluice_shared::time::Time;
use wasm_bindgen::prelude::*;

use crate::charts::palette::Palette;
use sluice_browser::clock;
use sluice_browser::window;

/// Media query of the reduced-motion preference.
pub const REDUCED_MOTION: &str = "(prefers-reduced-motion: reduce)";

/// Input of a painter.
#[derive(Debug)]
pub struct Frame {
    /// Start of the frame, on the browser's clock.
    pub now: Time,
    /// Number of the frame.
    pub number: u64,
    /// Current colours.
    pub palette: Rc<Palette>,
    /// True if the visitor prefers reduced motion.
    pub reduced_motion: bool,
}

type Painter = Box<dyn FnMut(&Frame)>;

/// Context of a component: the frame loop that its canvases join.
#[derive(Clone, Copy)]
pub struct CanvasFrames(pub StoredValue<FrameLoop, LocalStorage>);

/// Loop that calls all painters once per frame, in the order of registration. A hidden page has no frames.
#[derive(Clone, Default)]
pub struct FrameLoop(Rc<Inner>);

#[derive(Default)]
struct Inner {
    painters: RefCell<Vec<(u64, Painter)>>,
    next_id: Cell<u64>,
    frames: Cell<u64>,
    /// True if the loop is paused until a painter registers.
    is_paused: Cell<bool>,
    look_revision: Cell<u32>,
    look: RefCell<Option<(Rc<Palette>, bool)>>,
    callback: RefCell<Option<Closure<dyn FnMut()>>>,
}

impl FrameLoop {
    /// Starts the loop, which runs until the page is closed. In each frame, `before` runs before the painters
    /// and `after` runs after them, with the milliseconds that the frame took.
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

    /// Starts the loop, which runs only while there are painters.
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

    /// Removes a painter.
    pub fn remove(&self, id: u64) {
        self.0.painters.borrow_mut().retain(|(other, _)| *other != id);
    }

    /// Makes the next frame read the colours and the reduced-motion preference again, after one of them has
    /// changed.
    pub fn invalidate_look(&self) {
        self.0.look.borrow_mut().take();
        self.0.look_revision.set(self.0.look_revision.get().wrapping_add(1));
    }

    /// Returns a number that changes whenever the colours or the reduced-motion preference change.
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
