//! The order in which rows of Processed were written, and which of them are old.
//!
//! In scope: the order, and the age under wrong clocks. Out of scope: which rows are obsolete
//! (`maintain::prune`).
//!
//! A row's only time is in its run's id, from some machine's clock. So a row counts as old only if
//! its own run and each run before it began long ago. A time ahead of the service's clock is
//! ignored: such a row is old if a later one is.

use crate::ledger::leases::row_order::{CommitSequence, FirstCommits};
use crate::ledger::runs::run::{is_run_id, run_id, start_text};
use crate::store::scan::scanned_tabs::{ProcessedRow, ScannedTabs};
use crate::time::Timestamp;

/// A run that began more than this after the last lease term did has a wrong clock, in
/// milliseconds.
const CLOCK_TOLERANCE_MS: u64 = 86_400_000;

/// A row and its age.
#[derive(Debug, Clone, Copy)]
pub struct AgedRow<'l> {
    /// The row of Processed.
    pub row: &'l ProcessedRow,
    /// Whether the row was certainly written before the age limit.
    pub is_old: bool,
}

/// Returns all rows of a listing in the order in which they were written; those of earlier
/// spreadsheets come first. `before` is the age limit.
pub fn order_rows(listing: &ScannedTabs, before: Timestamp) -> Vec<AgedRow<'_>> {
    let own = || listing.rows.iter().filter(|row| !row.is_in_predecessor);
    let mut sequence = CommitSequence::default();
    for row in own() {
        sequence.push_row(&row.run, row.order);
    }
    let mut ranked: Vec<_> = sequence.rank_rows(&find_first_commits(listing)).into_iter().zip(own()).collect();
    ranked.sort_by_key(|(rank, _)| *rank);
    let rows = listing.rows.iter().filter(|row| row.is_in_predecessor).chain(ranked.into_iter().map(|(_, row)| row));
    let latest = listing.snapshot.state.lease.since.max(before).add_ms(CLOCK_TOLERANCE_MS);
    mark_old(rows.map(|row| AgedRow { row, is_old: false }).collect(), before, latest)
}

fn find_first_commits(listing: &ScannedTabs) -> FirstCommits {
    let state = &listing.snapshot.state;
    let ended = listing.runs.iter().map(|(_, run)| run).filter(|run| run.job == state.job);
    ended.chain(&state.run).map(|run| (run.id.clone(), run.first_commit)).collect()
}

/// Marks the old rows; a run that began after `latest` has a wrong clock.
fn mark_old(mut rows: Vec<AgedRow<'_>>, before: Timestamp, latest: Timestamp) -> Vec<AgedRow<'_>> {
    // Run ids have whole seconds, and the second of the limit counts as over.
    let (before, latest) = (run_id(before, 0), run_id(latest, 0));
    let (before, latest) = (start_text(&before), start_text(&latest));
    let of = |row: &ProcessedRow| {
        Some(start_text(&row.run).to_owned()).filter(|at| is_run_id(&row.run) && at.as_str() <= latest)
    };
    let mut is_recent = false;
    for aged in &mut rows {
        if let Some(at) = of(aged.row) {
            is_recent |= at.as_str() > before;
            aged.is_old = !is_recent;
        }
    }
    let mut is_later_old = false;
    for aged in rows.iter_mut().rev() {
        aged.is_old |= is_later_old && is_run_id(&aged.row.run);
        is_later_old |= aged.is_old;
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::items::key::{Key, Version};

    const DAY: i64 = 86_400_000;
    const NOW: i64 = 20_000 * DAY;

    fn row(day: i64) -> ProcessedRow {
        ProcessedRow {
            row: 2,
            key: Key::new("k").expect("a key"),
            version: Version::default(),
            is_revoked: false,
            run: run_id(Timestamp(day * DAY), 7),
            order: None,
            is_in_predecessor: false,
            hash: 0,
        }
    }

    fn find_old_rows(days: &[i64]) -> Vec<bool> {
        let rows: Vec<_> = days.iter().map(|day| row(*day)).collect();
        let aged = rows.iter().map(|row| AgedRow { row, is_old: false }).collect();
        let aged = mark_old(aged, Timestamp(NOW - 90 * DAY), Timestamp(NOW + DAY));
        aged.into_iter().map(|aged| aged.is_old).collect()
    }

    #[test]
    fn rows_are_old_by_the_time_in_their_runs() {
        assert_eq!(find_old_rows(&[19_000, 19_900, 19_950, 20_000]), [true, true, false, false]);
    }

    #[test]
    fn a_row_after_a_recent_one_is_recent_whatever_its_clock() {
        assert_eq!(find_old_rows(&[19_000, 19_990, 1, 20_000]), [true, false, false, false]);
    }

    #[test]
    fn a_row_from_the_year_9999_is_old_where_a_later_one_is() {
        let far = 2_932_800;
        assert_eq!(find_old_rows(&[19_000, far, 19_100, 20_000]), [true, true, true, false]);
        assert_eq!(find_old_rows(&[19_000, far, 20_000]), [true, false, false]);
    }
}
