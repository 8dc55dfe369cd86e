//! Cost of the page itself: frame rate and main-thread time.
//!
//! The frame loop and the engine add their work; the figures are published with the summaries.

use crate::short_list::sort_by_key;

/// Meter of the frame rate, and of main-thread time over the last [`FrameMeter::FRAMES`] frames.
#[derive(Debug)]
pub struct FrameMeter {
    costs_ms: Vec<f64>,
    next: usize,
    since_frame_ms: f64,
    frames: u32,
    /// Work since `counted_since_ms`.
    work_ms: f64,
    counted_since_ms: f64,
    frames_per_second: Option<f64>,
    busy_share: Option<f64>,
}

/// Figures of a [`FrameMeter`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct FrameCost {
    /// Frames drawn per second; `None` before the first second.
    pub frames_per_second: Option<f64>,
    /// 95th percentile of the main thread's time per frame, ms: applying reports, drawing charts and
    /// publishing the summary; `None` before the first frame.
    pub p95_ms: Option<f64>,
}

impl FrameMeter {
    /// Number of frames in the percentile: four seconds at 60 Hz.
    pub const FRAMES: usize = 240;

    /// Creates a meter that starts at `now_ms`.
    pub fn new(now_ms: f64) -> Self {
        Self {
            costs_ms: Vec::with_capacity(Self::FRAMES),
            next: 0,
            since_frame_ms: 0.0,
            frames: 0,
            work_ms: 0.0,
            counted_since_ms: now_ms,
            frames_per_second: None,
            busy_share: None,
        }
    }

    /// Adds work done between frames; it counts for the frame that follows.
    pub fn add(&mut self, cost_ms: f64) {
        self.since_frame_ms += cost_ms;
    }

    /// Ends a frame whose own work took `cost_ms`.
    pub fn end_frame(&mut self, cost_ms: f64) {
        let total = cost_ms + core::mem::take(&mut self.since_frame_ms);
        match self.costs_ms.get_mut(self.next) {
            Some(cost) => *cost = total,
            None => self.costs_ms.push(total),
        }
        self.next = (self.next + 1) % Self::FRAMES;
        self.frames += 1;
        self.work_ms += total;
    }

    /// Returns the share of the main thread's time that the page's work took in the last second, 0 to 1;
    /// `None` before the first second. Does not include work of the browser itself.
    pub const fn busy_share(&self) -> Option<f64> {
        self.busy_share
    }

    /// Returns the figures; the frame rate covers the time since the last call.
    pub fn read(&mut self, now_ms: f64) -> FrameCost {
        let span = now_ms - self.counted_since_ms;
        if span >= 900.0 {
            self.frames_per_second = Some(f64::from(self.frames) * 1e3 / span);
            self.busy_share = Some((self.work_ms / span).min(1.0));
            (self.frames, self.work_ms) = (0, 0.0);
            self.counted_since_ms = now_ms;
        }
        let mut sorted = self.costs_ms.clone();
        sort_by_key(&mut sorted, |cost| *cost);
        let at = (sorted.len() * 95 / 100).min(sorted.len().saturating_sub(1));
        FrameCost { frames_per_second: self.frames_per_second, p95_ms: sorted.get(at).copied() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_busy_share_is_that_of_the_last_second() {
        let mut meter = FrameMeter::new(0.0);
        assert_eq!(meter.busy_share(), None);
        for _ in 0..50 {
            meter.add(4.0);
            meter.end_frame(15.0);
        }
        meter.read(1_000.0);
        assert_eq!(meter.busy_share(), Some(0.95));
        meter.end_frame(100.0);
        meter.read(2_000.0);
        assert_eq!(meter.busy_share(), Some(0.1));
    }

    #[test]
    fn work_between_frames_counts_for_the_next_frame() {
        let mut meter = FrameMeter::new(0.0);
        meter.add(2.0);
        meter.end_frame(1.0);
        assert_eq!(meter.read(0.0).p95_ms, Some(3.0));
    }

    #[test]
    fn the_percentile_and_the_rate_are_those_of_the_last_frames() {
        let mut meter = FrameMeter::new(0.0);
        for frame in 0..1_000 {
            meter.end_frame(if frame % 10 == 0 { 8.0 } else { 1.0 });
        }
        let cost = meter.read(10_000.0);
        assert_eq!((cost.p95_ms, cost.frames_per_second), (Some(8.0), Some(100.0)));
    }

    #[test]
    fn a_meter_without_frames_has_measured_nothing() {
        let cost = FrameMeter::new(0.0).read(5.0);
        assert_eq!((cost.p95_ms, cost.frames_per_second), (None, None));
    }
}
