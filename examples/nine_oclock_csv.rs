//! The CSV file that arrives every morning: its new rows go to a sheet, each once.
//!
//!     cargo run --example nine_oclock_csv
//!
//! A scheduler calls the program at nine. A program that calls it twice, or runs it again after a crash,
//! adds nothing twice. `.spreadsheet("1AbC…")` in place of `.in_memory(…)` writes to Google.
#![expect(clippy::print_stdout, reason = "an example prints what it shows")]

use std::error::Error;
use std::path::Path;

use serde_json::json;
use sheetkeep::job::{Job, JobSource, StepError, memory_store};

/// Runs the example, and checks what it shows.
#[tokio::main(flavor = "current_thread")]
pub async fn main() -> Result<(), Box<dyn Error>> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/airports.csv");
    let store = memory_store();
    let job = Job::builder("airports")
        .source(JobSource::csv(file.display().to_string()))
        .key(".iata")
        .step(|airport, _| async move {
            let state = airport["state"].as_str().ok_or_else(|| StepError::rejected("no state"))?;
            // Airports of other states make none.
            let row = json!({"iata": airport["iata"], "name": airport["name"], "latitude": airport["latitude"]});
            Ok((state == "AK").then_some(row))
        })
        .tab("Airports")
        .column("latitude", "number")
        .concurrency(16)
        .in_memory(&store)
        .build()?;

    let morning = job.run().await?;
    println!("first call: {} read, {} done, {} rows", morning.read, morning.new, morning.rows);
    let again = job.run().await?;
    println!("second call: {} skipped, {} rows", again.skipped, again.rows);
    assert!(morning.is_clean() && morning.rows > 100);
    assert_eq!((again.new, again.rows, again.skipped), (0, 0, morning.new));
    Ok(())
}
