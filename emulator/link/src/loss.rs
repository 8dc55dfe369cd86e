//! Which packets the wire takes.

use sluice_shared::link::{Direction, LossModel, Share};
use sluice_shared::time::Time;

use crate::burst::Spells;
use crate::fate::{LossKind, PacketId};
use crate::random::{Purpose, Sequence};
use crate::weather::Weather;

/// A loss model at work.
#[derive(Clone, Debug)]
pub(crate) struct Loss {
    model: Model,
    chances: Sequence,
}

/// The model together with the state it needs, so that neither can be without the other.
#[derive(Clone, Debug)]
enum Model {
    Random(Share),
    Burst { spells: Spells, loss_in_good: Share, loss_in_bad: Share },
}

impl Loss {
    pub(crate) fn new(model: LossModel, weather: Weather, direction: Direction) -> Self {
        let model = match model {
            LossModel::None => Model::Random(Share::ZERO),
            LossModel::Random(share) => Model::Random(share),
            LossModel::Burst(burst) => Model::Burst {
                spells: Spells::new(&burst, weather, direction),
                loss_in_good: burst.loss_in_good,
                loss_in_bad: burst.loss_in_bad,
            },
        };
        Self { model, chances: Sequence::new(weather.seed, direction, Purpose::Loss) }
    }

    /// Whether packet `id`, which enters the wire at `now`, is lost, and how.
    ///
    /// Each packet has one chance number for all models: a packet lost at 1 % is also lost at 2 %.
    pub(crate) fn verdict(&mut self, id: PacketId, now: Time) -> Option<LossKind> {
        let chance = self.chances.word(id.0);
        let (share, kind) = match &mut self.model {
            Model::Random(share) => (*share, LossKind::Random),
            Model::Burst { spells, loss_in_good, loss_in_bad } => {
                if spells.is_bad_at(now) {
                    (*loss_in_bad, LossKind::Burst)
                } else {
                    (*loss_in_good, LossKind::Random)
                }
            }
        };
        share.holds(chance).then_some(kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lost(percent: u32, seed: u64, direction: Direction) -> Vec<u64> {
        let model = LossModel::Random(Share::from_percent(percent));
        let mut loss = Loss::new(model, Weather::new(seed), direction);
        (0..10_000).filter(|n| loss.verdict(PacketId(*n), Time::ZERO).is_some()).collect()
    }

    #[test]
    fn a_verdict_follows_from_seed_direction_and_number_alone() {
        let model = LossModel::Random(Share::from_percent(2));
        let mut backwards = Loss::new(model, Weather { seed: 5, since: Time::from_millis(9) }, Direction::Up);
        let mut numbers: Vec<u64> = (0..10_000)
            .rev()
            .filter(|n| backwards.verdict(PacketId(*n), Time::from_millis(50_000 + n)).is_some())
            .collect();
        numbers.reverse();
        assert_eq!(numbers, lost(2, 5, Direction::Up));
        assert_ne!(numbers, lost(2, 6, Direction::Up));
        assert_ne!(numbers, lost(2, 5, Direction::Down));
    }

    #[test]
    fn more_loss_takes_the_same_packets_and_more() {
        let (few, many) = (lost(1, 9, Direction::Up), lost(3, 9, Direction::Up));
        assert!(few.len() < many.len());
        assert!(few.iter().all(|n| many.binary_search(n).is_ok()));
    }
}
