//! The guard: how "only if the head is still mine" is said to a spreadsheet. Pure.
//!
//! In scope: names of the mark and of the state tab, the order of guarding requests in a batch, reading the mark back, the proof.
//! Out of scope: what else a batch carries (`store::commit::encoder`), and judging what a look means (`ledger::commit::commit_resolution`).
//!
//! A spreadsheet has no conditional write. But a batch is refused whole if any of its requests is, so each commit carries
//! requests that can only succeed while the head is the one that the commit was made from:
//!
//! - **by title** (`GuardKind::Title`): the state moves to a new tab with every commit, and the batch touches the old one first.
//!   A missing tab refuses the whole batch: seen in recorded answers of the real service.
//! - **by name** (`GuardKind::Name`): the state stays where it is within a lease term, and a named range, whose id is the head, is
//!   deleted and added again. Lighter, but what the service does with a missing named range is only reported. So it is used only
//!   where it was proved on the very spreadsheet; until then, and where the proof fails, the title guards.
//!
//! In both forms a claim moves the state to a new tab, so that every writer of an older term is refused by the missing tab.
//! No id and no title is ever used twice.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use crate::google::types::cell::CellData;
use crate::google::types::requests::{GridCoordinate, GridProperties, GridRange, NamedRange, Request, SheetProperties};
use crate::google::types::response_types::SpreadsheetInfo;
use crate::ledger::commit::changes::{Commit, CommitKind};
use crate::ledger::commit::commit_resolution::HeadStatus;
use crate::ledger::lease::head::HeadId;
use crate::ledger::lease::lease::Fence;

/// Rows of the state tab: names in column A, texts in B; the rest is scratch.
pub const STATE_ROWS: u32 = 64;
const STATE_COLUMNS: u32 = 26;
/// The column of the state tab that the guard touches, from 0.
const TOUCH_COLUMN: u32 = 3;

/// How a head is marked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GuardKind {
    /// By the id of a named range.
    Name,
    /// By the title of the state tab.
    Title,
}

/// What is known of the service's behaviour on this spreadsheet; kept in the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GuardSupport {
    /// Nothing yet.
    Unknown,
    /// A missing named range refuses the batch, and its id is the one we chose: the name may guard.
    Name,
    /// It does not, or was refused: the title guards.
    Title,
}

impl GuardSupport {
    /// The word in the state.
    pub fn word(self) -> &'static str {
        match self {
            Self::Unknown => "open",
            Self::Name => "name",
            Self::Title => "title",
        }
    }

    /// Reads the word back; anything unknown is unproved.
    pub fn read(word: &str) -> Self {
        match word {
            "name" => Self::Name,
            "title" => Self::Title,
            _ => Self::Unknown,
        }
    }

    /// The form that the next commit takes; none while the proof is open.
    pub fn form(self) -> Option<GuardKind> {
        match self {
            Self::Unknown => None,
            Self::Name => Some(GuardKind::Name),
            Self::Title => Some(GuardKind::Title),
        }
    }
}

/// Where the state stands.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StateLocation {
    /// The state tab's id.
    pub tab: i32,
    /// Its title.
    pub title: String,
    /// The lease term in the title.
    pub fence: Fence,
    /// The head.
    pub head: HeadId,
    /// How it is marked.
    pub form: GuardKind,
    /// The id under which the job's named range exists, if it does.
    pub name_id: Option<String>,
}

/// A tab as metadata shows it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TabSeen {
    /// Its id.
    pub id: i32,
    /// Its title.
    pub title: String,
}

/// A named range as metadata shows it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct NameSeen {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
}

/// One request of a batch, as far as the guard is concerned.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum GuardRequest {
    /// Delete the named range of this id.
    DropName {
        /// The id.
        id: String,
    },
    /// Add the job's named range with this id, on the state tab.
    AddName {
        /// The id.
        id: String,
        /// The name.
        name: String,
        /// The state tab.
        tab: i32,
    },
    /// Write a word into the scratch cell of a state tab: refused if the tab is gone, harmless otherwise.
    Touch {
        /// The tab.
        tab: i32,
    },
    /// Add a state tab.
    AddPlace {
        /// Its id.
        tab: i32,
        /// Its title.
        title: String,
    },
    /// Write the whole state to a state tab.
    WriteState {
        /// The tab.
        tab: i32,
    },
    /// Make the tabs that every job has.
    MakeTabs,
    /// What the commit adds: tables, rows, keys, failures, runs.
    Changes,
    /// Delete a state tab.
    DropPlace {
        /// The tab.
        tab: i32,
    },
}

impl GuardRequest {
    /// The request, for those whose words are the guard's own; the state itself, tabs and changes are written elsewhere.
    pub fn request(&self) -> Option<Request> {
        match self {
            Self::DropName { id } => Some(Request::DeleteNamedRange { named_range_id: id.clone() }),
            Self::AddName { id, name, tab } => Some(Request::AddNamedRange {
                named_range: NamedRange { named_range_id: id.clone(), name: name.clone(), range: one_cell(*tab) },
            }),
            Self::Touch { tab } => Some(touch(*tab)),
            Self::AddPlace { tab, title } => Some(Request::AddSheet { properties: state_tab(*tab, title) }),
            Self::DropPlace { tab } => Some(Request::DeleteSheet { sheet_id: *tab }),
            Self::WriteState { .. } | Self::MakeTabs | Self::Changes => None,
        }
    }

    /// Whether a refusal of this request is a refusal by the guard, to be judged by a look at the head.
    pub fn guards(&self) -> bool {
        !matches!(self, Self::Changes | Self::MakeTabs)
    }
}

fn one_cell(tab: i32) -> GridRange {
    let (start, end) = (Some(0), Some(1));
    GridRange {
        sheet_id: tab,
        start_row_index: start,
        end_row_index: end,
        start_column_index: start,
        end_column_index: end,
    }
}

fn touch(tab: i32) -> Request {
    let start = GridCoordinate { sheet_id: tab, row_index: 0, column_index: TOUCH_COLUMN };
    let rows = vec![vec![CellData::text("touched")].into()];
    Request::UpdateCells { rows, fields: "userEnteredValue".into(), start: Some(start), range: None }
}

fn state_tab(tab: i32, title: &str) -> SheetProperties {
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

/// The named range of a job: its name as far as names allow, and six digits of its hash, so that jobs whose names differ only
/// in case or punctuation do not collide.
pub fn range_name(job: &str) -> String {
    let word: String = job.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    let mut name = format!("sheetkeep_{word}_");
    for byte in Sha256::digest(job.as_bytes()).iter().take(3) {
        let _ = write!(name, "{byte:02x}");
    }
    name
}

/// The title of the job's keyed tab.
pub fn processed_title(job: &str) -> String {
    format!("Processed {job}")
}

/// The title of the job's failures tab.
pub fn failures_title(job: &str) -> String {
    format!("Failures {job}")
}

fn place_title(job: &str, fence: Fence, form: GuardKind, head: HeadId) -> String {
    match form {
        GuardKind::Name => format!("sheetkeep {job} #{fence}"),
        GuardKind::Title => format!("sheetkeep {job} #{fence}.{head}"),
    }
}

/// Reads a state tab's title: its job, term and, where the title guards, its head. `None` for any other tab.
pub fn read_title(title: &str) -> Option<(&str, Fence, Option<HeadId>)> {
    let (job, mark) = title.strip_prefix("sheetkeep ")?.rsplit_once(" #")?;
    let (fence, head) = match mark.split_once('.') {
        Some((fence, head)) => (fence, Some(head.parse().ok()?)),
        None => (mark, None),
    };
    Some((job, Fence(fence.parse().ok()?), head))
}

/// The id of the state tab that a commit makes: drawn from the head's chance, so that it is never used twice
/// and every copy of the commit names the same one.
pub fn tab_id(head: HeadId) -> i32 {
    let mixed = (head.nonce ^ (head.nonce >> 32)) & 0x7fff_ffff;
    i32::try_from(mixed).unwrap_or(i32::MAX).max(1)
}

/// Reads the mark out of a spreadsheet's metadata.
pub fn head_in(job: &str, metadata: &SpreadsheetInfo) -> (HeadStatus, Option<StateLocation>) {
    let tabs: Vec<_> = metadata.tabs.iter().map(|tab| TabSeen { id: tab.sheet_id, title: tab.title.clone() }).collect();
    let named = metadata.named_ranges.iter().map(|range| NameSeen { id: range.id.clone(), name: range.name.clone() });
    sight(job, &tabs, &named.collect::<Vec<_>>())
}

/// Reads the mark out of a spreadsheet's tabs and names.
pub fn sight(job: &str, tabs: &[TabSeen], names: &[NameSeen]) -> (HeadStatus, Option<StateLocation>) {
    let name = range_name(job);
    let range = names.iter().find(|seen| seen.name == name);
    let found = tabs
        .iter()
        .filter_map(|tab| {
            read_title(&tab.title).filter(|(of, ..)| *of == job).map(|(_, fence, head)| (tab, fence, head))
        })
        .max_by_key(|(_, fence, head)| (*fence, *head));
    let Some((tab, fence, in_title)) = found else {
        let titles = [processed_title(job), failures_title(job)];
        let something = range.is_some() || tabs.iter().any(|tab| titles.contains(&tab.title));
        return (if something { HeadStatus::Missing } else { HeadStatus::NotInitialized }, None);
    };
    let in_name = || range.and_then(|seen| seen.id.parse().ok());
    let form = if in_title.is_some() { GuardKind::Title } else { GuardKind::Name };
    let Some(head) = in_title.or_else(in_name) else {
        return (HeadStatus::Missing, None);
    };
    let name_id = range.map(|seen| seen.id.clone());
    let place = StateLocation { tab: tab.id, title: tab.title.clone(), fence, head, form, name_id };
    (HeadStatus::At { head, fence }, Some(place))
}

/// The requests of a commit, in order. `place` is where the state stands as this run last knew it, and `form` how the new
/// head is to be marked.
pub fn ops(job: &str, commit: &Commit, place: Option<&StateLocation>, form: GuardKind) -> Vec<GuardRequest> {
    let (Some(place), Some(from)) = (place, commit.from) else { return init(job, commit) };
    let id = commit.to.to_string();
    let by_name = place.form == GuardKind::Name;
    if by_name && form == GuardKind::Name && commit.kind == CommitKind::Advance {
        return vec![
            GuardRequest::DropName { id: from.to_string() },
            GuardRequest::AddName { id, name: range_name(job), tab: place.tab },
            GuardRequest::WriteState { tab: place.tab },
            GuardRequest::Changes,
        ];
    }
    let tab = tab_id(commit.to);
    let mut ops = Vec::new();
    if by_name {
        ops.push(GuardRequest::DropName { id: from.to_string() });
    }
    ops.push(GuardRequest::Touch { tab: place.tab });
    if let (false, GuardKind::Name, Some(id)) = (by_name, form, &place.name_id) {
        ops.push(GuardRequest::DropName { id: id.clone() });
    }
    ops.push(GuardRequest::AddPlace { tab, title: place_title(job, commit.state.lease.fence, form, commit.to) });
    if form == GuardKind::Name {
        ops.push(GuardRequest::AddName { id, name: range_name(job), tab });
    }
    ops.extend([GuardRequest::WriteState { tab }, GuardRequest::Changes, GuardRequest::DropPlace { tab: place.tab }]);
    ops
}

/// The first commit marks its head both ways, so that its named range's id shows whether the service takes ours.
fn init(job: &str, commit: &Commit) -> Vec<GuardRequest> {
    let tab = tab_id(commit.to);
    vec![
        GuardRequest::AddPlace { tab, title: place_title(job, commit.state.lease.fence, GuardKind::Title, commit.to) },
        GuardRequest::MakeTabs,
        GuardRequest::AddName { id: commit.to.to_string(), name: range_name(job), tab },
        GuardRequest::WriteState { tab },
        GuardRequest::Changes,
    ]
}

/// Where the state stands once a commit has been applied.
pub fn place_after(job: &str, commit: &Commit, before: Option<&StateLocation>, form: GuardKind) -> StateLocation {
    let fence = commit.state.lease.fence;
    let form = if before.is_none() { GuardKind::Title } else { form };
    let name_id = match (before, form) {
        (None, _) | (_, GuardKind::Name) => Some(commit.to.to_string()),
        (Some(place), GuardKind::Title) if place.form == GuardKind::Title => place.name_id.clone(),
        (Some(_), GuardKind::Title) => None,
    };
    match before {
        Some(place)
            if place.form == GuardKind::Name && form == GuardKind::Name && commit.kind == CommitKind::Advance =>
        {
            StateLocation { head: commit.to, name_id, ..place.clone() }
        }
        _ => StateLocation {
            tab: tab_id(commit.to),
            title: place_title(job, fence, form, commit.to),
            fence,
            head: commit.to,
            form,
            name_id,
        },
    }
}

/// The two batches that prove the guard, each of which the service must refuse: one that names a named range that never
/// was, one that touches a tab that never was. `salt` makes ids that nobody has used.
pub fn probes(place: &StateLocation, salt: u64) -> [Vec<GuardRequest>; 2] {
    let never = HeadId { commit: place.head.commit, nonce: salt };
    let gone = GuardRequest::Touch { tab: tab_id(never) };
    let touch = GuardRequest::Touch { tab: place.tab };
    [vec![GuardRequest::DropName { id: never.to_string() }, touch.clone()], vec![touch, gone]]
}

/// What the proof found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GuardProof {
    /// Carry on with this guard.
    Guard(GuardSupport),
    /// A stale batch was applied: nothing on this service guards, so nothing may be written.
    Nothing,
}

/// The conclusion: whether a missing named range and a missing tab were refused, and whether the named range of the place
/// has the id that we chose.
pub fn conclude(place: &StateLocation, missing_name_refused: bool, missing_tab_refused: bool) -> GuardProof {
    let ours = place.name_id.as_deref() == Some(place.head.to_string().as_str());
    match (missing_tab_refused, missing_name_refused && ours) {
        (false, _) => GuardProof::Nothing,
        (true, true) => GuardProof::Guard(GuardSupport::Name),
        (true, false) => GuardProof::Guard(GuardSupport::Title),
    }
}

#[cfg(test)]
mod tests;
