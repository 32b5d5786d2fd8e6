//! A bounded exhaustive model of the protocol over the real pure code.
//!
//! In scope: every order of two runners, lost responses, late and duplicate batches, stale reads,
//! crashes and manual edits. The search has stated bounds, and covers each unknown behaviour of
//! the service. It also shows that the same search finds the bug when a part of the protocol is
//! removed. Out of scope: I/O and time.

#[path = "model/check.rs"]
mod check;
#[path = "model/explore.rs"]
mod explore;
#[path = "model/interning.rs"]
mod interning;
#[path = "model/loads.rs"]
mod loads;
#[path = "model/mutations.rs"]
mod mutations;
#[path = "model/service.rs"]
mod service;
#[path = "model/session.rs"]
mod session;
#[path = "model/successors.rs"]
mod successors;
#[path = "model/trace.rs"]
mod trace;

use std::io::Write as _;

use explore::{Bounds, DELETES_NAME, DELETES_STATE, Explorer, Report, USER_COMMITS};
use mutations::{Mutation, Rules};
use service::{Behaviour, Sheet};

/// The friendliest service: a missing named range refuses the batch, freed names are free, the
/// client chooses ids.
const SIMPLEST_SERVICE: Behaviour = Behaviour {
    refuses_missing_name: true,
    validates_before_batch: false,
    honours_ids: true,
    deletes_names_with_tab: false,
    ignores_guard: false,
};

/// The same, but a missing named range is ignored.
const IGNORES_MISSING_NAME: Behaviour = Behaviour { refuses_missing_name: false, ..SIMPLEST_SERVICE };

fn print(line: &str) {
    // Bypasses the capture of the test harness, which would hide it from the user of `cargo test`.
    writeln!(std::io::stdout(), "{line}").expect("standard output takes a line");
}

const SOUND_RULES: Rules = Rules { mutation: None, keys: 0b11, first_commit_has_key: true };

fn expect_sound(name: &str, behaviour: Behaviour, report: &Report) {
    let Report { states, transitions, depth, finished, broken } = report;
    print(&format!(
        "model: {name}, {}: {states} states, {transitions} transitions, depth {depth}, {finished} won",
        behaviour.describe()
    ));
    let found = broken.as_ref().map(|broken| format!("{}\n  {}", broken.what, broken.trace.join("\n  ")));
    assert!(found.is_none(), "{}: {}", behaviour.describe(), found.unwrap_or_default());
    assert!(*finished > 0, "no state in which both runs ended well: the model shows nothing");
}

/// Returns the sheet after a first run that found no item.
fn make_initialized_sheet(behaviour: Behaviour) -> Sheet {
    let rules = Rules { keys: 0, first_commit_has_key: false, ..SOUND_RULES };
    let bounds = Bounds { runners: 1, sends: 0, faults: 0, stale_reads: 0, crashes: 0, user_edits: 0 };
    Explorer::new(behaviour, rules, bounds).run_first(Sheet::default()).expect("a first run ends well")
}

const TWO_ROWS: &str = "two rows";
const LOST_KEY: &str = "lost";

/// Bounds that are sufficient for every mutant.
const SMALL_BOUNDS: Bounds = Bounds { runners: 2, sends: 4, faults: 2, stale_reads: 2, crashes: 0, user_edits: 0 };

/// Checks that the search finds a doubled or lost key, and prints the steps that lead there.
fn expect_found(mutation: Mutation, behaviour: Behaviour, from: Sheet, bounds: Bounds, word: &'static str) {
    let rules = Rules { mutation: Some(mutation), ..SOUND_RULES };
    let report = Explorer::new(behaviour, rules, bounds).search_for(word).explore(from);
    let violation = report.broken.map(|broken| format!("{}\n    {}", broken.what, broken.trace.join("\n    ")));
    assert!(violation.is_some(), "{mutation:?} was not noticed in {} states", report.states);
    print(&format!("model: {mutation:?} is found after {} states: {}", report.states, violation.unwrap_or_default()));
}

#[test]
fn the_model_finds_the_bug_when_the_guard_is_taken_out() {
    let ignores_guard = Behaviour { ignores_guard: true, ..SIMPLEST_SERVICE };
    expect_found(Mutation::NoGuard, ignores_guard, make_initialized_sheet(SIMPLEST_SERVICE), SMALL_BOUNDS, TWO_ROWS);
}

#[test]
fn the_model_finds_the_bug_when_the_name_is_not_added_again() {
    expect_found(
        Mutation::NameNotAdded,
        IGNORES_MISSING_NAME,
        make_initialized_sheet(SIMPLEST_SERVICE),
        SMALL_BOUNDS,
        TWO_ROWS,
    );
}

#[test]
fn the_model_finds_the_bug_of_an_unproved_name_guard() {
    expect_found(
        Mutation::NameNotProbed,
        IGNORES_MISSING_NAME,
        make_initialized_sheet(SIMPLEST_SERVICE),
        Bounds { user_edits: DELETES_NAME, ..SMALL_BOUNDS },
        TWO_ROWS,
    );
}

#[test]
fn the_model_finds_the_bug_when_the_head_is_read_after_the_data() {
    expect_found(
        Mutation::HeadAfterData,
        SIMPLEST_SERVICE,
        make_initialized_sheet(SIMPLEST_SERVICE),
        SMALL_BOUNDS,
        TWO_ROWS,
    );
}

#[test]
fn the_model_finds_the_bug_of_an_uncompared_head() {
    expect_found(
        Mutation::HeadNotCompared,
        SIMPLEST_SERVICE,
        make_initialized_sheet(SIMPLEST_SERVICE),
        SMALL_BOUNDS,
        TWO_ROWS,
    );
}

#[test]
fn the_model_finds_the_bug_when_count_and_sum_are_not_compared() {
    expect_found(
        Mutation::ChecksumNotCompared,
        SIMPLEST_SERVICE,
        make_initialized_sheet(SIMPLEST_SERVICE),
        SMALL_BOUNDS,
        TWO_ROWS,
    );
}

#[test]
fn the_model_finds_the_bug_when_an_id_is_used_twice() {
    expect_found(Mutation::IdTwice, SIMPLEST_SERVICE, make_initialized_sheet(SIMPLEST_SERVICE), SMALL_BOUNDS, LOST_KEY);
}

#[test]
fn the_model_finds_the_bug_of_a_forgotten_doubtful_id() {
    // One runner is enough: it meets its own late copy.
    expect_found(
        Mutation::ForgetsInDoubtId,
        IGNORES_MISSING_NAME,
        make_initialized_sheet(IGNORES_MISSING_NAME),
        Bounds { runners: 1, ..SMALL_BOUNDS },
        TWO_ROWS,
    );
}

#[test]
fn the_model_finds_the_bug_of_a_new_init_on_a_missing_head() {
    expect_found(
        Mutation::InitOnMissing,
        SIMPLEST_SERVICE,
        Sheet::default(),
        Bounds { user_edits: DELETES_NAME | DELETES_STATE, ..SMALL_BOUNDS },
        TWO_ROWS,
    );
}

#[test]
fn no_key_is_doubled_or_lost_on_a_first_day() {
    for behaviour in Behaviour::all() {
        expect_sound_first_day("first day", behaviour, SOUND_RULES, &Sheet::default());
    }
}

#[test]
fn no_key_is_doubled_or_lost_after_an_empty_first_commit() {
    for behaviour in Behaviour::all() {
        let rules = Rules { first_commit_has_key: false, ..SOUND_RULES };
        let bounds = Bounds { runners: 2, sends: 5, faults: 2, stale_reads: 1, crashes: 1, user_edits: 0 };
        let report = Explorer::new(behaviour, rules, widen_bounds(bounds)).explore(Sheet::default());
        expect_sound("first day with an empty first commit", behaviour, &report);
    }
}

#[test]
fn no_key_is_doubled_or_lost_on_a_later_day() {
    for behaviour in Behaviour::all() {
        expect_sound_first_day("later day", behaviour, SOUND_RULES, &make_initialized_sheet(behaviour));
    }
}

#[test]
fn no_key_is_doubled_or_lost_if_a_tab_takes_its_named_ranges() {
    for behaviour in Behaviour::all() {
        let report =
            Explorer::new(Behaviour { deletes_names_with_tab: true, ..behaviour }, SOUND_RULES, widen_bounds(PEOPLE))
                .explore(Sheet::default());
        expect_sound("first day, names go with tabs", behaviour, &report);
    }
}

/// Everything that the network and crashes may do.
const NETWORK: Bounds = Bounds { runners: 2, sends: 5, faults: 3, stale_reads: 2, crashes: 1, user_edits: 0 };

/// Everything that users may do, on a nearly reliable network.
const PEOPLE: Bounds = Bounds {
    runners: 2,
    sends: 4,
    faults: 1,
    stale_reads: 1,
    crashes: 0,
    user_edits: DELETES_NAME | DELETES_STATE | USER_COMMITS,
};

fn expect_sound_first_day(name: &str, behaviour: Behaviour, rules: Rules, from: &Sheet) {
    for (words, bounds) in [("network and crashes", NETWORK), ("network and people", PEOPLE)] {
        let report = Explorer::new(behaviour, rules, widen_bounds(bounds)).explore(from.clone());
        expect_sound(&format!("{name}, {words}"), behaviour, &report);
    }
}

/// Returns the bounds, or one more of everything with `MODEL_DEPTH=large`: minutes and gigabytes
/// instead of seconds.
#[expect(clippy::disallowed_methods, reason = "a switch of the test itself, not a setting")]
fn widen_bounds(bounds: Bounds) -> Bounds {
    if std::env::var("MODEL_DEPTH").as_deref() != Ok("large") {
        return bounds;
    }
    let Bounds { sends, faults, crashes, .. } = bounds;
    Bounds { sends: sends + 1, faults: faults + u8::from(bounds.user_edits != 0), crashes: crashes + 1, ..bounds }
}
