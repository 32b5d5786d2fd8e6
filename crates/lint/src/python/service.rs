//! Python behind a platform's HTTP endpoint: functions, Flask.

use crate::finding::LintConfidence::{High, Medium};
use crate::python::facts::{PyCall, PyFacts};
use crate::python::nodes::{has_below, read_literal};
use crate::results::collector::Findings;

/// Asks the rules.
pub(crate) fn check(facts: &PyFacts<'_>, findings: &mut Findings<'_>) {
    let is_function = facts.names.imports("functions_framework")
        || facts.functions.iter().any(|function| function.name == "lambda_handler");
    for call in &facts.calls {
        if is_function {
            check_local_state(facts, call, findings);
        }
        check_background_work(facts, call, findings);
        check_listening(facts, call, findings);
    }
    check_answers(facts, findings);
}

/// Returns whether a function answers HTTP calls.
fn is_endpoint(facts: &PyFacts<'_>, function: Option<usize>) -> bool {
    let function = function.and_then(|at| facts.functions.get(at));
    function.is_some_and(|function| {
        function.decorators.iter().any(|(name, _)| {
            let is_route = matches!(name.rsplit_once('.'), Some((_, "route" | "post" | "get")));
            name.starts_with("functions_framework.") || is_route
        })
    })
}

fn check_local_state(facts: &PyFacts<'_>, call: &PyCall<'_>, findings: &mut Findings<'_>) {
    let path = call.positional.first().and_then(|path| read_literal(*path, facts.text));
    let is_lasting = path.is_some_and(|path| !path.starts_with("/tmp") && path != ":memory:");
    let mode = call.positional.get(1).and_then(|mode| read_literal(*mode, facts.text)).unwrap_or_default();
    let writes = matches!(call.name.as_str(), "sqlite3.connect" | "shelve.open" | "dbm.open")
        || (call.name == "open" && mode.contains(['w', 'a']));
    if is_lasting && writes {
        findings.add("SK509", High, call.byte(), "the next call runs where this file does not exist");
    }
}

fn check_background_work(facts: &PyFacts<'_>, call: &PyCall<'_>, findings: &mut Findings<'_>) {
    if call.name == "threading.Thread" && is_endpoint(facts, call.context.function) && !facts.has_word(".join()") {
        findings.add("SK610", High, call.byte(), "after the answer this thread gets no processor");
    }
}

fn check_listening(facts: &PyFacts<'_>, call: &PyCall<'_>, findings: &mut Findings<'_>) {
    if call.method != "run" || !(call.name.starts_with("flask.Flask.") || call.name.starts_with("uvicorn.")) {
        return;
    }
    let host = call.keyword("host").and_then(|host| read_literal(host, facts.text));
    let has_port = call.keyword("port").is_some_and(|port| port.kind() == "integer");
    if matches!(host, Some("127.0.0.1" | "localhost")) && has_port {
        findings.add("SK611", Medium, call.byte(), "in a container no client reaches this address");
    }
}

/// A handler of an endpoint that returns 200.
fn check_answers(facts: &PyFacts<'_>, findings: &mut Findings<'_>) {
    for handler in
        facts.handlers.iter().filter(|handler| handler.is_blind && is_endpoint(facts, handler.context.function))
    {
        let mut place = None;
        has_below(handler.body, |node| {
            let is_ok = node.kind() == "return_statement"
                && node.named_child(0).is_some_and(|value| {
                    value.kind() == "expression_list" && facts.text(value).trim_end().ends_with(", 200")
                });
            if is_ok {
                place = Some(node.start_byte());
            }
            is_ok
        });
        if let Some(byte) = place {
            findings.add("SK612", High, byte, "the caller takes this failure for a success");
        }
    }
}
