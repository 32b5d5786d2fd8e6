//! What is read when something changes after the first run, with `--quiet` as in a crontab.

use serde_json::json;

use crate::emulator_process::ApiClient;
use crate::setup::mistake::{Mistake, check_words, make_mistake, mistake};
use crate::temp_project::TempProject;

const QUIET: &[&str] = &["run", "orders.toml", "--quiet"];

fn later_than(name: &'static str, before: fn(&TempProject)) -> Mistake {
    let columns = make_mistake("columns = { amount = \"number\" }");
    mistake(name, columns, "id,amount,note\n1,5,a\n2,6,b\n3,x,c\n").after(before).args(QUIET)
}

fn run(project: &TempProject) {
    project.run(QUIET).exits(3);
}

fn write(project: &TempProject, csv: &str) {
    run(project);
    project.write("orders.csv", csv);
}

/// Writes into a cell of the sheet, as a person does after the first run.
fn type_into(project: &TempProject, tab: &str, row: usize, column: &str, text: &str) {
    run(project);
    let sheet = ApiClient::of_file(project, "orders.sheet");
    let at = sheet.all_rows(tab)[0].iter().position(|name| *name == column).expect("the column");
    let start = json!({"sheetId": sheet.tab_id(tab), "rowIndex": row, "columnIndex": at});
    let rows = json!([{"values": [{"userEnteredValue": {"stringValue": text}}]}]);
    sheet.edit_sheet(&json!([{"updateCells": {"start": start, "rows": rows, "fields": "userEnteredValue"}}]));
}

fn play_days() -> Vec<Mistake> {
    vec![
        later_than("a column renamed in the sheet", |project| type_into(project, "Orders", 0, "note", "Remark")),
        later_than("a header emptied in the sheet", |project| {
            type_into(project, "Orders", 0, "note", "");
            project.write("orders.csv", "id,amount,note\n4,7,d\n");
        }),
        later_than("a word in action that is none", |project| {
            type_into(project, "Failures orders", 1, "action", "rety");
        }),
        later_than("a new field", |project| write(project, "id,amount,note,colour\n1,5,a,red\n4,6,b,blue\n")),
        later_than("a field that is gone", |project| write(project, "id,amount\n1,5\n4,7\n")),
        later_than("a field that is always empty now", |project| write(project, "id,amount,note\n4,1,\n5,2,\n6,3,\n")),
        later_than("a source that is empty now", |project| write(project, "id,amount,note\n")),
        later_than("another job file under the same name", |project| {
            run(project);
            project.replace_in("orders.toml", "key = \".id\"", "key = \".note\"");
        }),
        later_than("a retry of nothing", run).args(&["failures", "retry", "orders.toml"]),
        later_than("a retry of an unknown key", run).args(&["failures", "retry", "orders.toml", "9"]),
        later_than("a retry of a kind that no failure has", run).args(&[
            "failures",
            "retry",
            "orders.toml",
            "--error",
            "timeout",
        ]),
        later_than("an unknown key", run).args(&["explain", "orders.toml", "9"]),
        later_than("a tab that is not there", run).args(&["show", "orders.toml", "--tab", "Order"]),
    ]
}

#[test]
fn each_change_after_the_first_run_is_answered() {
    check_words("days", play_days());
}
