//! The programs of a job's steps, looked for without running them.
//!
//! In scope: whether each is there and may be run. Out of scope: what it does (`step::command`).

use std::path::{Path, PathBuf};

use which::WhichConfig;
use which::sys::RealSys;

use crate::check::report::{Line, Subject};
use crate::config::settings::Settings;
use crate::config::steps::Deed;

/// Where programs are looked for where the environment names no place, as the C library does (glibc, `execvp`).
const USUAL_PATH: &str = "/bin:/usr/bin";

/// One line for each step that runs a program.
pub fn programs(settings: &Settings) -> Vec<Line> {
    let of_step = |name: &str, deed: &Deed| match deed {
        Deed::Map(_) => None,
        Deed::Command(command) => {
            let program = command.words.first()?;
            Some(match found(program, &command.folder) {
                Ok(path) => Line::fine(Subject::Step, format!("{name} runs {}", path.display())),
                Err(error) => {
                    let what = format!("{name} runs {program}, which can't be run: {error}");
                    Line::warning(Subject::Step, what, Some("each item would be a failure; see `command` in [[step]]"))
                }
            })
        }
    };
    settings.steps.iter().filter_map(|step| of_step(&step.name, &step.deed)).collect()
}

fn found(program: &str, folder: &Path) -> Result<PathBuf, which::Error> {
    let looked = || WhichConfig::new_with_sys(RealSys).binary_name(program.into()).custom_cwd(folder.to_owned());
    match looked().system_path_list().first_result() {
        Err(which::Error::CannotGetCurrentDirAndPathListEmpty) => {
            looked().custom_path_list(USUAL_PATH.into()).first_result()
        }
        found => found,
    }
}
