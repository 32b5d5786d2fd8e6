//! A bounded exhaustive model of the protocol over the real pure code.
//!
//! In scope: every order of two runners, lost answers, late and doubled batches, stale reads, crashes and people's hands, within
//! stated bounds, under each behaviour of the service that nobody has seen decided; and proof that the same search finds the bug when
//! a part of the protocol is taken out. Out of scope: I/O and time.

#[path = "model/explore.rs"]
mod explore;
#[path = "model/service.rs"]
mod service;
#[path = "model/session.rs"]
mod session;

use std::io::Write as _;

use explore::{Bounds, COMMITS, DROPS_NAME, DROPS_STATE, Explorer, Report};
use service::{Behaviour, Sheet};
use session::Rules;

fn tell(line: &str) {
    // Past the capture of the test harness, which would hide it from whoever runs `cargo test`.
    writeln!(std::io::stdout(), "{line}").expect("standard output takes a line");
}

const HONEST: Rules = Rules { mutation: None, keys: 0b11, init_carries: true };

fn expect_sound(name: &str, how: Behaviour, report: &Report) {
    let Report { states, transitions, depth, won, broken } = report;
    tell(&format!("model: {name}, {}: {states} states, {transitions} transitions, depth {depth}, {won} won", how.words()));
    if let Some(broken) = broken {
        panic!("{}: {}\n  {}", how.words(), broken.what, broken.trace.join("\n  "));
    }
    assert!(*won > 0, "no state in which both runs ended well: the model shows nothing");
}

#[test]
fn two_first_initialisations_never_double_or_lose_a_key_whatever_the_service_does() {
    let bounds = Bounds { runners: 2, sends: 5, faults: 2, stale: 1, crashes: 1, acts: DROPS_NAME | DROPS_STATE | COMMITS };
    for how in Behaviour::all() {
        let report = Explorer::new(how, HONEST, bounds).explore(Sheet::default());
        expect_sound("first day", how, &report);
    }
}
