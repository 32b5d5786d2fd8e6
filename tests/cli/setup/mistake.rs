//! A mistake, what leads to it, and what is read after it.
//!
//! In scope: playing it in a folder of its own, the text of a snapshot. Out of scope: the mistakes
//! (`newcomer_words`, `newcomer_files`, `newcomer_days`), the page made of the snapshots
//! (`mistakes_page`).

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;

use regex::Regex;

use crate::temp_project::TempProject;

/// A mistake: its name, the job file, other files, what happens before, and the arguments.
pub struct Mistake {
    name: &'static str,
    job: String,
    files: Vec<(&'static str, Vec<u8>)>,
    before: fn(&TempProject),
    args: Vec<&'static str>,
}

pub const JOB: &str =
    "name = \"orders\"\n[source]\ncsv = \"orders.csv\"\n[item]\nkey = \".id\"\n[sheet]\ntab = \"Orders\"\n";
pub const CSV: &str = "id,order-id,Order ID\n1,2,3\n";

/// Makes the mistake of a job file and its `orders.csv`.
pub fn mistake(name: &'static str, job: impl Into<String>, csv: &str) -> Mistake {
    let files = vec![("orders.csv", csv.as_bytes().to_vec())];
    Mistake { name, job: job.into(), files, before: |_| {}, args: vec!["run", "orders.toml"] }
}

impl Mistake {
    /// Adds a file. `mode` is not a file: with it, `notify.sh` may not be executed.
    pub fn file(mut self, name: &'static str, bytes: &[u8]) -> Self {
        self.files.push((name, bytes.to_vec()));
        self
    }

    /// Runs this instead.
    pub fn args(self, args: &[&'static str]) -> Self {
        Self { args: args.to_vec(), ..self }
    }

    /// Does this first, once the files are there.
    pub fn after(self, before: fn(&TempProject)) -> Self {
        Self { before, ..self }
    }
}

/// Returns the job file with these lines at its end.
pub fn make_mistake(more: &str) -> String {
    format!("{JOB}{more}\n")
}

/// Makes the output independent of time, of random numbers and of the folder.
fn normalize_output(text: &str, folder: &str) -> String {
    let mut text = text.replace(&format!("{folder}/"), "");
    for (pattern, by) in [
        (r"\d{8}-\d{6}-[0-9a-f]{5}", "<run>"),
        (r"(succeeded|partial|failed) in [0-9.]+ (ms|s|min)( \d+ s)?", "$1 in <time>"),
        (r"attempt (\d) of (\d) starts in [0-9.]+ m?s", "attempt $1 of $2 starts in <time>"),
        (r"\(\d+ ms\)", "(<time>)"),
        (r"(?m)^\S+Z  ?WARN (\S+: )?.*can be read or changed by others.*\n", ""),
    ] {
        text = Regex::new(pattern).expect("a valid pattern").replace_all(&text, by).into_owned();
    }
    text
}

fn transcript(mistakes: Vec<Mistake>) -> String {
    let mut out = String::new();
    for Mistake { name, job, files, before, args } in mistakes {
        let project = TempProject::empty();
        project.write("orders.toml", &job);
        let mode = if files.iter().any(|(name, _)| *name == "mode") { 0o644 } else { 0o755 };
        for (file, bytes) in files.iter().filter(|(name, _)| *name != "mode") {
            fs::write(project.path(file), bytes).expect("a file");
            let mode = match *file {
                "notify.sh" => mode,
                "key.json" | ".env" => 0o600,
                _ => 0o644,
            };
            fs::set_permissions(project.path(file), fs::Permissions::from_mode(mode)).expect("its owner");
        }
        before(&project);
        let ended = project.run(&args);
        let folder = project.path("").to_string_lossy().trim_end_matches('/').to_owned();
        let text = normalize_output(&format!("{}{}", ended.stderr, ended.stdout), &folder);
        let (typed, code) = (args.join(" "), ended.code.unwrap_or(-1));
        let _ = write!(out, "== {name}\n$ sheetkeep {typed}\n{text}exit {code}\n\n");
    }
    out
}

/// Compares the words after these mistakes with the snapshot of this name.
pub fn check_words(name: &str, mistakes: Vec<Mistake>) {
    insta::with_settings!({ snapshot_path => "../../snapshots/words", prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!(name, transcript(mistakes));
    });
}
