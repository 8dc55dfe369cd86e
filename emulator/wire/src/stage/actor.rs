//! What moves by itself while tasks wait.

use sluice_shared::time::Time;

/// Something with a timetable of its own, such as a network; it belongs to those who use it, not to the stage.
pub(crate) trait Actor: Send + Sync {
    /// When [`Self::advance`] should be called next; `None` while nothing is under way.
    fn due(&self) -> Option<Time>;

    /// Does what is due by the stage's time.
    fn advance(&self);
}
