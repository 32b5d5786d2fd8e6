//! Files that a delivery could not send: dead letters, and how they are sent later.

use crate::emulator_process::ApiClient;
use crate::temp_project::run_to_end;

use super::StagedProject;

#[test]
fn what_is_not_delivered_is_a_dead_letter_and_sent_again() {
    let staged = StagedProject::new();
    staged.project.write("upload.sh", "echo 'refused: 422' >&2\nexit 1\n");
    let failed = staged.run(&[]);
    failed
        .exits(1)
        .stderr_has("upload failed: ended with 1: refused: 422")
        .stderr_has("dead/prices-2026-11-29-upload-clean.csv");
    assert_eq!(staged.files("dead"), ["prices-2026-11-29-upload-clean.csv"]);
    assert_eq!(staged.column("Failures prices", "key"), ["2026-11-29 upload"]);
    let kept = staged.column("Failures prices", "payload").remove(0);
    for part in ["\"dead_letter\":\"dead/prices-2026-11-29-upload-clean.csv\"", "\"sha256\":\"c90b17", "\"bytes\":40"] {
        assert!(kept.contains(part), "{kept}");
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let file = staged.project.path("dead/prices-2026-11-29-upload-clean.csv");
        assert_eq!(file.metadata().expect("there").permissions().mode() & 0o777, 0o600);
    }
    // Nothing else is needed for it.
    std::fs::remove_dir_all(staged.project.path("data")).expect("removed");
    staged.project.write("upload.sh", "cp \"$1\" sent.csv; echo $SHEETKEEP_LOGICAL_DATE > sent.date\n");
    let mut retry = staged.project.command(&["failures", "retry", "prices.toml", "2026-11-29 upload"]);
    retry.env("SHEETKEEP_LOGICAL_DATE", "2026-12-05");
    run_to_end(retry).exits(0);
    assert!(staged.project.read("sent.csv").starts_with("article,total\n"));
    assert_eq!(staged.project.read("sent.date"), "2026-11-29\n", "it is sent for its own date");
    assert_eq!(staged.files("dead"), Vec::<String>::new());
    let states = staged.column("Failures prices", "state");
    assert_eq!(states.last().map(String::as_str), Some("recovered"));
}

#[test]
fn a_later_run_sends_dead_letters_too() {
    let staged = StagedProject::new();
    staged.project.write("upload.sh", "exit 1\n");
    staged.run(&[]).exits(1);
    staged.restore("upload.sh");
    run_to_end(staged.command("2026-11-30", &[])).exits(0).stdout_has("recovered 1");
    assert_eq!(staged.files("outbox"), ["2026-11-29.csv", "2026-11-30.csv"]);
    assert_eq!(staged.files("dead"), Vec::<String>::new());
}

#[test]
fn a_dead_letter_that_changed_is_not_sent() {
    let staged = StagedProject::new();
    staged.project.write("upload.sh", "exit 1\n");
    staged.run(&[]).exits(1);
    staged.restore("upload.sh");
    staged.project.write("dead/prices-2026-11-29-upload-clean.csv", "edited\n");
    let retry = staged.project.run(&["failures", "retry", "prices.toml", "2026-11-29 upload"]);
    retry.exits(3).stderr_has("has changed since it was kept");
    assert_eq!(staged.files("outbox"), Vec::<String>::new());
    assert!(
        staged.run(&[]).exits(0).stderr.contains("transform: already done, skipping"),
        "the same run delivers it anew"
    );
    assert_eq!(staged.files("dead"), Vec::<String>::new());
}

/// Replaces the kept record of the only failure.
fn edit_payload(staged: &StagedProject, edit: impl Fn(&str) -> String) {
    let client = ApiClient::of_file(&staged.project, "prices.sheet");
    let header = client.all_rows("Failures prices").remove(0);
    let column = header.iter().position(|name| name == "payload").expect("a column");
    let kept = client.column("Failures prices", "payload").remove(0);
    client.edit_sheet(&serde_json::json!([{"updateCells": {
        "start": {"sheetId": client.tab_id("Failures prices"), "rowIndex": 1, "columnIndex": column},
        "fields": "userEnteredValue",
        "rows": [{"values": [{"userEnteredValue": {"stringValue": edit(&kept)}}]}]}}]));
}

#[test]
fn an_edited_dead_letter_can_name_no_other_file() {
    let staged = StagedProject::new();
    staged.project.write("upload.sh", "exit 1\n");
    staged.run(&[]).exits(1);
    staged.restore("upload.sh");
    let copy = staged.project.read("data/2026-11-29/clean.csv");
    staged.project.write("secret.csv", &copy);
    edit_payload(&staged, |kept| kept.replace("dead/prices-2026-11-29-upload-clean.csv", "dead/../secret.csv"));
    let retry = staged.project.run(&["failures", "retry", "prices.toml", "2026-11-29 upload"]);
    retry.exits(3).stderr_has("which is not a file in dead");
    assert_eq!((staged.files("outbox"), staged.project.read("secret.csv")), (Vec::new(), copy));
}

#[test]
fn an_edited_dead_letter_of_the_same_day_is_sent_once() {
    let staged = StagedProject::new();
    staged.project.write("upload.sh", "exit 1\n");
    staged.run(&[]).exits(1);
    staged.project.write("upload.sh", "echo sent >> sent.txt\n");
    edit_payload(&staged, |kept| format!("{kept} "));
    staged.run(&[]).exits(0);
    assert_eq!(staged.project.read("sent.txt"), "sent\n");
}
