//! Reactive text and attributes of one type each.

/// A closure that the renderer calls again when a signal that it reads has changed.
pub type Dynamic<T> = Box<dyn FnMut() -> T + Send>;

/// Erases the type of a closure in a view. The renderer is compiled anew for each type that it renders, and every
/// closure has its own: without this, closures are a tenth of the page's weight.
pub fn dynamic<T>(read: impl FnMut() -> T + Send + 'static) -> Dynamic<T> {
    Box::new(read)
}
