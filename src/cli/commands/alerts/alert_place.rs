//! A job in the words of its alerts: where to look, and which commands help.

use crate::alerts::message::MessageLink;
use crate::alerts::report_context::{AlertedJob, LinkedTabs};
use crate::cli::output::destination::{JobDestination, Spreadsheet};
use crate::config::settings::Settings;

/// Returns the job in words, for messages of this machine.
pub fn describe_alert_place(place: &JobDestination, settings: &Settings, host: &str) -> AlertedJob {
    let (spreadsheet, url) = match &place.spreadsheet {
        Spreadsheet::Embedded { file, .. } => (file.clone(), None),
        Spreadsheet::Remote { id, url, .. } => (id.clone(), url.clone()),
    };
    AlertedJob {
        job: settings.job.clone(),
        spreadsheet,
        link: url.map(|url| MessageLink { label: "Open the sheet".to_owned(), url }),
        tabs: LinkedTabs::default(),
        status_command: place.format_command("status"),
        failures_command: place.format_command("failures list"),
        zone: settings.alerts.zone.clone(),
        host: host.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}
