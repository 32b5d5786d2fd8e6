//! The file of a plan: what a plan was made from, so that a run can check that nothing has moved.
//!
//! In scope: its JSON, the checksums of job file and source, the head of the sheet. Out of scope:
//! the plan (`app::plan::run_plan`), and the guard that holds during the run (`runner::startup`).

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use data_encoding::HEXLOWER;
use serde::{Deserialize, Deserializer, Serialize};
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::app::connect::{Sheet, connect_without_writing};
use crate::app::error::AppError;
use crate::app::plan::run_plan::RunPlan;
use crate::app::run_request::make_definition;
use crate::app::single_run::name_target;
use crate::clock::Clock;
use crate::config::sections::records::steps::StepAction;
use crate::config::settings::Settings;
use crate::ledger::leases::head::HeadId;
use crate::port::store::Store as _;
use crate::private_files;
use crate::rng::Rng;
use crate::source::bytes::input::Input;
use crate::source::file_series::list_files;
use crate::store::spreadsheet::store::SheetsStore;
use crate::time::Timestamp;

/// The version of the file's form.
const PLAN_VERSION: u32 = 2;
/// The longest plan file that is read, in bytes.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// A plan as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanFile {
    plan_version: u32,
    job: String,
    /// When the plan was made, UTC.
    made_at: String,
    /// The spreadsheet's id, or the path of the local file.
    spreadsheet: String,
    job_file: FileChecksum,
    /// A checksum of the settings with the values of their `${NAME}`s.
    settings: String,
    #[serde(deserialize_with = "deserialize_checksums")]
    source: Vec<FileChecksum>,
    /// The programs of the steps, and the files that their words name.
    programs: Vec<FileChecksum>,
    /// The head that the plan was made at; `None` if the job had never run there.
    head: Option<String>,
    /// The columns of the data tab.
    columns: Vec<String>,
    /// Failures that were open.
    open_failures: u64,
    /// Keys that would become done.
    new: u64,
    /// Rows that would be added.
    inserted: u64,
    /// Rows that would be rewritten.
    updated: u64,
}

/// A file's path and checksum.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileChecksum {
    path: String,
    bytes: u64,
    sha256: String,
}

/// Why a plan can't be written, read or applied.
#[derive(Debug, Error)]
pub enum PlanFileError {
    /// The source exists only once, so a later run can't check that it is the same.
    #[error("store the plan: the source is {source_name}, which can be read only once; save it to a file first")]
    SourceReadOnce {
        /// The source's name.
        source_name: String,
    },
    /// A file that the plan depends on can't be read.
    #[error("read {}: {error}", path.display())]
    Unreadable {
        /// The plan, the job file or the source.
        path: PathBuf,
        /// The system's error.
        error: io::Error,
    },
    /// The plan can't be written.
    #[error("write the plan to {}: {error}", path.display())]
    Unwritable {
        /// The file that `--out` names.
        path: PathBuf,
        /// The system's error.
        error: io::Error,
    },
    /// The file is not a plan of this version.
    #[error("use {} as a plan: {why}", path.display())]
    NotAPlan {
        /// The file that `--plan` names.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// Something that the plan depends on has changed since.
    #[error("apply the plan: {} since it was made at {made_at}", moved.join(", and "))]
    SheetChanged {
        /// What has changed, as sentences without a full stop.
        moved: Vec<String>,
        /// When the plan was made.
        made_at: String,
    },
}

impl PlanFile {
    /// Describes what a plan of this job is made from, before it is made.
    pub fn describe(settings: &Settings) -> Result<Self, PlanFileError> {
        let sources = checksum_source(&settings.source.input)?;
        Ok(Self {
            plan_version: PLAN_VERSION,
            job: settings.job.clone(),
            made_at: String::new(),
            spreadsheet: name_target(settings),
            job_file: FileChecksum::from_path(&settings.path)?,
            settings: checksum_settings(settings),
            source: sources,
            programs: checksum_programs(settings)?,
            head: None,
            columns: Vec::new(),
            open_failures: 0,
            new: 0,
            inserted: 0,
            updated: 0,
        })
    }

    /// Adds what the plan found on the sheet.
    #[must_use]
    pub fn with_plan(self, plan: &RunPlan, now: Timestamp) -> Self {
        Self {
            made_at: now.to_string(),
            head: plan.effects.head.map(|head| head.to_string()),
            columns: plan.effects.columns_found.clone(),
            open_failures: plan.open_failures,
            new: plan.report.run.counts.new,
            inserted: plan.effects.inserted,
            updated: plan.effects.updated,
            ..self
        }
    }

    /// Writes the plan, atomically. Replaces nothing but another plan.
    pub fn write(&self, path: &Path) -> Result<(), PlanFileError> {
        let unwritable = |error| PlanFileError::Unwritable { path: path.to_owned(), error };
        let is_plan = path.is_file() && Self::read(path).is_ok();
        if !is_plan && path.symlink_metadata().is_ok() {
            let what = io::Error::new(io::ErrorKind::AlreadyExists, "it exists and is not a plan");
            return Err(unwritable(what));
        }
        let text = serde_json::to_string_pretty(self).map_err(|error| unwritable(error.into()))?;
        private_files::write_atomically(path, format!("{text}\n").as_bytes()).map_err(unwritable)
    }

    /// Reads a plan.
    pub fn read(path: &Path) -> Result<Self, PlanFileError> {
        let unreadable = |error| PlanFileError::Unreadable { path: path.to_owned(), error };
        let not_a_plan = |why: String| PlanFileError::NotAPlan { path: path.to_owned(), why };
        let mut text = String::new();
        let file = File::open(path).map_err(unreadable)?;
        match file.take(MAX_FILE_BYTES + 1).read_to_string(&mut text) {
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                return Err(not_a_plan("it is not valid UTF-8".to_owned()));
            }
            Err(error) => return Err(unreadable(error)),
            Ok(bytes) if bytes as u64 > MAX_FILE_BYTES => return Err(not_a_plan("it is longer than 1 MiB".to_owned())),
            Ok(_) => {}
        }
        let plan: Self = serde_json::from_str(&text).map_err(|error| not_a_plan(error.to_string()))?;
        if plan.plan_version != PLAN_VERSION {
            let version = plan.plan_version;
            return Err(not_a_plan(format!("its version is {version}, and this program reads {PLAN_VERSION}")));
        }
        Ok(plan)
    }

    /// Checks the job, its place, the job file and the source against the plan.
    pub fn check_files(&self, settings: &Settings) -> Result<(), PlanFileError> {
        let mut moved = Vec::new();
        if self.job != settings.job {
            moved.push(format!("the job is {}, not {}", settings.job, self.job));
        }
        if self.spreadsheet != name_target(settings) {
            moved.push(format!("the spreadsheet is {}, not {}", name_target(settings), self.spreadsheet));
        }
        if self.job_file.differs_from(&settings.path)? {
            moved.push(format!("the job file {} has changed", settings.path.display()));
        }
        if self.settings != checksum_settings(settings) {
            moved.push("the values that the job file takes from the environment have changed".to_owned());
        }
        moved.extend(describe_changed_programs(&self.programs, &checksum_programs(settings)?));
        let same = |now: &[FileChecksum]| {
            now.len() == self.source.len() && now.iter().zip(&self.source).all(|(now, then)| now.has_content_of(then))
        };
        match checksum_source(&settings.source.input) {
            Ok(now) if same(&now) => {}
            Ok(_) | Err(PlanFileError::SourceReadOnce { .. }) => {
                moved.push(format!("the source {} has changed", settings.source.input.name()));
            }
            Err(error) => return Err(error),
        }
        self.refuse(moved)
    }

    /// Checks the sheet against the plan. Returns the head, which the run has to find again.
    pub async fn check_sheet(
        &self,
        settings: &Settings,
        clock: &Arc<dyn Clock>,
        rng: &Arc<dyn Rng>,
    ) -> Result<Result<Option<HeadId>, PlanFileError>, AppError> {
        let Sheet { sheets, id, file } = connect_without_writing(settings, clock, rng)?;
        let store = SheetsStore::new(sheets, id, &settings.job, &settings.tab, Arc::clone(clock))
            .with_mode(settings.mode, settings.reprocess_policy);
        let loaded = file.check(store.load().await.map_err(AppError::from))?;
        let snapshot = loaded.snapshot.as_ref();
        let head = snapshot.map(|snapshot| snapshot.head);
        let mut moved = Vec::new();
        if head.map(|head| head.to_string()) != self.head {
            moved.push("another run has written to the sheet".to_owned());
        }
        let data_tabs = snapshot.and_then(|snapshot| snapshot.data_tabs.first());
        let columns = data_tabs.map(|(_, columns)| columns.clone()).unwrap_or_default();
        if columns != self.columns {
            moved.push(format!("the columns of tab {} have changed", settings.tab));
        }
        let open = snapshot.map_or(0, |snapshot| snapshot.processed_index.open_failures() as u64);
        if open != self.open_failures {
            moved.push(format!("{open} failures are open, not {}", self.open_failures));
        }
        Ok(self.refuse(moved).map(|()| head))
    }

    /// Returns the refusal of a run whose sheet has moved after the checks.
    pub fn refuse_during_run(&self) -> PlanFileError {
        let moved = vec!["another run has written to the sheet".to_owned()];
        PlanFileError::SheetChanged { moved, made_at: self.made_at.clone() }
    }

    fn refuse(&self, moved: Vec<String>) -> Result<(), PlanFileError> {
        if moved.is_empty() {
            Ok(())
        } else {
            Err(PlanFileError::SheetChanged { moved, made_at: self.made_at.clone() })
        }
    }
}

impl FileChecksum {
    fn from_path(path: &Path) -> Result<Self, PlanFileError> {
        let unreadable = |error| PlanFileError::Unreadable { path: path.to_owned(), error };
        let mut hash = Sha256::new();
        let bytes =
            io::copy(&mut File::open(path).map_err(unreadable)?, &mut HashWriter(&mut hash)).map_err(unreadable)?;
        let absolute = std::path::absolute(path).map_err(unreadable)?;
        let sha256 = HEXLOWER.encode(&hash.finalize());
        Ok(Self { path: absolute.display().to_string(), bytes, sha256 })
    }

    fn differs_from(&self, path: &Path) -> Result<bool, PlanFileError> {
        Ok(!Self::from_path(path)?.has_content_of(self))
    }

    fn has_content_of(&self, other: &Self) -> bool {
        (self.bytes, &self.sha256) == (other.bytes, &other.sha256)
    }
}

/// Returns the checksums of the source's file, or of all files that its pattern matches.
fn checksum_source(input: &Input) -> Result<Vec<FileChecksum>, PlanFileError> {
    let read_once = || PlanFileError::SourceReadOnce { source_name: input.name() };
    let matched = list_files(input).map_err(|error| PlanFileError::Unreadable {
        path: PathBuf::from(input.name()),
        error: io::Error::other(error),
    })?;
    let checksum = |input: &Input| match input {
        Input::File(path) if path.is_file() || !path.exists() => FileChecksum::from_path(path),
        Input::File(_) | Input::Stdin => Err(read_once()),
    };
    matched.iter().map(checksum).collect()
}

/// Reads one checksum, as plans of one file have it, or a list.
fn deserialize_checksums<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<FileChecksum>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum ChecksumList {
        One(FileChecksum),
        Several(Vec<FileChecksum>),
    }
    Ok(match ChecksumList::deserialize(deserializer)? {
        ChecksumList::One(one) => vec![one],
        ChecksumList::Several(all) => all,
    })
}

/// Returns the checksums of the steps' programs, and of the files that their words name, such as a
/// script that a shell runs. A program that does not exist stops the plan before it is stored.
fn checksum_programs(settings: &Settings) -> Result<Vec<FileChecksum>, PlanFileError> {
    let mut paths = Vec::new();
    for step in &settings.steps {
        let StepAction::CommandStep(command) = &step.action else { continue };
        paths.extend(command.find_program().ok().map(|program| command.folder.join(program)));
        let named = command.words.iter().skip(1).map(|word| command.folder.join(word));
        paths.extend(named.filter(|path| path.is_file()));
    }
    paths.iter().map(|path| FileChecksum::from_path(path)).collect()
}

/// Returns a sentence for each program that was added, taken away or changed.
fn describe_changed_programs(before: &[FileChecksum], now: &[FileChecksum]) -> Vec<String> {
    let is_in = |all: &[FileChecksum], one: &FileChecksum| all.iter().any(|other| other.path == one.path);
    let gone = before.iter().filter(|one| !is_in(now, one));
    let changed = now.iter().filter(|one| !before.contains(one));
    gone.chain(changed).map(|one| format!("the program {} of a step has changed", one.path)).collect()
}

/// Returns a checksum of what decides the rows, with `${NAME}`s replaced.
fn checksum_settings(settings: &Settings) -> String {
    let parts = format!("{:?} {:?} {:?}", make_definition(settings), settings.columns, settings.key_column);
    HEXLOWER.encode(&Sha256::digest(parts.as_bytes()))
}

/// Writes into a hash.
struct HashWriter<'a>(&'a mut Sha256);

impl io::Write for HashWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
