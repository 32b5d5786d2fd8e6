//! Retries in Python: whether there are any, their bounds, and what is repeated.

use crate::finding::LintConfidence::{High, Low, Medium};
use crate::python::facts::{PyCall, PyFacts, PyHandler};
use crate::python::nodes::has_below;
use crate::results::collector::Findings;
use crate::rules::rule::Habit;

/// Words of scripts that try again.
const RETRY_WORDS: [&str; 6] = ["retry", "retries", "tenacity", "backoff", "attempt", "stamina"];

/// Parts of the names of functions that wait.
const WAIT_FUNCTIONS: [&str; 11] =
    ["sleep", "wait", "recv", "accept", "input", "read", "select", "poll", "next", "backoff", "join"];

/// Asks the rules.
pub(crate) fn check(facts: &PyFacts<'_>, findings: &mut Findings<'_>) {
    check_missing_retry(facts, findings);
    check_endless_decorators(facts, findings);
    check_endless_loops(facts, findings);
    for call in &facts.calls {
        check_policies(facts, call, findings);
        check_repeated_effects(facts, call, findings);
        let is_paused = call.name == "time.sleep" && call.context.inner_loop.is_some() && !call.context.is_in_handler;
        let is_number = call.positional.first().is_some_and(|time| matches!(time.kind(), "integer" | "float"));
        let is_endless =
            call.context.inner_loop.and_then(|at| facts.loops.get(at)).is_some_and(|found| found.is_endless);
        if is_paused && is_number && !is_endless {
            findings.add("SK309", Low, call.byte(), "a fixed pause paces this loop");
        }
    }
}

fn check_missing_retry(facts: &PyFacts<'_>, findings: &mut Findings<'_>) {
    let network = facts.calls.iter().find(|call| facts.is_network(call));
    let Some(call) = network.filter(|_| facts.is_script()) else { return };
    findings.applies(&[Habit::BoundedRetries]);
    if !RETRY_WORDS.iter().any(|word| facts.has_word(word)) {
        findings.add("SK303", Medium, call.byte(), "a connection that breaks once ends the run");
    }
}

fn check_endless_decorators(facts: &PyFacts<'_>, findings: &mut Findings<'_>) {
    for function in &facts.functions {
        for (name, node) in &function.decorators {
            let text = facts.text(*node);
            if name == "tenacity.retry" && !text.contains("stop") {
                findings.add("SK304", High, node.start_byte(), format!("{} is tried for ever", function.name));
            }
            let is_backoff = matches!(name.as_str(), "backoff.on_exception" | "backoff.on_predicate");
            if is_backoff && !text.contains("max_tries") && !text.contains("max_time") && !text.contains("**") {
                findings.add("SK304", High, node.start_byte(), format!("{} is tried for ever", function.name));
            }
        }
    }
}

/// `while True:` around a `try` whose handler neither waits, counts nor leaves.
fn check_endless_loops(facts: &PyFacts<'_>, findings: &mut Findings<'_>) {
    for handler in &facts.handlers {
        let Some(found) = handler.context.inner_loop.and_then(|at| facts.loops.get(at)) else { continue };
        if !found.is_endless {
            continue;
        }
        let (range, body) = (found.node.byte_range(), handler.body.byte_range());
        let pauses = facts.calls.iter().filter(|call| range.contains(&call.byte())).any(|call| {
            // A queue's `get` waits, too.
            WAIT_FUNCTIONS.iter().any(|word| call.method.contains(word))
                || (call.method == "get" && !facts.is_network(call))
        });
        let leaves = has_below(handler.body, |node| {
            matches!(node.kind(), "raise_statement" | "return_statement" | "break_statement")
                || facts.text(node).starts_with("sys.exit")
        });
        let counts = has_below(found.node, |node| node.kind() == "augmented_assignment");
        let ends_after_success =
            has_below(found.node, |node| matches!(node.kind(), "break_statement" | "return_statement"));
        let is_slept = facts.calls.iter().any(|call| call.name == "time.sleep" && body.contains(&call.byte()));
        if is_slept && may_last(facts, handler) && ends_after_success && !leaves && !counts {
            findings.add("SK304", Medium, handler.node.start_byte(), "this is tried again for ever");
        } else if handler.is_blind && !pauses && !leaves && !counts {
            findings.add("SK304", High, handler.node.start_byte(), "the loop tries again at once, and for ever");
        }
    }
}

/// Returns whether a handler is about errors that may last for ever, and not about a queue that is
/// empty.
fn may_last(facts: &PyFacts<'_>, handler: &PyHandler<'_>) -> bool {
    const ERRORS: [&str; 8] =
        ["oserror", "ioerror", "connection", "requests.", "http", "urlerror", "apierror", "exception"];
    let head = facts.text.get(handler.node.start_byte()..handler.body.start_byte()).unwrap_or_default().to_lowercase();
    handler.is_blind || ERRORS.iter().any(|word| head.contains(word))
}

fn check_policies(facts: &PyFacts<'_>, call: &PyCall<'_>, findings: &mut Findings<'_>) {
    if call.method != "Retry" || !(facts.names.imports("urllib3") || facts.names.imports("requests")) {
        return;
    }
    let statuses = call.keyword("status_forcelist").map(|list| facts.text(list));
    if statuses.is_some_and(|list| list.contains("50") && !list.contains("429")) {
        findings.add("SK305", High, call.byte(), "429 is not tried again");
    }
    let methods = call.keyword("allowed_methods").or_else(|| call.keyword("method_whitelist"));
    let methods = methods.map(|methods| facts.text(methods));
    let repeats =
        methods.is_some_and(|text| text.contains("POST") || text.contains("PATCH") || matches!(text, "None" | "False"));
    if repeats && !facts.has_word("idempoten") {
        findings.add("SK306", High, call.byte(), "POST is sent again after a lost answer");
    }
}

fn check_repeated_effects(facts: &PyFacts<'_>, call: &PyCall<'_>, findings: &mut Findings<'_>) {
    let Some(decorator) = facts.retrying_decorator(call.context) else { return };
    let is_post =
        facts.is_network(call) && matches!(call.method.as_ref(), "post" | "patch" | "sendmail" | "send_message");
    let is_append = facts.is_sheet_write(call) && call.method.starts_with("append");
    if (is_post || is_append) && !facts.has_word("idempoten") {
        let message = format!("{} is repeated by {decorator}, also if only its answer was lost", call.method);
        findings.add("SK306", High, call.byte(), message);
    }
}
