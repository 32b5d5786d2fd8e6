//! A call that fails twice, and is tried again with growing, random delays.
//!
//!     cargo run --example retry
#![expect(clippy::print_stdout, reason = "an example prints what it shows")]

use std::error::Error;
use std::time::Duration;

use sheetkeep::job::{RetryClass, RetryPolicy, flaky, retry};

/// Which errors pass by themselves.
fn classify(error: &&'static str) -> RetryClass {
    match *error {
        "429" => RetryClass::Throttled { retry_after: Some(Duration::from_millis(20)) },
        "timeout" | "connection reset" => RetryClass::Transient,
        _ => RetryClass::Permanent,
    }
}

/// Runs the example, and checks what it shows.
#[tokio::main(flavor = "current_thread")]
pub async fn main() -> Result<(), Box<dyn Error>> {
    let policy = RetryPolicy { max_attempts: 5, base_ms: 20, cap_ms: 200, max_elapsed_ms: 60_000 };

    let attempt = retry(policy, classify, flaky(2, "connection reset"))
        .on_retry(|next| println!("{}; attempt {} of {} in {:?}", next.error, next.attempt, next.of, next.delay))
        .run()
        .await?;
    println!("attempt {attempt} succeeded");

    let refused = retry(policy, classify, flaky(2, "404")).run().await;
    let error = refused.expect_err("404 does not pass by itself");
    println!("not tried again: {error}");
    assert_eq!((attempt, error.attempts), (3, 1));
    Ok(())
}
