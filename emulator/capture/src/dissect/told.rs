//! What was told of a stream's bytes, so that they can be named when they are sent again.

use crate::findings::{Findings, Mark, Rank, Said, Weight};

/// Tellings that are remembered of one stream: those of its beginning.
const MAX_TOLD: usize = 64;

/// What was told, by where it ends.
#[derive(Debug, Default)]
pub(super) struct Told(Vec<(u64, Said)>);

impl Told {
    /// Remembers what `findings` says since `mark`, as what ends at `end`.
    ///
    /// Bytes of TCP that were early data are so when they are sent again (`is_early_again`); those of QUIC are what their
    /// new packet says.
    pub(super) fn remember(&mut self, end: u64, mark: &Mark, findings: &mut Findings, is_early_again: bool) {
        let Some(mut said) = findings.said_since(mark, is_early_again) else { return };
        if said.weight == Weight::Early && !is_early_again {
            said.weight = Weight::Data;
        }
        if self.0.len() < MAX_TOLD {
            self.0.push((end, said));
        }
    }

    /// Says again what ends between `start` and `end`.
    pub(super) fn say_again(&self, start: u64, end: u64, findings: &mut Findings) {
        let mut is_known = false;
        for (_, said) in self.0.iter().filter(|(told, _)| start < *told && *told <= end) {
            findings.weigh(said.weight);
            findings.word(said.rank, format!("{} (again)", said.text));
            is_known = true;
        }
        if !is_known {
            findings.weigh(Weight::Data);
            findings.word(Rank::Usual, "data (again)");
        }
    }
}
