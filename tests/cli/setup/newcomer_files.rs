//! What is read after the usual problems with files: their names, their bytes, their values.

use std::fs;

use crate::setup::mistake::{JOB, Mistake, check_words, make_mistake, mistake};
use crate::sources::newcomer_sources::{make_workbook, pack_file};

/// The first bytes of a compound file: an old workbook (.xls), or one with a password.
const COMPOUND: &[u8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";

fn make_bytes_mistake(name: &'static str, bytes: &[u8]) -> Mistake {
    mistake(name, JOB, "").file("orders.csv", bytes)
}

fn make_workbook_mistake(name: &'static str, bytes: &[u8]) -> Mistake {
    let job = JOB.replace("csv = \"orders.csv\"", "xlsx = \"orders.xlsx\"\nsheet = \"Mai\"");
    mistake(name, job, "").file("orders.xlsx", bytes)
}

fn encode_utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn list_paths() -> Vec<Mistake> {
    vec![
        mistake("a file of another ending", JOB.replace("orders.csv", "order.csv"), "").file("Order.CSV", b"id\n1\n"),
        mistake("a folder that is not there", JOB.replace("orders.csv", "export/orders.csv"), ""),
        mistake("a pattern for another ending", JOB.replace("orders.csv", "*.tsv"), "id\n1\n"),
        mistake("a folder in place of a file", JOB.replace("orders.csv", "exports"), "")
            .after(|project| fs::create_dir(project.path("exports")).expect("a folder")),
        mistake("a link to itself", JOB.replace("orders.csv", "loop.csv"), "")
            .after(|project| std::os::unix::fs::symlink("loop.csv", project.path("loop.csv")).expect("a link")),
        mistake("a link to nothing", JOB.replace("orders.csv", "link.csv"), "")
            .after(|project| std::os::unix::fs::symlink("gone.csv", project.path("link.csv")).expect("a link")),
        mistake("a job file that is not there", JOB, "").args(&["run", "order.toml"]),
        mistake("a folder as a job file", JOB, "").args(&["run", "."]),
    ]
}

fn read_contents() -> Vec<Mistake> {
    let mut long = b"id,text\n1,".to_vec();
    long.extend(std::iter::repeat_n(b'x', 50_001));
    let mut cut = pack_file(&"id,name\n1,Ada\n".repeat(2_000));
    cut.truncate(cut.len() / 2);
    let text = |cell: &str, text: &str| format!("<c r=\"{cell}\" t=\"inlineStr\"><is><t>{text}</t></is></c>");
    let sheet =
        make_workbook(&format!("<row r=\"1\">{}</row><row r=\"2\">{}</row>", text("A1", "id"), text("A2", "1")));
    vec![
        make_bytes_mistake("an empty file", b""),
        make_bytes_mistake("a byte order mark and nothing else", b"\xef\xbb\xbf"),
        make_bytes_mistake("a header row and nothing else", b"id,name\n"),
        make_bytes_mistake("a title above the header row", b"Export of 29 November\n\nid,name\n1,Ada\n"),
        make_bytes_mistake("a name twice in the header row", b"id,name,name\n1,a,b\n"),
        make_bytes_mistake("a field of the header row without a name", b"id,,name\n1,a,b\n"),
        make_bytes_mistake("a row with a field too many", b"id,name\n1,Ada, Countess\n2,Bo\n"),
        make_bytes_mistake("a quote that is never closed", b"id,name\n1,\"Ada\n2,Bo\n3,Cy\n"),
        make_bytes_mistake("a record without a key", b"id,name\n,Ada\n2,Bo\n"),
        make_bytes_mistake("a NUL byte in a field", b"id,name\n1,A\0da\n2,Bo\n"),
        make_bytes_mistake("a file of NUL bytes", &[0; 64]),
        make_bytes_mistake("UTF-16 without a byte order mark", &encode_utf16("id,name\n1,Ada\n")),
        make_bytes_mistake("a packed file that was cut off", &cut),
        make_bytes_mistake("a web page in place of data", b"<!DOCTYPE html><html><body>Please log in</body></html>\n"),
        make_bytes_mistake("JSON named as CSV", b"[{\"id\": 1}, {\"id\": 2}]\n"),
        make_bytes_mistake("a text longer than a cell", &long),
        make_bytes_mistake("an old workbook named as CSV", COMPOUND),
        make_workbook_mistake("an old workbook, or one with a password", &[COMPOUND, &[0; 600]].concat()),
        make_workbook_mistake("CSV named as a workbook", b"id,name\n1,Ada\n"),
        make_workbook_mistake("a tab that the workbook does not have", &sheet)
            .after(|project| project.replace_in("orders.toml", "\"Mai\"", "\"Juni\"")),
        mistake(
            "items that are not in the document",
            JOB.replace("csv = \"orders.csv\"", "json = \"orders.json\"\nitems = \".data[]\""),
            "",
        )
        .file("orders.json", b"{\"rows\": [{\"id\": 1}]}"),
        make_lines_mistake("a damaged line of JSON", b"{\"id\": 1}\n{\"id\": 2,}\n{\"id\": 3}\n"),
        make_lines_mistake("a line of JSON as Python prints it", b"{\"id\": 1}\n{'id': 2, 'paid': True}\n"),
        make_lines_mistake(
            "a line of JSON with a line break in a text",
            b"{\"id\": 1, \"note\": \"a\nb\"}\n{\"id\": 2}\n",
        ),
        make_lines_mistake("a line of JSON in another encoding", b"{\"id\": 1}\n{\"id\": 2, \"name\": \"caf\xe9\"}\n"),
        make_lines_mistake("a last line of JSON that was cut off", b"{\"id\": 1}\n{\"id\": 2, \"na"),
        make_document_mistake(
            "a damaged record of a JSON list",
            "",
            b"[{\"id\": 1},\n {\"id\": 2,\n  \"n\": NaN},\n {\"id\": 3}]",
        ),
        make_document_mistake("a JSON list with a bracket too many", "", b"[{\"id\": 1}},\n {\"id\": 2}]"),
        make_document_mistake(
            "a damaged document that is read as a whole",
            "\nitems = \".rows | map(.)[]\"",
            b"{\"rows\": [\n  {\"id\": 1},\n  {\"id\": 2;}\n]}",
        ),
        make_workbook_mistake("a workbook that was cut off", sheet.get(..sheet.len() / 2).expect("half of it")),
    ]
}

/// Makes a mistake in a file of JSON lines.
fn make_lines_mistake(name: &'static str, content: &[u8]) -> Mistake {
    mistake(name, JOB.replace("csv = \"orders.csv\"", "jsonl = \"orders.jsonl\""), "").file("orders.jsonl", content)
}

/// Makes a mistake in a JSON document, read with these settings.
fn make_document_mistake(name: &'static str, settings: &str, content: &[u8]) -> Mistake {
    let job = JOB.replace("csv = \"orders.csv\"", &format!("json = \"orders.json\"{settings}"));
    mistake(name, job, "").file("orders.json", content)
}

fn read_values() -> Vec<Mistake> {
    let column = |kind: &str| make_mistake(&format!("columns = {{ v = {kind} }}"));
    let of = |name, kind: &str, value: &str| mistake(name, column(kind), &format!("id,v\n1,\"{value}\"\n2,\n"));
    let german = "{ type = \"number\", decimal = \",\" }";
    vec![
        of("an amount with its currency", "\"number\"", "12.50 €"),
        of("a percentage", "\"number\"", "12 %"),
        of("a minus after the number", german, "12,50-"),
        of("an apostrophe between thousands", "\"number\"", "1'234.50"),
        of("a blank between thousands", german, "1 234,50"),
        of("a negative number in brackets", "\"number\"", "(12.50)"),
        of("a word for no number", "\"number\"", "n/a"),
        of("an error value of a spreadsheet", "\"number\"", "#N/A"),
        of("a formula in a number column", "\"number\"", "=1+1"),
        of("a month that does not exist", "\"date\"", "2026-13-01"),
        of("a day as in the United States", "\"date\"", "12/31/2026"),
        of("the serial number of a day", "\"date\"", "46387"),
        of("a day with a time", "\"date\"", "2026-12-31 08:00"),
        of("a time without a zone", "\"datetime\"", "31.12.2026 08:00"),
        of("a word for true", "\"boolean\"", "ja"),
    ]
}

#[test]
fn each_mistake_with_a_path_is_answered() {
    check_words("paths", list_paths());
}

#[test]
fn each_mistake_in_the_contents_of_a_file_is_answered() {
    check_words("contents", read_contents());
}

#[test]
fn each_value_that_does_not_fit_its_column_is_answered() {
    check_words("values", read_values());
}
