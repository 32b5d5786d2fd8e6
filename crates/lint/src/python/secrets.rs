//! Secrets in Python: in variables, files, logs and addresses.

use std::path::Path;

use crate::files::git_ignores::is_ignored_by_git;
use crate::finding::LintConfidence::{High, Low, Medium};
use crate::python::facts::{PyCall, PyFacts};
use crate::python::nodes::{literal, visit_below};
use crate::results::collector::Findings;
use crate::secret_patterns::{is_placeholder, looks_random, may_name_secret, names_secret};

/// Calls that read a key file, by their last part.
const KEY_FILE_READERS: [&str; 5] = [
    "from_service_account_file",
    "service_account",
    "from_json_keyfile_name",
    "from_client_secrets_file",
    "from_authorized_user_file",
];
/// Methods of loggers.
const LOG_METHODS: [&str; 8] = ["debug", "info", "warning", "warn", "error", "critical", "exception", "log"];

/// Nodes that make something else of what is in them.
const MAKERS: [&str; 6] =
    ["call", "subscript", "comparison_operator", "not_operator", "keyword_argument", "conditional_expression"];

/// Asks the rules.
pub(crate) fn check(facts: &PyFacts<'_>, findings: &mut Findings<'_>) {
    named_secrets(facts, findings);
    for call in &facts.calls {
        key_files(facts, call, findings);
        logged(facts, call, findings);
        dotenv(call, findings);
    }
    for string in &facts.strings {
        let text = facts.text(*string);
        let has_secret = ["?api_key=", "&api_key=", "?apikey=", "&apikey=", "access_token=", "?token=", "&token="];
        if text.contains("://")
            && text.contains('{')
            && has_secret.iter().any(|part| text.to_lowercase().contains(part))
        {
            findings.add("SK107", High, string.start_byte(), "a secret is part of an address, and so of every log");
        }
    }
}

fn named_secrets(facts: &PyFacts<'_>, findings: &mut Findings<'_>) {
    for assignment in &facts.assignments {
        let Some(value) = literal(assignment.value, facts.text) else { continue };
        let byte = assignment.value.start_byte();
        let name = assignment.name.rsplit(['.', '[']).next().unwrap_or_default();
        if !may_name_secret(name) || findings.is_on_line(&["SK101", "SK103"], byte) {
            continue;
        }
        let name = name.trim_matches(['\'', '"', ']']);
        if looks_random(value) {
            let confidence = if names_secret(name) { High } else { Medium };
            findings.add("SK102", confidence, byte, format!("{name} is a literal"));
        } else if value.len() >= 6 && names_secret(name) && !is_placeholder(value) && !is_name(value) {
            findings.add("SK102", Low, byte, format!("{name} is a literal"));
        }
    }
}

/// Returns whether a value is rather a name: of a variable, a field, a header, or a path.
fn is_name(value: &str) -> bool {
    value.contains(['/', ' ', ':', '{', '%'])
        || value.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
        || value.bytes().all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'-' | b'.'))
}

fn key_files(facts: &PyFacts<'_>, call: &PyCall<'_>, findings: &mut Findings<'_>) {
    if !KEY_FILE_READERS.contains(&call.method.as_ref()) {
        return;
    }
    let values = call.positional.iter().copied().chain(call.keywords.iter().map(|(_, value)| *value));
    for value in values {
        if let Some(path) =
            literal(value, facts.text).filter(|path| matches!(path.rsplit('.').next(), Some("json" | "p12")))
        {
            findings.add("SK104", High, value.start_byte(), format!("the key file {path} is named in the text"));
        }
    }
}

fn logged(facts: &PyFacts<'_>, call: &PyCall<'_>, findings: &mut Findings<'_>) {
    let is_log = call.name == "print"
        || (LOG_METHODS.contains(&call.method.as_ref())
            && call.name.split('.').any(|part| part.to_lowercase().contains("log")));
    if !is_log {
        return;
    }
    for argument in &call.positional {
        let mut secret = None;
        visit_below(*argument, |node, _| {
            let name = facts.text(node).rsplit('.').next().unwrap_or_default();
            if matches!(node.kind(), "identifier" | "attribute") && names_secret(name) {
                secret = Some((node.start_byte(), name.to_owned()));
            }
            // What a function or a comparison makes of a secret, such as its length, is another matter.
            !MAKERS.contains(&node.kind())
        });
        if let Some((byte, name)) = secret {
            findings.add("SK105", High, byte, format!("{name} goes into the log"));
        }
    }
}

fn dotenv(call: &PyCall<'_>, findings: &mut Findings<'_>) {
    if call.method != "load_dotenv" || findings.has("SK106") {
        return;
    }
    let folder = Path::new(&findings.source.path).parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    if is_ignored_by_git(folder, ".env") == Some(false) {
        findings.add("SK106", High, call.byte(), ".env is read here, and .gitignore does not name it");
    }
}
