//! A bounded exhaustive model of the protocol over the real pure code.
//!
//! In scope: every order of two runners, lost responses, late and duplicate batches, stale reads,
//! crashes and manual edits. The search has stated bounds, and covers each undecided behaviour of
//! the service. It also shows that the same search finds the bug when a part of the protocol is
//! removed. Out of scope: I/O and time.

#[path = "model/check.rs"]
mod check;
#[path = "model/explore.rs"]
mod explore;
#[path = "model/intern.rs"]
mod intern;
#[path = "model/service.rs"]
mod service;
#[path = "model/session.rs"]
mod session;
#[path = "model/trace.rs"]
mod trace;

use std::io::Write as _;

use explore::{Bounds, COMMITS, DROPS_NAME, DROPS_STATE, Explorer, Report};
use service::{Behaviour, Sheet};
use session::{Mutation, Rules};

/// The friendliest service: a missing named range refuses the batch, freed names are free, the
/// client chooses ids.
const FRIENDLY: Behaviour =
    Behaviour { refuses: true, snapshot: false, honours: true, cascades: false, toothless: false };

/// The same, but a missing named range is ignored.
const IGNORES: Behaviour = Behaviour { refuses: false, ..FRIENDLY };

fn print(line: &str) {
    // Bypasses the capture of the test harness, which would hide it from the user of `cargo test`.
    writeln!(std::io::stdout(), "{line}").expect("standard output takes a line");
}

const HONEST: Rules = Rules { mutation: None, keys: 0b11, init_carries: true };

fn expect_sound(name: &str, how: Behaviour, report: &Report) {
    let Report { states, transitions, depth, won, broken } = report;
    print(&format!(
        "model: {name}, {}: {states} states, {transitions} transitions, depth {depth}, {won} won",
        how.words()
    ));
    let found = broken.as_ref().map(|broken| format!("{}\n  {}", broken.what, broken.trace.join("\n  ")));
    assert!(found.is_none(), "{}: {}", how.words(), found.unwrap_or_default());
    assert!(*won > 0, "no state in which both runs ended well: the model shows nothing");
}

/// Returns the sheet after a first run that found no item.
fn settled(how: Behaviour) -> Sheet {
    let nothing = Rules { keys: 0, init_carries: false, ..HONEST };
    let quiet = Bounds { runners: 1, sends: 0, faults: 0, stale: 0, crashes: 0, acts: 0 };
    Explorer::new(how, nothing, quiet).undisturbed(Sheet::default()).expect("a first run ends well")
}

const TWICE: &str = "two rows";
const LOST: &str = "lost";

/// Bounds that are sufficient for every mutant.
const NEAR: Bounds = Bounds { runners: 2, sends: 4, faults: 2, stale: 2, crashes: 0, acts: 0 };

/// Checks that the search finds a doubled or lost key, and prints the steps that lead there.
fn expect_found(mutation: Mutation, how: Behaviour, from: Sheet, bounds: Bounds, word: &'static str) {
    let rules = Rules { mutation: Some(mutation), ..HONEST };
    let report = Explorer::new(how, rules, bounds).looking_for(word).explore(from);
    let violation = report.broken.map(|broken| format!("{}\n    {}", broken.what, broken.trace.join("\n    ")));
    assert!(violation.is_some(), "{mutation:?} was not noticed in {} states", report.states);
    print(&format!("model: {mutation:?} is found after {} states: {}", report.states, violation.unwrap_or_default()));
}

#[test]
fn the_model_finds_the_bug_when_the_guard_is_taken_out() {
    let toothless = Behaviour { toothless: true, ..FRIENDLY };
    expect_found(Mutation::NoGuard, toothless, settled(FRIENDLY), NEAR, TWICE);
}

#[test]
fn the_model_finds_the_bug_when_the_name_is_not_added_again() {
    expect_found(Mutation::NameNotAdded, IGNORES, settled(FRIENDLY), NEAR, TWICE);
}

#[test]
fn the_model_finds_the_bug_of_an_unproved_name_guard() {
    expect_found(Mutation::NameUnproved, IGNORES, settled(FRIENDLY), Bounds { acts: DROPS_NAME, ..NEAR }, TWICE);
}

#[test]
fn the_model_finds_the_bug_when_the_head_is_read_after_the_data() {
    expect_found(Mutation::HeadAfterData, FRIENDLY, settled(FRIENDLY), NEAR, TWICE);
}

#[test]
fn the_model_finds_the_bug_of_an_uncompared_head() {
    expect_found(Mutation::HeadNotCompared, FRIENDLY, settled(FRIENDLY), NEAR, TWICE);
}

#[test]
fn the_model_finds_the_bug_when_count_and_sum_are_not_compared() {
    expect_found(Mutation::TallyNotCompared, FRIENDLY, settled(FRIENDLY), NEAR, TWICE);
}

#[test]
fn the_model_finds_the_bug_when_an_id_is_used_twice() {
    expect_found(Mutation::IdTwice, FRIENDLY, settled(FRIENDLY), NEAR, LOST);
}

#[test]
fn the_model_finds_the_bug_of_a_forgotten_doubtful_id() {
    // One runner is enough: it meets its own late copy.
    expect_found(Mutation::ForgetfulRedraft, IGNORES, settled(IGNORES), Bounds { runners: 1, ..NEAR }, TWICE);
}

#[test]
fn the_model_finds_the_bug_of_a_new_init_on_a_missing_head() {
    expect_found(
        Mutation::InitOnMissing,
        FRIENDLY,
        Sheet::default(),
        Bounds { acts: DROPS_NAME | DROPS_STATE, ..NEAR },
        TWICE,
    );
}

#[test]
fn no_key_is_doubled_or_lost_on_a_first_day() {
    for how in Behaviour::all() {
        sweep("first day", how, HONEST, &Sheet::default());
    }
}

#[test]
fn no_key_is_doubled_or_lost_after_an_empty_first_commit() {
    for how in Behaviour::all() {
        let rules = Rules { init_carries: false, ..HONEST };
        let bounds = Bounds { runners: 2, sends: 5, faults: 2, stale: 1, crashes: 1, acts: 0 };
        let report = Explorer::new(how, rules, reach(bounds)).explore(Sheet::default());
        expect_sound("first day with an empty first commit", how, &report);
    }
}

#[test]
fn no_key_is_doubled_or_lost_on_a_later_day() {
    for how in Behaviour::all() {
        sweep("later day", how, HONEST, &settled(how));
    }
}

#[test]
fn no_key_is_doubled_or_lost_if_a_tab_takes_its_named_ranges() {
    for how in Behaviour::all() {
        let report =
            Explorer::new(Behaviour { cascades: true, ..how }, HONEST, reach(PEOPLE)).explore(Sheet::default());
        expect_sound("first day, names go with tabs", how, &report);
    }
}

/// Everything that the network and crashes may do.
const NETWORK: Bounds = Bounds { runners: 2, sends: 5, faults: 3, stale: 2, crashes: 1, acts: 0 };

/// Everything that users may do, on a nearly reliable network.
const PEOPLE: Bounds =
    Bounds { runners: 2, sends: 4, faults: 1, stale: 1, crashes: 0, acts: DROPS_NAME | DROPS_STATE | COMMITS };

fn sweep(name: &str, how: Behaviour, rules: Rules, from: &Sheet) {
    for (words, bounds) in [("network and crashes", NETWORK), ("network and people", PEOPLE)] {
        let report = Explorer::new(how, rules, reach(bounds)).explore(from.clone());
        expect_sound(&format!("{name}, {words}"), how, &report);
    }
}

/// Returns the bounds, or one more of everything with `MODEL_DEPTH=large`: minutes and gigabytes
/// instead of seconds.
#[expect(clippy::disallowed_methods, reason = "a switch of the test itself, not a setting")]
fn reach(bounds: Bounds) -> Bounds {
    if std::env::var("MODEL_DEPTH").as_deref() != Ok("large") {
        return bounds;
    }
    let Bounds { sends, faults, crashes, .. } = bounds;
    Bounds { sends: sends + 1, faults: faults + u8::from(bounds.acts != 0), crashes: crashes + 1, ..bounds }
}
