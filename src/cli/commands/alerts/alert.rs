//! `sheetkeep alert test`: a message by which a person sees that each channel works.

use std::path::{Path, PathBuf};

use futures_util::future::join_all;

use crate::alert_delivery::dispatch::DeliveryResult;
use crate::app::job_alerts::JobAlerts;
use crate::cli::args::job::JobArgs;
use crate::cli::args::jobs::alert::{AlertAction, AlertTestArgs};
use crate::cli::commands::alerts::alert_place::describe_alert_place;
use crate::cli::commands::context::CommandContext;
use crate::cli::commands::load_settings::{describe_place, read_environment_settings, read_settings};
use crate::cli::errors::CliError;
use crate::cli::exit::Exit;
use crate::config::external::environment::read_host_name;
use crate::config::external::names::SLACK_WEBHOOK;
use crate::config::settings::Settings;

/// Runs the command.
pub async fn execute(context: CommandContext<'_>, action: &AlertAction) -> Result<Exit, CliError> {
    let CommandContext { invocation, clock, .. } = context;
    let AlertAction::Test(args) = action;
    let job = args.job.clone().unwrap_or_else(|| PathBuf::from("JOB.toml"));
    let settings = match &args.job {
        Some(job) => read_settings(&make_job_args(args, job), None)?,
        None => read_environment_settings(&make_job_args(args, &job))?,
    };
    let words =
        describe_alert_place(&describe_place(&make_job_args(args, &job), &settings), &settings, &read_host_name());
    let names: Vec<String> = settings.alerts.channels.iter().map(|channel| channel.name.clone()).collect();
    let Some(alerting) = JobAlerts::new(&settings, words, &clock) else {
        return Err(report_missing_channel(&settings));
    };
    let wanted: Vec<&String> = names.iter().filter(|name| args.to.as_ref().is_none_or(|to| to == *name)).collect();
    if wanted.is_empty() {
        let to = args.to.as_deref().unwrap_or_default();
        let message = format!("the job has no channel \"{to}\"; its channels are {}", names.join(", "));
        return Err(CliError::new(message, Exit::Usage).with_help("name one of them with --to"));
    }
    let outcomes = join_all(wanted.into_iter().map(|name| alerting.send_test(name))).await;
    let (mut are_all_taken, mut is_refused) = (true, false);
    for outcome in outcomes.into_iter().flatten() {
        are_all_taken &= outcome.result.is_taken();
        let what = match outcome.result {
            DeliveryResult::Delivered => "delivered".to_owned(),
            DeliveryResult::Accepted => "accepted: the service has it; check that it arrives".to_owned(),
            DeliveryResult::Failed(why) if why.starts_with("no reply") => {
                format!("FAILED: {why}; is the address right, and does this network let calls to it through?")
            }
            DeliveryResult::Failed(why) => format!("FAILED: {why}"),
            DeliveryResult::Refused(why) => {
                is_refused = true;
                format!("FAILED: {why}")
            }
        };
        invocation.terminal.stdout().put(&format!("{}: {what}\n", outcome.channel));
    }
    Ok(match (are_all_taken, is_refused) {
        (true, _) => Exit::Ok,
        (false, true) => Exit::Config,
        (false, false) => Exit::Unavailable,
    })
}

fn report_missing_channel(settings: &Settings) -> CliError {
    if let Some(note) = settings.notes.iter().find(|note| note.what.starts_with(SLACK_WEBHOOK)) {
        return CliError::new(note.what.clone(), Exit::Config).with_help(note.help.clone());
    }
    CliError::new("no channel is set, so nothing is reported", Exit::Config)
        .with_help("set SLACK_WEBHOOK_URL in the environment or in .env, or add an [[alerts.channel]] to the job file")
}

fn make_job_args(args: &AlertTestArgs, job: &Path) -> JobArgs {
    JobArgs { job: job.to_owned(), sheet: args.sheet.clone(), state_dir: None, json: false, date: None }
}
