//! Checks the architecture: which module may import which, and what is forbidden where.
//!
//! In scope: the layers, import cycles, banned words, long sentences, and the shape of modules, for
//! everything under `src/`. Style and cycles under `crates/*/src/`, whose imports of each other
//! cargo checks. At the end a planted violation of every rule shows that each rule still detects
//! something. Out of scope: what clippy and the compiler already check.

#[path = "floors/planted.rs"]
mod planted;

#[path = "floors/imports.rs"]
mod imports;

#[path = "floors/booleans.rs"]
mod booleans;
#[path = "floors/comments.rs"]
mod comments;
#[path = "floors/function_names.rs"]
mod function_names;
#[path = "floors/messages.rs"]
mod messages;
#[path = "floors/paths.rs"]
mod paths;
#[path = "floors/references.rs"]
mod references;
#[path = "documents/sentences.rs"]
mod sentences;
#[path = "floors/strip.rs"]
mod strip;
#[path = "floors/words.rs"]
mod words;

use std::collections::BTreeMap;
use std::path::Path;

use booleans::unclear_booleans;
use comments::long_comments;
use function_names::unclear_functions;
use imports::{check_import_order, check_import_style, find_cycles};
use messages::unclear_messages;
use paths::{NamedPath, find_paths};
use references::dangling_references;
use strip::{is_word, names_and_comments, production_code, production_code_and_strings};
use words::{banned_words, negated_nouns, shared_type_names};

/// Each top module and its layer. A module imports from lower layers only, and nothing of its own
/// layer except itself.
///
/// The modules of the member crates are named, too: the root re-exports them under these names.
/// `serve` is of the design and not built yet: the rules below hold for it from its first file on.
const LAYERS: &[(&str, u8)] = &[
    ("clock", 0),
    ("fault", 0),
    ("grid", 0),
    ("known_secrets", 0),
    ("machine", 0),
    ("process_group", 0),
    ("rng", 0),
    ("time", 0),
    ("retry", 1),
    ("redact", 1),
    ("alerts", 2),
    ("ledger", 2),
    ("schedule", 2),
    ("command_retry", 2),
    ("telemetry", 2),
    ("port", 3),
    ("failpoint", 3),
    ("private_files", 3),
    ("program_file", 3),
    ("runner", 4),
    ("sheets_client", 5),
    ("emulator", 5),
    ("store", 6),
    ("source", 6),
    ("step", 6),
    ("alert_delivery", 6),
    ("system", 6),
    ("config", 7),
    ("app", 8),
    ("check", 8),
    ("maintain", 8),
    ("lint", 8),
    ("serve", 9),
    ("job", 9),
    ("cli", 10),
    ("main", 11),
];

/// The highest layer that is pure.
const PURE: u8 = 2;
/// The pure parts of the member crates.
const PURE_MEMBERS: &[&str] = &[
    "crates/alerts/src/",
    "crates/ledger/src/",
    "crates/schedule/src/",
    "crates/command-retry/src/policy.rs",
    "crates/command-retry/src/retryable_codes.rs",
    "crates/base/src/fault.rs",
    "crates/base/src/machine.rs",
    "crates/base/src/redact.rs",
    "crates/base/src/retry.rs",
    "crates/base/src/time.rs",
];
/// Words that pure code must not contain.
const IMPURE_WORDS: &[&str] =
    &["SystemTime", "Instant", "async", "await", "tokio", "rand", "getrandom", "println", "eprintln", "unwrap"];
/// Modules of the standard library that pure code must not use.
const IMPURE_STD: &[&str] = &["fs", "net", "env", "process", "thread"];
/// File names without meaning.
const EMPTY_NAMES: &[&str] = &["util", "utils", "helper", "helpers", "common", "manager", "imp", "misc"];
/// The guard's names, in lower case and without underscores: the named range, and the state tab's
/// id.
const GUARD_WORDS: &[&str] = &["namedrange", "statetabid", "statesheetid"];

/// Lines of a file of tests or examples at most.
const MAX_LINES: usize = 400;
/// Most files beside each other in a folder.
const MAX_FILES: usize = 15;

type Files = BTreeMap<String, String>;

/// Returns every violation in `files` (path below `src/`, or `crates/…/src/…` → text), one sentence
/// each.
fn find_violations(files: &Files) -> Vec<String> {
    let mut found = Vec::new();
    let has_guard = files.contains_key("store/guard/head_guard.rs");
    for (path, text) in files.iter().filter(|(path, _)| !is_test_file(path)) {
        let code = production_code(text);
        let names = find_paths(&code);
        let place = shown_path(path);
        let mut say = |line: usize, what: String| found.push(format!("{place}:{line}: {what}"));
        check_opening(path, text, &code, &mut say);
        for name in &names {
            check_import_style(name, &mut say);
            if member_of(path).is_none() {
                check_import_order(path, name, &mut say);
            }
        }
        check_attributes(&code, &mut say);
        let unclear = unclear_booleans(&code).into_iter().chain(unclear_functions(&code));
        let in_text = negated_nouns(text).into_iter().chain(unclear_messages(text));
        for (line, what) in unclear.chain(in_text).chain(dangling_references(path, text, files)) {
            say(line, what);
        }
        if is_pure(path) {
            check_purity(&code, &names, &mut say);
        }
        if member_of(path).is_some() {
            continue;
        }
        let module = module_of(path);
        if has_guard && path != "store/guard/head_guard.rs" && module != "sheets_client" && module != "emulator" {
            check_guard_names(&production_code_and_strings(text), &mut say);
        }
    }
    for (path, text) in files {
        found.extend(plain_words(&shown_path(path), text));
    }
    found.extend(find_cycles(files));
    let production = files.iter().filter(|(path, _)| !is_test_file(path));
    found.extend(shared_type_names(production.map(|(path, text)| (path.as_str(), text.as_str()))));
    found
}

/// Returns whether the file must be pure.
fn is_pure(path: &str) -> bool {
    match member_of(path) {
        Some(_) => PURE_MEMBERS.iter().any(|pure| path.starts_with(pure)),
        None => layer_of(path).is_some_and(|layer| layer <= PURE),
    }
}

/// Returns each banned word and each long sentence of a file, one sentence each.
fn plain_words(place: &str, text: &str) -> Vec<String> {
    let found = banned_words(text).into_iter().chain(long_comments(text));
    found.map(|(line, what)| format!("{place}:{line}: {what}")).collect()
}

/// Returns whether the file is a test module: `src/x/tests.rs` belongs to a
/// `#[cfg(test)] mod tests;`.
fn is_test_file(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.contains("/tests/")
}

/// Returns the member crate of a file, as `crates/name/src`; `None` for the root package.
fn member_of(path: &str) -> Option<&str> {
    let below = path.strip_prefix("crates/")?;
    let name = below.find("/src/")?;
    Some(&path[.."crates/".len() + name + "/src".len()])
}

/// Returns a path as the reader searches for it.
fn shown_path(path: &str) -> String {
    if path.starts_with("crates/") { path.to_owned() } else { format!("src/{path}") }
}

fn module_of(path: &str) -> &str {
    path.split('/').next().unwrap_or(path).trim_end_matches(".rs")
}

fn layer_of(path: &str) -> Option<u8> {
    LAYERS.iter().find(|(module, _)| *module == module_of(path)).map(|(_, layer)| *layer)
}

type Say<'a> = dyn FnMut(usize, String) + 'a;

/// Checks that a module begins with a doc comment and has a meaningful name, and that a `mod.rs`
/// contains only docs and `mod` lines.
fn check_opening(path: &str, text: &str, code: &str, say: &mut Say<'_>) {
    if !text.trim_start().starts_with("//!") {
        say(1, "opens without `//!`: say what it is for and what it is not for".into());
    }
    if path != "lib.rs" && member_of(path).is_none() && layer_of(path).is_none() {
        say(1, format!("module `{}` has no layer: put it into LAYERS", module_of(path)));
    }
    for part in path.split('/').map(|part| part.trim_end_matches(".rs")) {
        if EMPTY_NAMES.contains(&part) {
            say(1, format!("`{part}` means nothing: name the file for what is in it"));
        }
    }
    if path.ends_with("/mod.rs") {
        for (at, line) in code.lines().enumerate().map(|(at, line)| (at, line.trim())) {
            let is_module =
                (line.starts_with("mod ") || line.starts_with("pub mod ") || line.starts_with("pub(crate) mod "))
                    && line.ends_with(';');
            if !(line.is_empty() || is_module || line.starts_with("#[") || line.starts_with("#![")) {
                say(at + 1, "a mod.rs holds docs and `mod` lines only".into());
            }
        }
    }
}

/// Checks that exceptions to lints use `expect`, with a reason.
fn check_attributes(code: &str, say: &mut Say<'_>) {
    for (at, _) in code.match_indices("#[").chain(code.match_indices("#![")) {
        let line = code[..at].matches('\n').count() + 1;
        let body = &code[at..];
        let end = body.char_indices().scan(0_i32, |depth, (i, c)| {
            *depth += i32::from(c == '[') - i32::from(c == ']');
            Some((i, c, *depth))
        });
        let end = end.into_iter().find(|&(_, c, depth)| c == ']' && depth == 0).map_or(body.len(), |(i, _, _)| i);
        let attribute = &body[..end];
        if list_words(attribute).any(|(_, word)| word == "allow") {
            say(line, "`allow`: say `#[expect(…, reason = \"…\")]`".into());
        }
        if list_words(attribute).any(|(_, word)| word == "expect")
            && !list_words(attribute).any(|(_, word)| word == "reason")
        {
            say(line, "`#[expect]` without a reason".into());
        }
    }
}

/// Checks that pure layers read no clock, no environment and no randomness, and do no I/O.
fn check_purity(code: &str, names: &[NamedPath], say: &mut Say<'_>) {
    for (line, word) in list_words(code).filter(|(_, word)| IMPURE_WORDS.contains(word)) {
        say(line, format!("`{word}` on a pure layer"));
    }
    for (at, line) in code.lines().enumerate().filter(|(_, line)| line.contains("print!(")) {
        say(at + 1, format!("`{}` on a pure layer", line.trim()));
    }
    for name in names.iter().filter(|name| name.parts.first().is_some_and(|part| part == "std")) {
        if let Some(part) = name.parts.get(1).filter(|part| IMPURE_STD.contains(&part.as_str())) {
            say(name.line, format!("`std::{part}` on a pure layer"));
        }
    }
}

fn check_guard_names(code: &str, say: &mut Say<'_>) {
    for (line, word) in list_words(code) {
        let plain = word.replace('_', "").to_lowercase();
        if GUARD_WORDS.iter().any(|name| plain.contains(name)) {
            say(
                line,
                format!("`{word}` is a name of the guard: it stands in store/guard/head_guard.rs and nowhere else"),
            );
        }
    }
}

fn list_words(code: &str) -> impl Iterator<Item = (usize, &str)> {
    code.lines().enumerate().flat_map(|(at, line)| {
        line.split(|c| !is_word(c)).filter(|word| !word.is_empty()).map(move |word| (at + 1, word))
    })
}

fn read_tree(folder: &Path, prefix: &str, files: &mut Files) {
    for entry in std::fs::read_dir(folder).expect("src can be listed").map(|entry| entry.expect("an entry of src")) {
        let name = entry.file_name().into_string().expect("file names are text");
        if entry.path().is_dir() {
            read_tree(&entry.path(), &format!("{prefix}{name}/"), files);
        } else if Path::new(&name).extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(entry.path()).expect("a source file is UTF-8");
            files.insert(format!("{prefix}{name}"), text);
        }
    }
}

/// Reads the files of production code, also those of the member crates.
fn read_production_files() -> Files {
    let mut files = Files::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    read_tree(&root.join("src"), "", &mut files);
    assert!(files.contains_key("lib.rs"), "src was not found");
    for member in std::fs::read_dir(root.join("crates")).expect("crates can be listed") {
        let member = member.expect("an entry of crates").path();
        let name = member.file_name().and_then(|name| name.to_str()).expect("names of crates are text");
        read_tree(&member.join("src"), &format!("crates/{name}/src/"), &mut files);
        assert!(files.contains_key(&format!("crates/{name}/src/lib.rs")), "crates/{name}/src was not found");
    }
    files
}

#[test]
fn the_layout_is_as_drawn() {
    let found = find_violations(&read_production_files());
    assert!(found.is_empty(), "{} violations:\n{}", found.len(), found.join("\n"));
}

/// Returns a sentence about a file that has too many lines.
fn find_long_file(place: &str, text: &str) -> Option<String> {
    let lines = text.lines().count();
    (lines > MAX_LINES).then(|| format!("{place}: {lines} lines: split it by subject, {MAX_LINES} at most"))
}

#[test]
fn a_file_above_the_limit_is_named() {
    assert_eq!(find_long_file("tests/a.rs", &"a\n".repeat(MAX_LINES)), None);
    let found = find_long_file("tests/a.rs", &"a\n".repeat(MAX_LINES + 1));
    assert!(found.is_some_and(|what| what.starts_with("tests/a.rs: 401 lines")));
}

/// Reads the files of tests, examples and benchmarks, also those of the member crates.
fn read_tests() -> Files {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Files::new();
    for folder in ["tests", "examples", "benches"] {
        read_tree(&root.join(folder), &format!("{folder}/"), &mut files);
    }
    for member in std::fs::read_dir(root.join("crates")).expect("crates can be listed") {
        let member = member.expect("an entry of crates").path();
        let name = member.file_name().and_then(|name| name.to_str()).expect("names of crates are text");
        if member.join("tests").is_dir() {
            read_tree(&member.join("tests"), &format!("crates/{name}/tests/"), &mut files);
        }
    }
    assert!(files.contains_key("tests/floors.rs"), "the tests were not found");
    files
}

#[test]
fn tests_and_examples_use_plain_words() {
    let found: Vec<String> = read_tests().iter().flat_map(|(path, text)| plain_words(path, text)).collect();
    assert!(found.is_empty(), "{} words:\n{}", found.len(), found.join("\n"));
}

#[test]
fn no_file_has_more_than_400_lines() {
    let files: Files = read_production_files().into_iter().chain(read_tests()).collect();
    let found: Vec<String> = files.iter().filter_map(|(path, text)| find_long_file(path, text)).collect();
    assert!(found.is_empty(), "{} files:\n{}", found.len(), found.join("\n"));
}

/// Returns a sentence about each folder with too many files beside each other.
fn find_full_folders(files: &Files) -> Vec<String> {
    let mut folders = BTreeMap::<&str, usize>::new();
    for path in files.keys() {
        *folders.entry(path.rsplit_once('/').map_or("", |(folder, _)| folder)).or_default() += 1;
    }
    let full = folders.into_iter().filter(|(_, count)| *count > MAX_FILES);
    full.map(|(folder, count)| format!("{folder}: {count} files: make a folder of some, {MAX_FILES} at most")).collect()
}

#[test]
fn no_folder_has_more_than_15_files() {
    let found = find_full_folders(&read_production_files());
    assert!(found.is_empty(), "{} folders:\n{}", found.len(), found.join("\n"));
}

#[test]
fn a_folder_above_the_limit_is_named() {
    let make = |count: usize| (0..count).map(|at| (format!("a/{at}.rs"), String::new())).collect::<Files>();
    assert!(find_full_folders(&make(MAX_FILES)).is_empty());
    assert_eq!(find_full_folders(&make(MAX_FILES + 1)), ["a: 16 files: make a folder of some, 15 at most"]);
}

#[test]
fn functions_of_tests_say_what_they_do() {
    let mut found = Vec::new();
    for (path, text) in read_tests() {
        let unclear = unclear_functions(&names_and_comments(&text));
        found.extend(unclear.into_iter().map(|(line, what)| format!("{path}:{line}: {what}")));
    }
    assert!(found.is_empty(), "{} names:\n{}", found.len(), found.join("\n"));
}
