//! Tests of the deletion requests.

use super::*;
use crate::ledger::commit::row_deletion::{HistoryLoss, hash_key_row};
use crate::ledger::rows::row_codec::PROCESSED;
use crate::store::tabs::schema::Tab;

const HEAD: HeadId = HeadId { commit: 7, nonce: 9 };

/// A job's tabs, of which only Processed exists.
pub(in crate::store::commit) fn tabs() -> Tabs {
    let header = PROCESSED.map(str::to_owned).to_vec();
    Tabs {
        processed: Some(Tab { id: 5, title: "Processed j".into(), header, width: 6, ..Tab::default() }),
        ..Tabs::default()
    }
}

/// The cells of a row of Processed.
pub(in crate::store::commit) fn row(key: &str) -> [&str; 4] {
    [key, "1", "done", "r"]
}

/// The deletion of a row of Processed.
pub(in crate::store::commit) fn removal(key: &str, row_number: u32) -> RowDeletion {
    RowDeletion {
        kind: TabKind::Processed,
        row: row_number,
        hash: Some(hash_key_row(&row(key))),
        key: None,
        history_loss: HistoryLoss::Nothing,
        bytes: 0,
    }
}

#[test]
fn neighbouring_rows_go_in_one_request_from_the_bottom_up() {
    let removals = vec![removal("a", 3), removal("b", 4), removal("c", 9), removal("c", 9)];
    let deletion = RowDeletionBatch::new(HEAD, removals, &tabs(), &DeletedRows::default()).expect("three rows");
    let deleted = deletion.make_requests(&tabs(), 1).into_iter().filter_map(|request| match request {
        Request::DeleteDimension { range } => Some((range.start_index, range.end_index)),
        _ => None,
    });
    assert_eq!(deleted.collect::<Vec<_>>(), [(8, 9), (2, 4)]);
}

#[test]
fn rows_that_went_before_are_reckoned_with() {
    let mut deleted_rows = DeletedRows::default();
    deleted_rows.add_deleted(&[removal("z", 8), removal("y", 2), removal("x", 5)]);
    deleted_rows.add_deleted(&[removal("w", 12)]);
    let deletion =
        RowDeletionBatch::new(HEAD, vec![removal("a", 3), removal("b", 9)], &tabs(), &deleted_rows).expect("two rows");
    assert_eq!(deletion.rows.iter().map(|removal| removal.row).collect::<Vec<_>>(), [2, 6]);
    assert_eq!(deletion.deleted_rows().iter().map(|removal| removal.row).collect::<Vec<_>>(), [3, 9]);
}
