//! Checks of a source before a run writes: the fields that the job needs, and those that it has
//! lost. On a new spreadsheet, also its first record.
//!
//! In scope: which checks a run makes. Out of scope: the checks (`runner::header_row`).

use crate::ledger::rows::table_header::{ADDED_KEY_COLUMN, KeyColumn};
use crate::ledger::runs::event::Event;
use crate::ledger::runs::filled_fields::FilledFields;
use crate::runner::header_row::{check_columns, check_header, remove_gone_fields};
use crate::runner::input::peeked_source::PeekedSource;
use crate::runner::run_config::{Dependencies, RunConfig, RunError};
use crate::runner::shutdown::StopHandle;
use crate::runner::startup::RunContext;

/// Checks a source that a run reads. The header row of one that can be read again was checked
/// before the run had the lease. On a spreadsheet that has no tab of the job yet, the run also
/// reads its first record. So a source that can't be read makes no tab. One that can be read once
/// is read with the lease only, and the commit that takes the lease makes the tabs.
pub(crate) async fn check_source(
    parts: &mut Dependencies,
    config: &RunConfig,
    stop: &StopHandle,
    opened: &mut RunContext,
) -> Result<(), RunError> {
    check_fields(parts, config, stop, opened).await?;
    let has_tabs = opened.chain.draft_ids().base().is_some();
    if has_tabs || !config.scope.reads_source() {
        return Ok(());
    }
    let Some(source) = parts.source.take_if(|source| source.is_rereadable()) else { return Ok(()) };
    let peeked = tokio::select! {
        peeked = PeekedSource::read(source) => peeked.map_err(RunError::Input)?,
        reason = stop.wait_for_reason() => return Err(RunError::Stopped { reason }),
    };
    parts.source = Some(Box::new(peeked));
    Ok(())
}

/// Checks that the source has the fields that the job needs, and reports those that it has lost.
async fn check_fields(
    parts: &mut Dependencies,
    config: &RunConfig,
    stop: &StopHandle,
    opened: &mut RunContext,
) -> Result<(), RunError> {
    let Some(source) = parts.source.as_mut().filter(|_| config.scope.reads_source()) else { return Ok(()) };
    if !source.is_rereadable() {
        check_header(source.as_mut(), parts.key_finder.as_ref(), &parts.events, stop).await?;
    }
    if !parts.steps.is_empty() {
        return Ok(());
    }
    let output = &opened.intake.output;
    let key_column = output.key_column.as_ref().map(KeyColumn::name);
    // The header of a tab that is not there yet begins with the columns of the job file.
    let tab_columns = if output.header.is_open() { &[] } else { output.header.columns() };
    let state = opened.chain.state();
    check_columns(source.as_mut(), &config.columns, tab_columns, key_column, state.key_column.is_some()).await?;
    let is_from_source = |name: &&String| !state.deleted_columns.contains(name) && *name != ADDED_KEY_COLUMN;
    let mut own: Vec<String> = state.columns.iter().filter(is_from_source).cloned().collect();
    for message in remove_gone_fields(source.as_mut(), &mut own).await {
        (parts.events)(Event::LastingAnomaly { message, is_known: false });
    }
    opened.intake.fields = FilledFields::new(state.field_fill_shares.clone(), own);
    Ok(())
}
