//! Pre-commit checks: row positions are known, and the spreadsheet has columns and cells left.
//!
//! In scope: the reads that a commit needs first, and refusals without a call to the service.
//! Out of scope: sending the batch (`store::spreadsheet::send_commit`).

use std::time::Duration;

use serde_json::Value;

use crate::ledger::commit::changes::{Commit, CommitPart, CommitResult, ItemResult};
use crate::ledger::commit::row_deletion::TabKind;
use crate::ledger::items::write_mode::WriteMode;
use crate::ledger::runs::capacity::{CELL_LIMIT, describe_capacity_error};
use crate::ledger::values::columns::MAX_COLUMNS;
use crate::store::commit::cell_budget::CellBudget;
use crate::store::load::reread::TabReading;
use crate::store::load::unstable_tabs::MAX_TITLES;
use crate::store::session::row_tracker::RequiredRead;
use crate::store::session::sheet_session::PreparedBatch;
use crate::store::spreadsheet::send_commit::make_unexecuted_result;
use crate::store::spreadsheet::store::SheetsStore;
use crate::store::tabs::error::LoadError;
use crate::store::tabs::schema::Tab;
use crate::store::upsert::repair::location::image::{EnteredImages, TabImage};

/// Pause between two reads of key positions, of which the second confirms the first.
const CONFIRM_PAUSE: Duration = Duration::from_secs(2);
/// Maximum number of attempts to read all rows, and what was entered into them, without an edit in
/// between.
const PLAN_READS: u32 = 4;

impl SheetsStore {
    /// Refuses a batch that would exceed the cell limit. Counts blank rows at the ends of tabs only
    /// near the limit.
    pub(super) async fn ensure_cells_available(&self, prepared: &PreparedBatch) -> Result<(), CommitResult> {
        let would_fit = |cell_budget: &CellBudget| {
            cell_budget.clone().apply(prepared.batch.requests()).is_none_or(|cells| cells <= CELL_LIMIT)
        };
        if would_fit(&self.lock_session().cell_budget) {
            return Ok(());
        }
        let metadata = self.loader().read_metadata().await.map_err(|error| make_unexecuted_result(&error))?;
        let grown = prepared.batch.appended_tabs();
        let tabs: Vec<_> = metadata.tabs.iter().filter(|tab| grown.contains(&tab.sheet_id)).collect();
        let mut cell_budget = CellBudget::from_metadata(&metadata);
        for (tab, rows) in self.loader().count_blanks_of_tabs(&tabs).await.map_err(to_reply)? {
            cell_budget.set_trailing_blanks(tab, rows);
        }
        let fits = would_fit(&cell_budget);
        let cells = cell_budget.clone().apply(prepared.batch.requests()).unwrap_or_default();
        self.lock_session().cell_budget = cell_budget;
        match (fits, prepared.deletion.as_ref().is_some_and(|deletion| deletion.rows() > 1)) {
            (true, _) => Ok(()),
            // Deleted rows are copied to scratch rows first. Fewer deletions at a time need fewer
            // cells.
            (false, true) => Err(CommitResult::TooLarge),
            (false, false) => {
                Err(CommitResult::Refused { part: CommitPart::Other, why: describe_capacity_error(cells) })
            }
        }
    }

    /// Reads key positions, or all rows, if this commit needs them and the session lacks them.
    pub(super) async fn ensure_rows_known(&self, commit: &Commit) -> Result<(), CommitResult> {
        let (Some(tab), Some(key_column)) = (self.find_tab_to_write(commit), commit.state.key_column.as_deref()) else {
            return Ok(());
        };
        let own = self.lock_session().own_columns.clone();
        let mut titles = 0;
        loop {
            let new = !commit.changes.tables.is_empty();
            // A tab without a header has no key rows yet.
            let mode = if new { WriteMode::Append } else { self.loader().mode };
            let required = self.lock_session().row_tracker.choose_required_read(mode, list_written_keys(commit));
            match required {
                RequiredRead::Nothing => return Ok(()),
                RequiredRead::Positions { needs_pause: pause } => {
                    if pause {
                        self.loader().clock.sleep(CONFIRM_PAUSE).await;
                    }
                    let (tab, index) = self.loader().read_index(&tab, &own, key_column).await.map_err(to_reply)?;
                    let mut session = self.lock_session();
                    session.tabs.data = Some(tab);
                    session.row_tracker.use_index(index);
                }
                RequiredRead::AppendPosition => {
                    let tab = self.find_tab_to_write(commit).unwrap_or_default();
                    let Some(key) = tab.position(key_column) else { return Ok(()) };
                    let positions = tab.positions();
                    let mut own_positions: Vec<_> =
                        commit.state.columns.iter().filter_map(|name| positions.get(name.as_str()).copied()).collect();
                    own_positions.push(key);
                    own_positions.sort_unstable();
                    own_positions.dedup();
                    let (rows, filled) = self.lock_session().row_tracker.grid_rows();
                    match self.loader().read_below(&tab, key, &own_positions, rows, filled).await {
                        Ok(append_position) => self.lock_session().row_tracker.set_append_position(append_position),
                        Err(error) if titles < MAX_TITLES => {
                            titles += 1;
                            self.with_current_title(TabKind::Data, &tab, error).await.map_err(to_reply)?;
                        }
                        Err(error) => return Err(to_reply(error)),
                    }
                }
                RequiredRead::Rows => return self.plan_repair(&tab, &own, key_column).await,
            }
        }
    }

    /// Reads all rows and plans the repair of misplaced writes.
    async fn plan_repair(&self, tab: &Tab, own: &[String], key_column: &str) -> Result<(), CommitResult> {
        let (whole, key, entered) = self.read_twice(tab, own, key_column).await?;
        let TabReading { tab, rows, height, .. } = whole;
        let (finding, location) = {
            let session = self.lock_session();
            (session.row_tracker.finding().cloned(), session.location.clone())
        };
        let undo = match finding.zip(location) {
            Some((finding, location)) => {
                self.loader().read_entered_images(&location.title, &finding).await.map_err(to_reply)?
            }
            None => EnteredImages::default(),
        };
        let mut session = self.lock_session();
        let image = TabImage { tab: &tab, key, rows: &rows, height, entered: &entered, undo: &undo };
        session.row_tracker.plan_repair(&image).map_err(|ambiguous| CommitResult::Refused {
            part: CommitPart::Other,
            why: format!(
                "tab {}: rows were moved while a run wrote them, and {}; then run again",
                tab.title,
                ambiguous.join("; ")
            ),
        })?;
        session.tabs.data = Some(tab);
        Ok(())
    }

    /// Reads all rows with the position of the key column, and the cells as they were entered. Reads
    /// again until both are of one moment.
    async fn read_twice(
        &self,
        tab: &Tab,
        own: &[String],
        key_column: &str,
    ) -> Result<(TabReading, usize, Vec<Vec<Value>>), CommitResult> {
        let mut whole = self.loader().read_whole(tab, own).await.map_err(to_reply)?;
        let mut reads = 1;
        loop {
            let Some(key) = whole.tab.position(key_column) else {
                return Err(to_reply(LoadError::new_stale(&whole.tab.title)));
            };
            let entered = self.loader().read_entered(&whole, key).await.map_err(to_reply)?;
            let after = self.loader().read_whole(tab, own).await.map_err(to_reply)?;
            // Without the entered cells, computed cells can't be distinguished from constants.
            if !entered.is_empty() && after.is_same_as(&whole, &entered) {
                return Ok((after, key, entered));
            }
            whole = after;
            reads += 1;
            if reads > PLAN_READS {
                // A plan without the entered cells would take formulas for constants.
                return Err(to_reply(LoadError::new_stale(&whole.tab.title)));
            }
        }
    }

    /// The existing data tab with its header after this commit, without the columns that the commit
    /// adds.
    fn find_tab_to_write(&self, commit: &Commit) -> Option<Tab> {
        let tab = self.lock_session().tabs.data.clone()?;
        match commit.changes.tables.first() {
            Some(new) => Some(Tab { header: new.columns.clone(), ..tab }),
            None => Some(tab).filter(|tab| !tab.header.is_empty()),
        }
    }

    /// Refuses to add columns beyond the service's limit. A retry would not help.
    pub(super) fn ensure_columns_available(&self, commit: &Commit) -> Result<(), CommitResult> {
        let added = commit.changes.columns.len();
        let session = self.lock_session();
        let full = session.tabs.data.as_ref().filter(|tab| added > 0 && tab.width + added > MAX_COLUMNS);
        full.map_or(Ok(()), |tab| {
            let (title, width) = (&tab.title, tab.width);
            let why = format!(
                "tab {title} has {width} columns and would get {added} more, and a tab takes 18,278: delete unused columns, or set new_columns = \"ignore\""
            );
            Err(CommitResult::Refused { part: CommitPart::Other, why })
        })
    }
}

/// Keys whose rows a commit writes, each with `true` if the key was done before.
fn list_written_keys(commit: &Commit) -> impl Iterator<Item = (&str, bool)> + Clone {
    commit.changes.settled.iter().filter_map(|one| match one {
        ItemResult::Done { key, may_have_rows: known, output, .. } if !output.is_empty() => {
            Some((key.as_str(), *known))
        }
        _ => None,
    })
}

/// Maps a load error to a commit response. A stale read refuses the layout, so that the run loads
/// again.
fn to_reply(error: LoadError) -> CommitResult {
    match error {
        LoadError::Stale(error) => CommitResult::Refused { part: CommitPart::Layout, why: error.describe_cause() },
        LoadError::Failed(error) => make_unexecuted_result(&error),
    }
}
