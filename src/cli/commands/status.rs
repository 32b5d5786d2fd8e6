//! `sheetkeep status`.

use std::sync::Arc;

use crate::app::view::standing;
use crate::cli::args::StatusArgs;
use crate::cli::commands::setting::{place, settings};
use crate::cli::commands::trouble::of_app;
use crate::cli::errors::CliError;
use crate::cli::exit::Exit;
use crate::cli::output::json::line;
use crate::cli::output::status::JobStatus;
use crate::cli::session::Session;
use crate::port::chance::Chance;
use crate::port::clock::Clock;

/// Tells how the job stands.
pub async fn command(
    session: &Session,
    args: &StatusArgs,
    clock: Arc<dyn Clock>,
    chance: Arc<dyn Chance>,
) -> Result<Exit, CliError> {
    let settings = settings(&args.job, None)?;
    let now = clock.now();
    let found = standing(&settings, clock, chance).await.map_err(|error| of_app(&error, &settings))?;
    let status = JobStatus {
        place: place(&args.job, &settings),
        last_run: found.last_run,
        held_by: found.held_by,
        keys: found.keys,
        failures: found.failures,
        cells: found.cells,
        forecast: found.forecast,
        anomalies: found.blemishes,
    };
    let out = session.terminal.out();
    let text = if args.job.json { line(&status.document()) } else { status.text(now, out.palette()) };
    out.put(&text);
    Ok(Exit::Ok)
}
