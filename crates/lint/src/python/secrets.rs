//! Secrets in Python: in variables, files, logs and addresses.

use std::path::Path;

use crate::files::git_ignores::is_ignored_by_git;
use crate::finding::LintConfidence::{High, Low, Medium};
use crate::python::facts::{PyCall, PyFacts};
use crate::python::nodes::{read_literal, visit_below};
use crate::results::collector::Findings;
use crate::secret_patterns::{has_secret_query, is_placeholder, looks_random, may_name_secret, names_secret};
use crate::syntax::tree::SyntaxNode;

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
const CONVERTING_NODES: [&str; 6] =
    ["call", "subscript", "comparison_operator", "not_operator", "keyword_argument", "conditional_expression"];

/// Asks the rules.
pub(crate) fn check(facts: &PyFacts<'_>, findings: &mut Findings<'_>) {
    check_named_secrets(facts, findings);
    for call in &facts.calls {
        check_key_files(facts, call, findings);
        check_defaults(facts, call, findings);
        check_arguments(facts, call, findings);
        check_logged_secrets(facts, call, findings);
        check_dotenv(call, findings);
    }
    for string in &facts.strings {
        if has_secret_query(facts.text(*string), '{') {
            findings.add("SK107", High, string.start_byte(), "a secret is part of an address, and so of every log");
        }
    }
}

fn check_named_secrets(facts: &PyFacts<'_>, findings: &mut Findings<'_>) {
    for assignment in &facts.assignments {
        // `os.getenv('KEY') or 'literal'`.
        let default =
            (assignment.value.kind() == "boolean_operator").then(|| assignment.value.child_by_field_name("right"));
        let node = default.flatten().unwrap_or(assignment.value);
        let Some(value) = read_literal(node, facts.text) else { continue };
        let byte = node.start_byte();
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

fn check_key_files(facts: &PyFacts<'_>, call: &PyCall<'_>, findings: &mut Findings<'_>) {
    if !KEY_FILE_READERS.contains(&call.method.as_ref()) {
        return;
    }
    let values = call.positional.iter().copied().chain(call.keywords.iter().map(|(_, value)| *value));
    for value in values {
        if let Some(path) =
            read_literal(value, facts.text).filter(|path| matches!(path.rsplit('.').next(), Some("json" | "p12")))
        {
            findings.add("SK104", High, value.start_byte(), format!("the key file {path} is named in the text"));
        }
    }
}

fn check_logged_secrets(facts: &PyFacts<'_>, call: &PyCall<'_>, findings: &mut Findings<'_>) {
    let is_error = call.name.ends_with("Error") || call.name.ends_with("Exception");
    let is_log = call.name == "print"
        || is_error
        || facts.is_sheet_write(call)
        || (LOG_METHODS.contains(&call.method.as_ref())
            && call.name.split('.').any(|part| part.to_lowercase().contains("log")));
    if !is_log {
        return;
    }
    for argument in &call.positional {
        let mut secret = None;
        visit_below(*argument, |node, _| {
            let name = facts.text(node).rsplit('.').next().unwrap_or_default();
            let is_name = matches!(node.kind(), "identifier" | "attribute");
            let setting = find_setting_name(facts, node).filter(|name| names_secret(name));
            let shown = setting.or_else(|| is_name.then_some(name));
            if let Some(name) = shown.filter(|name| may_name_secret(name)) {
                secret = Some((node.start_byte(), name.to_owned()));
            }
            // What a function or a comparison makes of a secret, such as its length, is another matter.
            !CONVERTING_NODES.contains(&node.kind())
        });
        if let Some((byte, name)) = secret {
            let confidence = match (names_secret(&name), is_error) {
                (true, false) => High,
                (true, true) => Medium,
                (false, _) => Low,
            };
            let place = if facts.is_sheet_write(call) { "the sheet" } else { "the log" };
            findings.add("SK105", confidence, byte, format!("{name} goes into {place}"));
        }
    }
}

/// Returns the name of a setting that is read here: `os.environ['KEY']` or `os.getenv('KEY')`.
fn find_setting_name<'t>(facts: &PyFacts<'t>, node: SyntaxNode<'t>) -> Option<&'t str> {
    let (read, name) = match node.kind() {
        "subscript" => (node.child_by_field_name("value")?, node.child_by_field_name("subscript")?),
        "call" => (node.child_by_field_name("function")?, node.child_by_field_name("arguments")?.named_child(0)?),
        _ => return None,
    };
    let is_setting =
        matches!(facts.names.resolve(read, facts.text).as_str(), "os.environ" | "os.environ.get" | "os.getenv");
    is_setting.then(|| read_literal(name, facts.text)).flatten()
}

/// `os.getenv('API_KEY', 'literal')`.
fn check_defaults(facts: &PyFacts<'_>, call: &PyCall<'_>, findings: &mut Findings<'_>) {
    if !matches!(call.name.as_str(), "os.getenv" | "os.environ.get") {
        return;
    }
    let [name, value] = call.positional.as_ref() else { return };
    let (Some(name), Some(text)) = (read_literal(*name, facts.text), read_literal(*value, facts.text)) else { return };
    let byte = value.start_byte();
    if names_secret(name) && looks_random(text) && !findings.is_on_line(&["SK101", "SK103"], byte) {
        findings.add("SK102", High, byte, format!("{name} has a literal as its default"));
    }
}

/// Secrets among the arguments of a program, and in the query of an address.
fn check_arguments(facts: &PyFacts<'_>, call: &PyCall<'_>, findings: &mut Findings<'_>) {
    const FLAGS: [&str; 4] = ["--password={", "--token={", "--api-key={", "--secret={"];
    if call.name.starts_with("subprocess.") || call.name == "os.system" {
        let Some(words) = call.positional.first() else { return };
        let mut shown = None;
        visit_below(*words, |node, _| {
            let text = facts.text(node).to_lowercase();
            if node.kind() == "string" && FLAGS.iter().any(|flag| text.contains(flag)) {
                shown = Some(node.start_byte());
            }
            node.kind() != "string"
        });
        if let Some(byte) = shown {
            findings.add("SK107", High, byte, "a secret is an argument, which ps shows");
        }
    } else if facts.is_network(call)
        && let Some(query) = call.keyword("params").filter(|query| query.kind() == "dictionary")
    {
        let key = query.named_children().filter_map(|pair| pair.child_by_field_name("key"));
        let secret = key.into_iter().find(|key| read_literal(*key, facts.text).is_some_and(names_secret));
        if let Some(key) = secret {
            findings.add("SK107", Medium, key.start_byte(), "a secret is part of an address, and so of every log");
        }
    }
}

fn check_dotenv(call: &PyCall<'_>, findings: &mut Findings<'_>) {
    if call.method != "load_dotenv" || findings.has("SK106") {
        return;
    }
    let folder = Path::new(&findings.source.path).parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    if is_ignored_by_git(folder, ".env") == Some(false) {
        findings.add("SK106", High, call.byte(), ".env is read here, and .gitignore does not name it");
    }
}
