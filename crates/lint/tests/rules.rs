//! Every code by its own examples: the bad one has it, the good one does not.

use std::path::PathBuf;

use sheetkeep_lint::files::source_text::{SourceKind, SourceText};
use sheetkeep_lint::finding::LintConfidence;
use sheetkeep_lint::linter::{lint_paths, lint_source};
use sheetkeep_lint::results::fixes::apply_fixes;
use sheetkeep_lint::results::report::{FileReport, LintSettings};
use sheetkeep_lint::rules::rule::{ExampleKind, LintRule};
use sheetkeep_lint::rules::table::{find_rule, list_rules, render_page};

fn lint(kind: ExampleKind, text: &str) -> FileReport {
    let (path, kind) = match kind {
        ExampleKind::Python => ("job.py", SourceKind::Python),
        ExampleKind::Shell => ("job.sh", SourceKind::Shell),
        ExampleKind::Crontab => ("crontab", SourceKind::Crontab),
        ExampleKind::Job => ("job.toml", SourceKind::JobFile),
        ExampleKind::Requirements => ("requirements.txt", SourceKind::Requirements),
    };
    let settings = LintSettings { min_confidence: LintConfidence::Low, ..LintSettings::default() };
    lint_source(&SourceText::new(path, kind, text), &settings)
}

fn codes(report: &FileReport) -> Vec<&'static str> {
    report.findings.iter().map(|finding| finding.code).collect()
}

/// Returns the bad example. A page can't have a secret in it, so those are joined here.
fn bad_example(rule: &LintRule) -> String {
    let secret = match rule.code {
        "SK101" => ["gh", "p_", "Zk3Rt9Lm2Qw7Xc5Vb1Np8Yh4Jd6Fg0Sa2Kq9"].concat(),
        "SK103" => ["https://hooks.sl", "ack.com/services/T024BE7LD/B024BE7LE/Zk3Rt9Lm2Qw7Xc5Vb1Np8Yh4"].concat(),
        _ => return rule.bad.to_owned(),
    };
    let start = rule.bad.find('\'').expect("a string");
    format!("{}'{secret}')", &rule.bad[..start])
}

#[test]
fn each_code_is_in_its_bad_example_and_not_in_its_good_one() {
    let mut wrong = Vec::new();
    // It needs a repository around the file; `tests/files.rs` has it.
    for rule in list_rules().filter(|rule| rule.code != "SK106") {
        let bad = lint(rule.kind, &bad_example(rule));
        if !codes(&bad).contains(&rule.code) {
            wrong.push(format!("{} is missing: {:?} {:?}", rule.code, codes(&bad), bad.notes));
        }
        let good = lint(rule.kind, rule.good);
        if codes(&good).contains(&rule.code) {
            wrong.push(format!("{} is in its good example", rule.code));
        }
        for report in [&bad, &good] {
            if !report.notes.is_empty() {
                wrong.push(format!("{}: {:?}", rule.code, report.notes));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn good_examples_have_no_error_at_all() {
    for rule in list_rules() {
        let good = lint(rule.kind, rule.good);
        let errors: Vec<_> = good
            .findings
            .iter()
            .filter(|finding| finding.severity == sheetkeep_lint::finding::LintSeverity::Error)
            .filter(|finding| finding.confidence == LintConfidence::High)
            .map(|finding| finding.code)
            .collect();
        assert_eq!(errors, Vec::<&str>::new(), "{}", rule.code);
    }
}

#[test]
fn there_are_at_least_25_codes_of_high_confidence() {
    let sure = list_rules().filter(|rule| {
        let report = lint(rule.kind, &bad_example(rule));
        report.findings.iter().any(|finding| finding.code == rule.code && finding.confidence == LintConfidence::High)
    });
    let sure: Vec<_> = sure.map(|rule| rule.code).collect();
    assert!(sure.len() >= 25, "{}: {sure:?}", sure.len());
}

#[test]
fn codes_are_in_order_and_each_is_there_once() {
    let codes: Vec<_> = list_rules().map(|rule| rule.code).collect();
    assert!(codes.windows(2).all(|pair| pair[0] < pair[1]), "{codes:?}");
    assert_eq!(find_rule("sk301").map(|rule| rule.code), Some("SK301"));
    assert_eq!(find_rule("SK999"), None);
}

/// The pages in `docs/lint` are made from the table. With `UPDATE_LINT_PAGES=1` this writes them.
#[test]
fn the_pages_of_the_codes_are_those_of_the_table() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/lint");
    let is_update = std::env::var_os("UPDATE_LINT_PAGES").is_some();
    for rule in list_rules() {
        let path = folder.join(format!("{}.md", rule.code));
        if is_update {
            std::fs::create_dir_all(&folder).expect("the folder can be made");
            std::fs::write(&path, render_page(rule)).expect("the page can be written");
        }
        let written = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(written, render_page(rule), "run it with UPDATE_LINT_PAGES=1");
    }
    let pages = std::fs::read_dir(folder).expect("the folder").count();
    assert_eq!(pages, list_rules().count(), "a page without a code");
}

#[test]
fn an_ignore_with_a_reason_keeps_its_finding_and_only_that() {
    let found = |text: &str| codes(&lint(ExampleKind::Python, text));
    assert_eq!(found("import os\nos.mkdir('a')  # sheetkeep: ignore[SK204] it must be new"), Vec::<&str>::new());
    assert_eq!(found("import os\n# sheetkeep: ignore[SK204] it must be new\nos.mkdir('a')"), Vec::<&str>::new());
    assert_eq!(
        found("# sheetkeep: ignore-file[SK204] new\nimport os\nos.mkdir('a')\nos.mkdir('b')"),
        Vec::<&str>::new()
    );
    assert_eq!(found("import os\nos.mkdir('a')  # sheetkeep: ignore[SK204]"), ["SK204", "SK001"]);
    assert_eq!(found("import os\nos.mkdir('a')  # sheetkeep: ignore[SK301] no"), ["SK204", "SK002"]);
}

/// Scripts that do the same in ways that are right: no finding of the code named.
const NEGATIVES: &[(&str, &str)] = &[
    ("SK301", "import requests\nrequests.get(u, **options).raise_for_status()"),
    (
        "SK301",
        "import requests\ns = requests.Session()\ns.request = functools.partial(s.request, timeout=5)\ns.get(u).raise_for_status()",
    ),
    ("SK301", "class requests:\n    pass\ncache.get('key')\n{}.get('a')"),
    ("SK301", "from urllib.request import urlopen\nurlopen(u, None, 30)"),
    (
        "SK302",
        "import requests\nr = requests.get(u, timeout=9)\nif r.status_code != 200:\n    raise ValueError\nprint(r.text)",
    ),
    ("SK302", "import requests\nr = requests.get(u, timeout=9)\ncheck(r)\nprint(r.text)"),
    ("SK401", "try:\n    f()\nexcept KeyError:\n    pass"),
    ("SK401", "try:\n    f()\nexcept Exception:\n    log.exception('x')\n    raise"),
    (
        "SK402",
        "import sys\nif __name__ == '__main__':\n    try:\n        main()\n    except Exception as error:\n        report(error)\n        raise SystemExit(1)",
    ),
    ("SK204", "import os\nif not os.path.isdir(p):\n    os.makedirs(p)"),
    ("SK204", "import os\ntry:\n    os.mkdir(p)\nexcept FileExistsError:\n    pass"),
    (
        "SK102",
        "TOKEN_URL = 'https://example.org/token'\nPASSWORD_FIELD = 'password'\napi_key = 'API_KEY'\nsecret = None",
    ),
    ("SK102", "password = '{{ vault_password_12345 }}'"),
    ("SK105", "import logging\nlogging.info('%s', len(api_key))\nlogging.info('set: %s', api_key is not None)"),
    ("SK206", "open(p, 'rb')\nopen(p, 'w', encoding='utf-8')"),
    ("SK304", "import backoff\n@backoff.on_exception(backoff.expo, IOError, max_tries=5)\ndef f():\n    pass"),
    (
        "SK306",
        "from tenacity import retry, stop_after_attempt\nimport requests\n@retry(stop=stop_after_attempt(3))\ndef f():\n    requests.get(u, timeout=3).raise_for_status()",
    ),
    ("SK503", "with open(os.devnull, 'w', encoding='utf-8') as f:\n    pass"),
    (
        "SK601",
        "import logging\nimport requests\nif __name__ == '__main__':\n    print(requests.get(u, timeout=3).raise_for_status())",
    ),
];

#[test]
fn right_ways_to_do_the_same_are_not_found() {
    for (code, text) in NEGATIVES {
        let report = lint(ExampleKind::Python, text);
        assert!(!codes(&report).contains(code), "{code} in:\n{text}");
        assert_eq!(report.notes, Vec::<String>::new(), "{text}");
    }
}

/// Scripts with a fault that is written in another way.
const POSITIVES: &[(&str, ExampleKind, &str)] = &[
    ("SK301", ExampleKind::Python, "import requests\nsession = requests.Session()\nsession.get(u).raise_for_status()"),
    ("SK301", ExampleKind::Python, "import requests as r\nr.post(u, json=x).raise_for_status()"),
    (
        "SK301",
        ExampleKind::Python,
        "class A:\n    def __init__(self):\n        self.http = requests.Session()\n    def f(self):\n        self.http.get(u).raise_for_status()\nimport requests",
    ),
    ("SK301", ExampleKind::Python, "import requests\nwith requests.Session() as s:\n    s.get(u).raise_for_status()"),
    ("SK301", ExampleKind::Python, "from urllib.request import urlopen\nurlopen(u)"),
    ("SK301", ExampleKind::Python, "import httpx\nhttpx.get(u, timeout=None)"),
    ("SK301", ExampleKind::Shell, "#!/bin/sh\nset -e\nX=$(curl -fsS https://example.org)"),
    (
        "SK302",
        ExampleKind::Python,
        "import requests\n\ndef f():\n    r = requests.get(u, timeout=9)\n    return r.json()",
    ),
    ("SK302", ExampleKind::Shell, "#!/bin/sh\nset -e\ncurl -m 9 -s https://example.org | jq ."),
    (
        "SK304",
        ExampleKind::Python,
        "while True:\n    try:\n        load()\n    except Exception:\n        log('again')",
    ),
    ("SK304", ExampleKind::Shell, "#!/bin/sh\nset -e\nuntil ping -c 1 host; do\n  :\ndone"),
    (
        "SK306",
        ExampleKind::Python,
        "import tenacity\nimport requests\n@tenacity.retry(stop=tenacity.stop_after_attempt(3))\ndef f():\n    requests.post(u, timeout=3).raise_for_status()",
    ),
    ("SK306", ExampleKind::Shell, "#!/bin/sh\nset -e\ncurl -f -m 9 --retry 5 --data @rows https://example.org"),
    ("SK307", ExampleKind::Shell, "#!/bin/sh\nset -e\ncurl -fkm 9 --retry 2 https://example.org"),
    ("SK401", ExampleKind::Python, "for x in y:\n    try:\n        f(x)\n    except:\n        continue"),
    (
        "SK402",
        ExampleKind::Python,
        "def main():\n    try:\n        work()\n    except Exception as error:\n        print(error)",
    ),
    ("SK105", ExampleKind::Python, "print(f'using {config.api_key}')"),
    ("SK102", ExampleKind::Python, "connect(password='k3jd92mfls0dk3')"),
    ("SK102", ExampleKind::Shell, "#!/bin/sh\nset -e\nexport API_KEY=8f3kd02mfls93jd7fk20\ndo_it"),
    ("SK107", ExampleKind::Python, "url = f'https://example.org/feed?api_key={key}'"),
    ("SK206", ExampleKind::Python, "import datetime\nnow = datetime.datetime.utcnow()"),
    ("SK404", ExampleKind::Python, "import os\nos.system('rsync a b')"),
    ("SK503", ExampleKind::Shell, "#!/bin/sh\nset -e\nsort rows.csv > report.csv"),
    ("SK205", ExampleKind::Shell, "#!/bin/sh\nset -e\nsort rows.csv > /tmp/rows"),
    ("SK204", ExampleKind::Shell, "#!/bin/sh\nset -e\nmkdir out\ncp a out"),
    ("SK201", ExampleKind::Shell, "#!/bin/sh\nset -e\ncp /home/anna/data/feed.csv ."),
    (
        "SK614",
        ExampleKind::Job,
        "name = 'a'\n[schedule]\ncron = '30 2 * * *'\ntimezone = 'Europe/Berlin'\n[item]\n[source]\n",
    ),
    ("SK603", ExampleKind::Job, "name = 'a'\nowner = 'b'\n[item]\n[source]\n"),
];

#[test]
fn a_fault_is_found_however_it_is_written() {
    for (code, kind, text) in POSITIVES {
        let report = lint(*kind, text);
        assert!(codes(&report).contains(code), "{code} is missing: {:?} in:\n{text}", codes(&report));
    }
}

/// Returns the cases of `cases.txt`: code, file, line (`None`: not found there) and text.
fn cases() -> Vec<(&'static str, &'static str, Option<usize>, &'static str)> {
    let mut cases = Vec::new();
    for block in include_str!("cases.txt").split("\n== ").skip(1) {
        let (head, text) = block.split_once('\n').expect("a head and a text");
        let words: Vec<_> = head.split(' ').collect();
        assert_eq!(words.len(), 3, "code, file and line: {head}");
        let (code, file, line) = (words[0], words[1], words[2]);
        assert!(find_rule(code).is_some() && (line == "none" || line.parse::<usize>().is_ok()), "{head}");
        cases.push((code, file, line.parse().ok(), text));
    }
    cases
}

#[test]
fn each_case_is_found_at_its_line_or_not_at_all() {
    let mut wrong = Vec::new();
    for (code, file, line, text) in cases() {
        let kind = match file.rsplit('.').next() {
            Some("py") => ExampleKind::Python,
            Some("sh") => ExampleKind::Shell,
            Some("toml") => ExampleKind::Job,
            Some("txt") => ExampleKind::Requirements,
            _ => ExampleKind::Crontab,
        };
        let report = lint(kind, text);
        let found: Vec<_> = report.findings.iter().filter(|found| found.code == code).collect();
        let is_right = line.map_or(found.is_empty(), |line| found.iter().any(|found| found.position.line == line));
        if !is_right || !report.notes.is_empty() {
            wrong.push(format!("{code} {line:?}: {:?} in {:?}\n{text}", report.notes, codes(&report)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Texts with calls that have a safe fix, and the texts that it makes of them.
const FIXED: &[(&str, &str)] = &[
    ("requests.get(\n    u,  # the address\n)", "requests.get(\n    u,  # the address\n timeout=60)"),
    ("requests.get(u, )", "requests.get(u,  timeout=60)"),
    ("requests.get(*u)", "requests.get(*u)"),
    ("a = f\"{open(p).name}\"", "a = f\"{open(p).name}\""),
    ("open(p)", "open(p, encoding=\"utf-8\")"),
    ("open(p, 'rb')", "open(p, 'rb')"),
    ("open(p, mode)", "open(p, mode)"),
    ("Path(p).read_text()", "Path(p).read_text(encoding=\"utf-8\")"),
    ("Path(p).write_text(x)", "Path(p).write_text(x, encoding=\"utf-8\")"),
    ("Path(p).mkdir()", "Path(p).mkdir(exist_ok=True)"),
    ("os.makedirs(p, 0o700)", "os.makedirs(p, 0o700, exist_ok=True)"),
    ("os.mkdir(p)", "os.mkdir(p)"),
    ("store.mkdir()", "store.mkdir()"),
    ("open(p)\nprint 'Python 2'", "open(p)\nprint 'Python 2'"),
    ("open(p)\nif a b:", "open(p)\nif a b:"),
];

#[test]
fn a_safe_fix_adds_its_argument_and_nothing_else() {
    let head = "import os\nimport requests\nfrom pathlib import Path\n";
    for (before, after) in FIXED {
        let (before, after) = (format!("{head}{before}\n"), format!("{head}{after}\n"));
        let (fixed, count) = apply_fixes(&before, &lint(ExampleKind::Python, &before));
        assert_eq!((fixed.as_str(), count), (after.as_str(), usize::from(before != after)));
        assert_eq!(apply_fixes(&fixed, &lint(ExampleKind::Python, &fixed)), (after, 0), "twice");
    }
}

#[test]
fn severities_and_confidence_are_the_users() {
    let mut settings = LintSettings::default();
    let text = SourceText::new("a.py", SourceKind::Python, "import os\nos.mkdir('a')\nassert x");
    assert_eq!(codes(&lint_source(&text, &settings)), ["SK204"], "low confidence is left out");
    settings.severities.insert("SK204", None);
    assert_eq!(codes(&lint_source(&text, &settings)), Vec::<&str>::new());
}

#[test]
fn paths_that_are_not_there_are_lines() {
    let report = lint_paths(&[PathBuf::from("/no/such/path.py")], &LintSettings::default());
    assert_eq!((report.files.len(), report.unread.len()), (0, 1));
}

/// The planted faults: line and code, as the script's own comments name them.
fn find_planted(text: &str) -> Vec<(usize, String)> {
    let mut faults = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let Some((_, codes)) = line.split_once("# fault: ") else { continue };
        faults.extend(codes.split_whitespace().map(|code| (at + 1, code.to_owned())));
    }
    faults
}

#[test]
fn planted_faults_are_found_in_a_script_of_forty_lines() {
    let text = include_str!("planted.py");
    let report = lint(ExampleKind::Python, text);
    let faults = find_planted(text);
    assert!(faults.len() >= 20 && text.lines().count() <= 40);
    let is_found = |(line, code): &&(usize, String)| {
        report.findings.iter().any(|finding| finding.position.line == *line && finding.code == code.as_str())
    };
    let (found, missed): (Vec<_>, Vec<_>) = faults.iter().partition(is_found);
    assert!(found.len() * 20 >= faults.len() * 15, "{} of {}: missed {missed:?}", found.len(), faults.len());
    assert_eq!(missed, Vec::<&(usize, String)>::new());
}
