//! What was worked out beforehand, brought to the sheet by a run of its own that tells nothing unless it fails.
//!
//! In scope: that run and its signals. Out of scope: what is brought (`maintain`), and what people are told about it.

use std::sync::{Arc, Mutex};

use tokio_util::sync::CancellationToken;

use crate::app::job::{Wish, run};
use crate::cli::args::JobArgs;
use crate::cli::commands::run::{dropped, events, listen};
use crate::cli::commands::setting::place;
use crate::cli::commands::trouble::of_app;
use crate::cli::errors::Trouble;
use crate::cli::output::reporter::{Audience, Reporter};
use crate::cli::session::Session;
use crate::cli::signals::{Signal, Watch};
use crate::config::pace::Overlap;
use crate::config::settings::Settings;
use crate::ledger::event::Report;
use crate::ledger::run::{RunStatus, Trigger};
use crate::port::chance::Chance;
use crate::port::clock::Clock;
use crate::runner::feed::Retrying;
use crate::runner::plan::Errands;
use crate::runner::stop::Stop;

/// What is brought to the sheet, and for what.
pub struct Errand {
    /// What is brought.
    pub errands: Errands,
    /// What the run does beside: nothing, or nothing and a note of a forced run.
    pub retrying: Retrying,
    /// What to do if another run is at work.
    pub overlap: Overlap,
    /// The machine's name.
    pub host: String,
}

/// Brings it there. A run that was stopped in the middle is trouble: what was asked for is not done yet.
pub async fn carry_out(
    session: &Session,
    job: &JobArgs,
    settings: &Settings,
    errand: Errand,
    clock: Arc<dyn Clock>,
    chance: Arc<dyn Chance>,
) -> Result<Report, Trouble> {
    let audience =
        Audience { json: job.json, quiet: true, verbose: session.args.verbose > 0, logs: session.args.log_format };
    let reporter = Reporter::new(Arc::clone(&session.terminal), Arc::clone(&clock), audience, place(job, settings));
    let reporter = Arc::new(Mutex::new(reporter));
    let (stop, at_once) = (Stop::default(), CancellationToken::new());
    let watch = listen(&stop, &at_once);
    let wish = Wish {
        overlap: errand.overlap,
        retrying: errand.retrying,
        errands: Some(errand.errands),
        trigger: Trigger { kind: "cli".to_owned(), ..Trigger::default() },
        host: errand.host,
        ..Wish::default()
    };
    let running = run(settings, wish, clock, chance, events(&reporter), stop);
    let ended = tokio::select! {
        ended = running => ended,
        () = at_once.cancelled() => return Err(dropped(watch.as_ref().and_then(Watch::first), None)),
    };
    let report = ended.map_err(|error| of_app(&error, settings))?;
    if report.run.status == RunStatus::Succeeded {
        return Ok(report);
    }
    let signal = watch.as_ref().and_then(Watch::first).unwrap_or(Signal::Interrupt);
    Err(Trouble::new(format!("stopped before all of it was done: {}", report.run.message), signal.into())
        .with_help("ask for the same again: it goes on from there"))
}
