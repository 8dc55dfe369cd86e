//! Order and lookup of short lists. The standard library's sort is 3 KB of the page for each type that it sorts.

/// Sorts a list of at most a few hundred items by insertion, stably.
pub(crate) fn sort_by_key<T, K: PartialOrd>(list: &mut [T], key: impl Fn(&T) -> K) {
    for end in 1..list.len() {
        let mut at = end;
        while at > 0 && key(&list[at]) < key(&list[at - 1]) {
            list.swap(at, at - 1);
            at -= 1;
        }
    }
}

/// Returns the value of a key in a list of pairs, which is added if it is missing.
pub(crate) fn get_or_insert<K: PartialEq, V>(
    list: &mut Vec<(K, V)>,
    key: K,
    value: impl FnOnce() -> V,
) -> &mut V {
    let at = list.iter().position(|(present, _)| *present == key).unwrap_or_else(|| {
        list.push((key, value()));
        list.len() - 1
    });
    &mut list[at].1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_sorted_as_the_standard_library_does() {
        // The factorial number system names every order of six keys, two of them equal.
        for code in 0..720 {
            let (mut rest, mut code) = (vec![1, 2, 2, 3, 4, 5], code);
            let mut list: Vec<(i32, usize)> = Vec::new();
            while !rest.is_empty() {
                let position = code % rest.len();
                code /= rest.len();
                list.push((rest.remove(position), list.len()));
            }
            let mut expected = list.clone();
            expected.sort_by_key(|(key, _)| *key);
            sort_by_key(&mut list, |(key, _)| *key);
            assert_eq!(list, expected);
        }
    }

    #[test]
    fn a_key_has_one_value() {
        let mut list = vec![("a", 1)];
        *get_or_insert(&mut list, "a", || 9) += 1;
        *get_or_insert(&mut list, "b", || 5) += 1;
        assert_eq!(list, [("a", 2), ("b", 6)]);
    }

    #[test]
    fn empty_and_single_lists_stay_as_they_are() {
        let mut one = [7];
        sort_by_key(&mut [0; 0], |item| *item);
        sort_by_key(&mut one, |item| *item);
        assert_eq!(one, [7]);
    }
}
