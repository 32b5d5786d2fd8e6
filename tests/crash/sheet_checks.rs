//! What must be on a sheet after crashes, read over the wire by a client that shares no code with
//! the product.

use std::collections::{BTreeMap, BTreeSet};

use crate::emulator_process::ApiClient;

/// Checks that each of these keys has one row and is processed once, and that nothing else is
/// there.
#[track_caller]
pub fn expect_each_key_once(client: &ApiClient, tab: &str, processed: &str, keys: &[String]) {
    for (title, column) in [(tab, "id"), (processed, "key")] {
        let mut there = client.column(title, column);
        there.sort();
        let mut expected = keys.to_vec();
        expected.sort();
        let twice: BTreeSet<_> = there.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| &pair[0]).collect();
        assert!(twice.is_empty(), "{title} has twice: {twice:?}");
        assert_eq!(there, expected, "{title}");
    }
}

/// Checks Runs: each run occurs once, with the number of rows that it made, and the last one ended
/// well. Returns the numbers of crashed runs and of those that ended well.
#[track_caller]
pub fn check_runs(client: &ApiClient, processed: &str) -> (usize, usize) {
    let [runs, statuses, new] = ["run", "status", "new"].map(|column| client.column("Runs", column));
    let once: BTreeSet<&String> = runs.iter().collect();
    assert_eq!(once.len(), runs.len(), "a run is recorded twice: {runs:?}");
    let mut made: BTreeMap<String, usize> = BTreeMap::new();
    for run in client.column(processed, "run") {
        // The run's id, followed by the commit.
        let run = run.split(" #").next().unwrap_or_default();
        *made.entry(run.to_owned()).or_default() += 1;
    }
    for (run, new) in runs.iter().zip(&new) {
        assert_eq!(new, &made.remove(run).unwrap_or_default().to_string(), "what Runs says of {run}");
    }
    assert!(made.is_empty(), "runs that made rows and are not recorded: {made:?}");
    let count = |status: &str| statuses.iter().filter(|listed| *listed == status).count();
    let (crashed, succeeded) = (count("crashed"), count("succeeded"));
    assert_eq!(crashed + succeeded, statuses.len(), "{statuses:?}");
    assert_eq!(statuses.last().map(String::as_str), Some("succeeded"));
    (crashed, succeeded)
}
