//! Connects to a job's spreadsheet: Google's service, or the embedded sheet through the same
//! client.
//!
//! In scope: building the client. Out of scope: what is read and written through it.

#[cfg(feature = "emulator")]
use std::path::{Path, PathBuf};
use std::sync::Arc;

#[cfg(feature = "emulator")]
use crate::app::emulator;
use crate::app::error::AppError;
use crate::clock::Clock;
use crate::config::sections::sheet::target::{GOOGLE_API_URL, SheetTarget};
use crate::config::settings::Settings;
#[cfg(feature = "emulator")]
use crate::emulator::{Emulator, EmulatorOptions, FailureCause};
#[cfg(feature = "emulator")]
use crate::machine::MachineError;
#[cfg(feature = "emulator")]
use crate::private_files;
use crate::retry::RetryPolicy;
use crate::rng::Rng;
#[cfg(feature = "emulator")]
use crate::runner::run_config::RunError;
use crate::sheets_client::auth::credentials::{CredentialSource, Credentials};
#[cfg(feature = "emulator")]
use crate::sheets_client::calls::quota::CallRates;
use crate::sheets_client::options::{AccessScope, SheetsOptions};
use crate::sheets_client::sheets::Sheets;
use crate::sheets_client::transport::connect::Transport;
use crate::sheets_client::types::address::SpreadsheetId;

/// The id of the embedded spreadsheet in its file.
#[cfg(feature = "emulator")]
pub(super) const EMBEDDED_ID: &str = "embedded";
/// The token that only this process's embedded sheet accepts.
#[cfg(feature = "emulator")]
pub(super) const EMBEDDED_TOKEN: &str = "embedded-sheet-of-this-process";
/// Capacity of the stream between client and embedded sheet, in bytes.
#[cfg(feature = "emulator")]
const STREAM_BYTES: usize = 256 << 10;

/// A client and its spreadsheet.
pub struct Sheet {
    /// The client of the service, or of the emulator within this process.
    pub sheets: Arc<Sheets>,
    /// The spreadsheet that the job writes to.
    pub id: SpreadsheetId,
    /// The file of an embedded sheet.
    pub file: SheetFile,
}

/// The file of an embedded sheet, which can be checked; empty for a spreadsheet of the service.
#[derive(Clone, Default)]
pub struct SheetFile {
    #[cfg(feature = "emulator")]
    emulator: Option<(Emulator, PathBuf)>,
}

impl SheetFile {
    /// Returns the result of an operation on the sheet, corrected by the state of its file. A
    /// problem of the file is the cause of any failure. A success does not count if the file is no
    /// longer in its place.
    #[cfg(feature = "emulator")]
    pub fn check<T>(&self, ended: Result<T, AppError>) -> Result<T, AppError> {
        let Some((emulator, path)) = &self.emulator else { return ended };
        // The machine's refusal came first, and caused the file's problem.
        if matches!(ended, Err(AppError::Run(RunError::Machine { .. }))) {
            return ended;
        }
        match emulator.storage_failure() {
            Some(machine_error) => Err(describe_embedded_error(path, machine_error.why, Some(machine_error.cause))),
            None => ended,
        }
    }

    /// Returns the result of an operation on the sheet.
    #[cfg(not(feature = "emulator"))]
    pub fn check<T>(&self, ended: Result<T, AppError>) -> Result<T, AppError> {
        ended
    }
}

#[cfg(feature = "emulator")]
fn describe_embedded_error(file: &Path, why: String, lasting: Option<FailureCause>) -> AppError {
    let name = file.file_name().unwrap_or(file.as_os_str()).to_string_lossy();
    let why = if why.contains(&*name) { why } else { format!("{}: {why}", file.display()) };
    if lasting == Some(FailureCause::Resource) {
        return AppError::Machine(MachineError::resource(why));
    }
    AppError::Embedded { why, is_damaged: lasting == Some(FailureCause::Contents) }
}

/// Connects to the sheet that the settings name.
pub fn connect(settings: &Settings, clock: &Arc<dyn Clock>, rng: &Arc<dyn Rng>) -> Result<Sheet, AppError> {
    match &settings.target {
        SheetTarget::Google { id } => to_google(settings, id, AccessScope::Write, clock, rng),
        SheetTarget::Embedded { file } => open_embedded(Some(file), clock, rng),
    }
}

/// Connects to an existing sheet. A command that only reads creates no file.
pub fn connect_existing(settings: &Settings, clock: &Arc<dyn Clock>, rng: &Arc<dyn Rng>) -> Result<Sheet, AppError> {
    match &settings.target {
        SheetTarget::Embedded { file } if !file.exists() => Err(AppError::NeverRan),
        _ => connect(settings, clock, rng),
    }
}

/// Connects to spreadsheet `id` of the service with tokens that allow reading only, or to the local
/// file, if it exists.
pub fn connect_to_read(
    settings: &Settings,
    id: Option<&str>,
    clock: &Arc<dyn Clock>,
    rng: &Arc<dyn Rng>,
) -> Result<Sheet, AppError> {
    match &settings.target {
        SheetTarget::Google { id: own } => to_google(settings, id.unwrap_or(own), AccessScope::Read, clock, rng),
        SheetTarget::Embedded { file } if !file.exists() => Err(AppError::NeverRan),
        SheetTarget::Embedded { file } => open_embedded(Some(file), clock, rng),
    }
}

/// Connects to the sheet that the settings name, and creates no file. In place of a local file that
/// does not exist it uses an empty sheet in memory. Fails if a run could not create the file.
pub fn connect_without_writing(
    settings: &Settings,
    clock: &Arc<dyn Clock>,
    rng: &Arc<dyn Rng>,
) -> Result<Sheet, AppError> {
    match &settings.target {
        SheetTarget::Embedded { file } if !file.exists() => {
            check_new_file(file)?;
            open_embedded(None, clock, rng)
        }
        _ => connect(settings, clock, rng),
    }
}

/// Checks whether a run could create this file, without creating it.
#[cfg(feature = "emulator")]
pub fn check_new_file(file: &Path) -> Result<(), AppError> {
    let refused = Emulator::check_new_file(file).err().map(|error| error.to_string());
    let folder = private_files::find_parent_folder(file);
    let refused = refused.or_else(|| {
        let error = private_files::check_writable(folder).err()?;
        Some(format!("failed to open {}: {error}; check the path and its permissions", file.display()))
    });
    refused.map_or(Ok(()), |why| Err(describe_embedded_error(file, why, None)))
}

/// Checks whether a run could create this file.
#[cfg(not(feature = "emulator"))]
pub fn check_new_file(_: &std::path::Path) -> Result<(), AppError> {
    Err(AppError::NoEmbedded)
}

/// Connects with tokens that allow asking Drive about the spreadsheet's file, and with one attempt
/// a call: only a check asks. `None` for a local file.
pub fn connect_to_drive(
    settings: &Settings,
    clock: &Arc<dyn Clock>,
    rng: &Arc<dyn Rng>,
) -> Result<Option<Sheet>, AppError> {
    let SheetTarget::Google { id } = &settings.target else { return Ok(None) };
    let once = Settings { retry: RetryPolicy { max_attempts: 1, ..settings.retry }, ..settings.clone() };
    to_google(&once, id, AccessScope::FileMetadata, clock, rng).map(Some)
}

fn to_google(
    settings: &Settings,
    id: &str,
    access: AccessScope,
    clock: &Arc<dyn Clock>,
    rng: &Arc<dyn Rng>,
) -> Result<Sheet, AppError> {
    let found = &settings.credentials;
    let source = CredentialSource {
        path: found.path.clone(),
        inline: found.inline.clone(),
        well_known: found.well_known.clone(),
        metadata_url: found
            .metadata_host
            .as_ref()
            .map(|host| format!("http://{host}/computeMetadata/v1/instance/service-accounts/default/token")),
    };
    let credentials = Credentials::find(&source)?;
    let transport = Transport::Network { ca_file: settings.certificates.clone(), proxies: settings.proxies.clone() };
    let mut options = SheetsOptions::new(credentials, transport);
    options.api_url = Some(settings.api_url.clone()).filter(|url| url != GOOGLE_API_URL);
    options.retry = settings.retry;
    options.pacing = settings.pacing;
    options.access = access;
    let sheets = Sheets::connect(options, Arc::clone(clock), Arc::clone(rng))?;
    Ok(Sheet { sheets: Arc::new(sheets), id: SpreadsheetId::parse(id)?, file: SheetFile::default() })
}

#[cfg(feature = "emulator")]
fn open_embedded(file: Option<&Path>, clock: &Arc<dyn Clock>, rng: &Arc<dyn Rng>) -> Result<Sheet, AppError> {
    let options = EmulatorOptions { file: file.map(Path::to_owned), ..read_embedded_options() };
    let opened = emulator::open(options, Arc::clone(clock), Arc::clone(rng));
    let named = file.unwrap_or(Path::new("the sheet in memory"));
    let emulator = opened.map_err(|error| describe_embedded_error(named, error.to_string(), error.failure_cause()))?;
    let file = SheetFile { emulator: file.map(|file| (emulator.clone(), file.to_owned())) };
    let (sheets, id) = connect_to_emulator(&emulator, RetryPolicy::default(), clock, Arc::clone(rng))?;
    Ok(Sheet { sheets, id, file })
}

#[cfg(feature = "emulator")]
fn read_embedded_options() -> EmulatorOptions {
    EmulatorOptions {
        spreadsheet_id: Some(EMBEDDED_ID.to_owned()),
        trusted_token: Some(EMBEDDED_TOKEN.to_owned()),
        ..EmulatorOptions::default()
    }
}

/// Opens an empty sheet in memory that answers its calls one after the other, so that equal seeds
/// give equal answers.
#[cfg(feature = "emulator")]
pub fn open_in_memory(clock: Arc<dyn Clock>, rng: Arc<dyn Rng>) -> Result<Emulator, AppError> {
    let options = EmulatorOptions { is_sequential: true, ..read_embedded_options() };
    let named = Path::new("the sheet in memory");
    emulator::open(options, clock, rng)
        .map_err(|error| describe_embedded_error(named, error.to_string(), error.failure_cause()))
}

/// Returns a client of an emulator in this process, and the id of its spreadsheet.
#[cfg(feature = "emulator")]
pub fn connect_to_emulator(
    emulator: &Emulator,
    retry: RetryPolicy,
    clock: &Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
) -> Result<(Arc<Sheets>, SpreadsheetId), AppError> {
    let emulator = emulator.clone();
    let streams = move || {
        let (ours, theirs) = tokio::io::duplex(STREAM_BYTES);
        let emulator = emulator.clone();
        tokio::spawn(async move { emulator.serve_stream(theirs).await });
        ours
    };
    let credentials = Credentials::from_token(EMBEDDED_TOKEN)?;
    let mut options = SheetsOptions::new(credentials, Transport::InProcess(Arc::new(streams)));
    options.retry = retry;
    options.pacing = CallRates::unlimited();
    let sheets = Sheets::connect(options, Arc::clone(clock), rng)?;
    Ok((Arc::new(sheets), SpreadsheetId::parse(EMBEDDED_ID)?))
}

#[cfg(not(feature = "emulator"))]
fn open_embedded(_: Option<&std::path::Path>, _: &Arc<dyn Clock>, _: &Arc<dyn Rng>) -> Result<Sheet, AppError> {
    Err(AppError::NoEmbedded)
}
