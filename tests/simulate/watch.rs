//! What has to hold after every applied write, and what when all is quiet.

use std::collections::{BTreeMap, BTreeSet};

use sheetkeep::ledger::items::write_mode::WriteMode;
use sheetkeep::ledger::leases::head::HeadId;
use sheetkeep::ledger::runs::run::Run;

use crate::seen::{CheckLevel, Marked, Seen, SeenFailure, Whole, rows_of};

/// What was seen so far.
#[derive(Default)]
pub struct Watch {
    last: Option<Marked>,
    heads: BTreeSet<HeadId>,
    /// Runs that held the lease at some time.
    claimed: BTreeSet<String>,
    /// Runs that ended well, and what they say of themselves.
    finished: BTreeMap<String, (String, u64)>,
}

impl Watch {
    /// Different heads so far.
    pub fn heads(&self) -> u64 {
        self.heads.len() as u64
    }

    /// A run ended well.
    pub fn finished(&mut self, run: &Run) {
        self.finished.insert(run.id.clone(), (run.status.as_str().to_owned(), run.counts.new));
    }

    /// Checks what holds at every moment. Returns whether a run has just taken over from a holder
    /// that
    /// did not release the lease.
    pub fn check(&mut self, seen: &Seen, mode: WriteMode, eyes: CheckLevel) -> Result<bool, String> {
        let taken = self.head_and_fence(seen)?;
        let done = keys_once(seen)?;
        check_reported_once(&seen.failures)?;
        runs_once(seen)?;
        let expected = rows_of(done.iter().map(|(key, version)| (*key, *version)), mode);
        let mut rows = seen.rows.clone();
        rows.sort();
        match eyes {
            CheckLevel::Closely => agree(&rows, &expected)?,
            CheckLevel::Kept => agree_but_for_kept(&rows, &expected, &seen.kept)?,
            CheckLevel::Keys => {
                let keys = |rows: Vec<(String, String)>| {
                    rows.into_iter().map(|(key, _)| (key.clone(), key)).collect::<Vec<_>>()
                };
                agree_but_for_kept(&keys(rows), &keys(expected), &seen.kept)?;
            }
            CheckLevel::Closed => {}
        }
        Ok(taken)
    }

    fn head_and_fence(&mut self, seen: &Seen) -> Result<bool, String> {
        let Some(marked) = &seen.marked else {
            return if seen.lost || self.last.is_some() { Err("the head is absent".to_owned()) } else { Ok(false) };
        };
        if marked.state_head != marked.head.to_string() {
            return Err(format!("the head is {}, and the state says {}", marked.head, marked.state_head));
        }
        let mut taken = false;
        if let Some(last) = &self.last {
            if marked.fence < last.fence {
                return Err(format!("the fence went from {} to {}", last.fence, marked.fence));
            }
            if marked.head != last.head && marked.head.commit <= last.head.commit {
                return Err(format!("the head went from {} to {}", last.head, marked.head));
            }
            if marked.holder.is_some() && marked.holder != last.holder && marked.fence == last.fence {
                return Err(format!("{:?} and {:?} share term {}", last.holder, marked.holder, marked.fence));
            }
            taken = marked.fence > last.fence && last.holder.is_some() && marked.holder != last.holder;
        }
        self.claimed.extend(marked.holder.clone());
        self.heads.insert(marked.head);
        self.last = Some(marked.clone());
        Ok(taken)
    }

    /// Checks what holds when no run is active and one has just succeeded.
    pub fn at_rest(&self, seen: &Seen, mode: WriteMode, whole: &Whole<'_>) -> Result<(), String> {
        let done: BTreeSet<(String, u64)> = keys_once(seen)?.into_iter().map(|(k, v)| (k.to_owned(), v)).collect();
        if done != *whole.due {
            let missing: Vec<_> = whole.due.difference(&done).collect();
            let strange: Vec<_> = done.difference(whole.due).collect();
            return Err(format!("at rest: not done {missing:?}, done though it should not be {strange:?}"));
        }
        let kept = |rows: &mut Vec<(String, String)>| rows.retain(|(key, _)| !whole.deleted.contains(key));
        let mut expected = rows_of(done.iter().map(|(key, version)| (key.as_str(), *version)), mode);
        let mut rows = seen.rows.clone();
        rows.sort();
        kept(&mut rows);
        kept(&mut expected);
        agree(&rows, &expected).map_err(|why| format!("at rest: {why}"))?;
        failures_at_rest(seen, whole)?;
        self.runs_at_rest(seen, whole)
    }

    fn runs_at_rest(&self, seen: &Seen, whole: &Whole<'_>) -> Result<(), String> {
        let failure: BTreeMap<&str, (&str, u64)> =
            seen.runs.iter().map(|row| (row.run.as_str(), (row.status.as_str(), row.new))).collect();
        for (run, (status, new)) in &self.finished {
            match failure.get(run.as_str()) {
                Some(there) if *there == (status.as_str(), *new) => {}
                there => return Err(format!("run {run} ended {status} with {new} new, and Runs has {there:?}")),
            }
        }
        if let Some(run) = self.claimed.iter().find(|run| !failure.contains_key(run.as_str())) {
            return Err(format!("run {run} held the lease, and Runs does not name it"));
        }
        for (run, (status, new)) in &failure {
            let rows = seen.processed.iter().filter(|(_, _, by)| by == run).count() as u64;
            if rows != *new {
                return Err(format!("Runs says of {run} ({status}) {new} new, and Processed has {rows} of it"));
            }
            if !["succeeded", "partial", "crashed", "failed"].contains(status) {
                return Err(format!("run {run} ended as {status}"));
            }
        }
        match seen.runs.last() {
            Some(last) if last.run == whole.last_run && last.status != "crashed" => Ok(()),
            last => Err(format!("the last run was {}, and Runs ends with {last:?}", whole.last_run)),
        }
    }
}

fn failures_at_rest(seen: &Seen, whole: &Whole<'_>) -> Result<(), String> {
    let newest: BTreeMap<&str, &SeenFailure> =
        seen.failures.iter().map(|failure| (failure.key.as_str(), failure)).collect();
    let open: BTreeMap<String, u64> = newest
        .values()
        .filter(|failure| failure.open)
        .map(|failure| (failure.key.clone(), failure.version.parse().unwrap_or(0)))
        .collect();
    if open == *whole.failing {
        return Ok(());
    }
    Err(format!("at rest: open are the failures {open:?}, and {:?} fail", whole.failing))
}

/// The keys and versions that are done; none of them twice.
fn keys_once(seen: &Seen) -> Result<Vec<(&str, u64)>, String> {
    let mut once = BTreeSet::new();
    let mut done = Vec::new();
    for (key, version, run) in &seen.processed {
        let version: u64 = version.parse().map_err(|_| format!("{key} has the version {version:?}"))?;
        if !once.insert((key, version)) {
            return Err(format!("{key} is done twice in version {version}, the second time by {run}"));
        }
        done.push((key.as_str(), version));
    }
    Ok(done)
}

fn agree(rows: &[(String, String)], expected: &[(String, String)]) -> Result<(), String> {
    if rows == expected {
        return Ok(());
    }
    let strange: Vec<_> = rows.iter().filter(|row| !expected.contains(row)).collect();
    let missing: Vec<_> = expected.iter().filter(|row| !rows.contains(row)).collect();
    Err(format!(
        "{} rows instead of {}: unknown rows {strange:?}, and {missing:?} are not there",
        rows.len(),
        expected.len()
    ))
}

/// Kept rows in which a batch describes itself and the header: as expected, and as found.
const SAID_ROWS: usize = 3;

/// The same, but for rows that a write by position hit by mistake. Until they are repaired, the
/// state tab keeps each that is missing. One that is there more than once is in a row that waits
/// for its own cells; those are kept.
fn agree_but_for_kept(
    rows: &[(String, String)],
    expected: &[(String, String)],
    kept: &[BTreeSet<String>],
) -> Result<(), String> {
    let times = |rows: &[(String, String)], row: &(String, String)| rows.iter().filter(|other| *other == row).count();
    let misplaced: BTreeSet<_> =
        rows.iter().chain(expected).filter(|row| times(rows, row) != times(expected, row)).collect();
    let is_kept = |(key, word): &(String, String)| kept.iter().any(|cells| cells.contains(key) && cells.contains(word));
    let is_surplus = |row: &(String, String)| times(rows, row) > times(expected, row) && kept.len() > SAID_ROWS;
    if misplaced.into_iter().all(|row| expected.contains(row) && (is_surplus(row) || is_kept(row))) {
        return Ok(());
    }
    agree(rows, expected).map_err(|why| format!("{why}, nor kept"))
}

/// A failure that stays the same is reported once, and only what failed recovers.
fn check_reported_once(failures: &[SeenFailure]) -> Result<(), String> {
    let mut newest: BTreeMap<&str, &SeenFailure> = BTreeMap::new();
    for failure in failures {
        let before = newest.insert(&failure.key, failure);
        let again = before.is_some_and(|before| failure.open && before == failure);
        let from_nothing = !failure.open && !before.is_some_and(|before| before.open);
        if again || from_nothing {
            return Err(format!("Failures has {failure:?} after {before:?}"));
        }
    }
    Ok(())
}

fn runs_once(seen: &Seen) -> Result<(), String> {
    let mut once = BTreeSet::new();
    match seen.runs.iter().find(|row| !once.insert(&row.run)) {
        Some(row) => Err(format!("Runs has {} twice", row.run)),
        None => Ok(()),
    }
}
