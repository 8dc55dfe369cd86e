//! A canvas that follows its element's size and the screen's pixel density.
//!
//! Charts draw on it in CSS pixels. [`Surface::fit`] empties the canvas when its size has changed, which
//! [`Surface::take_resized`] reports.

use std::cell::Cell;
use std::rc::Rc;

use js_sys::Promise;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, CanvasRenderingContext2d, HtmlCanvasElement, ResizeObserver};

use sluice_text::decimal::short;

/// Horizontal position of text relative to its point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// The text is to the right of the point.
    Left,
    /// The text is centred on the point.
    Center,
    /// The text is to the left of the point.
    Right,
}

/// Drawing surface of one canvas, in CSS pixels from its top left corner.
#[derive(Debug)]
pub struct Surface {
    canvas: HtmlCanvasElement,
    context: CanvasRenderingContext2d,
    observed: Rc<Cell<(f64, f64)>>,
    backing: (u32, u32),
    resized: bool,
    observer: Option<ResizeObserver>,
    _on_resize: Closure<dyn FnMut()>,
}

impl Surface {
    /// Returns a surface on `canvas`; `None` if the browser provides no 2d context.
    pub fn new(canvas: HtmlCanvasElement) -> Option<Self> {
        let context = canvas.get_context("2d").ok()??.dyn_into::<CanvasRenderingContext2d>().ok()?;
        let observed = Rc::new(Cell::new((0.0, 0.0)));
        let measure = {
            let (canvas, observed) = (canvas.clone(), Rc::clone(&observed));
            move || observed.set((f64::from(canvas.client_width()), f64::from(canvas.client_height())))
        };
        measure();
        let on_resize = Closure::<dyn FnMut()>::new(measure);
        let observer = ResizeObserver::new(on_resize.as_ref().unchecked_ref()).ok();
        if let Some(observer) = &observer {
            observer.observe(&canvas);
        }
        Some(Self {
            canvas,
            context,
            observed,
            backing: (0, 0),
            resized: false,
            observer,
            _on_resize: on_resize,
        })
    }

    /// Returns a surface on a canvas outside the page, with `density` pixels per CSS pixel; `None` if the
    /// browser provides no 2d context.
    pub fn detached((width, height): (f64, f64), density: f64) -> Option<Self> {
        let document = web_sys::window()?.document()?;
        let canvas = document.create_element("canvas").ok()?.dyn_into::<HtmlCanvasElement>().ok()?;
        let backing = ((width * density).round() as u32, (height * density).round() as u32);
        canvas.set_width(backing.0);
        canvas.set_height(backing.1);
        let context = canvas.get_context("2d").ok()??.dyn_into::<CanvasRenderingContext2d>().ok()?;
        context.scale(density, density).ok()?;
        Some(Self {
            canvas,
            context,
            observed: Rc::new(Cell::new((width, height))),
            backing,
            resized: false,
            observer: None,
            _on_resize: Closure::new(|| ()),
        })
    }

    /// Returns the picture as a PNG file.
    ///
    /// # Errors
    /// The browser's own error, or null if it cannot encode the picture.
    pub async fn png(&self) -> Result<Blob, JsValue> {
        let encoded = Promise::new(&mut |resolve, reject| {
            if let Err(error) = self.canvas.to_blob(&resolve) {
                // Calling a promise's own functions never fails.
                drop(reject.call1(&JsValue::NULL, &error));
            }
        });
        JsFuture::from(encoded).await?.dyn_into()
    }

    /// Resizes the canvas to its element. Returns width and height, or `None` while the element has no size.
    pub fn fit(&mut self) -> Option<(f64, f64)> {
        let (width, height) = self.observed.get();
        if width < 1.0 || height < 1.0 {
            return None;
        }
        let density = web_sys::window().map_or(1.0, |window| window.device_pixel_ratio()).clamp(1.0, 3.0);
        let backing = ((width * density).round() as u32, (height * density).round() as u32);
        if backing != self.backing {
            self.canvas.set_width(backing.0);
            self.canvas.set_height(backing.1);
            self.backing = backing;
            self.resized = true;
            let scaled = self.context.set_transform(density, 0.0, 0.0, density, 0.0, 0.0);
            debug_assert!(scaled.is_ok(), "the matrix is finite");
        }
        Some((width, height))
    }

    /// Returns whether a new size has emptied the canvas since the last call.
    pub fn take_resized(&mut self) -> bool {
        core::mem::take(&mut self.resized)
    }

    /// Clears the canvas.
    pub fn clear(&self, (width, height): (f64, f64)) {
        self.context.clear_rect(0.0, 0.0, width, height);
        self.context.set_global_alpha(1.0);
    }

    /// Sets the opacity of subsequent drawing, 0 to 1.
    pub fn alpha(&self, alpha: f64) {
        self.context.set_global_alpha(alpha);
    }

    /// Sets the fill colour of areas and text.
    pub fn fill_colour(&self, colour: &str) {
        self.context.set_fill_style_str(colour);
    }

    /// Sets colour, width and dash of lines.
    pub fn stroke_style(&self, colour: &str, width: f64, dash: &[f64]) {
        self.context.set_stroke_style_str(colour);
        self.context.set_line_width(width);
        let segments: js_sys::Array = dash.iter().map(|length| JsValue::from_f64(*length)).collect();
        let set = self.context.set_line_dash(&segments);
        debug_assert!(set.is_ok(), "the dash is a list of numbers");
    }

    /// Fills a rectangle.
    pub fn rect(&self, x: f64, y: f64, width: f64, height: f64) {
        self.context.fill_rect(x, y, width, height);
    }

    /// Fills a rectangle with round corners and outlines it if `outline` is set.
    pub fn round_rect(&self, (x, y): (f64, f64), (width, height): (f64, f64), radius: f64, outline: bool) {
        self.context.begin_path();
        let added =
            self.context.round_rect_with_f64(x, y, width, height, radius.min(width / 2.0).min(height / 2.0));
        debug_assert!(added.is_ok(), "the radius is not negative");
        self.context.fill();
        if outline {
            self.context.stroke();
        }
    }

    /// Restricts subsequent drawing to a rectangle with round corners, until [`Surface::unclip`].
    pub fn clip_round_rect(&self, (x, y): (f64, f64), (width, height): (f64, f64), radius: f64) {
        self.context.save();
        self.context.begin_path();
        let added = self.context.round_rect_with_f64(x, y, width, height, radius);
        debug_assert!(added.is_ok(), "the radius is not negative");
        self.context.clip();
    }

    /// Ends the last clip.
    pub fn unclip(&self) {
        self.context.restore();
    }

    /// Fills a circle.
    pub fn circle(&self, x: f64, y: f64, radius: f64) {
        self.context.begin_path();
        let added = self.context.arc(x, y, radius, 0.0, core::f64::consts::TAU);
        debug_assert!(added.is_ok(), "the radius is not negative");
        self.context.fill();
    }

    /// Fills circles of one size.
    pub fn circles(&self, centers: &[(f64, f64)], radius: f64) {
        self.context.begin_path();
        for (x, y) in centers {
            self.context.move_to(x + radius, *y);
            let added = self.context.arc(*x, *y, radius, 0.0, core::f64::consts::TAU);
            debug_assert!(added.is_ok(), "the radius is not negative");
        }
        self.context.fill();
    }

    /// Draws one straight line.
    pub fn line(&self, from: (f64, f64), to: (f64, f64)) {
        self.context.begin_path();
        self.context.move_to(from.0, from.1);
        self.context.line_to(to.0, to.1);
        self.context.stroke();
    }

    /// Draws a line through points.
    pub fn polyline(&self, points: &[(f64, f64)]) {
        self.trace(points);
        self.context.stroke();
    }

    /// Fills the area between a line through points and a base line.
    pub fn area(&self, points: &[(f64, f64)], base: f64) {
        let (Some(first), Some(last)) = (points.first(), points.last()) else { return };
        self.trace(points);
        self.context.line_to(last.0, base);
        self.context.line_to(first.0, base);
        self.context.close_path();
        self.context.fill();
    }

    /// Sets the font of subsequent text.
    pub fn font(&self, pixels: f64, families: &str) {
        self.context.set_font(&(short(pixels) + "px " + families));
    }

    /// Draws text on a baseline.
    pub fn text(&self, text: &str, x: f64, y: f64, align: Align) {
        self.context.set_text_align(match align {
            Align::Left => "left",
            Align::Center => "center",
            Align::Right => "right",
        });
        let written = self.context.fill_text(text, x, y);
        debug_assert!(written.is_ok(), "the point is finite");
    }

    fn trace(&self, points: &[(f64, f64)]) {
        self.context.begin_path();
        for (index, (x, y)) in points.iter().enumerate() {
            if index == 0 { self.context.move_to(*x, *y) } else { self.context.line_to(*x, *y) }
        }
    }
}

/// Returns a function that computes colour tokens, using a hidden element of the page.
pub fn computed_colours() -> impl Fn(&str) -> String {
    let window = web_sys::window();
    let probe = Probe::new(window.as_ref());
    move |token| {
        let computed = window.as_ref().zip(probe.0.as_ref()).and_then(|(window, probe)| {
            probe.set_attribute("style", &format!("display: none; color: var({token})")).ok()?;
            window.get_computed_style(probe).ok()??.get_property_value("color").ok()
        });
        computed.unwrap_or_default()
    }
}

/// Returns the font families of the page's text.
pub fn computed_font() -> String {
    let families = web_sys::window().and_then(|window| {
        let body = window.document()?.body()?;
        window.get_computed_style(&body).ok()??.get_property_value("font-family").ok()
    });
    families.unwrap_or_else(|| "sans-serif".to_owned())
}

/// A hidden element, removed when dropped.
struct Probe(Option<web_sys::Element>);

impl Probe {
    fn new(window: Option<&web_sys::Window>) -> Self {
        Self(window.and_then(|window| {
            let document = window.document()?;
            let element = document.create_element("i").ok()?;
            document.body()?.append_child(&element).ok()?;
            Some(element)
        }))
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        if let Some(element) = &self.0 {
            element.remove();
        }
    }
}

impl Drop for Surface {
    fn drop(&mut self) {
        if let Some(observer) = &self.observer {
            observer.disconnect();
        }
    }
}
