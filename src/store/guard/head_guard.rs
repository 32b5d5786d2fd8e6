//! The guard: compare-and-set on a spreadsheet. Pure.
//!
//! In scope: names of the head marker and of the state tab, the order of guard requests in a batch,
//! reading the marker.
//! Out of scope: the other parts of a batch (`store::commit::encoder`), resolving in-doubt commits
//! (`ledger::commit::commit_resolution`), the capability probe (`store::guard::guard_probe`).
//!
//! A spreadsheet has no conditional write. But the service refuses a whole batch if it refuses one
//! of its requests. So each commit carries requests that succeed only while the head is the one
//! from which the commit starts:
//!
//! - **by title** (`GuardKind::Title`): every commit moves the state to a new tab, and the batch
//!   first writes to the old tab. A missing tab refuses the whole batch. Recorded responses of the
//!   real service show this.
//! - **by name** (`GuardKind::Name`): the state stays in its tab within a lease term. The id of a
//!   named range is the head; the batch deletes the range and adds it again. This is cheaper, but
//!   the service's behaviour for a missing named range is only known from reports. So this guard is
//!   used only after a probe on the same spreadsheet. Before the probe, or if it fails, the title
//!   guard is used.
//!
//! With both guards, a claim moves the state to a new tab. The service then refuses
//! a writer of an older term, because the tab is gone. No id and no title is ever used twice.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use crate::ledger::commit::changes::{Commit, CommitKind};
use crate::ledger::commit::commit_resolution::HeadStatus;
use crate::ledger::leases::head::HeadId;
use crate::ledger::leases::lease::Fence;
use crate::sheets_client::types::cell::CellData;
use crate::sheets_client::types::request_objects::{
    GridCoordinate, GridProperties, GridRange, NamedRange, SheetProperties,
};
use crate::sheets_client::types::requests::Request;
use crate::sheets_client::types::response_types::SpreadsheetInfo;
use crate::store::guard::guard_kind::GuardKind;

/// Rows of the state tab: names in column A, texts in B. Further rows are scratch rows.
pub const STATE_ROWS: u32 = 64;
const STATE_COLUMNS: u32 = 26;
/// The column of the state tab that the guard writes to, 0-based.
const ASSERT_COLUMN: u32 = 3;

/// The location of the state tab, with the head.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StateLocation {
    /// The id of the state tab.
    pub tab: i32,
    /// The title of the state tab.
    pub title: String,
    /// The fencing token (lease term) in the title.
    pub fence: Fence,
    /// The head that marks the state.
    pub head: HeadId,
    /// How the head is marked.
    pub guard_kind: GuardKind,
    /// The id of the job's named range, if it exists.
    pub range_id: Option<String>,
}

/// A tab as in the metadata.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ListedTab {
    /// The id of the tab.
    pub id: i32,
    /// The title of the tab.
    pub title: String,
}

/// A named range as in the metadata.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ListedRange {
    /// The id of the named range.
    pub id: String,
    /// The name of the named range.
    pub name: String,
}

/// A step of a batch, as far as the guard is concerned.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum BatchStep {
    /// Delete the named range with this id.
    DeleteRange {
        /// The id of the named range.
        id: String,
    },
    /// Add the job's named range with this id, on the state tab.
    AddRange {
        /// The id of the named range.
        id: String,
        /// The name of the named range.
        name: String,
        /// The id of the state tab.
        tab: i32,
    },
    /// Write to a spare cell of a state tab: refused if the tab is gone, harmless otherwise.
    AssertTab {
        /// The id of the state tab.
        tab: i32,
    },
    /// Add a state tab.
    AddStateTab {
        /// The id of the new tab.
        tab: i32,
        /// The title of the new tab.
        title: String,
    },
    /// Write the whole state to a state tab.
    WriteState {
        /// The id of the state tab.
        tab: i32,
    },
    /// Create the tabs that every job has.
    MakeTabs,
    /// Write the commit's changes: tables, rows, keys, failures, runs.
    Changes,
    /// Delete a state tab.
    DeleteStateTab {
        /// The id of the state tab.
        tab: i32,
    },
}

impl BatchStep {
    /// Returns the API request of a guard step; `None` for the state, tabs and changes, which the
    /// encoder writes.
    pub fn make_request(&self) -> Option<Request> {
        match self {
            Self::DeleteRange { id } => Some(Request::DeleteNamedRange { named_range_id: id.clone() }),
            Self::AddRange { id, name, tab } => Some(Request::AddNamedRange {
                named_range: NamedRange {
                    named_range_id: id.clone(),
                    name: name.clone(),
                    range: make_cell_range(*tab),
                },
            }),
            Self::AssertTab { tab } => Some(assert_tab(*tab)),
            Self::AddStateTab { tab, title } => Some(Request::AddSheet { properties: make_state_tab(*tab, title) }),
            Self::DeleteStateTab { tab } => Some(Request::DeleteSheet { sheet_id: *tab }),
            Self::WriteState { .. } | Self::MakeTabs | Self::Changes => None,
        }
    }

    /// Whether this step belongs to the guard or writes the state. Tests ask this; the encoder labels
    /// its requests by itself.
    pub fn is_guard(&self) -> bool {
        !matches!(self, Self::Changes | Self::MakeTabs)
    }
}

fn make_cell_range(tab: i32) -> GridRange {
    let (start, end) = (Some(0), Some(1));
    GridRange {
        sheet_id: tab,
        start_row_index: start,
        end_row_index: end,
        start_column_index: start,
        end_column_index: end,
    }
}

fn assert_tab(tab: i32) -> Request {
    let start = GridCoordinate { sheet_id: tab, row_index: 0, column_index: ASSERT_COLUMN };
    let rows = vec![vec![CellData::text("touched")].into()];
    Request::UpdateCells { rows, fields: "userEnteredValue".into(), start: Some(start), range: None }
}

fn make_state_tab(tab: i32, title: &str) -> SheetProperties {
    let grid =
        GridProperties { row_count: Some(STATE_ROWS), column_count: Some(STATE_COLUMNS), frozen_row_count: None };
    SheetProperties {
        sheet_id: Some(tab),
        title: Some(title.to_owned()),
        hidden: Some(true),
        grid_properties: Some(grid),
        ..SheetProperties::default()
    }
}

/// The named range of a job: its name in allowed characters, and six hex digits of its hash. Names
/// that differ only in case or punctuation do not collide.
pub fn name_job_range(job: &str) -> String {
    let text: String = job.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    let mut name = format!("sheetkeep_{text}_");
    for byte in Sha256::digest(job.as_bytes()).iter().take(3) {
        let _ = write!(name, "{byte:02x}");
    }
    name
}

/// The title of the job's Processed tab.
pub fn name_processed_tab(job: &str) -> String {
    format!("Processed {job}")
}

/// The title of the job's Failures tab.
pub fn name_failures_tab(job: &str) -> String {
    format!("Failures {job}")
}

fn name_state_tab(job: &str, fence: Fence, guard_kind: GuardKind, head: HeadId) -> String {
    match guard_kind {
        GuardKind::Name => format!("sheetkeep {job} #{fence}"),
        GuardKind::Title => format!("sheetkeep {job} #{fence}.{head}"),
    }
}

/// Parses a state tab's title into its job, term and, under the title guard, its head. `None` for
/// any other tab.
pub fn read_title(title: &str) -> Option<(&str, Fence, Option<HeadId>)> {
    let (job, mark) = title.strip_prefix("sheetkeep ")?.rsplit_once(" #")?;
    let (fence, head) = match mark.split_once('.') {
        Some((fence, head)) => (fence, Some(head.parse().ok()?)),
        None => (mark, None),
    };
    Some((job, Fence(fence.parse().ok()?), head))
}

/// Derives the id of the state tab that a commit creates from the head's nonce. It is never used
/// twice, and a resend of the commit has the same id.
pub fn derive_tab_id_from_head(head: HeadId) -> i32 {
    let mixed = (head.nonce ^ (head.nonce >> 32)) & 0x7fff_ffff;
    i32::try_from(mixed).unwrap_or(i32::MAX).max(1)
}

/// Reads the head marker from a spreadsheet's metadata.
pub fn read_head(job: &str, metadata: &SpreadsheetInfo) -> (HeadStatus, Option<StateLocation>) {
    let tabs: Vec<_> =
        metadata.tabs.iter().map(|tab| ListedTab { id: tab.sheet_id, title: tab.title.clone() }).collect();
    let named =
        metadata.named_ranges.iter().map(|range| ListedRange { id: range.id.clone(), name: range.name.clone() });
    find_head(job, &tabs, &named.collect::<Vec<_>>())
}

/// Reads the head marker from a spreadsheet's tabs and named ranges.
pub fn find_head(job: &str, tabs: &[ListedTab], names: &[ListedRange]) -> (HeadStatus, Option<StateLocation>) {
    let name = name_job_range(job);
    let range = names.iter().find(|seen| seen.name == name);
    let found = tabs
        .iter()
        .filter_map(|tab| {
            read_title(&tab.title).filter(|(of, ..)| *of == job).map(|(_, fence, head)| (tab, fence, head))
        })
        .max_by_key(|(_, fence, head)| (*fence, *head));
    let Some((tab, fence, in_title)) = found else {
        let titles = [name_processed_tab(job), name_failures_tab(job)];
        let something = range.is_some() || tabs.iter().any(|tab| titles.contains(&tab.title));
        return (if something { HeadStatus::Missing } else { HeadStatus::NotInitialized }, None);
    };
    let in_name = || range.and_then(|seen| seen.id.parse().ok());
    let guard_kind = if in_title.is_some() { GuardKind::Title } else { GuardKind::Name };
    let Some(head) = in_title.or_else(in_name) else {
        return (HeadStatus::Missing, None);
    };
    let range_id = range.map(|seen| seen.id.clone());
    let location = StateLocation { tab: tab.id, title: tab.title.clone(), fence, head, guard_kind, range_id };
    (HeadStatus::At { head, fence }, Some(location))
}

/// Returns the guard steps of a commit, in order. `location` is the state's last known location,
/// `guard_kind` the marker of the new head.
pub fn make_batch_steps(
    job: &str,
    commit: &Commit,
    location: Option<&StateLocation>,
    guard_kind: GuardKind,
) -> Vec<BatchStep> {
    let (Some(location), Some(from)) = (location, commit.from) else { return make_first_steps(job, commit) };
    let id = commit.to.to_string();
    let by_name = location.guard_kind == GuardKind::Name;
    if by_name && guard_kind == GuardKind::Name && commit.kind == CommitKind::Advance {
        return vec![
            BatchStep::DeleteRange { id: from.to_string() },
            BatchStep::AddRange { id, name: name_job_range(job), tab: location.tab },
            BatchStep::WriteState { tab: location.tab },
            BatchStep::Changes,
        ];
    }
    let tab = derive_tab_id_from_head(commit.to);
    let mut requests = Vec::new();
    if by_name {
        requests.push(BatchStep::DeleteRange { id: from.to_string() });
    }
    requests.push(BatchStep::AssertTab { tab: location.tab });
    if let (false, GuardKind::Name, Some(id)) = (by_name, guard_kind, &location.range_id) {
        requests.push(BatchStep::DeleteRange { id: id.clone() });
    }
    requests.push(BatchStep::AddStateTab {
        tab,
        title: name_state_tab(job, commit.state.lease.fence, guard_kind, commit.to),
    });
    if guard_kind == GuardKind::Name {
        requests.push(BatchStep::AddRange { id, name: name_job_range(job), tab });
    }
    requests.extend([
        BatchStep::WriteState { tab },
        BatchStep::Changes,
        BatchStep::DeleteStateTab { tab: location.tab },
    ]);
    requests
}

/// The first commit marks its head both ways. The id of its named range then shows whether the
/// service keeps ours.
fn make_first_steps(job: &str, commit: &Commit) -> Vec<BatchStep> {
    let tab = derive_tab_id_from_head(commit.to);
    vec![
        BatchStep::AddStateTab {
            tab,
            title: name_state_tab(job, commit.state.lease.fence, GuardKind::Title, commit.to),
        },
        BatchStep::MakeTabs,
        BatchStep::AddRange { id: commit.to.to_string(), name: name_job_range(job), tab },
        BatchStep::WriteState { tab },
        BatchStep::Changes,
    ]
}

/// The location of the state after a commit.
pub fn derive_next_location(
    job: &str,
    commit: &Commit,
    before: Option<&StateLocation>,
    guard_kind: GuardKind,
) -> StateLocation {
    let fence = commit.state.lease.fence;
    let guard_kind = if before.is_none() { GuardKind::Title } else { guard_kind };
    let range_id = match (before, guard_kind) {
        (None, _) | (_, GuardKind::Name) => Some(commit.to.to_string()),
        (Some(location), GuardKind::Title) if location.guard_kind == GuardKind::Title => location.range_id.clone(),
        (Some(_), GuardKind::Title) => None,
    };
    match before {
        Some(location)
            if location.guard_kind == GuardKind::Name
                && guard_kind == GuardKind::Name
                && commit.kind == CommitKind::Advance =>
        {
            StateLocation { head: commit.to, range_id, ..location.clone() }
        }
        _ => StateLocation {
            tab: derive_tab_id_from_head(commit.to),
            title: name_state_tab(job, fence, guard_kind, commit.to),
            fence,
            head: commit.to,
            guard_kind,
            range_id,
        },
    }
}

#[cfg(test)]
mod tests;
