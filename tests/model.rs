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

/// The sheet after a first run that found no item.
fn settled(how: Behaviour) -> Sheet {
    let nothing = Rules { keys: 0, init_carries: false, ..HONEST };
    let quiet = Bounds { runners: 1, sends: 0, faults: 0, stale: 0, crashes: 0, acts: 0 };
    Explorer::new(how, nothing, quiet).undisturbed(Sheet::default()).expect("a first run ends well")
}

#[test]
fn measure() {
    for how in Behaviour::all() {
        for (sends, faults, stale, crashes, acts) in [(4, 2, 1, 1, 0), (5, 3, 2, 1, 0), (4, 1, 1, 1, 1), (4, 1, 1, 1, 2), (4, 1, 1, 1, 4), (4, 1, 1, 0, 7)] {
            let bounds = Bounds { runners: 2, sends, faults, stale, crashes, acts };
            let at = std::time::Instant::now();
            let report = Explorer::new(how, HONEST, bounds).explore(Sheet::default());
            expect_sound(&format!("first day {bounds:?} {:?}", at.elapsed()), how, &report);
            let at = std::time::Instant::now();
            let report = Explorer::new(how, HONEST, bounds).explore(settled(how));
            expect_sound(&format!("later day {bounds:?} {:?}", at.elapsed()), how, &report);
        }
    }
}
