//! A step in Rust with an effect outside, and the key that makes it happen once.
//!
//!     cargo run --example step_with_key
//!
//! The step sends a letter for each customer. A run that is killed between the effect and its
//! result sends the letter again, under the same key, and the receiver drops the repeat.
#![expect(clippy::print_stdout, reason = "an example prints what it shows")]

use std::collections::BTreeSet;
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::json;
use sheetkeep::job::{Job, Scenario, StepError};

/// A service that remembers the keys that it has seen.
#[derive(Default)]
struct LetterService {
    calls: Mutex<u32>,
    letters: Mutex<BTreeSet<String>>,
}

impl LetterService {
    /// Sends a letter, unless it did so under this key.
    fn send(&self, key: &str, _address: &str) {
        *self.calls.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.letters.lock().unwrap_or_else(PoisonError::into_inner).insert(key.to_owned());
    }
}

/// Runs the example, and checks what it shows.
pub fn main() -> Result<(), Box<dyn Error>> {
    let service = Arc::new(LetterService::default());
    let step_service = Arc::clone(&service);
    let job = Job::builder("letters")
        .source((1..=12).map(|id| json!({"id": format!("c{id}"), "address": "Main Street 1"})))
        .key(".id")
        .step_named("send", move |customer, ctx| {
            let service = Arc::clone(&step_service);
            async move {
                let address = customer["address"].as_str().ok_or_else(|| StepError::rejected("no address"))?;
                service.send(ctx.idempotency_key(), address);
                Ok(json!({"id": customer["id"], "sent_as": ctx.idempotency_key()}))
            }
        })
        .build()?;

    // The run is killed right after the fifth letter. An undisturbed run comes first.
    let outcome = Scenario::new(&job).kill_after_step(5).play()?;
    let calls = *service.calls.lock().unwrap_or_else(PoisonError::into_inner);
    let letters = service.letters.lock().unwrap_or_else(PoisonError::into_inner).len();
    println!("{}", outcome.moments.join("\n"));
    println!(
        "step send: {} runs for {} items; rows: {} doubled, {} lost",
        outcome.steps[0].runs, outcome.steps[0].items, outcome.doubled, outcome.lost
    );
    println!("the service was called {calls} times, and sent {letters} letters");
    assert_eq!((outcome.steps[0].runs, letters, outcome.is_exact()), (13, 12, true));
    Ok(())
}
