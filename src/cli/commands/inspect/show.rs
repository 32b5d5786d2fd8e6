//! `sheetkeep show`: prints the last rows of a tab.

use crate::app::inspect::last_rows::read_tab_rows;
use crate::cli::args::jobs::inspect::ShowArgs;
use crate::cli::commands::context::CommandContext;
use crate::cli::commands::error_report::from_app;
use crate::cli::commands::load_settings::load_settings;
use crate::cli::errors::CliError;
use crate::cli::exit::Exit;
use crate::cli::output::destination::Spreadsheet;
use crate::cli::table::{TabRows, show};

/// Shows the last rows of a tab.
pub async fn execute(context: CommandContext<'_>, args: &ShowArgs) -> Result<Exit, CliError> {
    let CommandContext { invocation, clock, rng, .. } = context;
    let settings = load_settings(&args.job, None)?;
    let read = read_tab_rows(&settings, args.tab.as_deref(), args.last, clock, rng)
        .await
        .map_err(|error| from_app(&error, &settings))?;
    let (total, spreadsheet) = (Some(read.total), Spreadsheet::from_settings(&settings));
    let rows = TabRows { tab: read.tab, header: read.header, rows: read.rows, first: read.first, total, spreadsheet };
    show(&rows, &invocation.terminal, args.job.json);
    Ok(Exit::Ok)
}
