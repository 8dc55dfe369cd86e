//! Finding the name that somebody meant.

/// The candidate nearest to `name` by single-letter edits, if no more than a third of its letters (at least one) would
/// have to change. Case does not count; of equally near ones the first is taken.
pub fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.to_ascii_lowercase();
    candidates
        .map(|candidate| (edits(&name, &candidate.to_ascii_lowercase()), candidate))
        .filter(|(edits, candidate)| *edits <= (candidate.chars().count() / 3).max(1))
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

/// How many letters must be put in, taken out or changed to make `from` into `to` (Levenshtein's distance).
fn edits(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (at, letter) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = at + 1;
        for (column, target) in to.iter().enumerate() {
            let changed = diagonal + usize::from(letter != *target);
            diagonal = row[column + 1];
            row[column + 1] = changed.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn edits_are_counted() {
        assert_eq!(edits("kitten", "sitting"), 3);
        assert_eq!(edits("", "lte"), 3);
        assert_eq!(edits("lte", "lte"), 0);
    }

    #[test]
    fn only_a_near_name_is_suggested() {
        let names = ["satellite", "fibre", "3g"];
        assert_eq!(nearest("Satelite", names.into_iter()), Some("satellite"));
        assert_eq!(nearest("fiber", names.into_iter()), None);
        assert_eq!(nearest("fibr", names.into_iter()), Some("fibre"));
        assert_eq!(nearest("4g", names.into_iter()), Some("3g"));
        assert_eq!(nearest("hyperspace", names.into_iter()), None);
    }
}
