//! Checks the architecture: which module may import which, and what is forbidden where.
//!
//! In scope: the layers, import cycles, banned words, long sentences, and the shape of modules, for
//! everything under `src/`. Style and cycles under `crates/*/src/`, whose imports of each other
//! cargo checks. At the end a planted violation of every rule shows that each rule still detects
//! something. Out of scope: what clippy and the compiler already check.

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

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use booleans::unclear_booleans;
use comments::long_comments;
use function_names::unclear_functions;
use messages::unclear_messages;
use paths::{Named, named};
use references::dangling_references;
use strip::{is_word, production_code, production_code_and_strings};
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

type Files = BTreeMap<String, String>;

/// Returns every violation in `files` (path below `src/`, or `crates/…/src/…` → text), one sentence
/// each.
fn violations(files: &Files) -> Vec<String> {
    let mut found = Vec::new();
    let has_guard = files.contains_key("store/guard/head_guard.rs");
    for (path, text) in files.iter().filter(|(path, _)| !is_test_file(path)) {
        let code = production_code(text);
        let names = named(&code);
        let place = place_of(path);
        let mut say = |line: usize, what: String| found.push(format!("{place}:{line}: {what}"));
        opening(path, text, &code, &mut say);
        for name in &names {
            import_style(name, &mut say);
            if member_of(path).is_none() {
                import_order(path, name, &mut say);
            }
        }
        attributes(&code, &mut say);
        let unclear = unclear_booleans(&code).into_iter().chain(unclear_functions(&code));
        let in_text = negated_nouns(text).into_iter().chain(unclear_messages(text));
        for (line, what) in unclear.chain(in_text).chain(dangling_references(path, text, files)) {
            say(line, what);
        }
        if is_pure(path) {
            purity(&code, &names, &mut say);
        }
        if member_of(path).is_some() {
            continue;
        }
        let module = module_of(path);
        if has_guard && path != "store/guard/head_guard.rs" && module != "sheets_client" && module != "emulator" {
            guard_names(&production_code_and_strings(text), &mut say);
        }
    }
    for (path, text) in files {
        found.extend(plain_words(&place_of(path), text));
    }
    found.extend(cycles(files));
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
fn place_of(path: &str) -> String {
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
fn opening(path: &str, text: &str, code: &str, say: &mut Say<'_>) {
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

/// Checks that imports name the full path from the crate root, because the other rules rely on it.
fn import_style(name: &Named, say: &mut Say<'_>) {
    let first = name.parts.first().map_or("", String::as_str);
    if name.in_use && name.parts.iter().any(|part| part == "*") {
        say(name.line, format!("a glob import: `{}`", name.parts.join("::")));
    }
    if first == "super" || (first == "self" && name.parts.len() > 1) {
        say(name.line, format!("`{}` outside tests: say `crate::…`", name.parts.join("::")));
    }
    if name.parts.get(1).is_some_and(|part| part == "{") && first == "crate" {
        say(name.line, "a brace group at the crate's root: one `use` for each folder".into());
    }
}

/// Checks that imports go down, and that only the facade names a member crate.
fn import_order(path: &str, name: &Named, say: &mut Say<'_>) {
    if path != "lib.rs" && name.parts.first().is_some_and(|part| part == "sheets_emulator") {
        say(name.line, "`sheets_emulator` outside the facade: say `crate::emulator`".into());
    }
    let Some(target) = target_module(name) else { return };
    let (from, Some(layer)) = (module_of(path), layer_of(path)) else { return };
    let Some(target_layer) = LAYERS.iter().find(|(module, _)| *module == target).map(|(_, layer)| *layer) else {
        say(name.line, format!("`{}` is not a module: no imports through the facade", name.parts.join("::")));
        return;
    };
    if from == target {
        return;
    }
    let edge = format!("{from} (layer {layer}) imports {target} (layer {target_layer})");
    if target_layer > layer {
        say(name.line, format!("{edge}: imports go down"));
    } else if target_layer == layer {
        say(name.line, format!("{edge}: modules on one layer are blind to each other"));
    } else if target == "emulator" && !matches!(from, "app" | "cli" | "main") {
        say(name.line, format!("{edge}: only app and cli know the emulator"));
    } else if target == "runner" && (5..=6).contains(&layer) {
        say(name.line, format!("{edge}: services and edges don't know the engine"));
    } else if target == "lint" && from != "cli" {
        say(name.line, format!("{edge}: lint is apart, only cli knows it"));
    } else if from == "lint" {
        say(name.line, format!("{edge}: lint is apart and imports nothing of the house"));
    }
}

fn target_module(name: &Named) -> Option<&str> {
    let ours = matches!(name.parts.first().map(String::as_str), Some("crate" | "sheetkeep"));
    name.parts.get(1).map(String::as_str).filter(|module| ours && *module != "{")
}

/// Checks that exceptions to lints use `expect`, with a reason.
fn attributes(code: &str, say: &mut Say<'_>) {
    for (at, _) in code.match_indices("#[").chain(code.match_indices("#![")) {
        let line = code[..at].matches('\n').count() + 1;
        let body = &code[at..];
        let end = body.char_indices().scan(0_i32, |depth, (i, c)| {
            *depth += i32::from(c == '[') - i32::from(c == ']');
            Some((i, c, *depth))
        });
        let end = end.into_iter().find(|&(_, c, depth)| c == ']' && depth == 0).map_or(body.len(), |(i, _, _)| i);
        let attribute = &body[..end];
        if words(attribute).any(|(_, word)| word == "allow") {
            say(line, "`allow`: say `#[expect(…, reason = \"…\")]`".into());
        }
        if words(attribute).any(|(_, word)| word == "expect") && !words(attribute).any(|(_, word)| word == "reason") {
            say(line, "`#[expect]` without a reason".into());
        }
    }
}

/// Checks that pure layers read no clock, no environment and no randomness, and do no I/O.
fn purity(code: &str, names: &[Named], say: &mut Say<'_>) {
    for (line, word) in words(code).filter(|(_, word)| IMPURE_WORDS.contains(word)) {
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

fn guard_names(code: &str, say: &mut Say<'_>) {
    for (line, word) in words(code) {
        let plain = word.replace('_', "").to_lowercase();
        if GUARD_WORDS.iter().any(|name| plain.contains(name)) {
            say(
                line,
                format!("`{word}` is a name of the guard: it stands in store/guard/head_guard.rs and nowhere else"),
            );
        }
    }
}

fn words(code: &str) -> impl Iterator<Item = (usize, &str)> {
    code.lines().enumerate().flat_map(|(at, line)| {
        line.split(|c| !is_word(c)).filter(|word| !word.is_empty()).map(move |word| (at + 1, word))
    })
}

/// Returns the import cycles among the files of one folder, and among the folders of one module.
fn cycles(files: &Files) -> Vec<String> {
    let mut edges: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
    for (path, text) in files.iter().filter(|(path, _)| !is_test_file(path)) {
        for name in named(&production_code(text)) {
            let found = target_module(&name).and_then(|_| file_of(member_of(path), &name.parts[1..], files));
            let Some(target) = found else { continue };
            let (from, to): (Vec<&str>, Vec<&str>) = (path.split('/').collect(), target.split('/').collect());
            let shared = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
            if shared > 0 && shared < from.len() && shared < to.len() {
                let node = |parts: &[&str]| parts[..=shared].join("/");
                edges.entry((from[..shared].join("/"), node(&from))).or_default().insert(node(&to));
            }
        }
    }
    let mut found = BTreeSet::new();
    for (folder, start) in edges.keys() {
        let (mut seen, mut queue) = (BTreeSet::new(), vec![start.clone()]);
        while let Some(node) = queue.pop() {
            for next in edges.get(&(folder.clone(), node)).into_iter().flatten() {
                if seen.insert(next.clone()) {
                    queue.push(next.clone());
                }
            }
        }
        if seen.contains(start) {
            found.insert(format!("{}: part of an import cycle in {}/", place_of(start), place_of(folder)));
        }
    }
    found.into_iter().collect()
}

/// Returns the file of that crate that holds the module which a path begins with.
fn file_of(member: Option<&str>, parts: &[String], files: &Files) -> Option<String> {
    let root = member.map_or_else(String::new, |member| format!("{member}/"));
    (1..=parts.len()).rev().find_map(|n| {
        let stem = format!("{root}{}", parts[..n].join("/"));
        [format!("{stem}.rs"), format!("{stem}/mod.rs")].into_iter().find(|path| files.contains_key(path))
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

#[test]
fn the_layout_is_as_drawn() {
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
    let found = violations(&files);
    assert!(found.is_empty(), "{} violations:\n{}", found.len(), found.join("\n"));
}

#[test]
fn tests_and_examples_use_plain_words() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Files::new();
    for folder in ["tests", "examples", "benches"] {
        read_tree(&root.join(folder), &format!("{folder}/"), &mut files);
    }
    for member in std::fs::read_dir(root.join("crates")).expect("crates can be listed") {
        let folder = member.expect("an entry of crates").path().join("tests");
        if folder.is_dir() {
            read_tree(&folder, &format!("{}/", folder.display()), &mut files);
        }
    }
    assert!(files.contains_key("tests/floors.rs"), "the tests were not found");
    let found: Vec<String> = files.iter().flat_map(|(path, text)| plain_words(path, text)).collect();
    assert!(found.is_empty(), "{} words:\n{}", found.len(), found.join("\n"));
}

/// A small source tree without violations.
fn clean() -> Vec<(&'static str, &'static str)> {
    vec![
        ("lib.rs", "//! Facade.\npub mod cli;\npub mod ledger;\n"),
        ("main.rs", "//! The door.\nfn main() { sheetkeep::cli::args::go() }\n"),
        ("fault.rs", "//! Faults. A tokio runtime is none of its business.\npub enum Fault { A }\n"),
        ("ledger/mod.rs", "//! Rules.\n\npub mod key;\n#[cfg(test)]\nmod scenario;\n"),
        (
            "ledger/key.rs",
            "//! Keys.\nuse crate::fault::Fault;\nconst NOTE: &str = \"std::fs and unwrap\";\n\
             #[expect(clippy::x, reason = \"why\")]\nfn f(a: Fault) -> Fault { a }\n\
             #[derive(Args)]\nstruct A {\n    yes: bool,\n    is_done: bool,\n}\nfn g(keeps_it: bool) {}\n\
             #[cfg(test)]\nmod tests {\n    use super::*;\n    fn t() { std::env::var(\"A\").unwrap(); }\n}\n",
        ),
        ("ledger/item.rs", "//! Items.\nuse crate::ledger::key::{Key, Version};\n"),
        ("sheets_client/body.rs", "//! Bodies.\nconst A: &str = \"addNamedRange\";\n"),
        ("crates/sheets-emulator/src/lib.rs", "//! A double.\npub mod http;\n"),
        ("crates/sheets-emulator/src/http/api.rs", "//! The API.\nuse crate::grid::Area;\nstruct NamedRange;\n"),
        ("crates/sheets-emulator/src/grid.rs", "//! Areas.\nasync fn f() { tokio::x().await }\n"),
        (
            "store/guard/head_guard.rs",
            "//! The guard.\nuse crate::sheets_client::body::A;\nconst G: &str = \"namedRangeId\";\n",
        ),
        ("app.rs", "//! Wiring.\nuse crate::emulator::api::X;\nuse crate::runner::pass::Y;\n"),
        ("runner/pass.rs", "//! A pass.\nuse std::sync::Arc;\nasync fn f() { crate::port::step::now().await }\n"),
        ("port/step.rs", "//! Time. Guards are `named_range`s elsewhere.\n"),
        ("cli/args.rs", "//! Words typed.\nuse crate::app::App;\nuse crate::emulator::api::X;\n"),
    ]
}

fn with(planted: &[(&'static str, &'static str)]) -> Vec<String> {
    let files = clean().into_iter().chain(planted.iter().copied());
    violations(&files.map(|(path, text)| (path.to_owned(), text.to_owned())).collect())
}

#[test]
fn a_clean_house_has_no_violation() {
    assert_eq!(with(&[]), Vec::<String>::new());
}

/// A comment with a sentence of 26 words.
const LONG_COMMENT: &str = "//! A sentence of six and twenty words,\n//! which no one should have to read, because what it says \
     could be said in two that are short and plain.\n";

/// A message of 26 words.
const LONG_MESSAGE: &str = "//! M.\nconst A: &str = \"a message of six and twenty words, which no one should have to read at \
     nine in the morning when what it says fits into two\";\n";

/// Path and text of a file that breaks a rule, and what the rule has to say of it.
const PLANTED: &[(&str, &str, &str)] = &[
    ("ledger/bad.rs", "//! M.\nuse crate::port::step::Step;\n", "imports go down"),
    ("ledger/bad.rs", "//! M.\nfn f(_: crate::runner::pass::Y) {}\n", "imports go down"),
    ("sheets_client/bad.rs", "//! M.\nuse crate::emulator::api::X;\n", "blind to each other"),
    ("cli/bad.rs", "//! M.\nuse sheets_emulator::api::X;\n", "outside the facade"),
    ("crates/x/src/bad.rs", "use crate::a::A;\n", "opens without `//!`"),
    ("crates/x/src/bad.rs", "//! M.\nuse super::a::A;\n", "outside tests"),
    ("crates/x/src/bad.rs", "//! M.\n#[allow(dead_code)]\nfn f() {}\n", "say `#[expect("),
    (
        "crates/sheets-emulator/src/grid.rs",
        "//! M.\nuse crate::http::api::X;\n",
        "import cycle in crates/sheets-emulator/src/",
    ),
    ("store/bad.rs", "//! M.\nuse crate::source::csv::X;\n", "blind to each other"),
    ("fault.rs", "//! M.\nuse crate::time::Timestamp;\n", "blind to each other"),
    ("store/bad.rs", "//! M.\nuse crate::runner::pass::Y;\n", "don't know the engine"),
    ("sheets_client/bad.rs", "//! M.\nuse crate::runner::pass::Y;\n", "don't know the engine"),
    ("check/bad.rs", "//! M.\nuse crate::emulator::api::X;\n", "only app and cli know the emulator"),
    ("serve/bad.rs", "//! M.\nuse crate::lint::x::X;\n", "lint is apart"),
    ("lint/bad.rs", "//! M.\nuse crate::fault::Fault;\n", "lint is apart"),
    ("port/bad.rs", "//! M.\nuse crate::Fault;\n", "through the facade"),
    ("port/bad.rs", "//! M.\nconst A: &str = \"{x} is no date\";\n", "is not a"),
    ("attic/bad.rs", "//! M.\n", "has no layer"),
    ("ledger/key.rs", "//! M.\nuse crate::ledger::item::Item;\n", "import cycle in src/ledger/"),
    ("ledger/key.rs", "//! M.\nfn f() { crate::ledger::item::g() }\n", "import cycle in src/ledger/"),
    ("time.rs", "//! M.\nuse std::time::SystemTime;\n", "`SystemTime` on a pure layer"),
    ("time.rs", "//! M.\nuse std::time::{Duration, Instant};\n", "`Instant` on a pure layer"),
    ("retry.rs", "//! M.\nfn f() { std::fs::read(\"x\") }\n", "`std::fs` on a pure layer"),
    ("retry.rs", "//! M.\nuse std::{fmt, net::{Ipv4Addr, TcpStream}};\n", "`std::net` on a pure layer"),
    ("ledger/late.rs", "//! M.\nfn f() { std::env::var(\"x\") }\n", "`std::env` on a pure layer"),
    ("ledger/bad.rs", "//! M.\nasync fn f() {}\n", "`async` on a pure layer"),
    ("ledger/bad.rs", "//! M.\nuse tokio::sync::Mutex;\n", "`tokio` on a pure layer"),
    ("ledger/bad.rs", "//! M.\nfn f() { rand::random() }\n", "`rand` on a pure layer"),
    ("ledger/bad.rs", "//! M.\nfn f() { getrandom::u64() }\n", "`getrandom` on a pure layer"),
    ("ledger/bad.rs", "//! M.\nfn f() { println!(\"x\") }\n", "`println` on a pure layer"),
    ("ledger/bad.rs", "//! M.\nfn f() { eprintln!(\"x\") }\n", "`eprintln` on a pure layer"),
    ("ledger/bad.rs", "//! M.\nfn f() { eprint!(\"x\") }\n", "eprint!"),
    ("ledger/bad.rs", "//! M.\nfn f() { g().unwrap() }\n", "`unwrap` on a pure layer"),
    ("ledger/bad.rs", "//! M.\nuse super::key::Key;\n", "outside tests"),
    ("ledger/bad.rs", "//! M.\nfn f() { self::g() }\n", "outside tests"),
    ("ledger/bad.rs", "//! M.\nuse crate::ledger::key::*;\n", "a glob import"),
    ("ledger/bad.rs", "//! M.\nuse std::{fmt::{self, *}};\n", "a glob import"),
    ("cli/bad.rs", "//! M.\nuse crate::{fault::Fault, grid::Row};\n", "brace group at the crate's root"),
    ("cli/bad.rs", "//! M.\n#[allow(dead_code)]\nfn f() {}\n", "say `#[expect("),
    ("cli/bad.rs", "//! M.\n#![allow(dead_code)]\n", "say `#[expect("),
    ("cli/bad.rs", "//! M.\n#[cfg_attr(x, allow(dead_code))]\nfn f() {}\n", "say `#[expect("),
    ("cli/bad.rs", "//! M.\n#[expect(dead_code)]\nfn f() {}\n", "without a reason"),
    ("cli/util.rs", "//! M.\n", "means nothing"),
    ("cli/helpers/mod.rs", "//! M.\n", "means nothing"),
    ("cli/bad.rs", "use crate::fault::Fault;\n", "opens without `//!`"),
    ("cli/mod.rs", "//! M.\npub mod args;\npub fn f() {}\n", "docs and `mod` lines only"),
    ("store/bad.rs", "//! M.\nconst A: &str = \"deleteNamedRange\";\n", "name of the guard"),
    ("cli/bad.rs", "//! Uses `ledger::gone`.\n", "names nothing that exists"),
    ("cli/bad.rs", "//! For somebody.\n", "plain words"),
    ("cli/bad.rs", LONG_COMMENT, "make two of"),
    ("cli/bad.rs", LONG_MESSAGE, "a message of 26 words"),
    ("cli/bad.rs", "//! M.\nconst A: &str = \"it tells\";\n", "in a message"),
    ("cli/bad.rs", "//! M.\npub enum Fault { A }\n", "is a public type of"),
    ("cli/bad.rs", "//! M.\nstruct A {\n    done: bool,\n}\n", "`done` is a boolean"),
    ("cli/bad.rs", "//! M.\nfn f(a: u8, done: Option<bool>) {}\n", "`done` is a boolean"),
    ("crates/x/src/bad.rs", "//! M.\nfn padded() {}\n", "`padded` is a function"),
    ("crates/ledger/src/bad.rs", "//! M.\nasync fn f() {}\n", "`async` on a pure layer"),
    ("cli/bad.rs", "//! M.\nfn f(state_tab_id: u32) {}\n", "name of the guard"),
];

#[test]
fn every_planted_violation_is_caught() {
    for &(path, text, expected) in PLANTED {
        let found = with(&[(path, text)]);
        assert!(
            found.iter().any(|v| v.contains(path) && v.contains(expected)),
            "not caught ({expected}): {path}\n{text}\nfound: {found:#?}"
        );
    }
}
