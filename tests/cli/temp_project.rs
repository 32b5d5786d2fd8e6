//! A folder with a job in it, and the real binary run there to its end.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::running_command::RunningCommand;

/// Records in the week's feed.
pub const QUAKES: usize = 1_707;

/// A job that takes orders from a CSV file.
pub const ORDERS: &str = r#"
name = "orders"

[source]
csv = "orders.csv"

[item]
key = ".id"

[sheet]
tab = "Orders"
"#;

/// The secret that tests put into addresses. No process may print it, and no file of a project may
/// hold it but `.env`: `ended` and the end of each project check that.
pub const CANARY: &str = "s3cretWebhookPath0123456789";

/// A job whose step is the program `worker.sh`.
const WORK: &str = r#"
name = "work"

[source]
jsonl = "items.jsonl"

[item]
key = ".id"

[sheet]
tab = "Work"

[[step]]
name = "worker"
command = ["sh", "worker.sh"]
"#;

/// A temporary folder, deleted at the end of the test.
pub struct TempProject {
    folder: TempDir,
}

/// The exit code and output of a process.
#[derive(Debug)]
pub struct CommandOutput {
    /// The exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl TempProject {
    /// Creates an empty one.
    pub fn empty() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder") }
    }

    /// Creates one with copies of these fixtures, side by side.
    pub fn with(fixtures: &[&str]) -> Self {
        let project = Self::empty();
        for fixture in fixtures {
            let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(fixture);
            let name = from.file_name().expect("a fixture has a name");
            fs::copy(&from, project.path(&name.to_string_lossy())).expect("the fixture is there");
        }
        project
    }

    /// Creates one with the main job and its feed.
    pub fn quakes() -> Self {
        Self::with(&["quakes.toml", "usgs-all-week.geojson"])
    }

    /// Creates one with the main job and the first `count` earthquakes of its feed.
    pub fn with_few_quakes(count: usize) -> Self {
        let project = Self::quakes();
        project.write("usgs-all-week.geojson", &make_feed(0..count));
        project
    }

    /// Sets the main job to at most `max_rows` rows per commit, and to no commit by time.
    pub fn with_small_commits(self, max_rows: usize) -> Self {
        let commit = format!("[commit]\nmax_rows = {max_rows}\nevery = \"1h\"\n\n[sheet]");
        self.replace_in("quakes.toml", "[sheet]", &commit);
        self
    }

    /// Creates one with the job `orders.toml`, whose file ends with `more`, and the rows of its CSV
    /// file, without their header.
    pub fn orders(more: &str, rows: &str) -> Self {
        let project = Self::empty();
        project.write("orders.toml", &format!("{ORDERS}{more}"));
        project.write("orders.csv", &format!("id,price\n{rows}"));
        project
    }

    /// Creates one with the job `work.toml` of one item, whose program is this. Its file ends with
    /// `more`.
    pub fn worker(more: &str, worker: &str) -> Self {
        let project = Self::empty();
        project.write("work.toml", &format!("{WORK}{more}"));
        project.write("worker.sh", worker);
        project.write("items.jsonl", "{\"id\": \"a\"}\n");
        project
    }

    /// Returns the path of a file in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file.
    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("the folder takes files");
    }

    /// Reads a file.
    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).expect("the file is there")
    }

    /// Replaces `from`, which must be present, in a file.
    pub fn replace_in(&self, name: &str, from: &str, to: &str) {
        let text = self.read(name);
        assert!(text.contains(from), "{name} has no {from:?}");
        self.write(name, &text.replace(from, to));
    }

    /// Returns the names of its entries.
    pub fn list_entries(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path()).expect("the folder is there");
        let mut names: Vec<String> =
            entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// Returns the binary as a command in this folder, with an environment that contains only the
    /// state directory.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sheetkeep"));
        command
            .args(args)
            .current_dir(self.folder.path())
            .env_clear()
            .env("HOME", self.folder.path())
            .env("XDG_STATE_HOME", self.path("state"))
            .stdin(Stdio::null());
        command
    }

    /// Runs the binary to its end.
    pub fn run(&self, args: &[&str]) -> CommandOutput {
        run_to_end(self.command(args))
    }

    /// Runs it to its end with these environment variables.
    pub fn run_with(&self, environment: &[(&str, &str)], args: &[&str]) -> CommandOutput {
        let mut command = self.command(args);
        command.envs(environment.iter().copied());
        run_to_end(command)
    }

    /// Starts it, with its standard input open.
    pub fn start(&self, args: &[&str]) -> RunningCommand {
        RunningCommand::start(self.command(args))
    }

    /// Starts it as `nohup` does: it ignores SIGHUP from its beginning.
    pub fn start_under_nohup(&self, args: &[&str]) -> RunningCommand {
        let whole = self.command(args);
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "trap '' HUP; exec \"$@\"", "sh"]).arg(whole.get_program()).args(whole.get_args());
        command.current_dir(self.folder.path()).env_clear().stdin(Stdio::null());
        command.envs(whole.get_envs().filter_map(|(name, value)| Some((name, value?))));
        RunningCommand::start(command)
    }

    /// Starts it as a second machine would: with a state directory of its own.
    pub fn start_on_other_machine(&self, args: &[&str]) -> RunningCommand {
        let mut command = self.command(args);
        command.env("XDG_STATE_HOME", self.path("state of another machine"));
        RunningCommand::start(command)
    }

    /// Returns a tab of `job`, as `sheetkeep show --json` prints it.
    pub fn show_tab(&self, job: &str, tab: &str) -> Value {
        let ended = self.run(&["show", job, "--tab", tab, "--last", "100000", "--json"]);
        assert_eq!(ended.code, Some(0), "{tab}: {}", ended.stderr);
        ended.document()
    }

    /// Returns one column of a tab, as `sheetkeep show --json` prints it.
    pub fn column(&self, job: &str, tab: &str, column: &str) -> Vec<String> {
        let shown = self.show_tab(job, tab);
        let columns = shown["columns"].as_array().expect("columns");
        let at = columns.iter().position(|name| name == column).expect("the column is there");
        let rows = shown["rows"].as_array().expect("rows");
        rows.iter().map(|row| row[at].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// Checks that each of `count` earthquakes is in Quakes once, and in Processed once.
    pub fn expect_each_quake_once(&self, count: usize) {
        let (rows, keys) =
            (self.column("quakes.toml", "Quakes", "id"), self.column("quakes.toml", "Processed quakes", "key"));
        assert_eq!((rows.len(), keys.len()), (count, count), "rows and keys");
        let mut distinct = keys.clone();
        distinct.sort();
        distinct.dedup();
        assert_eq!(distinct.len(), count, "a key is there twice");
        assert_eq!(rows, keys, "rows and keys were written together, in the order of the feed");
    }
}

impl Drop for TempProject {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            expect_no_canary(self.folder.path());
        }
    }
}

fn expect_no_canary(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let (path, kind) = (entry.path(), entry.file_type().expect("a kind"));
        if kind.is_dir() {
            expect_no_canary(&path);
        } else if kind.is_file() && entry.file_name() != ".env" {
            let bytes = fs::read(&path).unwrap_or_default();
            assert!(memchr::memmem::find(&bytes, CANARY.as_bytes()).is_none(), "{} holds a secret", path.display());
        }
    }
}

impl CommandOutput {
    /// Parses standard output, which must be one JSON document.
    pub fn document(&self) -> Value {
        let read = serde_json::from_str(&self.stdout);
        assert!(read.is_ok(), "no document: {self:?}");
        read.unwrap_or_default()
    }

    /// Parses standard error, which must be one JSON document.
    pub fn error(&self) -> Value {
        let read: Result<Value, _> = serde_json::from_str(&self.stderr);
        assert!(read.is_ok(), "no document: {self:?}");
        read.map(|document| document["error"].clone()).unwrap_or_default()
    }

    /// Checks the exit code, and prints everything if it differs.
    #[track_caller]
    pub fn exits(&self, code: i32) -> &Self {
        assert_eq!(self.code, Some(code), "standard output:\n{}\nstandard error:\n{}", self.stdout, self.stderr);
        self
    }

    /// Checks that standard error contains the words.
    #[track_caller]
    pub fn stderr_has(&self, words: &str) -> &Self {
        assert!(self.stderr.contains(words), "{words:?} is not said:\n{}", self.stderr);
        self
    }

    /// Checks that standard output contains the words.
    #[track_caller]
    pub fn stdout_has(&self, words: &str) -> &Self {
        assert!(self.stdout.contains(words), "{words:?} is not shown:\n{}", self.stdout);
        self
    }
}

/// Runs a command to its end.
pub fn run_to_end(mut command: Command) -> CommandOutput {
    let Output { status, stdout, stderr } = command.output().expect("the binary can be run");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("it speaks UTF-8");
    let ended = CommandOutput { code: status.code(), stdout: text(stdout), stderr: text(stderr) };
    assert!(!ended.stdout.contains(CANARY) && !ended.stderr.contains(CANARY), "it prints a secret: {ended:?}");
    ended
}

/// Returns a feed of some of the week's earthquakes.
pub fn make_feed(which: std::ops::Range<usize>) -> String {
    let all = include_str!("../../fixtures/usgs-all-week.geojson");
    let all: Value = serde_json::from_str(all).expect("the feed is JSON");
    let some: Vec<String> = all["features"].as_array().expect("records")[which].iter().map(Value::to_string).collect();
    format!("{{\"type\":\"FeatureCollection\",\"features\":[\n{}\n]}}\n", some.join(",\n"))
}
