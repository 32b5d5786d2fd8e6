//! No secret is ever printed: not in results, errors or the most verbose logs, and not on the
//! sheet.

use std::fs;

use crate::emulator_process::{ApiClient, EmulatorProcess};
use crate::temp_project::{CommandOutput, TempProject, run_to_end};

const ID: &str = "1AcceptanceSpreadsheet000000000000000000000";
const MARKER: &str = "MARKER-that-no-one-may-see";

fn shows_secret(ended: &CommandOutput, secret: &str) -> bool {
    ended.stdout.contains(secret) || ended.stderr.contains(secret)
}

#[test]
fn a_run_with_every_log_on_shows_neither_key_nor_token() {
    let project = TempProject::with_few_quakes(20);
    let emulator = EmulatorProcess::start(&project, &["--spreadsheet-id", ID]);
    let file = fs::read_to_string(&emulator.credentials).expect("it wrote a credentials file");
    let marked = file.replacen('{', &format!("{{\n  \"note\": \"{MARKER}\","), 1);
    fs::write(&emulator.credentials, marked).expect("the file can be written");
    let key = file.split("PRIVATE KEY-----\\n").nth(1).expect("a key");
    let commands: [&[&str]; 6] = [
        &["run", "quakes.toml", "-vv"],
        &["run", "quakes.toml", "-vv", "--log-format", "json"],
        &["run", "quakes.toml", "-vv", "--json"],
        &["status", "quakes.toml", "-vv"],
        &["show", "quakes.toml", "-vv"],
        &["show", "quakes.toml", "--tab", "nothing", "-vv"],
    ];
    for args in commands {
        let mut command = emulator.command(&project, ID, args);
        command.env("SHEETKEEP_LOG", "trace");
        let ended = run_to_end(command);
        assert!(ended.stderr.contains("called") || ended.code != Some(0), "the log is on: {}", ended.stderr);
        for secret in [&key[..40], "PRIVATE KEY", MARKER, "ya29.", "Bearer", "eyJ"] {
            assert!(!shows_secret(&ended, secret), "{args:?} shows {secret}:\n{}{}", ended.stdout, ended.stderr);
        }
    }
    let client = ApiClient::of(emulator, ID);
    assert!(client.tabs().len() >= 5);
    for tab in client.tabs() {
        let cells = format!("{:?}", client.entered_values(&tab));
        assert!(!cells.contains(MARKER) && !cells.contains("ya29.") && !cells.contains("PRIVATE"), "{tab}");
    }
}

#[test]
fn bad_credentials_are_reported_without_showing_them() {
    let project = TempProject::quakes();
    let broken = format!(
        "{{\"type\": \"service_account\", \"private_key\": \"{MARKER}\", \"private_key_id\": \"{MARKER}\", \
         \"client_email\": \"a@b.example\", \"token_uri\": \"http://127.0.0.1:9/token\"}}"
    );
    project.write("broken.json", &broken);
    project.write("cut.json", &broken[..80]);
    let (path, inline) = ("GOOGLE_APPLICATION_CREDENTIALS", "SHEETKEEP_CREDENTIALS_JSON");
    for (name, value) in [
        (path, "broken.json"),
        (path, "cut.json"),
        (inline, broken.as_str()),
        (inline, &broken[..80]),
        (inline, MARKER),
    ] {
        let environment = [(name, value), ("SHEETKEEP_LOG", "trace")];
        let ended = project.run_with(&environment, &["run", "quakes.toml", "--spreadsheet", ID, "-vv"]);
        assert!(!shows_secret(ended.exits(77).stderr_has(name), MARKER), "{name}: {}", ended.stderr);
    }
    let as_a_path = [(path, broken.as_str())];
    let ended = project.run_with(&as_a_path, &["run", "quakes.toml", "--spreadsheet", ID]);
    assert!(!shows_secret(ended.exits(78).stderr_has(inline), MARKER), "{}", ended.stderr);
}

#[test]
fn a_value_from_the_environment_is_not_quoted_in_errors() {
    let project = TempProject::quakes();
    project.replace_in("quakes.toml", "key = \".id\"", "key = \".${SECRET}\"");
    project.replace_in("quakes.toml", "mode = \"append\"", "mode = \"${SECRET}\"");
    project.replace_in("quakes.toml", "url = \"link\"", "url = \"${SECRET}\"");
    project.write(".env", &format!("SECRET='{MARKER} {MARKER}'\n"));
    for args in [["run", "quakes.toml", "-vv"], ["run", "quakes.toml", "--json"]] {
        let ended = project.run(&args);
        for part in [MARKER, "MARKER", "no-one"] {
            assert!(!shows_secret(ended.exits(78), part), "{}", ended.stderr);
        }
    }
    project.write(".env", &format!("this is not a line: {MARKER}\n"));
    let ended = project.run(&["run", "quakes.toml"]);
    assert!(!shows_secret(ended.exits(78).stderr_has(".env"), MARKER), "{}", ended.stderr);
}

/// Returns base64 of a key's length that is not a real key.
fn make_secret(bytes: usize) -> String {
    let bytes: Vec<u8> = (0..bytes).map(|n| u8::try_from((n * 151 + n / 7 * 13) % 256).unwrap_or_default()).collect();
    data_encoding::BASE64.encode(&bytes)
}

#[test]
fn a_key_in_the_place_of_a_path_or_an_id_is_not_shown() {
    let project = TempProject::with_few_quakes(3);
    let body = make_secret(1_200);
    let folded: Vec<String> =
        body.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line).into_owned()).collect();
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", folded.join("\n"));
    let json = format!("{{\"type\": \"service_account\", \"private_key\": {pem:?}}}");
    let key = data_encoding::BASE64.encode(json.as_bytes());
    let values = [
        pem.clone(),
        pem.replace('\n', "\\n"),
        folded.join("\n"),
        body.clone(),
        json.clone(),
        format!("\"{json}\""),
        format!("'{json}'"),
        format!("  {json}"),
        key.clone(),
    ];
    let token = "AIzaSyA-hunter2-hunter2-hunter2-hunter2".to_owned();
    for value in &values {
        for (name, extra) in [
            ("GOOGLE_APPLICATION_CREDENTIALS", Some(("SHEETKEEP_SPREADSHEET_ID", ID))),
            ("SHEETKEEP_SPREADSHEET_ID", None),
            ("SHEETKEEP_API_URL", Some(("SHEETKEEP_SPREADSHEET_ID", ID))),
            ("HTTPS_PROXY", Some(("SHEETKEEP_SPREADSHEET_ID", ID))),
        ] {
            let environment: Vec<(&str, &str)> = std::iter::once((name, value.as_str())).chain(extra).collect();
            for args in [&["run", "quakes.toml", "-v"] as &[&str], &["check", "quakes.toml", "--json"]] {
                let ended = project.run_with(&environment, args);
                ended.exits(78).stderr_has(name);
                for secret in [&body[..40], &body[900..940], &key[40..80], "PRIVATE"] {
                    assert!(!shows_secret(&ended, secret), "{name} {args:?}: {}{}", ended.stdout, ended.stderr);
                }
            }
        }
        for flag in ["--spreadsheet", "--nonsense"] {
            let ended = project.run(&["run", "quakes.toml", flag, value]);
            assert!(
                ended.code != Some(0) && !shows_secret(&ended, &body[900..940]) && !shows_secret(&ended, "PRIVATE"),
                "{}",
                ended.stderr
            );
        }
    }
    let ended = project.run(&["run", "quakes.toml", "--spreadsheet", &token]);
    assert!(!shows_secret(ended.exits(78), "hunter2"), "{}", ended.stderr);
    let users = [("SHEETKEEP_SPREADSHEET_ID", ID), ("SHEETKEEP_API_URL", "https://me:hunter2@sheets.example/")];
    let ended = project.run_with(&users, &["run", "quakes.toml"]);
    assert!(!shows_secret(ended.exits(78), "hunter2"), "{}", ended.stderr);
    let inline =
        [("SHEETKEEP_SPREADSHEET_ID", ID), ("SHEETKEEP_CREDENTIALS_JSON", "{}"), ("SSL_CERT_FILE", pem.as_str())];
    let ended = project.run_with(&inline, &["run", "quakes.toml"]);
    assert!(ended.code != Some(0) && !shows_secret(&ended, "PRIVATE"), "{}", ended.stderr);
}

#[test]
fn a_job_file_takes_no_key_from_the_environment() {
    let key = "{\"private_key\": \"MARKER\"}";
    for (name, value) in [
        ("SHEETKEEP_CREDENTIALS_JSON", key),
        ("GOOGLE_APPLICATION_CREDENTIALS", "key.json"),
        ("MY_SETTINGS", key),
        ("API_TOKEN", "MARKER"),
    ] {
        for (from, to) in
            [("tab = \"Quakes\"", "tab = \"${NAME}\""), ("json = \"usgs-all-week.geojson\"", "json = \"${NAME}.json\"")]
        {
            let project = TempProject::with_few_quakes(3);
            project.replace_in("quakes.toml", from, &to.replace("NAME", name));
            let environment = [(name, value), ("SHEETKEEP_SPREADSHEET_ID", ID)];
            for args in [["run", "quakes.toml", "-v"], ["run", "quakes.toml", "--json"]] {
                let ended = project.run_with(&environment, &args);
                assert!(!shows_secret(ended.exits(78).stderr_has(name), "MARKER"), "{}", ended.stderr);
            }
        }
    }
    let project = TempProject::with_few_quakes(3);
    let step = "[[step]]\ncommand = [\"sh\", \"-c\", \"echo ${SHEETKEEP_CREDENTIALS_JSON}\"]\n\n[sheet]";
    project.replace_in("quakes.toml", "[sheet]", step);
    project
        .run_with(&[("SHEETKEEP_CREDENTIALS_JSON", key), ("SHEETKEEP_SPREADSHEET_ID", ID)], &["run", "quakes.toml"])
        .exits(78);
}

#[test]
fn a_value_pasted_into_a_job_file_is_not_shown_in_errors() {
    let project = TempProject::with_few_quakes(3);
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----", make_secret(600));
    for pasted in [
        format!("private_key = '''{pem}'''\n"),
        format!("{pem}\n"),
        "password = \"hunter2\"\n".to_owned(),
        "token = \"ya29.hunter2-and-more\"\n".to_owned(),
        "url = \"https://me:hunter2@example.com\"\n".to_owned(),
    ] {
        project.write("bad.toml", &format!("nmae = \"x\"\n{pasted}{}", project.read("quakes.toml")));
        for args in [["run", "bad.toml", "-v"], ["run", "bad.toml", "--json"]] {
            let ended = project.run(&args);
            ended.exits(78);
            for secret in ["hunter2", &make_secret(600)[40..80]] {
                assert!(!shows_secret(&ended, secret), "{}{}", ended.stdout, ended.stderr);
            }
        }
    }
}

#[test]
fn what_is_made_is_the_owners_alone_whatever_the_umask() {
    use std::os::unix::fs::PermissionsExt;
    let project = TempProject::with_few_quakes(3);
    project.replace_in(
        "quakes.toml",
        "[sheet]",
        "[[step]]\nname = \"p\"\ncommand = [\"sh\", \"-c\", \"ls -l state/*/* > seen; cat\"]\n\n[sheet]",
    );
    for umask in ["000", "022", "077"] {
        let binary = env!("CARGO_BIN_EXE_sheetkeep");
        let mut shell = project.command(&[]);
        let run = format!(
            "umask {umask}; exec {binary} run quakes.toml --embedded {umask}.sheet -q --state-dir state-{umask}/deep"
        );
        shell = {
            let mut command = std::process::Command::new("sh");
            command
                .args(["-c", &run])
                .envs(shell.get_envs().filter_map(|(n, v)| Some((n, v?))))
                .current_dir(project.path(""));
            command
        };
        run_to_end(shell).exits(0);
        let mut open = vec![project.path(&format!("state-{umask}"))];
        let mut files = vec![project.path(&format!("{umask}.sheet"))];
        while let Some(folder) = open.pop() {
            assert_eq!(
                fs::metadata(&folder).expect("it is there").permissions().mode() & 0o777,
                0o700,
                "{}",
                folder.display()
            );
            for entry in fs::read_dir(&folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
                if entry.is_dir() { open.push(entry) } else { files.push(entry) }
            }
        }
        assert!(files.len() >= 3, "{files:?}");
        for file in files {
            assert_eq!(
                fs::metadata(&file).expect("it is there").permissions().mode() & 0o777,
                0o600,
                "{}",
                file.display()
            );
        }
    }
}

#[test]
fn a_key_or_env_file_that_others_can_read_is_warned_of_once() {
    use std::os::unix::fs::PermissionsExt;
    let project = TempProject::with_few_quakes(3);
    let emulator = EmulatorProcess::start(&project, &["--spreadsheet-id", ID]);
    let mode =
        |name: &str, mode| fs::set_permissions(project.path(name), fs::Permissions::from_mode(mode)).expect("its mode");
    project.write(".env", "NOTHING=1\n");
    mode(".env", 0o600);
    let quiet = emulator.run(&project, ID, &["run", "quakes.toml"]);
    assert!(!quiet.exits(0).stderr.contains("can be read"), "{}", quiet.stderr);
    mode(".env", 0o640);
    mode("emulator-key.json", 0o644);
    let ended = emulator.run(&project, ID, &["run", "quakes.toml"]);
    ended
        .exits(0)
        .stderr_has("emulator-key.json can be read or changed by others")
        .stderr_has(".env can be read or changed by its group");
    assert_eq!(
        (ended.stderr.matches("can be read").count(), ended.stderr.matches("chmod 600").count()),
        (2, 2),
        "{}",
        ended.stderr
    );
    let forced = emulator.run(&project, ID, &["run", "quakes.toml", "--force", "--yes"]);
    assert_eq!(forced.exits(0).stderr.matches("can be read").count(), 2, "{}", forced.stderr);
    emulator
        .run(&project, ID, &["check", "quakes.toml"])
        .exits(0)
        .stdout_has("can be read or changed by others")
        .stdout_has("chmod 600");
    let silent = emulator.run(&project, ID, &["run", "quakes.toml", "-q"]);
    assert_eq!((silent.exits(0).stdout.as_str(), silent.stderr.as_str()), ("", ""));
}
