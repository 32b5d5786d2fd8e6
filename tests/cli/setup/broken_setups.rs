//! Setups that are broken in one way each: the first line of `check` that is not ok names what to
//! do.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;

use serde_json::json;

use crate::emulator_process::{ApiClient, EmulatorProcess};
use crate::temp_project::{CommandOutput, ORDERS, TempProject, run_to_end};

const ID: &str = "1BrokenSpreadsheet00000000000000000000000000";
const ONE_ATTEMPT: &str = "
[retry]
attempts = 1
";

/// A sound setup, to be broken.
struct Setup {
    project: TempProject,
    client: ApiClient,
}

impl Setup {
    fn new() -> Self {
        let project = TempProject::orders(ONE_ATTEMPT, "a,1\nb,2\n");
        let emulator = EmulatorProcess::start(&project, &["--spreadsheet-id", ID]);
        Self { project, client: ApiClient::of(emulator, ID) }
    }

    fn check(&self, flags: &[&str]) -> CommandOutput {
        self.client.emulator.run(&self.project, ID, &[&["check", "orders.toml"], flags].concat())
    }

    fn write_private(&self, name: &str, text: &str) {
        self.project.write(name, text);
        let only_owner = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(self.project.path(name), only_owner).expect("it is ours");
    }

    /// Checks against another service, with the emulator's key.
    fn check_at(&self, service: &StubService) -> CommandOutput {
        let key = std::fs::read_to_string(&self.client.emulator.credentials).expect("a key");
        self.write_private("key.json", &key.replace(&self.client.emulator.url, &service.url));
        let mut command = self.client.emulator.command(&self.project, ID, &["check", "orders.toml"]);
        command
            .env("SHEETKEEP_API_URL", &service.url)
            .env("GOOGLE_APPLICATION_CREDENTIALS", self.project.path("key.json"));
        run_to_end(command)
    }
}

/// A service that grants tokens and gives one answer to everything else, at one time.
struct StubService {
    url: String,
}

impl StubService {
    fn start(date: &'static str, answer: (u16, serde_json::Value)) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let mut reader = BufReader::new(stream.try_clone().expect("a handle"));
                let (mut line, mut length) = (String::new(), 0);
                let _ = reader.read_line(&mut line);
                loop {
                    let mut header = String::new();
                    if reader.read_line(&mut header).is_err() || header.trim().is_empty() {
                        break;
                    }
                    if let Some(value) = header.to_ascii_lowercase().strip_prefix("content-length:") {
                        length = value.trim().parse().expect("a number");
                    }
                }
                let _ = reader.read_exact(&mut vec![0; length]);
                let token = json!({"access_token": "ya29.stub", "expires_in": 3_600, "token_type": "Bearer"});
                let (status, body) = if line.contains("/token") { (200, &token) } else { (answer.0, &answer.1) };
                let body = body.to_string();
                let _ = write!(
                    stream,
                    "HTTP/1.1 {status} X\r\ndate: {date}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                    body.len()
                );
            }
        });
        Self { url }
    }
}

/// Returns the first line that is not ok, with its hint; of a job file that can't be read, the
/// error.
fn first_problem(checked: &CommandOutput) -> String {
    let mut lines = checked.stdout.lines();
    let Some(line) = lines.find(|line| !line.starts_with("ok ")) else { return checked.stderr.clone() };
    let hint = lines.next().filter(|line| line.starts_with("         ")).unwrap_or_default();
    format!("{line}\n{hint}")
}

#[track_caller]
fn list_names(checked: &CommandOutput, exit: i32, words: &[&str]) {
    checked.exits(exit);
    let first = first_problem(checked);
    for word in words {
        assert!(first.contains(word), "{word:?} is not in the first problem:\n{first}\n\n{}", checked.stdout);
    }
}

const OFF: &str = "https://console.developers.google.com/apis/api/sheets.googleapis.com/overview?project=7";

#[test]
fn a_sound_setup_has_no_problem() {
    let setup = Setup::new();
    let checked = setup.check(&["--write"]);
    checked
        .exits(0)
        .stdout_has("clock       this machine's clock agrees with the service's")
        .stdout_has("the address to share the spreadsheet with")
        .stdout_has("its file is not in the trash")
        .stdout_has("it can be written: one batch added a scratch tab and deleted it again")
        .stdout_has("ready to run");
    assert!(!checked.stdout.contains("warning") && !checked.stdout.contains("problem"), "{}", checked.stdout);
    assert!(setup.client.tabs().iter().all(|tab| !tab.contains("probe")), "{:?}", setup.client.tabs());
    setup.client.emulator.reset_stats();
    setup.check(&[]).exits(0);
    assert_eq!(setup.client.emulator.stats()["writes"], 0, "without --write nothing is written");
    setup.check(&["--write"]).exits(0);
    assert_eq!(setup.client.emulator.stats()["writes"], 1);
}

#[test]
fn a_broken_job_file_names_the_line_and_what_to_write() {
    let broken = [
        ("tab = \"Orders\"", "tab = \"${ORDERS_TAB}\"", &["ORDERS_TAB is not set", "orders.toml:"][..]),
        (
            "[item]",
            "[schedule]\ncron = \"0 9 30 2 *\"\ntimezone = \"UTC\"\n\n[item]",
            &["never comes", "orders.toml:", "name a day that the month has"],
        ),
        (
            "[item]",
            "[schedule]\ncron = \"0 9 * * *\"\ntimezone = \"CET\"\n\n[item]",
            &["\"CET\" is an abbreviation", "Europe/Berlin"],
        ),
        ("[item]", "[schedule]\ncron = \"0 0 9 * * *\"\ntimezone = \"UTC\"\n\n[item]", &["orders.toml:", "help:"]),
        (
            "[item]",
            "[heartbeat]\nurl = \"hc-ping.com/uuid\"\n\n[item]",
            &["`heartbeat.url` is not", "write the whole address"],
        ),
    ];
    for (from, to, words) in broken {
        let setup = Setup::new();
        setup.project.replace_in("orders.toml", from, to);
        list_names(&setup.check(&[]), 78, words);
    }
}

#[test]
fn a_key_with_escaped_line_ends_works_and_a_cut_one_is_named() {
    let setup = Setup::new();
    let path = &setup.client.emulator.credentials;
    let key = std::fs::read_to_string(path).expect("a key");
    std::fs::write(path, key.replace("\\n", "\\\\n")).expect("written");
    setup.check(&[]).exits(0);
    std::fs::write(path, key.replace("-----END PRIVATE KEY-----", "")).expect("written");
    list_names(
        &setup.check(&[]),
        77,
        &["problem  credentials", "its private_key is not an RSA key", "download the key file again"],
    );
    std::fs::remove_file(path).expect("it is there");
    list_names(&setup.check(&[]), 77, &["problem  credentials", "emulator-key.json"]);
}

#[test]
fn a_spreadsheet_out_of_reach_names_how_to_reach_it() {
    let setup = Setup::new();
    let elsewhere = setup.client.emulator.run(&setup.project, "1NoSuchSheet", &["check", "orders.toml"]);
    list_names(&elsewhere, 66, &["problem  spreadsheet", "because SHEETKEEP_SPREADSHEET_ID names it"]);
    setup.client.emulator.inject_faults("[{\"on\": \"reads\", \"do\": \"fail\", \"status\": 403}]");
    list_names(&setup.check(&[]), 77, &["problem  spreadsheet", "share the spreadsheet with", "as editor", "@"]);
    let mut unreachable = setup.client.emulator.command(&setup.project, ID, &["check", "orders.toml"]);
    unreachable.env("SHEETKEEP_API_URL", "http://127.0.0.1:9");
    list_names(&run_to_end(unreachable), 69, &["problem  spreadsheet", "http://127.0.0.1:9"]);
}

#[test]
fn an_api_that_is_off_names_where_to_switch_it_on() {
    let setup = Setup::new();
    let details = json!([{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "SERVICE_DISABLED",
        "domain": "googleapis.com", "metadata": {"activationUrl": OFF, "service": "sheets.googleapis.com"}}]);
    let message = "Google Sheets API has not been used in project 7 before or it is disabled.";
    let off = json!({"error": {"code": 403, "message": message, "status": "PERMISSION_DENIED", "details": details}});
    // The clock is off by far, too: of several problems the clock's comes first.
    let checked = setup.check_at(&StubService::start("Wed, 15 Mar 2023 08:00:00 GMT", (403, off)));
    list_names(&checked, 77, &["problem  clock", "ahead of the service's", "set the clock"]);
    checked.stdout_has("the link is for the owner of the credentials' project");
    assert!(checked.stdout.contains(&format!("switch the Google Sheets API on at {OFF}")), "{}", checked.stdout);
}

#[test]
fn a_key_refused_for_its_time_shows_the_clock_first() {
    let setup = Setup::new();
    setup.client.emulator.inject_faults("[{\"on\": \"tokens\", \"do\": \"fail\", \"status\": 400, \"times\": 9}]");
    // The emulator's clock is this machine's, so that the clock is not to blame here.
    let checked = setup.check(&[]);
    assert!(checked.stdout.contains("this machine's clock agrees with the service's"), "{}", checked.stdout);
    assert!(first_problem(&checked).contains("problem  credentials"), "{}", checked.stdout);
}

#[test]
fn a_trashed_file_is_a_problem_though_it_can_be_written() {
    let setup = Setup::new();
    setup.client.set_trashed(true);
    list_names(&setup.check(&[]), 78, &["problem  spreadsheet", "in the trash", "take the file out of the trash"]);
    setup.check(&[]).exits(78).stdout_has("not ready: a run would not notice the problems above");
    setup.client.emulator.run(&setup.project, ID, &["run", "orders.toml"]).exits(0);
    setup.client.set_trashed(false);
    setup.check(&[]).exits(0);
    setup.client.emulator.inject_faults("[{\"method\": \"drive.files.get\", \"do\": \"fail\", \"status\": 403}]");
    setup
        .check(&[])
        .exits(0)
        .stdout_has("whether its file is in the trash is not known, because only Drive shows that");
}

#[test]
fn a_renamed_header_and_a_full_spreadsheet_are_named() {
    let setup = Setup::new();
    setup.client.emulator.run(&setup.project, ID, &["run", "orders.toml"]).exits(0);
    let cell = |text: &str| {
        json!([{"updateCells": {
        "start": {"sheetId": setup.client.tab_id("Processed orders"), "rowIndex": 0, "columnIndex": 0},
        "rows": [{"values": [{"userEnteredValue": {"stringValue": text}}]}], "fields": "userEnteredValue"}}])
    };
    setup.client.edit_sheet(&cell("Key of the order"));
    list_names(&setup.check(&[]), 65, &["problem  tabs", "Processed orders", "\"key\""]);
    setup.client.edit_sheet(&cell("key"));
    setup.check(&[]).exits(0);
    let wide = json!({"rowCount": 900_000, "columnCount": 9});
    setup.client.edit_sheet(&json!([{"addSheet": {"properties": {"title": "Big", "gridProperties": wide}}}]));
    list_names(&setup.check(&[]), 0, &["warning  spreadsheet", "of 10,000,000 cells", "delete blank rows"]);
}

#[test]
fn a_viewer_is_found_by_the_write_check_only() {
    let setup = Setup::new();
    setup.client.emulator.inject_faults("[{\"on\": \"writes\", \"do\": \"fail\", \"status\": 403, \"times\": 9}]");
    setup.check(&[]).exits(0);
    list_names(&setup.check(&["--write"]), 77, &["problem  spreadsheet", "share the spreadsheet with", "as editor"]);
    setup.client.emulator.inject_faults("[{\"on\": \"writes\", \"do\": \"applied-reset\", \"times\": 1}]");
    list_names(&setup.check(&["--write"]), 0, &["whether it can be written is not known", "check --write once more"]);
    assert_eq!(setup.client.tabs(), ["Sheet1"], "nothing is left");
}

#[test]
fn a_dead_source_and_a_missing_program_are_named() {
    let setup = Setup::new();
    std::fs::remove_file(setup.project.path("orders.csv")).expect("it is there");
    list_names(&setup.check(&[]), 66, &["problem  source", "orders.csv"]);
    setup.project.write("orders.csv", "id,price\na,1\n");
    setup.project.replace_in(
        "orders.toml",
        "[sheet]",
        "[[step]]\nname = \"mail\"\ncommand = [\"./mail.sh\"]\n\n[sheet]",
    );
    list_names(&setup.check(&[]), 78, &["problem  step", "./mail.sh", "see `command` in [[step]]"]);
}

#[test]
fn two_job_files_of_one_name_are_named() {
    let setup = Setup::new();
    setup.project.write("copy.toml", ORDERS);
    setup.project.write("other.toml", &ORDERS.replace("\"orders\"", "\"others\""));
    setup.project.write("notes.toml", "name = \"orders\"\n");
    let words = ["warning  job file", "copy.toml beside it has the same job name, orders", "a name of its own"];
    list_names(&setup.check(&[]), 0, &words);
    std::fs::remove_file(setup.project.path("copy.toml")).expect("it is there");
    assert_eq!(first_problem(&setup.check(&[])), "ready to run\n");
}

#[test]
fn a_state_folder_that_can_not_be_written_is_named() {
    let setup = Setup::new();
    let words = ["warning  state dir", "/dev/null/state can't be written", "--state-dir"];
    list_names(&setup.check(&["--state-dir", "/dev/null/state"]), 0, &words);
    assert!(!setup.project.path("state").exists(), "a check makes no state folder");
    let mut homeless = setup.client.emulator.command(&setup.project, ID, &["check", "orders.toml"]);
    homeless.env_remove("HOME").env_remove("XDG_STATE_HOME");
    list_names(&run_to_end(homeless), 0, &["warning  state dir", "name one with --state-dir"]);
}

#[test]
fn an_env_file_in_git_is_named_with_what_to_do() {
    let setup = Setup::new();
    setup.write_private(".env", "ORDERS=1\n");
    std::fs::create_dir(setup.project.path(".git")).expect("a folder");
    setup.check(&[]).exits(0);
    let index = |name: &str| {
        // An index of version 2 with one entry (gitformat-index): 60 bytes, flags, the path,
        // padding.
        let mut bytes =
            [b"DIRC".as_slice(), &2_u32.to_be_bytes(), &1_u32.to_be_bytes(), &[0; 62], name.as_bytes()].concat();
        bytes.resize(12 + (62 + name.len()) / 8 * 8 + 8, 0);
        std::fs::write(setup.project.path(".git/index"), bytes).expect("written");
    };
    index("orders.toml");
    assert_eq!(first_problem(&setup.check(&[])), "ready to run\n");
    index(".env");
    list_names(&setup.check(&[]), 0, &["warning  job file", ".env is tracked by git", "git rm --cached", ".gitignore"]);
}
