//! Errors and exit codes in Python.

use crate::finding::LintConfidence::{High, Low, Medium};
use crate::python::facts::{PyCall, PyFacts, PyHandler};
use crate::python::nodes::{has_below, list_statements};
use crate::results::collector::Findings;
use crate::rules::rule::Habit;
use crate::syntax::tree::SyntaxNode;

/// Asks the rules.
pub(crate) fn check(facts: &PyFacts<'_>, findings: &mut Findings<'_>) {
    for handler in &facts.handlers {
        check_swallowing_handler(facts, handler, findings);
        check_exit_code(facts, handler, findings);
    }
    for call in &facts.calls {
        check_programs(facts, call, findings);
        check_swallowing_context(facts, call, findings);
        check_process_end(facts, call, findings);
    }
    let is_test = findings.source.path.contains("test");
    for assert in facts.asserts.iter().filter(|_| !is_test) {
        findings.add("SK405", Low, assert.start_byte(), "python -O removes this check");
    }
    check_last_handler(facts, findings);
}

fn check_swallowing_handler(facts: &PyFacts<'_>, handler: &PyHandler<'_>, findings: &mut Findings<'_>) {
    let is_empty = |statement: &SyntaxNode<'_>| match statement.kind() {
        "pass_statement" | "continue_statement" => true,
        "return_statement" => returns_nothing(facts.text(*statement)),
        "expression_statement" => facts.text(*statement) == "...",
        _ => false,
    };
    if !handler.is_blind || !list_statements(handler.body).iter().all(is_empty) {
        return;
    }
    let function = handler.context.function.and_then(|at| facts.functions.get(at)).map(|function| function.name);
    let is_cleanup = matches!(function, Some("__del__" | "__exit__" | "__aexit__" | "close" | "__repr__"));
    // Who writes why has thought about it.
    let after = facts.text.get(handler.node.start_byte()..handler.body.end_byte()).unwrap_or_default();
    let end = facts.text.get(handler.body.end_byte()..).and_then(|rest| rest.lines().next()).unwrap_or_default();
    let is_explained = after.contains('#') || end.contains('#');
    // A function whose answer is "nothing" may be a question whether something works.
    let is_answer = list_statements(handler.body).iter().any(|statement| returns_nothing(facts.text(*statement)));
    let confidence = match (is_cleanup || is_explained, is_answer) {
        (true, _) => Low,
        (false, true) => Medium,
        (false, false) => High,
    };
    findings.add("SK401", confidence, handler.node.start_byte(), "every error is swallowed, also those of tomorrow");
}

/// `with contextlib.suppress(Exception):`.
fn check_swallowing_context(facts: &PyFacts<'_>, call: &PyCall<'_>, findings: &mut Findings<'_>) {
    let is_all = call.positional.iter().any(|what| matches!(facts.text(*what), "Exception" | "BaseException"));
    if call.name == "contextlib.suppress" && is_all {
        findings.add("SK401", High, call.byte(), "every error is swallowed, also those of tomorrow");
    }
}

fn returns_nothing(text: &str) -> bool {
    matches!(text, "return" | "return None")
}

/// A handler around the whole work that neither raises nor chooses an exit code.
fn check_exit_code(facts: &PyFacts<'_>, handler: &PyHandler<'_>, findings: &mut Findings<'_>) {
    let function = handler.context.function.and_then(|at| facts.functions.get(at));
    let is_main = function.is_some_and(|function| function.name == "main");
    let is_top = function.is_none() && handler.context.is_guarded;
    if !handler.is_blind || !handler.is_last || handler.context.inner_loop.is_some() || !(is_main || is_top) {
        return;
    }
    findings.applies(&[Habit::ExitCodes]);
    let ends = has_below(handler.body, |node| match node.kind() {
        "raise_statement" | "assignment" | "augmented_assignment" => true,
        "return_statement" => node.named_child(0).is_some(),
        "call" => {
            let text = facts.text(node);
            ["sys.exit", "exit(", "os._exit", "os.abort", "quit(", "parser.error", "fail", "die", "abort"]
                .iter()
                .any(|end| text.starts_with(end))
        }
        _ => false,
    });
    if !ends {
        findings.add("SK402", High, handler.node.start_byte(), "after this error the script ends with 0");
    }
}

fn check_programs(facts: &PyFacts<'_>, call: &PyCall<'_>, findings: &mut Findings<'_>) {
    let message = match call.name.as_str() {
        "subprocess.run" if call.keyword("check").is_none() && call.is_statement && !call.has_splat => {
            "without check=True a failure of the program is not noticed"
        }
        "subprocess.call" | "os.system" if call.is_statement => "the program's exit code is thrown away",
        "subprocess.Popen" if call.is_statement => {
            findings.add("SK404", Medium, call.byte(), "nothing waits for the program, or sees how it ends");
            return;
        }
        "subprocess.run" | "subprocess.check_output" | "subprocess.check_call"
            if call.keyword("timeout").is_none() && !call.has_splat && facts.is_script() =>
        {
            findings.add("SK404", Low, call.byte(), "without timeout= a program that hangs is waited for for ever");
            return;
        }
        _ => return,
    };
    findings.applies(&[Habit::ExitCodes]);
    findings.add("SK404", High, call.byte(), message);
}

fn check_process_end(facts: &PyFacts<'_>, call: &PyCall<'_>, findings: &mut Findings<'_>) {
    let Some(function) = call.context.function.and_then(|at| facts.functions.get(at)) else { return };
    let is_exit = matches!(call.name.as_str(), "sys.exit" | "os._exit");
    let may = ["main", "cli", "usage", "die", "fail", "run", "signal", "handle", "stop", "exit"];
    let is_named = may.iter().any(|word| function.name.to_lowercase().contains(word));
    if is_exit && !is_named && function.decorators.is_empty() {
        let confidence = if facts.has_guard || facts.is_script() { Low } else { Medium };
        findings.add("SK408", confidence, call.byte(), format!("{} ends the whole process", function.name));
    }
}

/// A script whose guard calls its work, and no handler logs what ends it.
fn check_last_handler(facts: &PyFacts<'_>, findings: &mut Findings<'_>) {
    let guarded = facts
        .calls
        .iter()
        .find(|call| call.context.is_guarded && call.context.function.is_none() && call.name == "main");
    let Some(call) = guarded.filter(|_| facts.calls.iter().any(|call| facts.is_network(call)) || facts.uses_network())
    else {
        return;
    };
    let catches = facts.handlers.iter().any(|handler| {
        let function = handler.context.function.and_then(|at| facts.functions.get(at)).map(|function| function.name);
        handler.is_blind && (handler.context.is_guarded || function == Some("main"))
    });
    if !catches && !facts.has_word("excepthook") && !facts.has_word("sentry") {
        findings.add("SK407", Medium, call.byte(), "an error that ends main is in no log");
    }
}
