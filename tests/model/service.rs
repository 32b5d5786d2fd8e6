//! The spreadsheet service of the model: tabs, named ranges, state, keys and rows, and the effect
//! of a batch on them.
//!
//! In scope: the eight unknown behaviours of the live service, and recorded behaviour. One more
//! is merely unknown: whether a deleted tab removes its named ranges. Out of scope: which runner
//! sends what.

use sheetkeep::ledger::commit::changes::{Changes, Commit, CommitKind, CommitPart, ItemResult};
use sheetkeep::ledger::commit::commit_resolution::HeadStatus;
use sheetkeep::ledger::items::item::Output;
use sheetkeep::ledger::items::key::{Key, Version};
use sheetkeep::ledger::leases::head::HeadId;
use sheetkeep::ledger::leases::lease::Fence;
use sheetkeep::ledger::leases::row_order::{RowOrder, run_cell};
use sheetkeep::ledger::rows::row_codec::{DONE, encode_processed_row};
use sheetkeep::ledger::rows::tab_kind::name_processed_tab;
use sheetkeep::ledger::state::snapshot::{RowChecksum, State};
use sheetkeep::store::guard::guard_kind::{GuardKind, GuardSupport};
use sheetkeep::store::guard::head_guard::{self, BatchStep, ListedRange, ListedTab, StateLocation};

/// The one job of the model.
pub const JOB: &str = "j";

/// The tab of processed keys; the service chooses its id.
const PROCESSED: i32 = 2_000_000;

/// What the service does in unknown cases.
#[expect(clippy::struct_excessive_bools, reason = "each is a question of its own, and all combinations are explored")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Behaviour {
    /// A missing named range refuses the batch; otherwise the request is ignored.
    pub refuses_missing_name: bool,
    /// Names, ids and titles freed earlier in the same batch still count as taken.
    pub validates_before_batch: bool,
    /// The named range gets the id that the caller chose; otherwise one of the service's own.
    pub honours_ids: bool,
    /// Deleting a tab deletes its named ranges.
    pub deletes_names_with_tab: bool,
    /// Not a behaviour but a mutation: guard requests do nothing instead of refusing.
    pub ignores_guard: bool,
}

impl Behaviour {
    /// Returns all eight behaviours that the design leaves open, each keeping the named ranges of a
    /// deleted tab.
    pub fn all() -> Vec<Self> {
        let bit = |n: u8, at: u8| n >> at & 1 == 1;
        (0..8)
            .map(|n| Self {
                refuses_missing_name: !bit(n, 2),
                validates_before_batch: bit(n, 1),
                honours_ids: !bit(n, 0),
                deletes_names_with_tab: false,
                ignores_guard: false,
            })
            .collect()
    }

    /// Describes the behaviour.
    pub fn describe(self) -> String {
        let pick = |yes, a: &'static str, b: &'static str| if yes { a } else { b };
        format!(
            "{}/{}/{}{}",
            pick(self.refuses_missing_name, "refused", "ignored"),
            pick(self.validates_before_batch, "snapshot", "sequential"),
            pick(self.honours_ids, "own ids", "other ids"),
            pick(self.deletes_names_with_tab, "/names go with tabs", ""),
        )
    }
}

/// The writer of a row: runner and life.
pub type Writer = (u8, u8);

/// Returns the runner's name in the sheet.
pub fn run_name(writer: Writer) -> String {
    format!("{}{}", ["a", "b", "p"][usize::from(writer.0)], writer.1)
}

/// Returns the nth key of the model.
pub fn make_key(n: u8) -> Key {
    Key::new(["A", "B"][usize::from(n)]).expect("a valid key")
}

/// The content of a state tab.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Cell {
    pub state: State,
    pub proof: GuardSupport,
}

/// A version of the spreadsheet.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Sheet {
    pub tabs: Vec<ListedTab>,
    pub names: Vec<(ListedRange, i32)>,
    pub cells: Vec<(i32, Cell)>,
    pub processed: Vec<(u8, Writer, u64)>,
    pub rows: Vec<(u8, Writer)>,
    /// First commits that were applied; only the checks read it.
    pub inits: u8,
    /// A user deleted the head marker; only the checks read it.
    pub deleted: bool,
}

/// A commit as the model stores it: small enough to be hashed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Draft {
    pub from: Option<HeadId>,
    pub to: HeadId,
    pub kind: CommitKind,
    pub state: State,
    /// The keys it settles, one bit each.
    pub keys: u8,
    pub release: bool,
    pub writer: Writer,
}

/// A batch on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Batch {
    pub ops: Vec<BatchStep>,
    pub draft: Draft,
    pub proof: GuardSupport,
}

impl Sheet {
    /// Returns the head marker, as the real code reads it.
    pub fn find_head(&self) -> (HeadStatus, Option<StateLocation>) {
        let names: Vec<_> = self.names.iter().map(|(name, _)| name.clone()).collect();
        head_guard::find_head(JOB, &self.tabs, &names)
    }

    /// Returns the content of a state tab.
    pub fn cell(&self, tab: i32) -> Option<&Cell> {
        self.cells.iter().find(|(id, _)| *id == tab).map(|(_, cell)| cell)
    }

    /// Returns count and sum over Processed.
    pub fn checksum(&self) -> RowChecksum {
        let mut checksum = RowChecksum::default();
        for (_, _, mark) in &self.processed {
            checksum.add_hash(*mark);
        }
        checksum
    }

    /// Returns the keys with at least one row, one bit each.
    pub fn keys(&self) -> u8 {
        self.rows.iter().fold(0, |bits, (key, _)| bits | 1 << key)
    }

    pub fn has_tab(&self, tab: i32) -> bool {
        self.tabs.iter().any(|seen| seen.id == tab)
    }

    /// Returns the sheet after a batch, or the part that was refused.
    pub fn after(&self, batch: &Batch, behaviour: Behaviour) -> Result<Self, CommitPart> {
        let mut next = self.clone();
        for op in &batch.ops {
            next.apply(op, batch, self, behaviour).map_err(|()| match op {
                BatchStep::MakeTabs => CommitPart::Layout,
                BatchStep::Changes => CommitPart::Content,
                _ => CommitPart::Guard,
            })?;
        }
        Ok(next)
    }

    /// Returns whether a batch needs what is gone for good. That is its old state tab, its old
    /// named range, or a job that does not exist yet.
    pub fn can_never_apply(&self, batch: &Batch, behaviour: Behaviour) -> bool {
        let moves = batch.ops.iter().any(|op| matches!(op, BatchStep::AddStateTab { .. }));
        batch.ops.iter().any(|op| match op {
            BatchStep::AssertTab { tab } => !self.has_tab(*tab),
            BatchStep::WriteState { tab } => !moves && !self.has_tab(*tab),
            BatchStep::DeleteRange { id } => {
                behaviour.refuses_missing_name && !self.names.iter().any(|(seen, _)| seen.id == *id)
            }
            BatchStep::MakeTabs => self.has_tab(PROCESSED),
            _ => false,
        })
    }

    fn apply(&mut self, op: &BatchStep, batch: &Batch, before: &Self, behaviour: Behaviour) -> Result<(), ()> {
        let taken_name = |sheet: &Self, name: &str| sheet.names.iter().any(|(seen, _)| seen.name == name);
        let taken_tab = |sheet: &Self, id: i32, title: &str| sheet.tabs.iter().any(|t| t.id == id || t.title == title);
        match op {
            BatchStep::DeleteRange { id } => {
                let there = self.names.iter().any(|(seen, _)| seen.id == *id);
                self.names.retain(|(seen, _)| seen.id != *id);
                require(there || !behaviour.refuses_missing_name || behaviour.ignores_guard)
            }
            BatchStep::AddRange { id, name, tab } => {
                if behaviour.ignores_guard {
                    self.names.retain(|(seen, _)| seen.name != *name);
                }
                require(!taken_name(self, name))?;
                require(!behaviour.validates_before_batch || !taken_name(before, name))?;
                require(self.has_tab(*tab))?;
                let id = if behaviour.honours_ids { id.clone() } else { format!("s{id}") };
                self.names.push((ListedRange { id, name: name.clone() }, *tab));
                Ok(())
            }
            BatchStep::AssertTab { tab } => require(self.has_tab(*tab) || behaviour.ignores_guard),
            BatchStep::AddStateTab { tab, title } => {
                require(!taken_tab(self, *tab, title))?;
                require(!behaviour.validates_before_batch || !taken_tab(before, *tab, title))?;
                self.add_tab(*tab, title);
                Ok(())
            }
            BatchStep::WriteState { tab } => self.write(*tab, &batch.draft.state, batch.proof),
            BatchStep::MakeTabs => {
                let title = name_processed_tab(JOB);
                require(!taken_tab(self, PROCESSED, &title))?;
                self.add_tab(PROCESSED, &title);
                self.inits += 1;
                Ok(())
            }
            BatchStep::Changes => self.append(&batch.draft),
            BatchStep::DeleteStateTab { tab } => {
                require(self.has_tab(*tab) || behaviour.ignores_guard)?;
                self.drop_tab(*tab, behaviour);
                Ok(())
            }
        }
    }

    fn add_tab(&mut self, id: i32, title: &str) {
        self.tabs.push(ListedTab { id, title: title.into() });
        self.tabs.sort_by_key(|tab| tab.id);
    }

    fn drop_tab(&mut self, id: i32, behaviour: Behaviour) {
        self.tabs.retain(|tab| tab.id != id);
        self.cells.retain(|(tab, _)| *tab != id);
        if behaviour.deletes_names_with_tab {
            self.names.retain(|(_, tab)| *tab != id);
        }
    }

    fn write(&mut self, tab: i32, state: &State, proof: GuardSupport) -> Result<(), ()> {
        require(self.has_tab(tab))?;
        self.cells.retain(|(id, _)| *id != tab);
        self.cells.push((tab, Cell { state: state.clone(), proof }));
        Ok(())
    }

    fn append(&mut self, draft: &Draft) -> Result<(), ()> {
        require(self.has_tab(PROCESSED))?;
        for one in (0..2).filter(|one| draft.keys >> one & 1 == 1) {
            let order = RowOrder { commit: draft.to.commit, earlier_rows: 0, term: draft.state.lease.fence };
            let run = run_cell(&run_name(draft.writer), Some(order));
            let mark = RowChecksum::hash_row(&encode_processed_row(&make_key(one), &Version::default(), DONE, &run));
            self.processed.push((one, draft.writer, mark));
            self.rows.push((one, draft.writer));
        }
        self.processed.sort_unstable();
        self.rows.sort_unstable();
        Ok(())
    }

    /// Writes the proof's conclusion beside the state if its tab still exists.
    pub fn with_proof(&self, tab: i32, proof: GuardSupport) -> Option<Self> {
        let mut next = self.clone();
        next.cells.iter_mut().find(|(id, _)| *id == tab)?.1.proof = proof;
        Some(next)
    }

    /// A user deletes the job's named range.
    pub fn delete_name(&self) -> Option<Self> {
        let mut next = self.clone();
        next.names.clear();
        next.deleted |= self.find_head().1.is_some_and(|location| location.guard_kind == GuardKind::Name);
        (next.names != self.names).then_some(next)
    }

    /// A user deletes the state tab.
    pub fn delete_state(&self, behaviour: Behaviour) -> Option<Self> {
        let location = self.find_head().1?;
        let mut next = self.clone();
        next.drop_tab(location.tab, behaviour);
        next.deleted = true;
        Some(next)
    }

    /// Returns what is wrong with this sheet by itself.
    pub fn find_fault(&self) -> Option<&'static str> {
        let twice = |key: u8| self.rows.iter().filter(|(of, _)| *of == key).count() > 1;
        if twice(0) || twice(1) {
            return Some("a key has two rows");
        }
        if !self.rows.iter().copied().eq(self.processed.iter().map(|(one, writer, _)| (*one, *writer))) {
            return Some("a key without its row, or a row without its key");
        }
        if self.inits > 1 {
            return Some("initialised twice");
        }
        match self.find_head() {
            (HeadStatus::NotInitialized, _) if self.inits == 0 => None,
            (HeadStatus::At { head, fence }, Some(location)) => self.find_state_fault(head, fence, &location),
            _ if self.deleted => None,
            _ => Some("the head is absent and no person deleted it"),
        }
    }

    fn find_state_fault(&self, head: HeadId, fence: Fence, location: &StateLocation) -> Option<&'static str> {
        let Some(cell) = self.cell(location.tab) else { return Some("the head's tab has no state") };
        let state = &cell.state;
        (state.head != Some(head)).then_some("the state names another head").or_else(|| {
            (state.lease.fence != fence || state.processed != self.checksum())
                .then_some("the state has another fence, count or sum")
        })
    }

    /// Returns what is wrong with this sheet as the successor of another one.
    pub fn fault_after(&self, before: &Self) -> Option<&'static str> {
        if before.deleted && self.inits > before.inits {
            return Some("a new initialisation after a person's deletion");
        }
        if let ((HeadStatus::At { head: old, fence: low }, _), (HeadStatus::At { head, fence }, _)) =
            (before.find_head(), self.find_head())
            && (fence < low || head.commit < old.commit)
        {
            return Some("the fence or the commit's number went down");
        }
        self.find_fault()
    }
}

fn require(is_met: bool) -> Result<(), ()> {
    if is_met { Ok(()) } else { Err(()) }
}

/// Makes the changes that settle these keys, one bit each.
pub fn make_changes(keys: u8) -> Changes {
    let one = |key| ItemResult::Done {
        key,
        version: Version::default(),
        may_have_rows: false,
        output: Output::default(),
        closes: None,
    };
    let settled = (0..2).filter(|n| keys >> n & 1 == 1).map(|n| one(make_key(n))).collect();
    Changes { settled, ..Changes::default() }
}

/// Makes the commit of a draft, as the real code takes it.
pub fn make_commit(draft: &Draft) -> Commit {
    let Draft { from, to, kind, .. } = *draft;
    Commit { from, to, kind, run: String::new(), state: draft.state.clone(), changes: make_changes(draft.keys) }
}
