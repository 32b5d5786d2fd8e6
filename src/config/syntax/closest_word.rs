//! The known word that a misspelt one was probably meant to be.

use strsim::osa_distance;

/// Returns the known word that was probably meant: the one with the fewest edits, if these are few
/// for its length.
pub(crate) fn find_closest_word<'k>(word: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    let lower = word.to_lowercase();
    let near = known.map(|candidate| (osa_distance(&lower, &candidate.to_lowercase()), candidate));
    near.filter(|(edits, candidate)| *edits <= (candidate.chars().count() / 3).clamp(1, 3))
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, suggestion)| suggestion)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_swap_of_neighbours_is_one_edit() {
        assert_eq!(find_closest_word("nmae", ["item", "name"].into_iter()), Some("name"));
        assert_eq!(find_closest_word("colums", ["schedule", "columns"].into_iter()), Some("columns"));
        assert_eq!(find_closest_word("zebra", ["name", "columns"].into_iter()), None);
    }

    #[test]
    fn a_short_word_may_differ_in_one_letter_only() {
        assert_eq!(find_closest_word("TAB", ["tab"].into_iter()), Some("tab"));
        assert_eq!(find_closest_word("tub", ["tab"].into_iter()), Some("tab"));
        assert_eq!(find_closest_word("sub", ["tab"].into_iter()), None);
    }
}
