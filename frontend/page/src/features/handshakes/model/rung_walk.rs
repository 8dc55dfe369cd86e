//! Keyboard navigation through the packets of a ladder.

/// Returns the packet selected by a key, of `count` in sending order; `None` for keys without a function.
pub fn target(key: &str, current: Option<usize>, count: usize) -> Option<usize> {
    let last = count.checked_sub(1)?;
    match (key, current) {
        ("ArrowDown", None) | ("Home", _) => Some(0),
        ("ArrowDown", Some(at)) => Some(last.min(at + 1)),
        ("ArrowUp", at) => Some(last.min(at.unwrap_or(0).saturating_sub(1))),
        ("End", _) => Some(last),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_walk_and_stop_at_both_ends() {
        let walk = |keys: &[&str]| {
            keys.iter().fold(None, |current, key| target(key, current, 3).or(current)).expect("a packet")
        };
        assert_eq!(walk(&["ArrowDown"]), 0);
        assert_eq!(walk(&["ArrowDown", "ArrowDown"]), 1);
        assert_eq!(walk(&["End", "ArrowDown"]), 2);
        assert_eq!(walk(&["End", "ArrowUp"]), 1);
        assert_eq!(walk(&["Home", "ArrowUp"]), 0);
    }

    #[test]
    fn other_keys_and_empty_ladders_lead_nowhere() {
        assert_eq!(target("Tab", Some(1), 3), None);
        assert_eq!(target("End", None, 0), None);
        assert_eq!(target("ArrowUp", Some(7), 3), Some(2), "a ladder that became shorter");
    }
}
