//! Kills in a run whose source yields keys twice. One record of each key counts all the same, in
//! this run and in the next one.

use crate::disk::compile_killer;
use crate::emulator_process::ApiClient;
use crate::sheet_checks::check_runs;
use crate::temp_project::TempProject;

/// Each key twice with different content, far apart and close together.
const RECORDS: &str =
    "id,v,state\na,2,a early\nb,1,b early\nb,2,b late\nc,5,c newer\na,3,a late\nc,4,c older\nd,1,d only\n";

/// The job in one mode: what counts for each key, and for which records its program may run.
struct RepeatedKeysCase {
    mode: &'static str,
    item: &'static str,
    counts: [&'static str; 4],
}

const CASES: [RepeatedKeysCase; 3] = [
    RepeatedKeysCase { mode: "upsert", item: "key = \".id\"", counts: ["a late", "b late", "c older", "d only"] },
    RepeatedKeysCase {
        mode: "append",
        item: "key = \".id\"\nversion = \".v\"\norder = \"newer\"",
        counts: ["a late", "b late", "c newer", "d only"],
    },
    RepeatedKeysCase { mode: "append", item: "key = \".id\"", counts: ["a early", "b early", "c newer", "d only"] },
];

fn make_project(case: &RepeatedKeysCase) -> TempProject {
    let project = TempProject::empty();
    project.write("in.csv", RECORDS);
    project.write(
        "j.toml",
        &format!(
            "name = \"j\"\n[source]\ncsv = \"in.csv\"\n[item]\n{}\n[[step]]\nname = \"note\"\ncommand = [\"sh\", \"-c\", \"tee -a ran\"]\n\
             [sheet]\ntab = \"Data\"\nmode = \"{}\"\n[commit]\nmax_rows = 1\n",
            case.item, case.mode
        ),
    );
    project
}

/// Checks that the rows are those of the records that count. No program received the others, and at
/// most one record was passed to it twice.
#[track_caller]
fn expect_counting_records(project: &TempProject, case: &RepeatedKeysCase) {
    let client = ApiClient::of_file(project, "j.sheet");
    let mut rows = client.column("Data", "state");
    rows.sort();
    assert_eq!(rows, case.counts);
    let mut keys = client.column("Processed j", "key");
    keys.sort();
    assert_eq!(keys, ["a", "b", "c", "d"]);
    check_runs(&client, "Processed j");
    let ran = project.read("ran");
    let is_meant = |line: &str| case.counts.iter().any(|state| line.contains(state));
    assert!(ran.lines().all(is_meant) && (4..=5).contains(&ran.lines().count()), "{ran}");
}

#[test]
fn killed_anywhere_with_repeated_keys_one_record_counts() {
    let preload = compile_killer().to_string_lossy();
    for case in &CASES {
        let mut kills = 0;
        // One sync in three.
        for nth in (1..200_u32).step_by(3) {
            let project = make_project(case);
            let armed = [("LD_PRELOAD", &*preload), ("KILL_AFTER_SYNC", &*nth.to_string())];
            let is_over = project.run_with(&armed, &["run", "j.toml"]).code.is_some();
            kills += u32::from(!is_over);
            if !is_over {
                project.run(&["run", "j.toml"]).exits(0);
            }
            expect_counting_records(&project, case);
            let ran = project.read("ran").lines().count();
            project.run(&["run", "j.toml"]).exits(0).stdout_has("new 0 · ");
            assert_eq!(project.read("ran").lines().count(), ran, "an unchanged source runs no program");
            if is_over {
                break;
            }
        }
        assert!(kills >= 4, "only {kills} kills");
    }
}
