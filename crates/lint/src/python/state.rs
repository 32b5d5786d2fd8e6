//! What Python scripts write, and what happens if they do it twice.

use crate::finding::LintConfidence::{High, Low, Medium};
use crate::python::facts::{PyCall, PyFacts};
use crate::python::nodes::read_literal;
use crate::results::collector::Findings;
use crate::rules::rule::Habit;

/// Words of scripts that remember what is done.
const MEMORY_WORDS: [&str; 10] =
    ["idempoten", "processed", "seen", "already", "done", "dedup", "upsert", "checkpoint", "cursor", "last_id"];
/// Words of scripts that write a file as a whole.
const WHOLE_FILE_WORDS: [&str; 8] =
    ["os.replace", "os.rename", ".replace(", ".rename(", "shutil.move", "namedtemporaryfile", "atomic", "tempfile."];

/// Asks the rules.
pub(crate) fn check(facts: &PyFacts<'_>, findings: &mut Findings<'_>) {
    for call in &facts.calls {
        if facts.is_sheet_write(call) {
            findings.applies(&[Habit::Repeatable]);
        }
        check_effects_in_loops(facts, call, findings);
        check_overwritten_files(facts, call, findings);
        check_sheet_calls(facts, call, findings);
        check_deletions(facts, call, findings);
        check_deleted_rows(facts, call, findings);
    }
    check_random_keys(facts, findings);
}

fn check_effects_in_loops(facts: &PyFacts<'_>, call: &PyCall<'_>, findings: &mut Findings<'_>) {
    let Some(found) = call.context.inner_loop.and_then(|at| facts.loops.get(at)) else { return };
    let is_effect = facts.is_network(call) && matches!(call.method.as_ref(), "post" | "sendmail" | "send_message");
    // A `while` may be a retry, and a `for` over attempts is one.
    let is_retry = found.node.kind() != "for_statement" || {
        let head = facts.text(found.node).lines().next().unwrap_or_default().to_lowercase();
        ["attempt", "retr", "tries", "range("].iter().any(|word| head.contains(word))
    };
    if !is_effect || is_retry {
        return;
    }
    findings.applies(&[Habit::Repeatable]);
    if !MEMORY_WORDS.iter().any(|word| facts.has_word(word)) {
        let message = format!("{} is done again for every item when the run is repeated", call.method);
        findings.add("SK501", Medium, call.byte(), message);
    }
}

fn check_overwritten_files(facts: &PyFacts<'_>, call: &PyCall<'_>, findings: &mut Findings<'_>) {
    let is_open = matches!(call.name.as_str(), "open" | "io.open");
    let mode = call.positional.get(1).copied().or_else(|| call.keyword("mode"));
    let mode = mode.and_then(|mode| read_literal(mode, facts.text)).unwrap_or_default();
    let is_frame = matches!(call.method.as_ref(), "to_csv" | "to_excel" | "to_parquet" | "to_json")
        && call.positional.first().is_some_and(|path| read_literal(*path, facts.text).is_some())
        && (facts.names.imports("pandas") || facts.names.imports("polars"));
    let writes =
        is_open && mode.contains('w') || matches!(call.method.as_ref(), "write_text" | "write_bytes") || is_frame;
    if !writes {
        return;
    }
    findings.applies(&[Habit::WholeFiles]);
    let path = call.positional.first().map(|path| facts.text(*path)).unwrap_or_default().to_lowercase();
    let is_temporary = ["tmp", "temp", "devnull", "/dev/", ".new", ".part"].iter().any(|word| path.contains(word));
    let is_whole = WHOLE_FILE_WORDS.iter().any(|word| facts.has_word(word));
    if !is_temporary && !is_whole {
        let confidence = if is_open { High } else { Medium };
        findings.add(
            "SK503",
            confidence,
            call.byte(),
            "killed in the middle, it leaves half a file under the final name",
        );
    }
}

fn check_sheet_calls(facts: &PyFacts<'_>, call: &PyCall<'_>, findings: &mut Findings<'_>) {
    if call.keywords.iter().any(|(_, value)| read_literal(*value, facts.text) == Some("USER_ENTERED")) {
        findings.add("SK508", High, call.byte(), "texts from outside are computed as formulas");
    }
    if !facts.uses_sheets() {
        return;
    }
    let is_single = matches!(
        call.method.as_ref(),
        "append_row" | "update_cell" | "update_acell" | "insert_row" | "delete_row" | "delete_rows"
    );
    if is_single && call.context.inner_loop.is_some() {
        findings.add("SK308", High, call.byte(), format!("{} is one call for each row", call.method));
    }
    let by_number = matches!(call.method.as_ref(), "update_cell" | "delete_row" | "delete_rows");
    if by_number && call.positional.first().is_some_and(|row| row.kind() != "integer") {
        findings.add("SK505", Medium, call.byte(), "the row is found by its number");
    }
    let clears = (call.method == "clear" && call.positional.is_empty()) || call.method == "batch_clear";
    let Some(object) = clears.then(|| find_object(facts, call)).flatten() else {
        return;
    };
    let writes = facts.calls.iter().any(|other| {
        let is_write = other.method.starts_with("update")
            || other.method.starts_with("append_row")
            || other.method == "set_dataframe";
        is_write
            && other.context.function == call.context.function
            && other.byte() > call.byte()
            && find_object(facts, other) == Some(object)
    });
    if writes {
        // Which cells a list of ranges clears, and whether those are written, is not known.
        let confidence = if call.method == "clear" { High } else { Medium };
        findings.add(
            "SK504",
            confidence,
            call.byte(),
            format!("{object} is empty until the next write, and for ever if that fails"),
        );
    }
}

/// Returns what a method is called on, as written.
fn find_object<'t>(facts: &PyFacts<'t>, call: &PyCall<'t>) -> Option<&'t str> {
    let function = call.node.child_by_field_name("function")?;
    function.child_by_field_name("object").map(|object| facts.text(object))
}

fn check_deletions(facts: &PyFacts<'_>, call: &PyCall<'_>, findings: &mut Findings<'_>) {
    if call.name != "shutil.rmtree" {
        return;
    }
    findings.applies(&[Habit::Trials]);
    let path = call.positional.first().map(|path| facts.text(*path)).unwrap_or_default().to_lowercase();
    let is_asked = ["dry_run", "dry-run", "confirm", "force"].iter().any(|word| facts.has_word(word));
    let is_temporary = ["tmp", "temp", "cache", "build"].iter().any(|word| path.contains(word));
    if !is_asked && !is_temporary {
        findings.add("SK507", Low, call.byte(), "a folder is deleted with everything in it, and nothing asks before");
    }
}

/// A statement that deletes every row of a table, or the table.
fn check_deleted_rows(facts: &PyFacts<'_>, call: &PyCall<'_>, findings: &mut Findings<'_>) {
    let statement = call.positional.first().and_then(|text| read_literal(*text, facts.text)).unwrap_or_default();
    let statement = statement.trim().to_lowercase();
    let deletes = (statement.starts_with("delete from ") && !statement.contains("where"))
        || statement.starts_with("truncate ")
        || statement.starts_with("drop table ");
    let is_run = matches!(call.method.as_ref(), "execute" | "executescript" | "exec_driver_sql" | "text");
    if !deletes || !is_run {
        return;
    }
    findings.applies(&[Habit::Trials]);
    if !["dry_run", "dry-run", "confirm", "force"].iter().any(|word| facts.has_word(word)) {
        findings.add("SK507", Medium, call.byte(), "every row is deleted, and nothing asks before");
    }
}

fn check_random_keys(facts: &PyFacts<'_>, findings: &mut Findings<'_>) {
    for assignment in &facts.assignments {
        let name = assignment.name.to_lowercase().replace(['-', '_'], "");
        let value = facts.text(assignment.value);
        if name.contains("idempotencykey")
            && ["uuid4", "uuid1", "random", "time()", "token_hex"].iter().any(|word| value.contains(word))
        {
            findings.add("SK510", High, assignment.value.start_byte(), "every attempt has another key");
        }
    }
}
