//! The examples run as they are printed. Each one checks itself.

#![cfg(feature = "emulator")]

#[path = "../examples/api_watermark.rs"]
mod api_watermark;

#[path = "../examples/nine_oclock_csv.rs"]
mod nine_oclock_csv;

#[path = "../examples/retry.rs"]
mod retry;

#[path = "../examples/step_with_key.rs"]
mod step_with_key;

#[test]
fn an_effect_happens_once_although_its_step_ran_twice() {
    step_with_key::main().expect("the example works");
}

#[test]
fn a_call_is_retried_until_it_succeeds_or_can_not() {
    retry::main().expect("the example works");
}

#[test]
fn the_morning_file_adds_its_rows_once() {
    nine_oclock_csv::main().expect("the example works");
}

#[test]
fn an_api_is_asked_for_what_is_new_since_the_last_run() {
    api_watermark::main().expect("the example works");
}

/// The Python script as a step, in a copy of its folder.
#[cfg(unix)]
#[test]
fn a_python_script_sends_each_letter_once_and_skips_a_bad_one() {
    use std::path::Path;
    use std::process::Command;

    let folder = tempfile::tempdir().expect("a folder");
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/python-step");
    for name in ["letters.toml", "customers.jsonl", "send.py"] {
        std::fs::copy(from.join(name), folder.path().join(name)).expect("the example is there");
    }
    let sheetkeep = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sheetkeep"));
        command.args(args).current_dir(folder.path()).env("XDG_STATE_HOME", folder.path().join("state"));
        command.env_remove("SHEETKEEP_SPREADSHEET_ID").output().expect("it runs")
    };
    for _ in 0..2 {
        let ended = sheetkeep(&["run", "letters.toml"]);
        assert_eq!(ended.status.code(), Some(3), "{}", String::from_utf8_lossy(&ended.stderr));
    }
    assert_eq!(std::fs::read_dir(folder.path().join("outbox")).expect("the outbox").count(), 3);
    let failures = sheetkeep(&["failures", "list", "letters.toml"]);
    assert!(String::from_utf8_lossy(&failures.stdout).contains("c3 has no address"));
    assert_eq!(sheetkeep(&["drill", "letters.toml", "--seeds", "3"]).status.code(), Some(0));
}
