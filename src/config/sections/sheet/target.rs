//! The sheet that a job writes to, and its credentials.
//!
//! In scope: the spreadsheet or the embedded sheet, the API's root, where credentials are. Out of
//! scope: reading credentials (`sheets_client`).

use std::fmt;
use std::path::{Path, PathBuf};

use secrecy::SecretString;
use url::{Host, Url};

use crate::config::external::environment::Environment;
use crate::config::external::flags::Overrides;
use crate::config::external::names::{API_URL, CREDENTIALS_JSON, CREDENTIALS_PATH, SPREADSHEET};
use crate::config::problem::ConfigProblem;
use crate::config::sections::sheet::wrong_place;
use crate::config::syntax::raw::JobFile;
use crate::config::value_reader::ValueReader;
use crate::private_files::find_other_readers;
use crate::redact;

/// The root of Google's Sheets API.
pub const GOOGLE_API_URL: &str = "https://sheets.googleapis.com/";

/// The place of a job's rows and state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SheetTarget {
    /// A spreadsheet behind the API.
    Google {
        /// The spreadsheet's id, from its address.
        id: String,
    },
    /// The embedded sheet.
    Embedded {
        /// The path of the local file; it need not exist yet.
        file: PathBuf,
    },
}

/// Why a target was chosen. `Display` completes "because …".
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TargetOrigin {
    /// A flag names it.
    Flag(&'static str),
    /// The environment variable names it, in the environment or in this `.env` file.
    Variable(Option<PathBuf>),
    /// A key of the job file names it.
    JobFile(&'static str),
    /// No spreadsheet is named.
    Unset,
    /// The variable is set, but empty.
    Empty,
}

impl TargetOrigin {
    /// Returns whether the embedded sheet was chosen because nothing was set.
    pub fn is_default(&self) -> bool {
        matches!(self, Self::Unset | Self::Empty)
    }
}

impl fmt::Display for TargetOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => write!(f, "{flag} names it"),
            Self::Variable(None) => write!(f, "{SPREADSHEET} names it"),
            Self::Variable(Some(file)) => write!(f, "{SPREADSHEET} in {} names it", file.display()),
            Self::JobFile(key) => write!(f, "{key} in the job file names it"),
            Self::Unset => f.write_str("no spreadsheet is set"),
            Self::Empty => write!(f, "{SPREADSHEET} is empty"),
        }
    }
}

/// Where credentials are. `Debug` shows no secret.
#[derive(Debug, Clone, Default)]
pub struct CredentialSettings {
    /// A file with a key or a configuration.
    pub path: Option<PathBuf>,
    /// The JSON itself, plain or in base64, as it was set.
    pub inline: Option<SecretString>,
    /// The path of gcloud's own credentials, which need not exist.
    pub well_known: Option<PathBuf>,
    /// The host of the metadata server, where the environment names one (`GCE_METADATA_HOST`).
    pub metadata_host: Option<String>,
}

/// Reads the target: flag, then environment, then file; the embedded sheet next to the job file if
/// no spreadsheet is configured.
pub(crate) fn read_target(
    reader: &mut ValueReader<'_>,
    flags: &Overrides,
    raw: &JobFile,
    job: Option<&str>,
    path: &Path,
) -> Option<(SheetTarget, TargetOrigin)> {
    if flags.spreadsheet.is_some() && flags.file.is_some() {
        reader.add_problem(
            ConfigProblem::new("a spreadsheet and a file for the embedded sheet are both named by flags")
                .help("name one of them"),
        );
        return None;
    }
    if let Some(file) = &flags.file {
        return Some((SheetTarget::Embedded { file: file.clone() }, TargetOrigin::Flag("--embedded")));
    }
    if let Some(named) = &flags.spreadsheet {
        let choice = TargetOrigin::Flag("--spreadsheet");
        return name_spreadsheet(parse_spreadsheet_id(named), choice)
            .or_else(|| report_bad_id(reader, "the flag for the spreadsheet", named));
    }
    if let Some(named) = reader.environment.find(SPREADSHEET) {
        let choice = TargetOrigin::Variable(named.is_in_file.then(|| reader.environment.file_path().to_owned()));
        return name_spreadsheet(parse_spreadsheet_id(named.value), choice)
            .or_else(|| report_bad_id(reader, SPREADSHEET, named.value));
    }
    let in_sheet = raw.sheet.as_ref().and_then(|sheet| sheet.spreadsheet.as_ref());
    let in_state = raw.state.as_ref().and_then(|state| state.file.as_ref());
    match (in_sheet, in_state) {
        (Some(_), Some(at)) => {
            let message = "`sheet.spreadsheet` and `state.file` are set, but exclude each other";
            reader.add_problem_at(at, message, "the embedded sheet's file", "keep one of them");
            None
        }
        (Some(at), None) => {
            let named = reader.read_non_empty(at, "`sheet.spreadsheet`")?;
            let id = parse_spreadsheet_id(&named);
            if id.is_none() {
                reader.add_problem_at(at, "this is not the id or address of a spreadsheet", "no id", ID_HELP);
            }
            name_spreadsheet(id, TargetOrigin::JobFile("`sheet.spreadsheet`"))
        }
        (None, Some(at)) => {
            let file = reader.read_path(at, "`state.file`")?;
            Some((SheetTarget::Embedded { file }, TargetOrigin::JobFile("`state.file`")))
        }
        (None, None) => {
            let choice =
                if reader.environment.is_empty(SPREADSHEET) { TargetOrigin::Empty } else { TargetOrigin::Unset };
            wrong_place::choose_default_file(reader, path, job).map(|file| (SheetTarget::Embedded { file }, choice))
        }
    }
}

const ID_HELP: &str = "it is the part of the spreadsheet's address between /d/ and the next slash; or the whole address, which ends in \
     /edit (an address with /d/e/ is that of a published page, not of a spreadsheet)";

fn name_spreadsheet(id: Option<String>, choice: TargetOrigin) -> Option<(SheetTarget, TargetOrigin)> {
    id.map(|id| (SheetTarget::Google { id }, choice))
}

fn report_bad_id(reader: &mut ValueReader<'_>, place: &str, named: &str) -> Option<(SheetTarget, TargetOrigin)> {
    let problem = ConfigProblem::new(format!("{place} is not the id or address of a spreadsheet"));
    reader.add_problem(if redact::may_hold_secret(named) || redact::is_key(named) {
        problem.help(format!("it looks like a key, which belongs in {CREDENTIALS_JSON}; it is not shown"))
    } else {
        problem.help(ID_HELP)
    });
    None
}

/// Returns the id in an id or in an address such as
/// `https://docs.google.com/spreadsheets/d/<id>/edit#gid=0`.
fn parse_spreadsheet_id(named: &str) -> Option<String> {
    let named = named.trim();
    // Without the scheme, and with the number of a login: docs.google.com/spreadsheets/u/1/d/<id>.
    let id = match named.split_once("/spreadsheets/") {
        Some((before, rest)) if !before.contains(char::is_whitespace) => {
            if rest.starts_with("d/e/") || rest.contains("/d/e/") {
                return None;
            }
            let id = rest.strip_prefix("d/").or_else(|| rest.split_once("/d/").map(|(_, id)| id))?;
            id.split(['/', '?', '#']).next().unwrap_or_default()
        }
        _ => named,
    };
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    (!id.is_empty() && id.len() <= 128 && id.bytes().all(plain) && !redact::may_hold_secret(id)).then(|| id.to_owned())
}

/// Reads the API's root, with a slash at its end.
pub(crate) fn read_api_url(reader: &mut ValueReader<'_>, flags: &Overrides, choice: Option<&TargetOrigin>) -> String {
    let (named, place) = match (&flags.api_url, reader.environment.get(API_URL)) {
        (Some(url), _) => (url.clone(), "the flag for the API's root"),
        (None, Some(url)) => (url.to_owned(), API_URL),
        (None, None) => return GOOGLE_API_URL.to_owned(),
    };
    if choice.is_some_and(TargetOrigin::is_default) {
        let problem = ConfigProblem::new(format!("{place} is set, but no spreadsheet is named"));
        reader.add_problem(problem.help(format!("set {SPREADSHEET} too, or unset {place} to use the embedded sheet")));
    }
    match check_url(&named) {
        Ok(url) => url,
        Err(why) => {
            reader
                .add_problem(ConfigProblem::new(format!("{place} {why}")).help("an example is http://127.0.0.1:8080/"));
            GOOGLE_API_URL.to_owned()
        }
    }
}

fn check_url(named: &str) -> Result<String, &'static str> {
    let url = Url::parse(named.trim()).map_err(|_| "is not a URL")?;
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
        return Err("has to be a plain root, without user, query or fragment");
    }
    let loopback = match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    if url.scheme() != "https" && !(url.scheme() == "http" && loopback) {
        return Err("has to be https; plain http is taken only on this machine's own addresses");
    }
    let text = url.to_string();
    Ok(if text.ends_with('/') { text } else { format!("{text}/") })
}

/// Reads where credentials are: a flag's path, else one of the two variables, else gcloud's or the
/// machine's own.
pub(crate) fn read_credentials(reader: &mut ValueReader<'_>, flags: &Overrides) -> CredentialSettings {
    let environment = reader.environment;
    let mut found = CredentialSettings {
        well_known: find_well_known_file(environment),
        metadata_host: find_metadata_host(environment),
        ..CredentialSettings::default()
    };
    if let Some(path) = &flags.credentials {
        found.path = Some(path.clone());
        return found;
    }
    let path = environment.find(CREDENTIALS_PATH);
    let inline = environment.find(CREDENTIALS_JSON);
    if let (Some(path), Some(inline)) = (path, inline) {
        let place = |in_file| environment.describe_place(in_file);
        let message = format!("{CREDENTIALS_PATH} and {CREDENTIALS_JSON} are set, but exclude each other");
        let places = format!(
            "the first is in {}, the second in {}; unset one",
            place(path.is_in_file),
            place(inline.is_in_file)
        );
        reader.add_problem(ConfigProblem::new(message).help(places));
        return found;
    }
    if let Some(path) = path {
        // A path in `.env` is relative to that file, a path in the environment to the working
        // directory.
        let file = Path::new(path.value);
        let file = if path.is_in_file { reader.folder.join(file) } else { file.to_owned() };
        if redact::is_no_path(path.value) && !file.exists() {
            let problem = ConfigProblem::new(format!(
                "{CREDENTIALS_PATH} holds {}, but it takes the path of a file",
                describe_non_path(path.value)
            ));
            let place = environment.describe_place(path.is_in_file);
            reader.add_problem(problem.help(format!(
                "put the whole content of the key file into {CREDENTIALS_JSON}, plain or in base64, or a path here; the value, which is \
                 set in {place}, is not shown"
            )));
            return found;
        }
        found.path = Some(file);
    }
    found.inline = inline.map(|inline| SecretString::from(inline.value));
    found
}

/// Describes a value that is not a path.
fn describe_non_path(value: &str) -> &'static str {
    let plain = value.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, '\'' | '"'));
    if plain.starts_with('{') {
        "JSON"
    } else if plain.starts_with("-----") {
        "a key in PEM form"
    } else {
        "what may be a key"
    }
}

/// Warns of a credentials file that others may read.
pub(crate) fn warn_if_readable(reader: &mut ValueReader<'_>, credentials: &CredentialSettings) {
    let inline = credentials.inline.is_some();
    let file = credentials.path.as_deref().or(credentials.well_known.as_deref().filter(|_| !inline));
    let env_file = reader.environment.file_path();
    let files =
        [(file, "the credentials file"), (Some(env_file).filter(|_| reader.environment.has_file()), "the file")];
    for (file, what) in files.into_iter().filter_map(|(file, what)| Some((file?, what))) {
        if let Some(readers) = find_other_readers(file) {
            let shown = file.display();
            reader.add_warning(
                format!("{what} {shown} can be read or changed by {readers}"),
                format!("chmod 600 {shown}"),
            );
        }
    }
}

/// Returns the metadata server's host, if the environment names one, or if this is Cloud Run (and
/// its functions and jobs): <https://cloud.google.com/run/docs/container-contract#env-vars>.
/// Elsewhere no metadata server is tried.
fn find_metadata_host(environment: &Environment) -> Option<String> {
    let on_cloud_run = || CLOUD_RUN.iter().any(|name| environment.get(name).is_some());
    let named = environment.get("GCE_METADATA_HOST").map(str::to_owned);
    named.or_else(|| on_cloud_run().then(|| "metadata.google.internal".to_owned()))
}

/// Variables that Cloud Run sets for services, functions included, and for jobs.
const CLOUD_RUN: [&str; 2] = ["K_SERVICE", "CLOUD_RUN_JOB"];

fn find_well_known_file(environment: &Environment) -> Option<PathBuf> {
    const NAME: &str = "application_default_credentials.json";
    match (environment.get("CLOUDSDK_CONFIG"), environment.get("HOME")) {
        (Some(folder), _) => Some(Path::new(folder).join(NAME)),
        (None, Some(home)) => Some(Path::new(home).join(".config/gcloud").join(NAME)),
        (None, None) => None,
    }
}

/// Returns the folder with the installation's id and lock; `None` if no home directory is known.
pub(crate) fn read_state_dir(reader: &mut ValueReader<'_>, flags: &Overrides, raw: &JobFile) -> Option<PathBuf> {
    if let Some(dir) = &flags.state_dir {
        return Some(dir.clone());
    }
    if let Some(at) = raw.state.as_ref().and_then(|state| state.dir.as_ref()) {
        return reader.read_path(at, "`state.dir`");
    }
    // The XDG specification requires that a relative path is ignored.
    let named = |name: &str| reader.environment.get(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = named("XDG_STATE_HOME").or_else(|| named("HOME").map(|home| home.join(".local/state")));
    base.map(|base| base.join("sheetkeep"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_taken_as_it_is_or_out_of_an_address() {
        for named in [
            "1aB-_9",
            " 1aB-_9 ",
            "https://docs.google.com/spreadsheets/d/1aB-_9/edit#gid=0",
            "https://docs.google.com/a/example.org/spreadsheets/d/1aB-_9?usp=sharing",
            "https://docs.google.com/spreadsheets/d/1aB-_9",
        ] {
            assert_eq!(parse_spreadsheet_id(named).as_deref(), Some("1aB-_9"), "{named}");
        }
        for named in [
            "",
            "a/b",
            "https://example.org/",
            "../x",
            "1 2",
            "https://docs.google.com/spreadsheets/d//edit",
            "https://docs.google.com/spreadsheets/d/e/2PACX-1vQ/pubhtml",
        ] {
            assert_eq!(parse_spreadsheet_id(named), None, "{named}");
        }
    }

    #[test]
    fn plain_http_is_taken_on_loopback_only() {
        for (url, root) in [
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080/"),
            ("http://[::1]:1/x", "http://[::1]:1/x/"),
            ("http://localhost:9/", "http://localhost:9/"),
            ("https://example.org", "https://example.org/"),
        ] {
            assert_eq!(check_url(url).as_deref(), Ok(root));
        }
        for url in [
            "http://example.org",
            "http://127.0.0.1.example.org",
            "ftp://127.0.0.1",
            "nonsense",
            "https://a:b@c/",
            "https://c/?x",
        ] {
            assert!(check_url(url).is_err(), "{url}");
        }
    }
}
