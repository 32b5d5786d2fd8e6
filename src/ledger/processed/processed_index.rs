//! The in-memory index of processed keys and failures, including this run's changes; admits items
//! or skips them.
//!
//! In scope: the processed set in 24 bytes a key (about 40 for keys of this run), open failures,
//! admission.
//! Out of scope: where keys are loaded from.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use crate::ledger::item::failure::{Failure, FailureState, RequestedAction};
use crate::ledger::item::key::{Fingerprint, Key, Version, digest_of};
use crate::ledger::item::write_mode::ReprocessPolicy;
use crate::ledger::processed::key_lifecycle::{KeyEvent, KeyState};
use crate::ledger::processed::redo_keys::Redo;
use crate::ledger::processed::row_gaps::Gaps;
use crate::ledger::processed::suppressed_failures::{SuppressedFailureCounts, mark};
use crate::ledger::processed::version_history::{VersionHistory, VersionUse};
use crate::time::Timestamp;

/// The decision on an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// Never done: process it.
    Fresh,
    /// Another version of the key is done, this one is not: process it.
    Changed,
    /// It failed before: process it, and continue the count of attempts.
    Again(PriorFailure),
    /// It failed in this version, and retries are suppressed until the user asks for one.
    Rests,
    /// Done in this version: skip it.
    Done,
    /// The same version is in hand, or was done or failed earlier in this run: skip it.
    Twice,
}

/// An earlier failure of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PriorFailure {
    /// Runs in which it failed, according to its row. `ProcessedIndex::attempts` also counts those
    /// without a row.
    pub attempts: u64,
    /// The time of its first failure.
    pub first_seen: Timestamp,
    /// The time of its newest row.
    pub last_seen: Timestamp,
    /// The hash of the failed version.
    pub version: u64,
    /// A hash of the failed step and error, so that an unchanged failure gets no new row.
    pub error: Fingerprint,
    /// The failure's state; never recovered.
    pub state: FailureState,
    /// True if the outcome of its steps is unknown, so that another record is no new attempt.
    pub in_doubt: bool,
    /// The user's requested action that no run has answered yet.
    pub asked: Option<RequestedAction>,
    /// The number of its row, from 1, or of the row with the requested action; 0 for a failure of
    /// this run.
    pub row: u32,
}

impl PriorFailure {
    /// True if retries are suppressed.
    pub fn rests(&self) -> bool {
        self.state.rests() && self.asked != Some(RequestedAction::Retry)
    }

    /// True if this failure (same version hash, same error) is already recorded.
    pub fn tells(&self, mark: u64, error: Fingerprint) -> bool {
        self.version == mark && self.error == error
    }
}

/// The processed set as loaded, sorted: each done version of a key, or the one that counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProcessedSet {
    again: ReprocessPolicy,
    rows: Vec<(Fingerprint, u64)>,
    keys: usize,
    /// Keys with revocations, sorted: they may have rows although they are not done.
    forgotten: Vec<Fingerprint>,
    /// Earlier versions, if one version counts.
    past: VersionHistory,
}

impl ProcessedSet {
    /// Creates a set from (key, version hash) in the order in which they were done. The hashes are
    /// those of `again`.
    pub fn from_rows(again: ReprocessPolicy, mut rows: Vec<(Fingerprint, u64)>) -> Self {
        match again {
            ReprocessPolicy::EachVersion | ReprocessPolicy::OnNewer => rows.sort_unstable(),
            ReprocessPolicy::OnChange => rows.sort_by_key(|row| row.0),
        }
        if again == ReprocessPolicy::EachVersion {
            rows.dedup();
        } else {
            // The last row of a key counts: the one done last, or the newest version. `dedup` keeps
            // the first, so reverse.
            rows.reverse();
            rows.dedup_by_key(|row| row.0);
            rows.reverse();
        }
        rows.shrink_to_fit();
        let keys = rows.chunk_by(|a, b| a.0 == b.0).count();
        Self { again, rows, keys, forgotten: Vec::new(), past: VersionHistory::default() }
    }

    /// Creates a set from rows with the change that wrote each. `doings` has one entry per row, or
    /// none if the policy does not need it. All versions of a key's last change count. The keys in
    /// `gaps` have lost rows.
    pub fn of_doings(
        again: ReprocessPolicy,
        rows: Vec<(Fingerprint, u64)>,
        doings: &[VersionUse],
        forgotten: Vec<(Fingerprint, u64)>,
        gaps: Gaps,
    ) -> Self {
        if again != ReprocessPolicy::OnChange {
            return Self::with_revoked(again, rows, forgotten);
        }
        let keys = sorted_keys(&forgotten);
        let all = || rows.iter().zip(doings).map(|((key, mark), doing)| (*key, *mark, *doing));
        let past = VersionHistory::of(all(), gaps);
        let mut left: Vec<_> = all().collect();
        without(&mut left, forgotten, |row| (row.0, row.1));
        left.sort_by_key(|row| row.0);
        let mut counting = Vec::new();
        for of_key in left.chunk_by(|a, b| a.0 == b.0) {
            let Some(last) = of_key.last() else { continue };
            let with_it = of_key.iter().rev().take_while(|row| row.2.is_one_with(last.2)).count().max(1);
            counting.extend(of_key.iter().rev().take(with_it).map(|row| (row.0, row.1)));
        }
        counting.sort_unstable();
        counting.dedup();
        counting.shrink_to_fit();
        let count = counting.chunk_by(|a, b| a.0 == b.0).count();
        Self { again, rows: counting, keys: count, forgotten: keys, past }
    }

    /// Creates a set in which each entry of `forgotten` has revoked one of the rows.
    pub fn with_revoked(
        again: ReprocessPolicy,
        mut rows: Vec<(Fingerprint, u64)>,
        forgotten: Vec<(Fingerprint, u64)>,
    ) -> Self {
        let keys = sorted_keys(&forgotten);
        without(&mut rows, forgotten, |row| *row);
        Self { forgotten: keys, ..Self::from_rows(again, rows) }
    }

    /// True if a version of the key was revoked.
    pub fn had(&self, key: Fingerprint) -> bool {
        self.forgotten.binary_search(&key).is_ok()
    }

    /// True if this version is done, or need not be done because of a newer one.
    pub fn has(&self, key: Fingerprint, version: u64) -> bool {
        match self.again {
            ReprocessPolicy::EachVersion | ReprocessPolicy::OnChange => {
                self.rows.binary_search(&(key, version)).is_ok()
            }
            ReprocessPolicy::OnNewer => {
                let at = self.rows.partition_point(|row| row.0 < key);
                version != 0 && self.rows.get(at).is_some_and(|row| row.0 == key && version <= row.1)
            }
        }
    }

    /// Returns the number of done keys.
    pub fn keys(&self) -> usize {
        self.keys
    }

    /// True if a version of the key whose fingerprint starts with these 64 bits is done.
    fn knows_mark(&self, mark: u64) -> bool {
        let at = self.rows.partition_point(|row| row.0.0 < mark);
        self.rows.get(at).is_some_and(|row| row.0.0 == mark)
    }

    /// Returns each key with a done version.
    fn prints(&self) -> impl Iterator<Item = Fingerprint> {
        self.rows.chunk_by(|a, b| a.0 == b.0).filter_map(|rows| rows.first().map(|row| row.0))
    }

    /// Returns the hashes of the key's done versions.
    fn versions(&self, key: Fingerprint) -> impl Iterator<Item = u64> {
        let from = self.rows.partition_point(|row| row.0 < key);
        self.rows.get(from..).unwrap_or_default().iter().take_while(move |row| row.0 == key).map(|row| row.1)
    }

    /// True if any version of the key is done.
    pub fn knows(&self, key: Fingerprint) -> bool {
        let at = self.rows.partition_point(|row| row.0 < key);
        self.rows.get(at).is_some_and(|row| row.0 == key)
    }
}

fn sorted_keys(rows: &[(Fingerprint, u64)]) -> Vec<Fingerprint> {
    let mut keys: Vec<_> = rows.iter().map(|row| row.0).collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// Removes revoked rows in place, keeping the order. Each entry of `forgotten` removes the first
/// row with the same key and version, which existed when the revocation was written.
fn without<R>(done: &mut Vec<R>, forgotten: Vec<(Fingerprint, u64)>, of: impl Fn(&R) -> (Fingerprint, u64)) {
    if forgotten.is_empty() {
        return;
    }
    let mut owed: HashMap<(Fingerprint, u64), u32> = HashMap::new();
    for row in forgotten {
        *owed.entry(row).or_default() += 1;
    }
    done.retain(|row| match owed.get_mut(&of(row)) {
        Some(times @ 1..) => {
            *times -= 1;
            false
        }
        _ => true,
    });
}

/// The version of a key that was done last in this run.
#[derive(Debug, Clone, Copy, Default)]
struct Latest {
    /// The version's hash, and that of a version done beside it; equal if there is only one.
    marks: [u64; 2],
    /// The change, once its commit is applied.
    doing: VersionUse,
}

impl Latest {
    fn newest(&self) -> u64 {
        self.marks[0].max(self.marks[1])
    }
}

/// The processed index of one run. Versions of a key are independent: a source may hold several,
/// and each is done once. If one version counts, a version that another has replaced may be done
/// again.
#[derive(Debug, Clone, Default)]
pub struct ProcessedIndex {
    done: ProcessedSet,
    /// Versions that are in hand or failed in this run.
    moved: HashMap<(Fingerprint, u64), KeyState>,
    /// Versions done in this run, if each one counts. A tree grows node by node; a hash table would
    /// hold two tables while it doubles.
    settled: BTreeSet<(Fingerprint, u64)>,
    /// The version done last in this run, of keys that may come again.
    latest: BTreeMap<Fingerprint, Latest>,
    failures: HashMap<Fingerprint, PriorFailure>,
    /// Of the keys with failures, those that this run has seen.
    met: HashSet<Fingerprint>,
    /// The hashes of the records of suppressed failures, as far as they were read.
    records: HashMap<Fingerprint, String>,
    /// Suppressed failures for which this run has seen a changed record.
    renewed: HashSet<Fingerprint>,
    /// Keys of suppressed failures whose deciding record was seen in this run.
    compared: HashSet<Fingerprint>,
    tries: SuppressedFailureCounts,
    redo: Redo,
    new_keys: u64,
}

impl ProcessedIndex {
    /// Creates an index from a load. A failure whose version is done by now is closed.
    pub fn new(done: ProcessedSet, failures: HashMap<Fingerprint, PriorFailure>) -> Self {
        let open = |(key, tried): &(Fingerprint, PriorFailure)| !done.has(*key, tried.version);
        let failures = failures.into_iter().filter(open).collect();
        Self { done, failures, ..Self::default() }
    }

    /// Creates an index in which nothing is done.
    pub fn empty(again: ReprocessPolicy) -> Self {
        Self::new(ProcessedSet::from_rows(again, Vec::new()), HashMap::new())
    }

    /// Adds the stored counts of unchanged failures.
    #[must_use]
    pub fn counting(mut self, mut tries: SuppressedFailureCounts) -> Self {
        let open: HashSet<u64> = self.failures.keys().map(|key| mark(*key)).collect();
        tries.keep(|mark| open.contains(&mark));
        self.tries = tries;
        self
    }

    /// Adds keys that are to be processed again, whatever their rows say.
    #[must_use]
    pub fn doing_again(mut self, redo: Redo) -> Self {
        self.redo = redo;
        self
    }

    /// Limits the keys that have lost rows to these.
    #[must_use]
    pub fn knowing_gaps(mut self, gaps: Gaps) -> Self {
        self.done.past.with_known_gaps(gaps);
        self
    }

    /// Returns the keys that remain to be processed again after these are done.
    pub fn redo_after<'k>(&self, done: impl Iterator<Item = &'k Key>) -> Redo {
        let mut redo = self.redo.clone();
        if redo.keys() > 0 {
            done.for_each(|key| redo.forget(key.fingerprint()));
        }
        redo
    }

    /// True if a loaded version of the key whose fingerprint starts with these 64 bits is done.
    pub fn knows_mark(&self, mark: u64) -> bool {
        self.done.knows_mark(mark)
    }

    /// Returns the loaded keys that match `is_one`.
    pub fn keys_of<'b>(&'b self, is_one: impl Fn(Fingerprint) -> bool + 'b) -> impl Iterator<Item = Fingerprint> + 'b {
        self.done.prints().filter(move |print| is_one(*print))
    }

    /// Returns the counts of unchanged failures.
    pub fn tries(&self) -> &SuppressedFailureCounts {
        &self.tries
    }

    /// Returns the reprocess policy.
    pub fn again(&self) -> ReprocessPolicy {
        self.done.again
    }

    /// Returns the number of done keys, including those of this run.
    pub fn keys(&self) -> u64 {
        self.done.keys() as u64 + self.new_keys
    }

    /// Returns the suppressed failures with their rows. The hash of a record shows whether the
    /// source has changed it.
    pub fn resting(&self) -> Vec<(Fingerprint, u32)> {
        let rests = |tried: &PriorFailure| tried.rests() && !tried.in_doubt;
        self.failures().into_iter().filter(|(_, tried)| rests(tried)).map(|(key, tried)| (key, tried.row)).collect()
    }

    /// Adds the hashes of the records of failures.
    pub fn with_known_records(&mut self, marks: Vec<(Fingerprint, String)>) {
        self.records = marks.into_iter().collect();
    }

    /// Admits an item by its record's hash. For a suppressed failure, a changed record is a new
    /// attempt. The first of several records in one source decides. Otherwise each of two bad
    /// records would be a new attempt beside the other, in each run.
    pub fn admit_record(&mut self, key: &Key, version: &Version, record: impl FnOnce() -> String) -> Admission {
        let (print, of) = (key.fingerprint(), self.again().mark(version));
        let rests = self.failures.get(&print).is_some_and(|tried| tried.version == of && tried.rests());
        let decides = rests && !self.has(print, of) && self.compared.insert(print);
        if decides && self.records.get(&print).is_some_and(|mark| *mark != record()) {
            self.renewed.insert(print);
            self.failures.entry(print).and_modify(renew);
        }
        self.admit(key, version)
    }

    /// Admits an item or returns why it is skipped.
    pub fn admit(&mut self, key: &Key, version: &Version) -> Admission {
        let (print, mark) = (key.fingerprint(), self.again().mark(version));
        if self.failures.contains_key(&print) {
            self.met.insert(print);
        }
        if self.has(print, mark) {
            return Admission::Done;
        }
        if self.failures.get(&print).is_some_and(|tried| tried.version == mark && tried.rests()) {
            return Admission::Rests;
        }
        let before = self.entry((print, mark));
        match before.next(KeyEvent::Admit) {
            Ok(next) if before == KeyState::Unknown => {
                self.moved.insert((print, mark), next);
                match self.failures.get(&print) {
                    Some(tried) => Admission::Again(*tried),
                    None if self.knows_print(print) => Admission::Changed,
                    None => Admission::Fresh,
                }
            }
            // A version that failed in this run is retried by the next one.
            _ => Admission::Twice,
        }
    }

    /// Marks the admitted item as processed.
    pub fn done(&mut self, key: &Key, version: &Version) {
        let (print, mark) = (key.fingerprint(), self.again().mark(version));
        self.new_keys += u64::from(!self.knows_print(print));
        self.redo.forget(print);
        self.advance((print, mark), KeyEvent::Done);
        // If every version counts and the job has no version expression, a key can't come a second
        // time.
        if self.again() != ReprocessPolicy::EachVersion || !version.0.is_empty() {
            self.latest.insert(print, Latest { marks: [mark; 2], ..Latest::default() });
        }
    }

    /// Marks one more version as settled by the same item: that of the record that the user
    /// corrected. Both count.
    pub fn done_beside(&mut self, key: &Key, version: &Version, own: (&Key, &Version)) {
        let before = self.latest.get(&key.fingerprint()).copied().filter(|_| own.0 == key);
        self.done(key, version);
        if let (Some(before), Some(latest)) = (before, self.latest.get_mut(&key.fingerprint())) {
            latest.marks = [before.marks[0], latest.marks[0]];
        }
    }

    /// Takes the applied rows of Processed of this run: each key with the text of its cell `run`.
    pub fn wrote<'k>(&mut self, rows: impl Iterator<Item = (&'k Key, String)>) {
        if self.again() != ReprocessPolicy::OnChange {
            return;
        }
        for (key, run_cell) in rows {
            if let Some(latest) = self.latest.get_mut(&key.fingerprint()) {
                latest.doing = VersionUse::of(&run_cell);
            }
        }
    }

    /// Returns the id of the change to this version, if the key returns to it; `None` for its first
    /// time.
    pub fn change(&self, key: &Key, version: &Version) -> Option<String> {
        let (print, to) = (key.fingerprint(), self.again().mark(version));
        if let Some(commit) = self.redo.of(print) {
            // The row that it follows is gone.
            return Some(format!("again after commit {commit}"));
        }
        if self.again() != ReprocessPolicy::OnChange {
            return None;
        }
        let since = self.latest.get(&print).map(|latest| (latest.marks[1], latest.doing));
        let known: Vec<u64> = self.done.versions(print).collect();
        self.done.past.change(print, to, &known, since)
    }

    /// Records a failure of the admitted item. `told` is true if it gets a row.
    pub fn failed(&mut self, key: &Key, tried: PriorFailure, told: bool) {
        let print = key.fingerprint();
        self.advance((print, tried.version), KeyEvent::Fail);
        if self.entry((print, tried.version)) == KeyState::Unknown {
            // A version without an order is never admitted.
            self.moved.insert((print, tried.version), KeyState::Failed);
        }
        self.failures.insert(print, tried);
        if told {
            self.tries.forget(print);
        }
    }

    /// Closes a failure that was not retried; its closing row waits for a commit.
    pub fn close_untried(&mut self, key: &Key, now: Timestamp) {
        if let Some(tried) = self.failures.get_mut(&key.fingerprint()) {
            (tried.state, tried.asked, tried.last_seen) = (FailureState::Recovered, None, now);
        }
    }

    /// True if this run has seen an item of a key with a failure, in any version.
    pub fn was_seen(&self, key: &Key) -> bool {
        self.met.contains(&key.fingerprint())
    }

    /// True if this version of the key has failed in this run.
    pub fn has_failed(&self, key: &Key, version: &Version) -> bool {
        self.entry((key.fingerprint(), self.again().mark(version))) == KeyState::Failed
    }

    /// Counts an unchanged failure. Returns false if there is no room, and it has to get a row.
    pub fn count(&mut self, key: &Key) -> bool {
        self.tries.count(key.fingerprint())
    }

    /// Returns the number of runs in which this version has failed.
    pub fn attempts(&self, key: &Key, version: &Version) -> u64 {
        let print = key.fingerprint();
        let tried = self.tried(key).filter(|tried| tried.version == self.again().mark(version));
        tried.map_or(0, |tried| tried.attempts + self.tries.of(print))
    }

    /// Removes the key's failure, whose closing row is applied.
    pub fn closed(&mut self, key: &Key) {
        let print = key.fingerprint();
        self.failures.remove(&print);
        self.tries.forget(print);
    }

    /// Sets the requested action of all failures that match, which ends their suppression.
    pub fn ask(&mut self, answer: RequestedAction, which: impl Fn(Fingerprint) -> bool) {
        for (_, tried) in self.failures.iter_mut().filter(|(key, _)| which(**key)) {
            tried.asked = Some(answer);
        }
    }

    /// True if an item of this key is in its steps, or waits for a commit.
    pub fn is_in_hand(&self, key: &Key) -> bool {
        let print = key.fingerprint();
        self.moved.iter().any(|((of, _), entry)| *of == print && *entry == KeyState::InHand)
    }

    /// Returns the failures in the order of their rows.
    pub fn failures(&self) -> Vec<(Fingerprint, PriorFailure)> {
        let mut all: Vec<_> = self.failures.iter().map(|(key, tried)| (*key, *tried)).collect();
        all.sort_unstable_by_key(|(_, tried)| tried.row);
        all
    }

    /// Returns the key's earlier failure.
    pub fn tried(&self, key: &Key) -> Option<PriorFailure> {
        self.failures.get(&key.fingerprint()).copied()
    }

    /// True if this version is done as loaded; used for redrafts after a reload.
    pub fn is_done(&self, key: &Key, version: &Version) -> bool {
        let (print, mark) = (key.fingerprint(), self.again().mark(version));
        !self.is_to_redo(print, mark) && self.done.has(print, mark)
    }

    /// True if the failure is recorded already, in a row that this run has written.
    pub fn shows(&self, failure: &Failure, error: Fingerprint) -> bool {
        match (failure.state, self.tried(&failure.key)) {
            (FailureState::Recovered, tried) => tried.is_none(),
            (_, None) => false,
            (state, Some(tried)) => {
                let same = tried.tells(self.again().mark(&failure.version), error) && tried.state == state;
                same && tried.attempts >= failure.attempts
                    && (failure.answered.is_none() || tried.asked != failure.answered)
            }
        }
    }

    /// True if this version failed before with the same error.
    pub fn tells(&self, key: &Key, version: &Version, error: Fingerprint) -> bool {
        self.tried(key).is_some_and(|tried| tried.tells(self.again().mark(version), error))
    }

    /// Replaces the loaded data with a newer load. Versions that the load settles are dropped, and
    /// failures that it does not contain yet are kept.
    pub fn rebase(&mut self, fresh: Self) {
        let Self { done, mut failures, tries, redo, .. } = fresh;
        self.redo = redo;
        self.tries =
            if self.tries == SuppressedFailureCounts::default() { tries } else { std::mem::take(&mut self.tries) };
        self.moved.retain(|(print, mark), entry| {
            let unsettled = matches!(entry, KeyState::InHand | KeyState::Failed) && !done.has(*print, *mark);
            if let (true, KeyState::Failed, Some(tried)) = (unsettled, &entry, self.failures.get(print)) {
                failures.entry(*print).or_insert(*tried);
            }
            unsettled
        });
        for (key, tried) in &mut failures {
            let before = self.failures.get(key).filter(|_| self.renewed.contains(key));
            if before.is_some_and(|before| before.version == tried.version && before.row == tried.row) {
                renew(tried);
            }
            tried.asked = tried.asked.or(self.failures.get(key).and_then(|known| known.asked));
        }
        self.settled.clear();
        self.latest.clear();
        self.new_keys = 0;
        self.done = done;
        self.failures = failures;
    }

    /// Returns a digest of the key's visible state. It changes when a new version is processed or a
    /// failure row is written.
    pub fn shown(&self, key: &Key) -> String {
        let print = key.fingerprint();
        let mut parts: Vec<String> = self.done.versions(print).map(|mark| mark.to_string()).collect();
        if let Some(tried) = self.failures.get(&print) {
            parts.push(format!("{} {} {}", tried.state.word(), tried.version, tried.last_seen));
        }
        parts.extend(self.redo.of(print).map(|commit| format!("again after {commit}")));
        let digest = digest_of(&parts.iter().map(String::as_str).collect::<Vec<_>>());
        data_encoding::HEXLOWER.encode(digest.get(..8).unwrap_or(&digest))
    }

    /// Returns the number of open failures.
    pub fn open_failures(&self) -> usize {
        self.failures.values().filter(|tried| tried.state == FailureState::Open).count()
    }

    /// Returns the number of dead failures.
    pub fn dead_failures(&self) -> usize {
        self.failures.values().filter(|tried| tried.state == FailureState::Dead).count()
    }

    /// True if this version is done, as loaded or in this run, and none that counts instead has
    /// followed it.
    fn has(&self, print: Fingerprint, mark: u64) -> bool {
        if self.is_to_redo(print, mark) {
            return false;
        }
        match (self.again(), self.latest.get(&print)) {
            (ReprocessPolicy::EachVersion, _) | (_, None) => self.done.has(print, mark),
            (ReprocessPolicy::OnChange, Some(latest)) => latest.marks.contains(&mark),
            (ReprocessPolicy::OnNewer, Some(latest)) => mark <= latest.newest(),
        }
    }

    /// True if rows of the key were deleted, so that a version is done again although other rows
    /// are left. If versions are ordered, one older than those rows is not.
    fn is_to_redo(&self, print: Fingerprint, mark: u64) -> bool {
        let is_older = self.again() == ReprocessPolicy::OnNewer && mark < self.newest(print);
        self.redo.of(print).is_some() && !is_older
    }

    /// Returns the hash of the version that was done last, or of the newest one if versions are
    /// ordered; 0 if none is done.
    pub fn newest(&self, print: Fingerprint) -> u64 {
        self.latest.get(&print).map(Latest::newest).or_else(|| self.done.versions(print).last()).unwrap_or(0)
    }

    /// True if the version with this hash has failed in this run.
    pub fn has_failed_here(&self, key: &Key, mark: u64) -> bool {
        self.entry((key.fingerprint(), mark)) == KeyState::Failed
    }

    /// True if any version of the key is done, as loaded or in this run.
    pub fn knows(&self, key: &Key) -> bool {
        self.knows_print(key.fingerprint())
    }

    /// True if the key may have rows: a version of it is done, or was revoked.
    pub fn may_have_rows(&self, key: &Key) -> bool {
        self.knows(key) || self.done.had(key.fingerprint())
    }

    /// True if any version of the key with this fingerprint is done.
    pub fn knows_print(&self, print: Fingerprint) -> bool {
        self.done.knows(print) || self.latest.contains_key(&print)
    }

    fn entry(&self, id: (Fingerprint, u64)) -> KeyState {
        let settled = || if self.settled.contains(&id) { KeyState::Done } else { KeyState::Unknown };
        self.moved.get(&id).copied().unwrap_or_else(settled)
    }

    fn advance(&mut self, id: (Fingerprint, u64), step: KeyEvent) {
        match self.entry(id).next(step) {
            Ok(KeyState::Done) => {
                self.moved.remove(&id);
                // If the last version counts, `latest` holds it; one that another has replaced may
                // be done again.
                if self.again() == ReprocessPolicy::EachVersion {
                    self.settled.insert(id);
                }
            }
            Ok(next) => {
                self.moved.insert(id, next);
            }
            Err(_) => {}
        }
    }
}

/// Resets a failure because its record has changed: it is retried as if it had never failed, and
/// its result is written.
fn renew(tried: &mut PriorFailure) {
    (tried.state, tried.attempts, tried.error) = (FailureState::Open, 0, Fingerprint(0, 0));
}

#[cfg(test)]
mod tests;
