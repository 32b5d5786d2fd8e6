//! Counts misplaced rows from commit to commit, until repairs have put all of them right.
//!
//! In scope: when repairs are given up, and the messages about them. Out of scope: how rows are
//! repaired (`store::upsert::repair`), when a repair is sent (`runner::run_loop`).

use crate::port::store::StoreError;
use crate::runner::run_config::RunError;

/// Consecutive repairs that may find that users moved rows again.
const MAX_REPAIRS: u32 = 5;

/// Misplaced rows, and consecutive commits that tried to repair them.
#[derive(Debug, Default)]
pub(super) struct MisplacedRows {
    rows: u64,
    repairs: u32,
}

impl MisplacedRows {
    /// True if there are any.
    pub(super) fn is_any(&self) -> bool {
        self.rows > 0
    }

    /// Forgets them: another run repairs what is left.
    pub(super) fn clear(&mut self) {
        self.rows = 0;
    }

    /// Takes the number of rows that are misplaced now, and the messages about cells that stay
    /// wrong. Returns the messages to report, or an error if repairs take too long.
    pub(super) fn update(&mut self, rows: u64, left: Vec<String>) -> Result<Vec<String>, RunError> {
        let before = std::mem::replace(&mut self.rows, rows);
        self.repairs = if rows > 0 { self.repairs + 1 } else { 0 };
        if self.repairs > MAX_REPAIRS {
            let why = format!(
                "rows are moved as fast as they are written: {rows} are misplaced, and the next run repairs them; leave \
                 the tabs alone for a moment, then run again"
            );
            return Err(StoreError::Inconsistent { why }.into());
        }
        let repaired = (before > 0 && rows == 0).then(|| {
            if left.is_empty() {
                format!("{before} rows that people moved while they were written are where they belong")
            } else {
                format!("{before} rows that people moved while they were written were repaired, but not in all cells")
            }
        });
        Ok(repaired.into_iter().chain(left).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repair_is_reported_once_all_rows_are_in_place() {
        let mut misplaced = MisplacedRows::default();
        assert_eq!(misplaced.update(2, Vec::new()).expect("a repair follows"), Vec::<String>::new());
        let messages = misplaced.update(0, Vec::new()).expect("repaired");
        assert_eq!(messages, ["2 rows that people moved while they were written are where they belong"]);
        assert_eq!(misplaced.update(0, Vec::new()).expect("nothing new"), Vec::<String>::new());
    }

    #[test]
    fn repairs_end_after_five_in_a_row() {
        let mut misplaced = MisplacedRows::default();
        for _ in 0..MAX_REPAIRS {
            misplaced.update(1, Vec::new()).expect("one more repair");
        }
        let error = misplaced.update(3, Vec::new()).expect_err("a person moves rows all the time");
        assert!(error.to_string().contains("3 are misplaced"), "{error}");
    }
}
