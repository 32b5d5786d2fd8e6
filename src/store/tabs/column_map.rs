//! Maps the columns of a header to those of a later header. Pure.
//!
//! In scope: headers that users moved, renamed, inserted or deleted, or that show an error.
//! Out of scope: the cells below them.
//!
//! A column is followed by its text. A column whose text changed is followed by its neighbours. A
//! gap between two known columns holds the same columns as before if it has as many. The rest is
//! unknown, and nothing is written there.

use std::collections::{HashMap, HashSet};

/// The positions of a header's columns in a later header, in both directions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnMap {
    to: Vec<Option<usize>>,
    from: Vec<Option<usize>>,
}

impl ColumnMap {
    /// Maps the columns of `from` to those of `to`. The pairs in `known` are fixed beforehand.
    pub fn new_between(from: &[String], to: &[String], known: &[(usize, usize)]) -> Self {
        let mut map = Self { to: vec![None; from.len()], from: vec![None; to.len()] };
        for (old, new) in known {
            map.join(*old, *new);
        }
        map.join_texts(from, to);
        map.join_gaps();
        map.join_last_unnamed(to);
        map
    }

    /// Joins two columns about which nothing else is known, if each is the only one of its side.
    fn join_only(&mut self, old: &[usize], new: &[usize]) {
        if let ([old], [new]) = (old, new) {
            self.join(*old, *new);
        }
    }

    /// Joins a column with another one than before.
    pub fn correct_pair(&mut self, old: usize, new: usize) {
        self.to.iter_mut().filter(|to| **to == Some(new)).for_each(|to| *to = None);
        self.from.iter_mut().filter(|from| **from == Some(old)).for_each(|from| *from = None);
        self.join(old, new);
    }

    /// Separates two joined columns.
    fn separate_pair(&mut self, old: usize) {
        if let Some(new) = self.to.get_mut(old).and_then(Option::take)
            && let Some(from) = self.from.get_mut(new)
        {
            *from = None;
        }
    }

    /// The current position of a column; `None` if it was deleted or is unknown. Columns to the
    /// right of the header keep their distance to it.
    pub fn get(&self, column: usize) -> Option<usize> {
        match self.to.get(column) {
            Some(to) => *to,
            None => Some(column - self.to.len() + self.from.len()),
        }
    }

    /// The original position of the column that is now at `column`.
    pub fn find_origin(&self, column: usize) -> Option<usize> {
        match self.from.get(column) {
            Some(from) => *from,
            None => Some(column - self.from.len() + self.to.len()),
        }
    }

    /// Columns of the later header without a counterpart.
    pub fn list_unmatched(&self) -> Vec<usize> {
        self.from.iter().enumerate().filter(|(_, from)| from.is_none()).map(|(at, _)| at).collect()
    }

    /// Whether no column moved.
    pub fn is_identity(&self) -> bool {
        self.to.len() == self.from.len() && self.to.iter().enumerate().all(|(at, to)| *to == Some(at))
    }

    fn join(&mut self, old: usize, new: usize) {
        if let (Some(to @ None), Some(from @ None)) = (self.to.get_mut(old), self.from.get_mut(new)) {
            (*to, *from) = (Some(new), Some(old));
        }
    }

    /// Joins columns with the same text, also a repeated text, if both headers have it equally
    /// often.
    fn join_texts(&mut self, from: &[String], to: &[String]) {
        let mut new: HashMap<&str, Vec<usize>> = HashMap::new();
        for (at, text) in to.iter().enumerate().filter(|(at, text)| is_name(text) && self.from[*at].is_none()) {
            new.entry(text).or_default().push(at);
        }
        let mut old: HashMap<&str, Vec<usize>> = HashMap::new();
        for (at, text) in from.iter().enumerate().filter(|(at, _)| self.to[*at].is_none()) {
            old.entry(text).or_default().push(at);
        }
        for (text, old) in old {
            if let Some(new) = new.get(text).filter(|new| new.len() == old.len()) {
                old.iter().zip(new).for_each(|(old, new)| self.join(*old, *new));
            }
        }
    }

    /// Joins columns between two known ones, or at an end, if there are as many as before and none
    /// was found elsewhere.
    fn join_gaps(&mut self) {
        let mut at = 0;
        while at < self.to.len() {
            let end = (at..self.to.len()).find(|column| self.to[*column].is_some()).unwrap_or(self.to.len());
            let left = if at == 0 { Some(0) } else { self.to[at - 1].map(|left| left + 1) };
            let right = self.to.get(end).map_or(Some(self.from.len()), |right| *right);
            if let (Some(left), Some(right)) = (left, right)
                && right.checked_sub(left) == Some(end - at)
                && (left..right).all(|column| self.from[column].is_none())
            {
                (at..end).zip(left..right).for_each(|(old, new)| self.join(old, new));
            }
            at = end + 1;
        }
    }

    /// Joins the last unmatched column of each side if the later one has no name, because a new
    /// column would have one. Likewise, the only error text among several unmatched columns belongs
    /// to the last unmatched column.
    fn join_last_unnamed(&mut self, to: &[String]) {
        let old: Vec<_> = (0..self.to.len()).filter(|at| self.to[*at].is_none()).collect();
        let mut new = self.list_unmatched();
        if new.len() > 1 {
            new.retain(|at| to.get(*at).is_some_and(|text| is_error(text)));
        }
        if let ([old], [new]) = (old.as_slice(), new.as_slice())
            && to.get(*new).is_some_and(|text| !is_name(text))
        {
            self.join(*old, *new);
        }
    }
}

/// Whether a header text can name a column. An error is the result of a broken formula.
fn is_name(text: &str) -> bool {
    !text.is_empty() && !is_error(text)
}

/// Whether a header text is an error, as a broken formula shows it.
pub fn is_error(text: &str) -> bool {
    text.starts_with('#')
}

/// Maps the columns that a batch expected to the header as it found it.
///
/// The job's only missing header is matched with the only unmatched column. Nothing shows which of
/// several is which. The pairs in `known` are fixed beforehand. `is_known_now` identifies expected
/// columns whose current place is known. `is_users` identifies users' own
/// columns, which are excluded, also where one is in the place of the job's.
pub fn map_own_columns(
    expected: &[String],
    found: &[String],
    own: &[usize],
    known: &[(usize, usize)],
    is_users: impl Fn(usize) -> bool,
    is_known_now: impl Fn(usize) -> bool,
) -> ColumnMap {
    let mut map = ColumnMap::new_between(expected, found, known);
    let own: HashSet<usize> = own.iter().copied().collect();
    // A user's column where the job's one was, which is known to be elsewhere now, was inserted.
    let is_wrong = |at: &usize| {
        let there = map.get(*at).filter(|there| is_known_now(*at) && expected.get(*at) != found.get(*there));
        let is_known = there.is_some_and(|there| known.contains(&(*at, there)));
        there.is_some_and(|there| !is_known && found.get(there).is_some_and(|text| is_name(text)) && is_users(there))
    };
    let wrong: Vec<_> = own.iter().copied().filter(is_wrong).collect();
    for at in wrong {
        map.separate_pair(at);
    }
    let missed: Vec<_> = own.into_iter().filter(|at| map.get(*at).is_none()).collect();
    let unmatched: Vec<_> = map.list_unmatched().into_iter().filter(|at| !is_users(*at)).collect();
    map.join_only(&missed, &unmatched);
    map.join_last_unnamed(found);
    map
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(header: &str) -> Vec<String> {
        header.split_whitespace().map(|text| if text == "_" { String::new() } else { text.to_owned() }).collect()
    }

    fn map(from: &str, to: &str) -> Vec<Option<usize>> {
        let (from, to) = (texts(from), texts(to));
        let map = ColumnMap::new_between(&from, &to, &[]);
        (0..from.len()).map(|at| map.get(at)).collect()
    }

    #[test]
    fn a_column_is_followed_by_its_text() {
        assert_eq!(map("id n mine", "mine id new n"), [Some(1), Some(3), Some(0)]);
        assert_eq!(map("id n mine", "id mine"), [Some(0), None, Some(1)]);
    }

    #[test]
    fn a_column_whose_header_became_an_error_is_followed() {
        assert_eq!(map("id arr n x", "id #REF! n x"), [Some(0), Some(1), Some(2), Some(3)]);
        assert_eq!(map("id n arr", "#REF! id n"), [Some(1), Some(2), Some(0)]);
        assert_eq!(map("id a b n", "id #REF! n #REF!"), [Some(0), None, None, Some(2)]);
    }

    #[test]
    fn the_only_error_among_new_columns_is_the_lost_one() {
        assert_eq!(map("id arr n", "n x #REF! id y"), [Some(3), Some(2), Some(0)]);
        assert_eq!(map("id arr n", "n #REF! x #REF! id"), [Some(4), None, Some(0)]);
        let own = map_own_columns(
            &texts("a arr n"),
            &texts("n #REF! x renamed"),
            &[0],
            &[],
            |at| at == 1 || at == 2,
            |_| false,
        );
        assert_eq!([own.get(0), own.get(1), own.get(2)], [Some(3), Some(1), Some(0)]);
    }

    #[test]
    fn a_users_column_in_the_place_of_the_jobs_is_not_taken_for_it() {
        let (expected, found) = (texts("id a b c mine"), texts("id a own c renamed mine"));
        let mapped = |is_known: bool| {
            map_own_columns(&expected, &found, &[0, 1, 2, 3], &[], |at| at == 2 || at == 5, move |_| is_known)
        };
        let map = mapped(true);
        assert_eq!([map.get(1), map.get(2), map.get(3)], [Some(1), Some(4), Some(3)]);
        assert_eq!(map.find_origin(2), None, "the user's column is new");
        assert_eq!(mapped(false).get(2), Some(2), "the job's one may have been renamed in its place");
    }

    #[test]
    fn columns_without_a_header_keep_their_place_between_others() {
        assert_eq!(map("id _ n _ x", "x id _ n _"), [Some(1), Some(2), Some(3), Some(4), Some(0)]);
        let map = ColumnMap::new_between(&texts("id n"), &texts("new id n"), &[]);
        assert_eq!((map.get(5), map.find_origin(6)), (Some(6), Some(5)));
    }

    #[test]
    fn a_deleted_and_a_new_column_are_not_taken_for_each_other() {
        assert_eq!(map("id a n b", "id n new b x"), [Some(0), None, Some(1), Some(3)]);
    }
}
