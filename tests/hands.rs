//! A person edits the data tab between any two calls of a run. The tests check what is left of
//! everybody's work at the end.
//!
//! The model (`hands/model`) is written from `docs/sheet.md` alone. `HANDS=10000 cargo test --release --test hands -- --nocapture` plays
//! so many games at a person's pace, `HANDS_FAST=2000` so many with an edit each 50 ms, and both write `docs/evidence/hands.json`.
//! `HANDS_SEED=n` or `HANDS_FAST_SEED=n` plays one game and shows it; `HANDS_FROM=n` is the first
//! seed of many, and after `HANDS_SECONDS=n` no game begins any more. `HANDS_ONCE_FAILED=1` plays all games that once failed, as `.ci/run` does; an
//! ordinary run plays every third.

#![cfg(feature = "emulator")]

#[path = "support/test_job.rs"]
#[expect(dead_code, reason = "other tests use the rest of it")]
mod test_job;

#[path = "support/evidence.rs"]
mod evidence;

#[path = "support/emulator_proxy/mod.rs"]
#[expect(dead_code, reason = "other tests use the rest of it, and its person")]
mod emulator_proxy;

#[path = "hands/random_editor.rs"]
mod random_editor;

#[path = "hands/advice.rs"]
mod advice;

#[path = "hands/column_edits.rs"]
mod column_edits;

#[path = "hands/shared_sheet.rs"]
mod shared_sheet;

#[path = "hands/game.rs"]
mod game;

#[path = "hands/model/mod.rs"]
mod model;

#[path = "hands/tab_snapshot.rs"]
mod tab_snapshot;

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use serde_json::json;

use crate::emulator_proxy::proxy::RequestMutation;
use crate::evidence::Stopwatch;
use crate::game::{Game, GameCounts, Pace};
use crate::shared_sheet::without_copies;

/// Games of an ordinary run, at each pace.
const ORDINARY_GAMES: u64 = 30;
const ORDINARY_FAST_GAMES: u64 = 3;
/// Debug builds want more stack than a thread's usual 2 MiB.
const STACK_BYTES: usize = 8 << 20;

/// Plays one game on a clock of its own: its counts and its events, or what was wrong.
fn play_game(seed: u64, pace: Pace, mutation: Option<RequestMutation>) -> Result<(GameCounts, String), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    runtime.expect("a runtime").block_on(async {
        let mut game = Game::new(seed, pace, mutation);
        let ended = Box::pin(game.play()).await;
        let event_log = game.event_log().await;
        let name = if pace == Pace::Fast { "HANDS_FAST_SEED" } else { "HANDS_SEED" };
        ended
            .map(|()| (game.counts.clone(), event_log.clone()))
            .map_err(|why| format!("{event_log}\n{name}={seed}: {why}"))
    })
}

/// Games that were played: how many, what they came to, and what was wrong in those that failed.
#[derive(Default)]
struct GamesResult {
    games: usize,
    counts: GameCounts,
    failed: Vec<String>,
}

/// Plays these games on as many threads as there are processors. None begins after this many seconds.
fn play_all(seeds: &[u64], pace: Pace, seconds: f64) -> GamesResult {
    let (next, watch) = (AtomicUsize::new(0), Stopwatch::start());
    let sum = Mutex::new(GamesResult::default());
    let playing = || {
        while watch.seconds() < seconds
            && let Some(&seed) = seeds.get(next.fetch_add(1, Ordering::Relaxed))
        {
            let played = play_game(seed, pace, None);
            let mut sum = sum.lock().expect("no thread panics while it holds it");
            match played {
                Ok((counts, _)) => sum.counts.add(&counts),
                Err(why) => sum.failed.push(why),
            }
            sum.games += 1;
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            let thread = thread::Builder::new().stack_size(STACK_BYTES);
            thread.spawn_scoped(scope, playing).expect("the system has threads");
        }
    });
    sum.into_inner().expect("no thread panics while it holds it")
}

/// A switch of this test.
#[expect(clippy::disallowed_methods, reason = "a switch of the test itself, not a setting")]
fn read_switch(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Plays what the switches say, or so many games, and writes the evidence where a switch asked for it.
#[expect(clippy::panic, clippy::print_stdout, reason = "a test, shared by two")]
fn play_games(pace: Pace, switch: &str, seed: &str, ordinary: u64) {
    if let Some(seed) = read_switch(seed) {
        let (counts, event_log) = play_game(seed, pace, None).unwrap_or_else(|why| panic!("{why}"));
        println!("{event_log}\n{counts:#?}");
        return;
    }
    let games = read_switch(switch);
    let first = read_switch("HANDS_FROM").unwrap_or(0);
    let seeds: Vec<u64> = (first..first + games.unwrap_or(ordinary)).collect();
    let commit = evidence::read_commit();
    let watch = Stopwatch::start();
    let limit =
        read_switch("HANDS_SECONDS").and_then(|seconds| u32::try_from(seconds).ok()).map_or(f64::INFINITY, f64::from);
    let GamesResult { games: played, counts, failed } = play_all(&seeds, pace, limit);
    let seconds = watch.seconds();
    println!("{switch}: {played} games in {seconds:.1} s, {counts:#?}");
    let wrong: Vec<_> = failed
        .iter()
        .map(|why| why.lines().find(|line| line.starts_with("HANDS_")).unwrap_or(why).to_owned())
        .inspect(|why| println!("{why}"))
        .collect();
    if games.is_some() {
        let command = format!("{switch}={played} cargo test --release --test hands -- --nocapture");
        let evidence = json!({
            "command": command,
            "commit": commit,
            "seeds": format!("{first} to {}", first + played as u64 - 1),
            "games": played,
            "wrong games": wrong,
            "runs": counts.runs,
            "crashes": counts.crashes,
            "lost answers": counts.lost_responses,
            "items whose step failed": counts.failed_items,
            "versions that the source took back": counts.reverted_versions,
            "runs with repairs": counts.runs_with_repairs,
            "edits": counts.edit_counts.iter().map(|(edit, times)| (format!("{edit:?}"), json!(times))).collect::<serde_json::Map<_, _>>(),
            "stops with 65": counts.stops,
            "wall seconds": (seconds * 10.0).round() / 10.0,
        });
        let part = if pace == Pace::Fast { "an edit each 50 ms" } else { "a person's pace" };
        evidence::write_evidence("hands.json", Some(part), &evidence);
    }
    assert!(failed.is_empty(), "{} games of {played} failed; the first: {}", failed.len(), failed[0]);
    assert!(played < 25 || counts.runs_with_repairs > 5, "the person was never in the way");
}

/// Games that once failed: they stay won.
const ONCE_FAILED_SEEDS: [u64; 86] = [
    10, 41, 63, 64, 73, 80, 87, 89, 91, 109, 224, 1813, 316, 1018, 1084, 1115, 1208, 1320, 1510, 1582, 1663, 1880,
    2101, 2511, 2677, 2819, 3480, 3839, 7170, 2752, 3597, 4529, 3267, 9999, 2954, 8872, 1090, 9812, 2882, 8159, 7058,
    16, 21, 183, 383, 384, 971, 1351, 2369, 5026, 5132, 5985, 6052, 7099, 8004, 8889, 1309, 1702, 2125, 2150, 2435,
    2621, 3067, 3421, 3954, 5375, 5621, 6797, 7547, 8201, 8799, 9498, 9633, 1428, 2120, 2256, 3180, 5218, 5316, 7319,
    8410, 629, 3613, 5685, 5881, 7923,
];
const ONCE_FAILED_FAST_SEEDS: [u64; 16] = [0, 1, 5, 6, 10, 42, 54, 55, 404, 117, 505, 507, 595, 930, 998, 1256];

#[test]
fn games_that_once_failed_are_won() {
    let step = if read_switch("HANDS_ONCE_FAILED").is_some() { 1 } else { 3 };
    let chosen = |seeds: &[u64]| seeds.iter().copied().step_by(step).collect::<Vec<u64>>();
    let mut failed = play_all(&chosen(&ONCE_FAILED_SEEDS), Pace::Person, f64::INFINITY).failed;
    failed.extend(play_all(&chosen(&ONCE_FAILED_FAST_SEEDS), Pace::Fast, f64::INFINITY).failed);
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn what_a_person_does_between_two_calls_is_kept() {
    play_games(Pace::Person, "HANDS", "HANDS_SEED", ORDINARY_GAMES);
}

#[test]
fn what_a_person_does_each_50_ms_is_kept() {
    play_games(Pace::Fast, "HANDS_FAST", "HANDS_FAST_SEED", ORDINARY_FAST_GAMES);
}

#[test]
fn a_game_fails_when_nothing_is_noted_of_a_write() {
    let failed = (0..40).any(|seed| play_game(seed, Pace::Person, Some(without_copies)).is_err());
    assert!(failed, "forty games went well without any undo log: the model sees nothing");
}
