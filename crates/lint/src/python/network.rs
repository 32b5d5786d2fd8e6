//! Calls over the network in Python: time limits, answers, certificates, pages.

use crate::finding::LintConfidence::{High, Low, Medium};
use crate::python::facts::{PyCall, PyFacts};
use crate::python::nodes::visit_below;
use crate::results::collector::Findings;
use crate::rules::rule::Habit;
use crate::syntax::tree::SyntaxNode;

/// The timeout that `--fix=safe` writes, in seconds.
const TIMEOUT_S: u32 = 60;

/// Asks the rules.
pub(crate) fn check(facts: &PyFacts<'_>, findings: &mut Findings<'_>) {
    for call in &facts.calls {
        if facts.is_network(call) {
            findings.applies(&[Habit::TimeLimits, Habit::CheckedAnswers, Habit::BoundedRetries]);
        }
        check_time_limit(facts, call, findings);
        check_answer(facts, call, findings);
        check_certificates(facts, call, findings);
        check_pages(facts, call, findings);
    }
    for assignment in &facts.assignments {
        let (name, value) = (assignment.name, facts.text(assignment.value));
        let is_context = name.contains('.');
        // A context of a server asks for no certificate, and that is usual.
        let confidence = match name.rsplit('.').next().unwrap_or_default() {
            "verify" if is_context && value == "False" && is_client_of(facts, name) => High,
            "_create_default_https_context" if value.ends_with("_create_unverified_context") => High,
            "check_hostname" if is_context && value == "False" => Medium,
            "verify_mode" if is_context && value.ends_with("CERT_NONE") => Medium,
            _ => continue,
        };
        let byte = assignment.value.start_byte();
        findings.add("SK307", confidence, byte, format!("{name} trusts any server that answers"));
    }
}

/// Returns whether an attribute is one of a session of requests or a client of httpx.
fn is_client_of(facts: &PyFacts<'_>, attribute: &str) -> bool {
    let variable = attribute.rsplit_once('.').map_or(attribute, |(variable, _)| variable);
    let call = facts.names.call_of(variable).unwrap_or_default();
    call.starts_with("requests.") || call.starts_with("httpx.")
}

/// Returns the position at which a function takes its timeout, if it has none by default.
fn find_timeout_position(name: &str) -> Option<usize> {
    Some(match name {
        "urllib.request.urlopen" | "telnetlib.Telnet" => 2,
        "socket.create_connection" => 1,
        "smtplib.SMTP" | "smtplib.SMTP_SSL" | "http.client.HTTPConnection" | "http.client.HTTPSConnection" => 9,
        "ftplib.FTP" => 4,
        _ => return None,
    })
}

fn check_time_limit(facts: &PyFacts<'_>, call: &PyCall<'_>, findings: &mut Findings<'_>) {
    const VERBS: [&str; 8] = ["get", "post", "put", "patch", "delete", "head", "options", "request"];
    let name = call.name.as_str();
    let is_session = name.starts_with("requests.Session.") || name.starts_with("requests.session.");
    let is_requests = (name.starts_with("requests.") && name.matches('.').count() == 1) || is_session;
    let timeout = call.keyword("timeout");
    let is_none = timeout.is_some_and(|timeout| facts.text(timeout) == "None");
    if is_requests && VERBS.contains(&call.method.as_ref()) {
        // A session may have been given a time limit by an adapter of its own.
        let has_adapter = is_session
            && (facts.has_word("partial(") || facts.has_word("timeoutadapter") || facts.has_word("(httpadapter)"));
        if (timeout.is_none() && !call.has_splat && !has_adapter) || is_none {
            let can_be_fixed = timeout.is_none() && !call.has_splat;
            let fix = can_be_fixed.then(|| call.with_argument(&format!("timeout={TIMEOUT_S}"))).flatten();
            findings.add_fixable("SK301", High, call.byte(), format!("{} waits for ever", call.method), fix);
        }
        return;
    }
    if is_none && (name.starts_with("httpx.") || name.starts_with("aiohttp.")) {
        findings.add("SK301", High, call.byte(), "timeout=None waits for ever");
        return;
    }
    let is_pool = matches!(name, "urllib3.PoolManager.request" | "urllib3.PoolManager.urlopen" | "urllib3.request");
    if is_pool && timeout.is_none() && !call.has_splat && !facts.has_word("timeout") {
        findings.applies(&[Habit::TimeLimits]);
        findings.add("SK301", High, call.byte(), format!("{} waits for ever", call.method));
    }
    if let Some(position) = find_timeout_position(name) {
        let is_given = timeout.is_some() || call.positional.len() > position || call.has_splat;
        if !is_given && !facts.has_word("setdefaulttimeout") {
            findings.applies(&[Habit::TimeLimits]);
            findings.add("SK301", High, call.byte(), format!("{} waits for ever", call.method));
        }
    }
}

fn check_answer(facts: &PyFacts<'_>, call: &PyCall<'_>, findings: &mut Findings<'_>) {
    let is_requests = call.name.starts_with("requests.") || call.name.starts_with("httpx.");
    if !is_requests || !facts.is_network(call) {
        return;
    }
    let byte = call.byte();
    if matches!(call.attribute, Some("json" | "text" | "content")) {
        findings.add("SK302", High, byte, "the answer is read whatever its status is");
        return;
    }
    if call.is_statement && !matches!(call.method.as_ref(), "get" | "head" | "options") {
        findings.add("SK302", High, byte, "the answer is thrown away: whether it worked is not known");
        return;
    }
    let Some(variable) = call.variable.filter(|name| name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'))
    else {
        return;
    };
    let scope = call.context.function.and_then(|at| facts.functions.get(at)).map(|function| function.node);
    let mut use_of = ResponseUse::default();
    visit_below(scope.unwrap_or(facts.root), |node, parent| {
        use_of.look(facts, node, parent, variable);
        true
    });
    if use_of.is_read && !use_of.is_checked && !use_of.is_passed_on {
        findings.add("SK302", High, byte, format!("{variable} is read whatever its status is"));
    }
}

/// What is done with an answer.
#[derive(Default)]
struct ResponseUse {
    is_read: bool,
    is_checked: bool,
    is_passed_on: bool,
}

impl ResponseUse {
    fn look(&mut self, facts: &PyFacts<'_>, node: SyntaxNode<'_>, parent: Option<SyntaxNode<'_>>, variable: &str) {
        if node.kind() != "identifier" || facts.text(node) != variable {
            return;
        }
        let Some(parent) = parent else { return };
        match parent.kind() {
            "attribute" if parent.child_by_field_name("object").is_some_and(|object| object.id() == node.id()) => {
                let attribute = parent.child_by_field_name("attribute").map(|name| facts.text(name));
                match attribute {
                    Some("json" | "text" | "content" | "iter_lines" | "iter_content") => self.is_read = true,
                    Some("raise_for_status" | "ok" | "status_code" | "is_success" | "is_error" | "reason") => {
                        self.is_checked = true;
                    }
                    _ => {}
                }
            }
            // The left side of its assignment.
            "assignment" if parent.child_by_field_name("left").is_some_and(|left| left.id() == node.id()) => {}
            _ => self.is_passed_on = true,
        }
    }
}

fn check_certificates(facts: &PyFacts<'_>, call: &PyCall<'_>, findings: &mut Findings<'_>) {
    let off = call.keyword("verify").filter(|value| facts.text(*value) == "False");
    let is_client = call.name.starts_with("requests.") || call.name.starts_with("httpx.");
    if let Some(off) = off.filter(|_| is_client) {
        findings.add("SK307", High, off.start_byte(), "verify=False trusts any server that answers");
    } else if call.name == "ssl._create_unverified_context" {
        findings.add("SK307", High, call.byte(), "this context trusts any server that answers");
    }
}

fn check_pages(facts: &PyFacts<'_>, call: &PyCall<'_>, findings: &mut Findings<'_>) {
    let is_list = call.method == "execute" && call.name.ends_with(".list.execute");
    let follows = facts.has_word("nextpagetoken") || facts.has_word("list_next") || facts.has_word("next_page_token");
    if is_list && !follows {
        let confidence = if facts.names.imports("googleapiclient") { Medium } else { Low };
        findings.add("SK310", confidence, call.byte(), "nextPageToken is not followed");
    }
}
