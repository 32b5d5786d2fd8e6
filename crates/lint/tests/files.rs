//! Real files: bad ones are a line and never a crash; ignores of git, baselines, fixes, outputs.

use std::path::{Path, PathBuf};
use std::process::Command;

use proptest::prelude::*;
use sheetkeep_lint::files::source_text::{SourceKind, SourceText};
use sheetkeep_lint::finding::LintConfidence;
use sheetkeep_lint::linter::{lint_paths, lint_source};
use sheetkeep_lint::output::json::EarlierReport;
use sheetkeep_lint::output::{github, json, note, sarif, text};
use sheetkeep_lint::results::baseline::LintBaseline;
use sheetkeep_lint::results::fixes::apply_fixes;
use sheetkeep_lint::results::readiness::Readiness;
use sheetkeep_lint::results::report::{FileReport, LintReport, LintSettings};

fn write(folder: &Path, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
    std::fs::write(&path, text).expect("written");
    path
}

fn lint(path: &Path) -> LintReport {
    lint_paths(&[path.to_owned()], &LintSettings::default())
}

fn python(text: &str) -> FileReport {
    lint_source(&SourceText::new("a.py", SourceKind::Python, text), &LintSettings::default())
}

fn shell(text: &str) -> FileReport {
    lint_source(&SourceText::new("a.sh", SourceKind::Shell, text), &LintSettings::default())
}

fn codes(report: &FileReport) -> Vec<&'static str> {
    report.findings.iter().map(|finding| finding.code).collect()
}

#[test]
fn files_that_can_not_be_read_are_a_line_each() {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), "latin.py", b"name = 'M\xfcller'\n");
    write(folder.path(), "data.bin", b"\x00\xff");
    let long = write(folder.path(), "long.py", "");
    std::fs::File::options().write(true).open(&long).and_then(|file| file.set_len(100 << 20)).expect("sparse");
    let report = lint(folder.path());
    let lines: Vec<_> = report.unread.iter().map(|unread| unread.why.as_str()).collect();
    assert_eq!(lines, ["is not UTF-8 in line 1, and was not looked at", "is longer than 16 MB, and was not looked at"]);
    let named = lint(&folder.path().join("data.bin"));
    assert!(named.unread[0].why.contains("is not a Python or shell script"), "{:?}", named.unread);
}

#[cfg(unix)]
#[test]
fn a_pipe_that_no_one_writes_is_a_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let pipe = folder.path().join("job.py");
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("mkfifo is there").success());
    let (report, ended) = std::sync::mpsc::channel();
    std::thread::spawn(move || report.send(lint(&pipe)));
    let report = ended.recv_timeout(std::time::Duration::from_mins(1)).expect("it waits for no writer");
    assert_eq!(report.unread[0].why, "is not a regular file");
}

#[test]
fn a_hundred_thousand_nestings_end_in_a_line() {
    let n = 100_000;
    for text in [
        format!("x = {}1{}", "(".repeat(n), ")".repeat(n)),
        format!("x = {}", "[".repeat(n)),
        format!("x = a{}", ".b".repeat(n)),
        format!("x = a{}", "()".repeat(n)),
        format!("x = {}1", "not ".repeat(n)),
        format!("x = {}1", "-".repeat(n)),
        format!("x = 1{}", " + 1".repeat(n)),
        (0..2_000).map(|depth| " ".repeat(depth) + "if a:\n").collect::<String>(),
    ] {
        let _ = python(&text);
    }
    for text in ["$(".repeat(n), "(".repeat(n), "if a; then ".repeat(5_000), "a || ".repeat(n), "{ ".repeat(n)] {
        let _ = shell(&text);
    }
    let deep = python(&format!("x = a{}", ".b".repeat(n)));
    assert_eq!(deep.notes, ["is nested too deeply: only secrets were looked for"]);
}

#[test]
fn python_2_and_notebooks_are_named_and_still_looked_at() {
    let old = python("import requests\nprint 'start'\nrequests.get(u).raise_for_status()\n");
    assert!(old.notes[0].starts_with("is Python 2 (line 2)"), "{:?}", old.notes);
    assert!(codes(&old).contains(&"SK301"), "{:?}", codes(&old));
    let notebook =
        python("# In[1]:\nimport requests\n%matplotlib inline\n!pip install x\nrequests.get(u).raise_for_status()\n");
    assert!(notebook.notes[0].starts_with("is not all Python 3 (line "), "{:?}", notebook.notes);
    assert!(codes(&notebook).contains(&"SK301"), "{:?}", codes(&notebook));
}

#[test]
fn a_dotenv_that_git_does_not_ignore_is_found() {
    let folder = tempfile::tempdir().expect("a folder");
    let made = Command::new("git").args(["init", "-q"]).current_dir(folder.path()).status().expect("git can be run");
    assert!(made.success());
    let script = write(folder.path(), "jobs/a.py", "from dotenv import load_dotenv\nload_dotenv()\n");
    assert_eq!(codes(&lint(&script).files[0]), ["SK106"]);
    write(folder.path(), ".gitignore", ".env\n");
    assert_eq!(codes(&lint(&script).files[0]), Vec::<&str>::new());
}

#[test]
fn kinds_of_files_are_known_by_name_and_first_line() {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), "tool", "#!/usr/bin/env python3\nimport os\nos.mkdir('a')\n");
    write(folder.path(), "crontab", "*/5 * * * * ./x.sh\n");
    write(folder.path(), "requirements.txt", "requests\n");
    write(folder.path(), "job.toml", "name = 'a'\n[source]\n[item]\n");
    write(folder.path(), "Cargo.toml", "[package]\n");
    write(folder.path(), "README", "curl https://example.org\n");
    let report = lint(folder.path());
    let names: Vec<_> = report.files.iter().map(|file| file.path.rsplit('/').next().unwrap_or_default()).collect();
    assert_eq!(names, ["crontab", "job.toml", "requirements.txt", "tool"]);
    assert!(report.unread.is_empty(), "{:?}", report.unread);
}

#[test]
fn safe_fixes_remove_their_findings_and_keep_the_syntax() {
    let before = "import os\nimport requests\n\ndef f(u, p,):\n    os.makedirs(p,)\n    a = requests.get(u)\n    a.raise_for_status()\n    \
                  b = requests.get(\n        u,\n    )\n    b.raise_for_status()\n    with open(p, 'r') as x:\n        return x, a\n";
    let report = python(before);
    let (after, count) = apply_fixes(before, &report);
    assert_eq!(count, 4, "{after}");
    let left = python(&after);
    assert_eq!((codes(&left), left.notes), (Vec::<&str>::new(), Vec::new()), "{after}");
    assert_eq!(apply_fixes(&after, &python(&after)), (after.clone(), 0), "a second time changes nothing");
}

#[test]
fn a_baseline_leaves_new_findings_only_and_lines_may_move() {
    let report = |text: &str| LintReport { files: vec![python(text)], ..LintReport::default() };
    let old = "import os\nos.mkdir('a')\n";
    let baseline = LintBaseline::parse(&LintBaseline::of(&report(old)).to_json()).expect("what it wrote");
    let mut moved = report("import os\n\n\nos.mkdir('a')\nos.mkdir('b')\n");
    baseline.subtract(&mut moved);
    assert_eq!((moved.in_baseline, codes(&moved.files[0])), (1, vec!["SK204"]));
    assert_eq!(moved.files[0].findings[0].position.line, 5);
    assert!(LintBaseline::parse("{}").is_err());
}

#[test]
fn readiness_is_compared_with_an_earlier_report() {
    let report = |text: &str| LintReport { files: vec![python(text)], ..LintReport::default() };
    let before = report("import requests\nif __name__ == '__main__':\n    print(requests.get(u).json())\n");
    let after = report(
        "import logging\nimport requests\nif __name__ == '__main__':\n    a = requests.get(u, timeout=9)\n    \
         a.raise_for_status()\n    logging.info(a.json())\n",
    );
    let earlier = EarlierReport::parse(&json::render_json(&before)).expect("what it wrote");
    let shown = text::render_text(&after, Some(&earlier));
    let (old, new) = (Readiness::of(&before).score(), Readiness::of(&after).score());
    assert!(shown.contains(&format!("Readiness: {new} ")), "{shown}");
    assert!(shown.contains(&format!("{old} → {new}\n")), "{shown}");
    assert!(shown.contains("  + every call has a time limit\n"), "{shown}");
    let noted = note::render_note(&before);
    assert!(noted.contains("Why: One day the other side accepts the connection"), "{noted}");
}

#[test]
fn sarif_and_github_name_each_place() {
    let report = LintReport { files: vec![python("import os\nos.mkdir('a')\n")], ..LintReport::default() };
    let document: serde_json::Value = serde_json::from_str(&sarif::render_sarif(&report, "0.1.0")).expect("it is JSON");
    let run = &document["runs"][0];
    let result = &run["results"][0];
    assert_eq!((&result["ruleId"], &document["version"]), (&"SK204".into(), &"2.1.0".into()));
    let index = usize::try_from(result["ruleIndex"].as_u64().expect("a number")).expect("small");
    assert_eq!(run["tool"]["driver"]["rules"][index]["id"], "SK204");
    assert_eq!(result["locations"][0]["physicalLocation"]["region"]["startLine"], 2);
    let commands = github::render_github(&report);
    assert!(commands.starts_with("::warning file=a.py,line=2,col=1,title=SK204::"), "{commands}");
}

#[test]
fn four_megabytes_of_python_are_read_in_time() {
    let function = "def load_NNN(session, url):\n    answer = session.get(url, timeout=30)\n    answer.raise_for_status()\n    \
                    for row in answer.json():\n        with open('rows.csv', 'a', encoding='utf-8') as out:\n            \
                    out.write(f\"{row['id']},{row['name']}\\n\")\n    return answer\n\n\n";
    let mut text = String::from("import requests\nimport logging\n");
    let mut number = 0;
    while text.len() < 4 << 20 {
        number += 1;
        text.push_str(&function.replace("NNN", &number.to_string()));
    }
    let report = python(&text);
    assert!(report.lines > 100_000 && report.notes.is_empty(), "{} {:?}", report.lines, report.notes);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn whatever_is_in_a_file_it_is_looked_at(bytes in "\\PC{0,400}") {
        let _ = (python(&bytes), shell(&bytes));
        for kind in [SourceKind::Crontab, SourceKind::Requirements, SourceKind::JobFile] {
            let _ = lint_source(&SourceText::new("x", kind, bytes.clone()), &LintSettings::default());
        }
    }

    #[test]
    fn whatever_tokens_are_in_a_script_it_is_looked_at(
        tokens in proptest::collection::vec(
            prop::sample::select(vec![
                "requests", ".get", "(", ")", "timeout=", "None", "\n", "    ", "def f():", "try:", "except", ":", "'", "\"",
                "with open(", "'w'", "as x", "while True:", "import ", "@retry", "curl ", "-f", "|| true", "$(", "`", "> /tmp/x",
                "if", "then", "fi", "{", "}", "#", "sheetkeep: ignore[SK301]", "os.mkdir", "ä", "\u{0}", "[", "]", ",", "=",
            ]),
            0..120,
        )
    ) {
        let text: String = tokens.concat();
        let settings = LintSettings { min_confidence: LintConfidence::Low, ..LintSettings::default() };
        for kind in [SourceKind::Python, SourceKind::Shell, SourceKind::Crontab, SourceKind::JobFile] {
            let report = lint_source(&SourceText::new("x", kind, text.clone()), &settings);
            let (fixed, _) = apply_fixes(&text, &report);
            prop_assert!(fixed.len() >= text.len());
        }
    }
}
