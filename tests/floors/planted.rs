//! Planted violations: each rule still detects something.

use crate::find_violations;

/// A small source tree without violations.
fn clean_tree() -> Vec<(&'static str, &'static str)> {
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

fn find_planted(planted: &[(&'static str, &'static str)]) -> Vec<String> {
    let files = clean_tree().into_iter().chain(planted.iter().copied());
    find_violations(&files.map(|(path, text)| (path.to_owned(), text.to_owned())).collect())
}

#[test]
fn a_clean_house_has_no_violation() {
    assert_eq!(find_planted(&[]), Vec::<String>::new());
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
        let found = find_planted(&[(path, text)]);
        assert!(
            found.iter().any(|v| v.contains(path) && v.contains(expected)),
            "not caught ({expected}): {path}\n{text}\nfound: {found:#?}"
        );
    }
}
