//! What a session may resume.

use parking_lot::Mutex;
use sluice_shared::ids::{Seq, StreamId};
use sluice_shared::wire::StreamInfo;

/// The streams that a session has followed, each with the position that it began at.
///
/// A resume names positions; only those of a stream that the session followed count, and none before its beginning. So
/// whoever holds a session gets what was sent to that session, and never what was there before it.
#[derive(Debug, Default)]
pub(super) struct Followed(Mutex<Vec<(StreamId, Seq)>>);

impl Followed {
    /// Most streams that are remembered; beyond that the lowest ids, the oldest feeds, are forgotten.
    const MOST: usize = 1_024;

    /// The session follows `streams` from here on.
    pub(super) fn note(&self, streams: &[StreamInfo]) {
        let mut followed = self.0.lock();
        for info in streams {
            if let Err(place) = followed.binary_search_by_key(&info.id, |(stream, _)| *stream) {
                followed.insert(place, (info.id, info.next));
            }
        }
        let surplus = followed.len().saturating_sub(Self::MOST);
        followed.drain(..surplus);
    }

    /// Where the session goes on in `stream` when it asks for `wanted`; `None` when it has never followed it.
    pub(super) fn position(&self, stream: StreamId, wanted: Seq) -> Option<Seq> {
        let followed = self.0.lock();
        let place = followed.binary_search_by_key(&stream, |(stream, _)| *stream).ok()?;
        followed.get(place).map(|(_, first)| wanted.max(*first))
    }
}

#[cfg(test)]
mod tests {
    use sluice_shared::feed::FeedSpec;

    use super::*;

    fn info(stream: u32, next: u64) -> StreamInfo {
        StreamInfo { id: StreamId(stream), feed: FeedSpec::Host, name: String::new(), next: Seq(next) }
    }

    #[test]
    fn a_session_goes_back_to_its_beginning_and_no_further() {
        let followed = Followed::default();
        followed.note(&[info(7, 100), info(3, 5)]);
        followed.note(&[info(7, 200), info(9, 0)]);
        assert_eq!(followed.position(StreamId(7), Seq(150)), Some(Seq(150)));
        assert_eq!(followed.position(StreamId(7), Seq(0)), Some(Seq(100)));
        assert_eq!(followed.position(StreamId(3), Seq(5)), Some(Seq(5)));
        assert_eq!(followed.position(StreamId(4), Seq(5)), None);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let followed = Followed::default();
        (0..5_000).for_each(|stream| followed.note(&[info(stream, 1)]));
        assert_eq!(followed.0.lock().len(), Followed::MOST);
        assert_eq!(followed.position(StreamId(0), Seq(1)), None);
        assert_eq!(followed.position(StreamId(4_999), Seq(1)), Some(Seq(1)));
    }
}
