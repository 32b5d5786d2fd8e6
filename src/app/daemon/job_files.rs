//! The job files of a daemon: read at its start, and again when they change.
//!
//! In scope: noticing changes, and a file that breaks. Polling needs no more than the files'
//! metadata, and works on network disks and where links are swapped. Out of scope: the settings
//! (`config`).

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use crate::config::external::environment::find_env_file;
use crate::config::external::flags::Overrides;
use crate::config::job_file::JobFileForm;
use crate::config::problem::ConfigError;
use crate::config::settings::from_form;
use crate::schedule::job_schedule::JobSchedule;
use crate::source::bytes::input::Input;

/// What the daemon needs of a job file that is valid.
#[derive(Debug, Clone)]
pub struct ScheduledJob {
    /// The job's name.
    pub name: String,
    /// When it runs; none if the file has no schedule.
    pub schedule: Option<JobSchedule>,
    /// The file as it was read.
    pub form: Arc<JobFileForm>,
}

/// Why a job file can't be used by the daemon.
#[derive(Debug, thiserror::Error)]
pub enum JobFileError {
    /// The file or its environment is not valid.
    #[error(transparent)]
    Config(ConfigError),
    /// The source is standard input, which a daemon does not have.
    #[error("{} reads standard input, and a daemon has none; name a file in [source]", .0.display())]
    StandardInput(PathBuf),
}

impl JobFileError {
    /// Returns each problem in one line, with its place and the next step.
    pub fn problem_lines(&self) -> Vec<String> {
        match self {
            Self::Config(error) => error.format_lines(),
            Self::StandardInput(_) => vec![self.to_string()],
        }
    }
}

/// A job file that has changed, and what was read.
#[derive(Debug)]
pub struct JobFileChange {
    /// The number of the job.
    pub nth: usize,
    /// The job as it is now, or why the file can't be used.
    pub found: Result<ScheduledJob, JobFileError>,
}

/// Watches job files and the `.env` files that belong to them.
#[derive(Debug)]
pub struct JobFileWatch {
    files: Vec<WatchedFile>,
    flags: Overrides,
}

#[derive(Debug)]
struct WatchedFile {
    path: PathBuf,
    env_file: PathBuf,
    read: Option<FileStamps>,
}

/// Job file and `.env` file; none for a missing one.
type FileStamps = [Option<FileStamp>; 2];

/// By what a changed file is recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FileStamp {
    modified: Option<SystemTime>,
    bytes: u64,
    inode: u64,
}

impl JobFileWatch {
    /// Creates a watch of these files, none of which has been read.
    pub fn new(paths: &[PathBuf], flags: Overrides) -> Self {
        let watched = |path: &PathBuf| {
            let folder = path.parent().unwrap_or(Path::new(""));
            let env_file = find_env_file(folder, flags.env_file.as_deref());
            WatchedFile { path: path.clone(), env_file, read: None }
        };
        Self { files: paths.iter().map(watched).collect(), flags }
    }

    /// Reads the files that have changed since they were last read, valid or not. A file that
    /// changes while it is read comes with a later poll.
    pub fn poll_files(&mut self) -> Vec<JobFileChange> {
        let flags = &self.flags;
        let changes = self.files.iter_mut().enumerate().filter_map(|(nth, file)| {
            let stamps = file.read_stamps();
            if file.read == Some(stamps) {
                return None;
            }
            let found = read_job(&file.path, flags);
            if file.read_stamps() != stamps {
                return None;
            }
            file.read = Some(stamps);
            Some(JobFileChange { nth, found })
        });
        changes.collect()
    }

    /// Returns how many files there are.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Returns whether there is no file.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }
}

impl WatchedFile {
    fn read_stamps(&self) -> FileStamps {
        [FileStamp::read(&self.path), FileStamp::read(&self.env_file)]
    }
}

impl FileStamp {
    /// Reads the stamp of the file behind all links.
    fn read(path: &Path) -> Option<Self> {
        let about = std::fs::metadata(path).ok()?;
        Some(Self { modified: about.modified().ok(), bytes: about.len(), inode: read_inode(&about) })
    }
}

#[cfg(unix)]
fn read_inode(about: &std::fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(about)
}

#[cfg(not(unix))]
fn read_inode(_: &std::fs::Metadata) -> u64 {
    0
}

fn read_job(path: &Path, flags: &Overrides) -> Result<ScheduledJob, JobFileError> {
    let form = JobFileForm::read(path, flags).map_err(JobFileError::Config)?;
    let settings = from_form(path, &form, flags).map_err(JobFileError::Config)?;
    if settings.source.input == Input::Stdin {
        return Err(JobFileError::StandardInput(path.to_owned()));
    }
    Ok(ScheduledJob { name: settings.job, schedule: settings.schedule, form: Arc::new(form) })
}
