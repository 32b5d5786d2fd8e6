//! What has to hold after every applied write, and what when all is quiet.

use std::collections::{BTreeMap, BTreeSet};

use sheetkeep::ledger::items::write_mode::WriteMode;
use sheetkeep::ledger::leases::head::HeadId;
use sheetkeep::ledger::runs::run::Run;

use crate::observation::{CheckLevel, ExpectedEnd, Observation, ObservedFailure, ObservedHead, list_expected_rows};

/// What was seen so far.
#[derive(Default)]
pub struct InvariantChecker {
    last: Option<ObservedHead>,
    heads: BTreeSet<HeadId>,
    /// Runs that held the lease at some time.
    claimed: BTreeSet<String>,
    /// Runs that ended well, and what they say of themselves.
    finished: BTreeMap<String, (String, u64)>,
}

impl InvariantChecker {
    /// Different heads so far.
    pub fn heads(&self) -> u64 {
        self.heads.len() as u64
    }

    /// A run ended well.
    pub fn record_finished_run(&mut self, run: &Run) {
        self.finished.insert(run.id.clone(), (run.status.as_str().to_owned(), run.counts.new));
    }

    /// Checks what holds at every moment. Returns whether a run has just taken over from a holder
    /// that
    /// did not release the lease.
    pub fn check(
        &mut self,
        observation: &Observation,
        mode: WriteMode,
        check_level: CheckLevel,
    ) -> Result<bool, String> {
        let has_taken_over = self.check_head_and_fence(observation)?;
        let done = read_done_versions(observation)?;
        check_reported_once(&observation.failures)?;
        check_runs_once(observation)?;
        let expected = list_expected_rows(done.iter().map(|(key, version)| (*key, *version)), mode);
        let mut rows = observation.rows.clone();
        rows.sort();
        match check_level {
            CheckLevel::Exact => check_rows_equal(&rows, &expected)?,
            CheckLevel::ExactOrInUndoLog => check_rows_or_undo_log(&rows, &expected, &observation.undo_rows)?,
            CheckLevel::KeysOrInUndoLog => {
                let keys = |rows: Vec<(String, String)>| {
                    rows.into_iter().map(|(key, _)| (key.clone(), key)).collect::<Vec<_>>()
                };
                check_rows_or_undo_log(&keys(rows), &keys(expected), &observation.undo_rows)?;
            }
            CheckLevel::Unchecked => {}
        }
        Ok(has_taken_over)
    }

    fn check_head_and_fence(&mut self, observation: &Observation) -> Result<bool, String> {
        let Some(job_head) = &observation.job_head else {
            return if observation.is_head_lost || self.last.is_some() {
                Err("the head is absent".to_owned())
            } else {
                Ok(false)
            };
        };
        if job_head.state_head != job_head.head.to_string() {
            return Err(format!("the head is {}, and the state says {}", job_head.head, job_head.state_head));
        }
        let mut has_taken_over = false;
        if let Some(last) = &self.last {
            if job_head.fence < last.fence {
                return Err(format!("the fence went from {} to {}", last.fence, job_head.fence));
            }
            if job_head.head != last.head && job_head.head.commit <= last.head.commit {
                return Err(format!("the head went from {} to {}", last.head, job_head.head));
            }
            if job_head.holder.is_some() && job_head.holder != last.holder && job_head.fence == last.fence {
                return Err(format!("{:?} and {:?} share term {}", last.holder, job_head.holder, job_head.fence));
            }
            has_taken_over = job_head.fence > last.fence && last.holder.is_some() && job_head.holder != last.holder;
        }
        self.claimed.extend(job_head.holder.clone());
        self.heads.insert(job_head.head);
        self.last = Some(job_head.clone());
        Ok(has_taken_over)
    }

    /// Checks what holds when no run is active and one has just succeeded.
    pub fn check_at_rest(
        &self,
        observation: &Observation,
        mode: WriteMode,
        whole: &ExpectedEnd<'_>,
    ) -> Result<(), String> {
        let done: BTreeSet<(String, u64)> =
            read_done_versions(observation)?.into_iter().map(|(k, v)| (k.to_owned(), v)).collect();
        if done != *whole.due_versions {
            let missing: Vec<_> = whole.due_versions.difference(&done).collect();
            let strange: Vec<_> = done.difference(whole.due_versions).collect();
            return Err(format!("at rest: not done {missing:?}, done though it should not be {strange:?}"));
        }
        let kept = |rows: &mut Vec<(String, String)>| rows.retain(|(key, _)| !whole.deleted_keys.contains(key));
        let mut expected = list_expected_rows(done.iter().map(|(key, version)| (key.as_str(), *version)), mode);
        let mut rows = observation.rows.clone();
        rows.sort();
        kept(&mut rows);
        kept(&mut expected);
        check_rows_equal(&rows, &expected).map_err(|why| format!("at rest: {why}"))?;
        check_failures_at_rest(observation, whole)?;
        self.check_runs_at_rest(observation, whole)
    }

    fn check_runs_at_rest(&self, observation: &Observation, whole: &ExpectedEnd<'_>) -> Result<(), String> {
        let failure: BTreeMap<&str, (&str, u64)> =
            observation.runs.iter().map(|row| (row.run.as_str(), (row.status.as_str(), row.new))).collect();
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
            let rows = observation.processed.iter().filter(|(_, _, by)| by == run).count() as u64;
            if rows != *new {
                return Err(format!("Runs says of {run} ({status}) {new} new, and Processed has {rows} of it"));
            }
            if !["succeeded", "partial", "crashed", "failed"].contains(status) {
                return Err(format!("run {run} ended as {status}"));
            }
        }
        match observation.runs.last() {
            Some(last) if last.run == whole.last_run && last.status != "crashed" => Ok(()),
            last => Err(format!("the last run was {}, and Runs ends with {last:?}", whole.last_run)),
        }
    }
}

fn check_failures_at_rest(observation: &Observation, whole: &ExpectedEnd<'_>) -> Result<(), String> {
    let newest: BTreeMap<&str, &ObservedFailure> =
        observation.failures.iter().map(|failure| (failure.key.as_str(), failure)).collect();
    let open: BTreeMap<String, u64> = newest
        .values()
        .filter(|failure| failure.is_open)
        .map(|failure| (failure.key.clone(), failure.version.parse().unwrap_or(0)))
        .collect();
    if open == *whole.failing_versions {
        return Ok(());
    }
    Err(format!("at rest: open are the failures {open:?}, and {:?} fail", whole.failing_versions))
}

/// The keys and versions that are done; none of them twice.
fn read_done_versions(observation: &Observation) -> Result<Vec<(&str, u64)>, String> {
    let mut once = BTreeSet::new();
    let mut done = Vec::new();
    for (key, version, run) in &observation.processed {
        let version: u64 = version.parse().map_err(|_| format!("{key} has the version {version:?}"))?;
        if !once.insert((key, version)) {
            return Err(format!("{key} is done twice in version {version}, the second time by {run}"));
        }
        done.push((key.as_str(), version));
    }
    Ok(done)
}

fn check_rows_equal(rows: &[(String, String)], expected: &[(String, String)]) -> Result<(), String> {
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
const UNDO_HEADER_ROWS: usize = 3;

/// The same, but for rows that a write by position hit by mistake. Until they are repaired, the
/// state tab keeps each that is missing. One that is there more than once is in a row that waits
/// for its own cells; those are kept.
fn check_rows_or_undo_log(
    rows: &[(String, String)],
    expected: &[(String, String)],
    undo_rows: &[BTreeSet<String>],
) -> Result<(), String> {
    let times = |rows: &[(String, String)], row: &(String, String)| rows.iter().filter(|other| *other == row).count();
    let misplaced: BTreeSet<_> =
        rows.iter().chain(expected).filter(|row| times(rows, row) != times(expected, row)).collect();
    let is_kept =
        |(key, text): &(String, String)| undo_rows.iter().any(|cells| cells.contains(key) && cells.contains(text));
    let is_surplus =
        |row: &(String, String)| times(rows, row) > times(expected, row) && undo_rows.len() > UNDO_HEADER_ROWS;
    if misplaced.into_iter().all(|row| expected.contains(row) && (is_surplus(row) || is_kept(row))) {
        return Ok(());
    }
    check_rows_equal(rows, expected).map_err(|why| format!("{why}, nor kept"))
}

/// A failure that stays the same is reported once, and only what failed recovers.
fn check_reported_once(failures: &[ObservedFailure]) -> Result<(), String> {
    let mut newest: BTreeMap<&str, &ObservedFailure> = BTreeMap::new();
    for failure in failures {
        let before = newest.insert(&failure.key, failure);
        let again = before.is_some_and(|before| failure.is_open && before == failure);
        let from_nothing = !failure.is_open && !before.is_some_and(|before| before.is_open);
        if again || from_nothing {
            return Err(format!("Failures has {failure:?} after {before:?}"));
        }
    }
    Ok(())
}

fn check_runs_once(observation: &Observation) -> Result<(), String> {
    let mut once = BTreeSet::new();
    match observation.runs.iter().find(|row| !once.insert(&row.run)) {
        Some(row) => Err(format!("Runs has {} twice", row.run)),
        None => Ok(()),
    }
}
