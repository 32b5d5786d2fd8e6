//! The process environment and the one `.env` file beside the job file.
//!
//! In scope: reading both, once; the real environment wins. Out of scope: the meaning of names
//! (`config::sections::sheet::target`).
//!
//! No other code in the crate reads the environment. Nothing is ever written to the process's own.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

use crate::config::external::env_file;
use crate::config::problem::ConfigProblem;
use crate::known_secrets::register_variable;

/// The names and values that settings may come from. `Debug` shows names only: values may be
/// secret.
#[derive(Clone, Default)]
pub struct Environment {
    real: BTreeMap<String, String>,
    file: BTreeMap<String, String>,
    file_path: PathBuf,
    /// Names of the process environment whose values are not text.
    unreadable: BTreeSet<String>,
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment")
            .field("real", &self.real.keys())
            .field("file", &self.file.keys())
            .finish_non_exhaustive()
    }
}

/// Returns a variable of the process, for what is set up before any job file is known.
pub fn read_process_variable(name: &str) -> Option<String> {
    std::env::vars_os().find(|(known, _)| known == name).and_then(|(_, value)| value.into_string().ok())
}

/// Returns the name of this machine, for people who read Runs.
pub fn read_host_name() -> String {
    gethostname::gethostname().to_string_lossy().into_owned()
}

/// Returns the file of the running program, as it was started.
pub fn find_own_program() -> Option<PathBuf> {
    std::env::current_exe().ok()
}

/// Returns the path of the file whose values a job file in `folder` gets: the named one, or `.env`.
pub(crate) fn find_env_file(folder: &Path, named: Option<&Path>) -> PathBuf {
    named.map_or_else(|| folder.join(env_file::NAME), Path::to_owned)
}

/// A value and its origin.
#[derive(Clone, Copy)]
pub(crate) struct EnvValue<'a> {
    pub(crate) value: &'a str,
    /// Whether the value comes from the `.env` file.
    pub(crate) is_in_file: bool,
}

/// Keeps what is a secret by its name in the process environment from being shown, for commands
/// without a job file.
pub fn register_process_secrets() {
    for (name, value) in std::env::vars_os() {
        if let (Some(name), Some(value)) = (name.to_str(), value.to_str()) {
            register_variable(name, value);
        }
    }
}

impl Environment {
    /// Reads the process environment, and `named`, or else `.env` in `folder` if it exists; no
    /// other folder is searched. Fails on an unreadable file, without showing any of it.
    pub fn read(folder: &Path, named: Option<&Path>) -> Result<Self, ConfigProblem> {
        Ok(Self::with_file(Self::read_file(folder, named)?, find_env_file(folder, named)))
    }

    /// Reads the values of `named`, or else of `.env` in `folder`; none without such a file.
    pub(crate) fn read_file(folder: &Path, named: Option<&Path>) -> Result<BTreeMap<String, String>, ConfigProblem> {
        let path = find_env_file(folder, named);
        if named.is_some() { env_file::read_named(&path) } else { env_file::read(&path) }
    }

    /// Reads the process environment; `file` holds the values of the file at `file_path`. What is a
    /// secret by its name is never shown from here on.
    pub(crate) fn with_file(file: BTreeMap<String, String>, file_path: PathBuf) -> Self {
        let mut read = Self { file, file_path, ..Self::default() };
        for (name, value) in std::env::vars_os() {
            let Ok(name) = name.into_string() else { continue };
            match value.into_string() {
                Ok(value) => drop(read.real.insert(name, value)),
                Err(_) => drop(read.unreadable.insert(name)),
            }
        }
        read.real.iter().chain(&read.file).for_each(|(name, value)| register_variable(name, value));
        read
    }

    /// Creates an environment from these variables and these lines of a `.env` file.
    pub fn from_pairs(real: &[(&str, &str)], file: &[(&str, &str)]) -> Self {
        let own = |pairs: &[(&str, &str)]| pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        Self { real: own(real), file: own(file), file_path: PathBuf::from(env_file::NAME), ..Self::default() }
    }

    /// Sets a variable, as if the process environment had it. The process itself is not changed.
    pub(crate) fn set(&mut self, name: &str, value: String) {
        self.real.insert(name.to_owned(), value);
    }

    /// Returns the value of `name`, from the real environment first; an empty one counts as unset.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.find(name).map(|found| found.value)
    }

    pub(crate) fn find(&self, name: &str) -> Option<EnvValue<'_>> {
        let set = |values: &'_ BTreeMap<String, String>| values.get(name).is_some_and(|value| !value.is_empty());
        let in_file = !set(&self.real);
        let values = if in_file { &self.file } else { &self.real };
        values.get(name).filter(|value| !value.is_empty()).map(|value| EnvValue { value, is_in_file: in_file })
    }

    /// Returns the first of these names that is set, with its value: from the real environment,
    /// else from the file. An empty value counts as unset.
    pub(crate) fn find_first<'n>(&self, names: &[&'n str]) -> Option<(&'n str, EnvValue<'_>)> {
        let found = |is_in_file: bool| {
            let set = |name: &&'n str| {
                self.find(name).filter(|found| found.is_in_file == is_in_file).map(|found| (*name, found))
            };
            names.iter().find_map(set)
        };
        found(false).or_else(|| found(true))
    }

    /// Returns whether the name is set and empty, in the real environment or in the file.
    pub(crate) fn is_empty(&self, name: &str) -> bool {
        self.find(name).is_none() && (self.real.contains_key(name) || self.file.contains_key(name))
    }

    /// Returns whether the real environment has the name with a value that is not text.
    pub(crate) fn is_unreadable(&self, name: &str) -> bool {
        self.unreadable.contains(name)
    }

    /// Returns every name, and whether it comes from the `.env` file.
    pub(crate) fn names_and_places(&self) -> impl Iterator<Item = (&str, bool)> {
        let unreadable = self.unreadable.iter().map(|name| (name.as_str(), false));
        let real = self.real.keys().map(|name| (name.as_str(), false));
        real.chain(unreadable).chain(self.file.keys().map(|name| (name.as_str(), true)))
    }

    /// Returns the place where a value is set, for people.
    pub(crate) fn describe_place(&self, is_in_file: bool) -> String {
        if is_in_file { self.file_path.display().to_string() } else { "the environment".to_owned() }
    }

    /// Returns every name, for suggestions.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.real.keys().chain(self.file.keys()).map(String::as_str)
    }

    /// Returns whether the `.env` file exists and sets anything.
    pub(crate) fn has_file(&self) -> bool {
        !self.file.is_empty()
    }

    /// Returns the path of the `.env` file, which need not exist.
    pub fn file_path(&self) -> &Path {
        &self.file_path
    }
}

/// Replaces each `${NAME}` by the result of `lookup`; `$${` yields `${`. Errors name what is wrong,
/// in order.
pub(crate) fn interpolate_variables<'a>(
    text: &str,
    lookup: impl Fn(&str) -> Option<&'a str>,
) -> Result<String, Vec<MissingVariable>> {
    let mut out = String::with_capacity(text.len());
    let mut missing = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let (before, from) = rest.split_at(at);
        let inside = from.get(2..).unwrap_or_default();
        if let Some(before) = before.strip_suffix('$') {
            out.push_str(before);
            out.push_str("${");
            rest = inside;
            continue;
        }
        out.push_str(before);
        let Some((name, after)) = inside.split_once('}') else {
            missing.push(MissingVariable::Unclosed);
            break;
        };
        match lookup(name) {
            Some(value) => out.push_str(value),
            None if is_name(name) => missing.push(MissingVariable::Name(name.to_owned())),
            None => missing.push(MissingVariable::NoName(name.to_owned())),
        }
        rest = after;
    }
    out.push_str(rest);
    if missing.is_empty() { Ok(out) } else { Err(missing) }
}

/// Returns the names in braces of a text, set or not.
pub(crate) fn find_mentioned_names(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices("${").filter_map(|(at, _)| {
        let doubled = text.get(..at).is_some_and(|before| before.ends_with('$'));
        let name = text.get(at + 2..)?.split_once('}')?.0;
        (!doubled && is_name(name)).then_some(name)
    })
}

/// Why an interpolation fails.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum MissingVariable {
    /// The name is not set.
    Name(String),
    /// The text in braces can't be a name.
    NoName(String),
    /// A `${` lacks its `}`.
    Unclosed,
}

fn is_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_wins_over_the_file_and_empty_is_none() {
        let environment =
            Environment::from_pairs(&[("A", "real"), ("B", "")], &[("A", "file"), ("B", "file"), ("C", "file")]);
        assert_eq!(
            (environment.get("A"), environment.get("B"), environment.get("C")),
            (Some("real"), Some("file"), Some("file"))
        );
        assert_eq!(environment.get("D"), None);
        assert!(!format!("{environment:?}").contains("real\"") && !format!("{environment:?}").contains(": \"file"));
    }

    #[test]
    fn a_name_in_braces_is_replaced_and_two_dollars_stand_for_one() {
        let lookup = |name: &str| (name == "A").then_some("x");
        assert_eq!(interpolate_variables("a ${A}-${A} $1 $$ {A} $${A}", lookup), Ok("a x-x $1 $$ {A} ${A}".into()));
        assert_eq!(
            interpolate_variables("${B} ${no name} ${A", lookup),
            Err(vec![
                MissingVariable::Name("B".into()),
                MissingVariable::NoName("no name".into()),
                MissingVariable::Unclosed
            ])
        );
    }

    #[test]
    fn only_the_file_beside_the_job_is_read_and_never_quoted() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let inner = folder.path().join("inner");
        std::fs::create_dir(&inner).expect("a folder");
        std::fs::write(folder.path().join(".env"), "# note\nexport SHEETKEEP_TEST_ONLY='a b'\n").expect("a file");
        let read =
            |folder: &Path| Environment::read(folder, None).map(|e| e.get("SHEETKEEP_TEST_ONLY").map(str::to_owned));
        assert_eq!(read(folder.path()), Ok(Some("a b".into())));
        assert_eq!(read(&inner), Ok(None));
        std::fs::write(inner.join(".env"), "A=1\nhunter two\n").expect("a file");
        let problem = Environment::read(&inner, None).expect_err("an unreadable file");
        assert!(problem.message.contains("line 2") && !problem.message.contains("hunter"), "{problem}");
    }

    #[test]
    fn the_shipped_example_can_be_read_and_excludes_nothing() {
        let values = env_file::read(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/credentials.example")))
            .expect("a readable file");
        let names: Vec<&str> = values.keys().map(String::as_str).collect();
        assert_eq!(names, ["GOOGLE_APPLICATION_CREDENTIALS", "SHEETKEEP_SPREADSHEET_ID"]);
    }
}
