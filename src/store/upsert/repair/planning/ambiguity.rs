//! What a user reads about rows that nothing distinguishes, so that a run stops. Pure.
//!
//! In scope: the messages, each with the rows and with what to do.
//! Out of scope: finding the rows (`store::upsert::repair::location::rows`,
//! `store::upsert::repair::location::correspondence`).

use crate::store::upsert::repair::location::correspondence::Correspondence;
use crate::store::upsert::repair::location::rows::RowLocation;

/// Rows that could each be the one that a repair needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AmbiguousRows {
    /// Two such rows, 0-based; the same twice if one row could be one of several.
    pub rows: (u32, u32),
    /// The key of the row, if it has one.
    pub key: Option<String>,
    /// Whether users can show the row by restoring its cells.
    pub is_restorable: bool,
}

/// Collects the hit rows that could be either of two.
pub(super) fn find_ambiguous_hits(map: &Correspondence<'_>) -> Vec<AmbiguousRows> {
    let located = map.located.iter().enumerate().filter_map(|(at, located)| match located {
        RowLocation::Ambiguous(one, other) => {
            Some(AmbiguousRows { rows: (*one, *other), key: map.find_own_key(at), is_restorable: map.had_contents(at) })
        }
        RowLocation::At(_) | RowLocation::Gone => None,
    });
    let mut out: Vec<_> = located.collect();
    // The intended row of a repair that it missed may be the one, too.
    for excluded in map.excluded_rows.iter().filter(|excluded| excluded.row.is_none() && excluded.key.is_some()) {
        let is_it = |row: u32| map.image.compare(&excluded.fingerprint, row as usize).is_exact();
        let rows = out.iter().map(|ambiguous| ambiguous.rows).find(|(one, other)| one == other && is_it(*one));
        out.extend(rows.map(|rows| AmbiguousRows { rows, key: excluded.key.clone(), is_restorable: false }));
    }
    out
}

/// Returns a message for each group of rows, with what to do.
pub(super) fn describe_groups(map: &Correspondence<'_>, all: &[AmbiguousRows]) -> Vec<String> {
    let mut groups: Vec<((u32, u32), Vec<&str>)> = Vec::new();
    for ambiguous in all {
        let at = groups.iter().position(|(rows, _)| *rows == ambiguous.rows).unwrap_or(groups.len());
        if at == groups.len() {
            groups.push((ambiguous.rows, Vec::new()));
        }
        if let (Some((_, keys)), Some(key)) = (groups.get_mut(at), ambiguous.key.as_deref())
            && !keys.contains(&key)
        {
            keys.push(key);
        }
    }
    let is_restorable = |rows| all.iter().filter(|ambiguous| ambiguous.rows == rows).all(|row| row.is_restorable);
    groups.iter().map(|(rows, keys)| describe_group(map, *rows, keys, is_restorable(*rows))).collect()
}

fn describe_group(map: &Correspondence<'_>, (one, other): (u32, u32), keys: &[&str], is_restorable: bool) -> String {
    let image = map.image;
    let column = image.tab.header.get(image.key).map_or("", String::as_str);
    let shown = [one, other].map(|row| image.shown_text(row as usize, image.key));
    let (one, other) = (one + 1, other + 1);
    match keys {
        [] if one == other => {
            format!(
                "row {one} could be one of several without a key that a write hit by mistake: restore its cells from the version history"
            )
        }
        [] if shown[0].is_empty() && !is_restorable => {
            format!(
                "rows {one} and {other} could each be one that a write filled by mistake; write a text into column \"{column}\" of the other one, which stays"
            )
        }
        [] if shown[0].is_empty() => {
            format!(
                "rows {one} and {other} could each be one without a key that a write hit by mistake: restore its cells from the version history"
            )
        }
        [] => {
            format!(
                "rows {one} and {other} could each be the one of key \"{}\", and a write filled the other by mistake; clear column \"{column}\" of that other row",
                shown[0]
            )
        }
        [key, ..] if one != other && shown.iter().all(|shown| shown == key) => {
            format!(
                "rows {one} and {other} could each be the one of key \"{key}\", and a write filled the other by mistake; clear column \"{column}\" of that other row"
            )
        }
        [key, ..] if one != other => {
            format!(
                "rows {one} and {other} could each be the one of key \"{key}\": write it into column \"{column}\" of the right one"
            )
        }
        [key] => {
            format!(
                "row {one} could be the one of key \"{key}\", or one that a write filled by mistake; write the key into column \"{column}\", or clear that cell"
            )
        }
        [key, next, ..] => {
            format!(
                "row {one} could be the one of key \"{key}\" or of key \"{next}\"; write its key into column \"{column}\", or clear that cell if it is of neither"
            )
        }
    }
}
