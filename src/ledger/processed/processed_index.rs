//! Every key as read, and as this run moves it on; admits items or refuses them.
//!
//! In scope: the processed set in 24 bytes a key, about 40 for keys of this run; open failures, admission. Out of scope: where keys
//! are read from.

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

/// What the book says of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// Never done: go on.
    Fresh,
    /// Another version of it is done, this one is not: go on.
    Changed,
    /// It failed before: go on, and count on from there.
    Again(PriorFailure),
    /// It failed in this version, and is left alone until somebody asks for it.
    Rests,
    /// Done in this version: skip it.
    Done,
    /// The same version of the key is in hand, was done or failed earlier in this run: skip it.
    Twice,
}

/// What is known of an earlier failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PriorFailure {
    /// Runs in which it failed, as its row tells; `ProcessedIndex::attempts` counts those that were not told too.
    pub attempts: u64,
    /// When it first failed.
    pub first_seen: Timestamp,
    /// When its newest row was written.
    pub last_seen: Timestamp,
    /// The version that failed, as its mark.
    pub version: u64,
    /// A hash of the step and error it failed with, so that an unchanged failure is not told twice.
    pub error: Fingerprint,
    /// Where it stands; never recovered.
    pub state: FailureState,
    /// Whether nobody knows how it ended, so that another record is no new try.
    pub in_doubt: bool,
    /// What somebody asks for that no run has answered yet.
    pub asked: Option<RequestedAction>,
    /// The row that tells it, from 1, or the one in which somebody asks; 0 for one of this run.
    pub row: u32,
}

impl PriorFailure {
    /// Whether it is left alone.
    pub fn rests(&self) -> bool {
        self.state.rests() && self.asked != Some(RequestedAction::Retry)
    }

    /// Whether this is the very failure that is told already: the version of this mark, failed in the same way.
    pub fn tells(&self, mark: u64, error: Fingerprint) -> bool {
        self.version == mark && self.error == error
    }
}

/// The processed set as a load found it, sorted: of every key that is done each version, or the one that counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProcessedSet {
    again: ReprocessPolicy,
    rows: Vec<(Fingerprint, u64)>,
    keys: usize,
    /// Keys of which something was forgotten, sorted: they may have rows although they are not done.
    forgotten: Vec<Fingerprint>,
    /// What was done before, where one version counts.
    past: VersionHistory,
}

impl ProcessedSet {
    /// A set of (key, version mark), in the order in which they were done; the marks are those of `again`.
    pub fn from_rows(again: ReprocessPolicy, mut rows: Vec<(Fingerprint, u64)>) -> Self {
        match again {
            ReprocessPolicy::EachVersion | ReprocessPolicy::OnNewer => rows.sort_unstable(),
            ReprocessPolicy::OnChange => rows.sort_by_key(|row| row.0),
        }
        if again == ReprocessPolicy::EachVersion {
            rows.dedup();
        } else {
            // Of one key's rows the last one counts: the one done last, or the newest. `dedup` keeps the first, so back to front.
            rows.reverse();
            rows.dedup_by_key(|row| row.0);
            rows.reverse();
        }
        rows.shrink_to_fit();
        let keys = rows.chunk_by(|a, b| a.0 == b.0).count();
        Self { again, rows, keys, forgotten: Vec::new(), past: VersionHistory::default() }
    }

    /// The same, where each row says which doing wrote it (`doings` has as many, but for none where it is not asked for): of the last
    /// doing of a key all versions count. Of the keys of `gaps` not all rows are left.
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

    /// The same, where each of `forgotten` has taken back one of the rows.
    pub fn with_revoked(
        again: ReprocessPolicy,
        mut rows: Vec<(Fingerprint, u64)>,
        forgotten: Vec<(Fingerprint, u64)>,
    ) -> Self {
        let keys = sorted_keys(&forgotten);
        without(&mut rows, forgotten, |row| *row);
        Self { forgotten: keys, ..Self::from_rows(again, rows) }
    }

    /// Whether something of the key was forgotten.
    pub fn had(&self, key: Fingerprint) -> bool {
        self.forgotten.binary_search(&key).is_ok()
    }

    /// Whether this version of the key is done, or is no reason to do it again.
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

    /// Keys that are done.
    pub fn keys(&self) -> usize {
        self.keys
    }

    /// Whether some version of the key is done whose fingerprint begins with these 64 bits.
    fn knows_mark(&self, mark: u64) -> bool {
        let at = self.rows.partition_point(|row| row.0.0 < mark);
        self.rows.get(at).is_some_and(|row| row.0.0 == mark)
    }

    /// Each key of which some version is done.
    fn prints(&self) -> impl Iterator<Item = Fingerprint> {
        self.rows.chunk_by(|a, b| a.0 == b.0).filter_map(|rows| rows.first().map(|row| row.0))
    }

    /// The marks of a key's versions that are done.
    fn versions(&self, key: Fingerprint) -> impl Iterator<Item = u64> {
        let from = self.rows.partition_point(|row| row.0 < key);
        self.rows.get(from..).unwrap_or_default().iter().take_while(move |row| row.0 == key).map(|row| row.1)
    }

    /// Whether any version of the key is done.
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

/// Leaves of these rows, in their order, what is done once each of `forgotten` has taken back one of the same key and version: the first
/// one, which was there when it was written.
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

/// What was done last of a key in this run.
#[derive(Debug, Clone, Copy, Default)]
struct Latest {
    /// The version's mark, and the one that counts as done beside it; twice the same where there is one.
    marks: [u64; 2],
    /// The doing, once its commit is applied.
    doing: VersionUse,
}

impl Latest {
    fn newest(&self) -> u64 {
        self.marks[0].max(self.marks[1])
    }
}

/// The book of one run. Each version of a key stands for itself: a source may hold several of them, and each is done once;
/// where one version counts, a version that another one has followed may be done again.
#[derive(Debug, Clone, Default)]
pub struct ProcessedIndex {
    done: ProcessedSet,
    /// Versions that this run has in hand, or that failed in it.
    moved: HashMap<(Fingerprint, u64), KeyState>,
    /// Versions done in this run, where each one counts. A tree, because it grows by a node at a time: a hash table doubles, and holds
    /// both tables meanwhile.
    settled: BTreeSet<(Fingerprint, u64)>,
    /// The version done last in this run, of keys done in it that may come again.
    latest: BTreeMap<Fingerprint, Latest>,
    failures: HashMap<Fingerprint, PriorFailure>,
    /// Of the keys with failures, those of which this run has seen an item.
    met: HashSet<Fingerprint>,
    /// The marks of the records of failures that are left alone, as far as they were read.
    records: HashMap<Fingerprint, String>,
    /// Failures that were left alone until this run saw another record of them.
    renewed: HashSet<Fingerprint>,
    /// Keys of failures that are left alone, of which this run has seen the record that decides.
    compared: HashSet<Fingerprint>,
    tries: SuppressedFailureCounts,
    redo: Redo,
    new_keys: u64,
}

impl ProcessedIndex {
    /// A book as loaded. A failure whose very version is done by now is closed.
    pub fn new(done: ProcessedSet, failures: HashMap<Fingerprint, PriorFailure>) -> Self {
        let open = |(key, tried): &(Fingerprint, PriorFailure)| !done.has(*key, tried.version);
        let failures = failures.into_iter().filter(open).collect();
        Self { done, failures, ..Self::default() }
    }

    /// A book in which nothing is done yet.
    pub fn empty(again: ReprocessPolicy) -> Self {
        Self::new(ProcessedSet::from_rows(again, Vec::new()), HashMap::new())
    }

    /// The same book, failures that stay the same counted so far.
    #[must_use]
    pub fn counting(mut self, mut tries: SuppressedFailureCounts) -> Self {
        let open: HashSet<u64> = self.failures.keys().map(|key| mark(*key)).collect();
        tries.keep(|mark| open.contains(&mark));
        self.tries = tries;
        self
    }

    /// The same book, in which these keys are to be done again, whatever their rows say.
    #[must_use]
    pub fn doing_again(mut self, redo: Redo) -> Self {
        self.redo = redo;
        self
    }

    /// The same book, of which it is known that rows are gone of these keys alone.
    #[must_use]
    pub fn knowing_gaps(mut self, gaps: Gaps) -> Self {
        self.done.past.with_known_gaps(gaps);
        self
    }

    /// Keys that are to be done again, once these are done.
    pub fn redo_after<'k>(&self, done: impl Iterator<Item = &'k Key>) -> Redo {
        let mut redo = self.redo.clone();
        if redo.keys() > 0 {
            done.for_each(|key| redo.forget(key.fingerprint()));
        }
        redo
    }

    /// Whether some version of the key is done, as loaded, whose fingerprint begins with these 64 bits.
    pub fn knows_mark(&self, mark: u64) -> bool {
        self.done.knows_mark(mark)
    }

    /// Those keys with rows of which this is true.
    pub fn keys_of<'b>(&'b self, is_one: impl Fn(Fingerprint) -> bool + 'b) -> impl Iterator<Item = Fingerprint> + 'b {
        self.done.prints().filter(move |print| is_one(*print))
    }

    /// How often failures failed that stayed the same.
    pub fn tries(&self) -> &SuppressedFailureCounts {
        &self.tries
    }

    /// When a key that is done is done again.
    pub fn again(&self) -> ReprocessPolicy {
        self.done.again
    }

    /// Keys that are done, those of this run included.
    pub fn keys(&self) -> u64 {
        self.done.keys() as u64 + self.new_keys
    }

    /// Failures that are known to have failed and are left alone, with their rows: of these the mark of the record says whether the source yields another one.
    pub fn resting(&self) -> Vec<(Fingerprint, u32)> {
        let rests = |tried: &PriorFailure| tried.rests() && !tried.in_doubt;
        self.failures().into_iter().filter(|(_, tried)| rests(tried)).map(|(key, tried)| (key, tried.row)).collect()
    }

    /// The same book, which knows these marks of records.
    pub fn with_known_records(&mut self, marks: Vec<(Fingerprint, String)>) {
        self.records = marks.into_iter().collect();
    }

    /// Takes an item in hand whose record has this mark, or says why not: where its failure is left alone, another record is a new try. Of
    /// several records in one source the first one decides: else each of two bad ones would be a new try beside the other, in each run.
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

    /// Takes an item in hand, or says why not.
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
            // What failed in this run is for the next one to try again.
            _ => Admission::Twice,
        }
    }

    /// The item in hand was processed.
    pub fn done(&mut self, key: &Key, version: &Version) {
        let (print, mark) = (key.fingerprint(), self.again().mark(version));
        self.new_keys += u64::from(!self.knows_print(print));
        self.redo.forget(print);
        self.advance((print, mark), KeyEvent::Done);
        // Where every version counts and the job names none, a key can't come a second time.
        if self.again() != ReprocessPolicy::EachVersion || !version.0.is_empty() {
            self.latest.insert(print, Latest { marks: [mark; 2], ..Latest::default() });
        }
    }

    /// The same item settles one more version: that of the record that somebody had corrected. Both count.
    pub fn done_beside(&mut self, key: &Key, version: &Version, own: (&Key, &Version)) {
        let before = self.latest.get(&key.fingerprint()).copied().filter(|_| own.0 == key);
        self.done(key, version);
        if let (Some(before), Some(latest)) = (before, self.latest.get_mut(&key.fingerprint())) {
            latest.marks = [before.marks[0], latest.marks[0]];
        }
    }

    /// Rows of Processed are on the store that this run wrote: each with its key and the text of its cell `run`.
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

    /// The name of the change that doing this version of a key is, where the key comes back to a version; none for its first time.
    pub fn change(&self, key: &Key, version: &Version) -> Option<String> {
        let (print, to) = (key.fingerprint(), self.again().mark(version));
        if let Some(commit) = self.redo.of(print) {
            // What it follows is gone.
            return Some(format!("again after commit {commit}"));
        }
        if self.again() != ReprocessPolicy::OnChange {
            return None;
        }
        let since = self.latest.get(&print).map(|latest| (latest.marks[1], latest.doing));
        let known: Vec<u64> = self.done.versions(print).collect();
        self.done.past.change(print, to, &known, since)
    }

    /// The item in hand failed; what is known of its key from now on. `told` is whether a row tells it.
    pub fn failed(&mut self, key: &Key, tried: PriorFailure, told: bool) {
        let print = key.fingerprint();
        self.advance((print, tried.version), KeyEvent::Fail);
        if self.entry((print, tried.version)) == KeyState::Unknown {
            // One whose version has no order is never taken in hand.
            self.moved.insert((print, tried.version), KeyState::Failed);
        }
        self.failures.insert(print, tried);
        if told {
            self.tries.forget(print);
        }
    }

    /// The key's failure is over, and nothing of it was tried; the row that says so waits for a commit.
    pub fn close_untried(&mut self, key: &Key, now: Timestamp) {
        if let Some(tried) = self.failures.get_mut(&key.fingerprint()) {
            (tried.state, tried.asked, tried.last_seen) = (FailureState::Recovered, None, now);
        }
    }

    /// Whether this run has seen an item of a key with a failure, in whatever version.
    pub fn was_seen(&self, key: &Key) -> bool {
        self.met.contains(&key.fingerprint())
    }

    /// Whether this version of a key has failed in this run.
    pub fn has_failed(&self, key: &Key, version: &Version) -> bool {
        self.entry((key.fingerprint(), self.again().mark(version))) == KeyState::Failed
    }

    /// A failure that stays the same failed once more; false where it can't be counted, and has to be told.
    pub fn count(&mut self, key: &Key) -> bool {
        self.tries.count(key.fingerprint())
    }

    /// Runs in which this version of a key has failed so far.
    pub fn attempts(&self, key: &Key, version: &Version) -> u64 {
        let print = key.fingerprint();
        let tried = self.tried(key).filter(|tried| tried.version == self.again().mark(version));
        tried.map_or(0, |tried| tried.attempts + self.tries.of(print))
    }

    /// The key's failure is closed on the store.
    pub fn closed(&mut self, key: &Key) {
        let print = key.fingerprint();
        self.failures.remove(&print);
        self.tries.forget(print);
    }

    /// Somebody asks for these failures, or for all that can be tried again: from now on they are not left alone.
    pub fn ask(&mut self, answer: RequestedAction, which: impl Fn(Fingerprint) -> bool) {
        for (_, tried) in self.failures.iter_mut().filter(|(key, _)| which(**key)) {
            tried.asked = Some(answer);
        }
    }

    /// Whether an item of this key is at work, or waits for a commit.
    pub fn is_in_hand(&self, key: &Key) -> bool {
        let print = key.fingerprint();
        self.moved.iter().any(|((of, _), entry)| *of == print && *entry == KeyState::InHand)
    }

    /// The failures, in the order of their rows.
    pub fn failures(&self) -> Vec<(Fingerprint, PriorFailure)> {
        let mut all: Vec<_> = self.failures.iter().map(|(key, tried)| (*key, *tried)).collect();
        all.sort_unstable_by_key(|(_, tried)| tried.row);
        all
    }

    /// What was known of a key's earlier failure.
    pub fn tried(&self, key: &Key) -> Option<PriorFailure> {
        self.failures.get(&key.fingerprint()).copied()
    }

    /// Whether the key is done in this version, as loaded: used when a draft is made anew after a reload.
    pub fn is_done(&self, key: &Key, version: &Version) -> bool {
        let (print, mark) = (key.fingerprint(), self.again().mark(version));
        !self.is_to_redo(print, mark) && self.done.has(print, mark)
    }

    /// Whether a failure is told already, as it stands in a row of this run.
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

    /// Whether this version of a key failed before, in the same way.
    pub fn tells(&self, key: &Key, version: &Version, error: Fingerprint) -> bool {
        self.tried(key).is_some_and(|tried| tried.tells(self.again().mark(version), error))
    }

    /// Puts a newer load under what this run has in hand; entries that the load settles are forgotten, and failures that the
    /// load does not show yet are kept.
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

    /// A mark of what the book shows of a key: another one as soon as a further version of it is done, or its failure gets a row.
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

    /// Failures that are open.
    pub fn open_failures(&self) -> usize {
        self.failures.values().filter(|tried| tried.state == FailureState::Open).count()
    }

    /// Failures that are left alone until somebody asks.
    pub fn dead_failures(&self) -> usize {
        self.failures.values().filter(|tried| tried.state == FailureState::Dead).count()
    }

    /// Whether this version is done, as loaded or in this run, and nothing has followed it that counts instead.
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

    /// Whether a version of a key is done again although rows of the key are left: rows of it were deleted. An older one than those that are
    /// left is no reason, where versions have an order.
    fn is_to_redo(&self, print: Fingerprint, mark: u64) -> bool {
        let is_older = self.again() == ReprocessPolicy::OnNewer && mark < self.newest(print);
        self.redo.of(print).is_some() && !is_older
    }

    /// The mark of the version of a key that was done last, or of the newest one where versions have an order; 0 where none is done.
    pub fn newest(&self, print: Fingerprint) -> u64 {
        self.latest.get(&print).map(Latest::newest).or_else(|| self.done.versions(print).last()).unwrap_or(0)
    }

    /// Whether a version of this mark has failed in this run.
    pub fn has_failed_here(&self, key: &Key, mark: u64) -> bool {
        self.entry((key.fingerprint(), mark)) == KeyState::Failed
    }

    /// Whether any version of the key is done, as loaded or in this run.
    pub fn knows(&self, key: &Key) -> bool {
        self.knows_print(key.fingerprint())
    }

    /// Whether a key may have rows: some version of it is done, or was and is forgotten.
    pub fn may_have_rows(&self, key: &Key) -> bool {
        self.knows(key) || self.done.had(key.fingerprint())
    }

    /// Whether any version of the key of this fingerprint is done.
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
                // Where the last version counts, `latest` has it; one that another has followed may be done again.
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

/// A failure of which another record has come: tried as if it had never failed, and told whatever becomes of it.
fn renew(tried: &mut PriorFailure) {
    (tried.state, tried.attempts, tried.error) = (FailureState::Open, 0, Fingerprint(0, 0));
}

#[cfg(test)]
mod tests;
