//! Which of a page's lanes a connection is.

/// The `lane` that a query names, for the reports of its lab; anything else in the query is none of ours.
pub(crate) fn lane_of(query: Option<&str>) -> Option<u16> {
    query?.split('&').find_map(|part| part.strip_prefix("lane=")?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_is_a_number_in_the_query() {
        assert_eq!(lane_of(Some("lane=3")), Some(3));
        assert_eq!(lane_of(Some("x=1&lane=0")), Some(0));
        for none in [None, Some(""), Some("lane="), Some("lane=-1"), Some("lane=65536"), Some("plane=2")] {
            assert_eq!(lane_of(none), None, "{none:?}");
        }
    }
}
