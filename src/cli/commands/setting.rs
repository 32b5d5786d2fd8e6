//! What every command about a job does first: read its settings, and say where the job is.

use std::sync::Arc;

use crate::cli::commands::trouble::of_config;
use crate::cli::errors::Trouble;
use crate::cli::job_args::JobArgs;
use crate::cli::output::place::{Place, Spreadsheet};
use crate::config::environment::own_program;
use crate::config::flags::Overrides;
use crate::config::settings::{Settings, load};
use crate::config::target::{GOOGLE_API_URL, Target};
use crate::step::worker::workers::Workers;
use crate::system::SystemClock;

/// Reads the job's settings, flags before everything else. Expressions that may not end are evaluated by a process of their own.
pub fn settings(job: &JobArgs, input: Option<std::path::PathBuf>) -> Result<Settings, Trouble> {
    let flags = Overrides {
        spreadsheet: job.spreadsheet.clone(),
        file: job.embedded.clone(),
        state_dir: job.state_dir.clone(),
        input,
        ..Overrides::default()
    };
    let mut settings = load(&job.job, &flags).map_err(of_config)?;
    let workers = Workers::of_this_program(own_program(), Arc::new(SystemClock::new()));
    settings.evaluation.evaluator = Some(Arc::new(workers));
    Ok(settings)
}

/// Where the job is, for people.
pub fn place(job: &JobArgs, settings: &Settings) -> Place {
    let spreadsheet = match &settings.target {
        Target::Embedded { file } => Spreadsheet::Embedded { file: file.display().to_string() },
        Target::Google { id } if settings.api_url == GOOGLE_API_URL => Spreadsheet::of_google(id),
        Target::Google { id } => Spreadsheet::Remote { id: id.clone(), url: None },
    };
    let by_id = job.spreadsheet.clone().map(|id| ("--spreadsheet", id));
    let by_file = job.embedded.as_ref().map(|file| ("--embedded", file.display().to_string()));
    let chosen_by = by_id.or(by_file);
    Place {
        chosen_by,
        job: settings.job.clone(),
        job_file: job.job.display().to_string(),
        tab: settings.tab.clone(),
        spreadsheet,
    }
}

/// What doing items again means outside the sheet; nothing for a job without programs.
pub fn programs_again(settings: &Settings) -> String {
    match settings.programs().as_slice() {
        [] => String::new(),
        names => {
            format!("  the programs of these steps run again, with the same idempotency keys: {}\n", names.join(", "))
        }
    }
}
