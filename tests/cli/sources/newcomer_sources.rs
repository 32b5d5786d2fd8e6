//! Sources beside one plain file: a workbook, packed files, a pattern of files.

use std::fs;
use std::io::{Cursor, Write as _};

use zip::write::SimpleFileOptions;

use crate::temp_project::TempProject;

const JOB: &str = "name = \"orders\"\n[source]\nSOURCE\n[item]\nkey = \".id\"\n[sheet]\ntab = \"Orders\"\n\
                   columns = { amount = \"number\", day = \"date\" }\n";

fn make_project(source: &str) -> TempProject {
    let project = TempProject::empty();
    project.write("orders.toml", &JOB.replace("SOURCE", source));
    project
}

/// Returns a text packed by gzip.
pub fn pack_file(text: &str) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(text.as_bytes()).expect("memory");
    packer.finish().expect("memory")
}

/// Returns a workbook with a sheet of these rows.
pub fn make_workbook(rows: &str) -> Vec<u8> {
    const MAIN: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    const RELATIONS: &str = "http://schemas.openxmlformats.org/package/2006/relationships";
    const OFFICE: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let relation = |id: &str, kind: &str, target: &str| {
        format!("<Relationship Id=\"{id}\" Type=\"{OFFICE}/{kind}\" Target=\"{target}\"/>")
    };
    let relations = |all: String| format!("<Relationships xmlns=\"{RELATIONS}\">{all}</Relationships>");
    let parts = [
        (
            "[Content_Types].xml",
            "<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\"/>".into(),
        ),
        ("_rels/.rels", relations(relation("r", "officeDocument", "xl/workbook.xml"))),
        (
            "xl/_rels/workbook.xml.rels",
            relations(relation("a", "worksheet", "worksheets/a.xml") + &relation("s", "styles", "styles.xml")),
        ),
        (
            "xl/workbook.xml",
            format!(
                "<workbook xmlns=\"{MAIN}\" xmlns:r=\"{OFFICE}\"><sheets><sheet name=\"Mai\" sheetId=\"1\" r:id=\"a\"/></sheets></workbook>"
            ),
        ),
        (
            "xl/styles.xml",
            format!(
                "<styleSheet xmlns=\"{MAIN}\"><cellXfs count=\"2\"><xf numFmtId=\"0\"/><xf numFmtId=\"14\"/></cellXfs></styleSheet>"
            ),
        ),
        ("xl/worksheets/a.xml", format!("<worksheet xmlns=\"{MAIN}\"><sheetData>{rows}</sheetData></worksheet>")),
    ];
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in parts {
        zip.start_file(name, SimpleFileOptions::default()).expect("a part");
        zip.write_all(text.as_bytes()).expect("memory");
    }
    zip.finish().expect("memory").into_inner()
}

#[test]
fn a_workbook_becomes_rows_and_an_error_cell_a_failure() {
    let project = make_project("xlsx = \"orders.xlsx\"\nsheet = \"Mai\"");
    let text = |cell: &str, text: &str| format!("<c r=\"{cell}\" t=\"inlineStr\"><is><t>{text}</t></is></c>");
    let rows = format!(
        "<row r=\"1\">{}{}{}</row><row r=\"2\">{}<c r=\"B2\"><v>0.1</v></c><c r=\"C2\" s=\"1\"><v>46387</v></c></row>\
         <row r=\"4\">{}<c r=\"B4\" t=\"e\"><v>#N/A</v></c></row>",
        text("A1", "id"),
        text("B1", "amount"),
        text("C1", "day"),
        text("A2", "Grüße"),
        text("A4", "b"),
    );
    fs::write(project.path("orders.xlsx"), make_workbook(&rows)).expect("a file");
    project.run(&["check", "orders.toml"]).exits(0);
    project
        .run(&["run", "orders.toml"])
        .exits(3)
        .stdout_has("read 2 · new 1")
        .stderr_has("at orders.xlsx!Mai:4 (record 2): source: cell B4 (\"amount\") is the error #N/A");
    assert_eq!(project.column("orders.toml", "Orders", "day"), ["2026-12-31"]);
    assert_eq!(project.column("orders.toml", "Orders", "amount"), ["0.1"]);
    project.run(&["run", "orders.toml"]).exits(3).stdout_has("skipped 1");
    fs::write(project.path("orders.xlsx"), "id,amount\n1,2\n").expect("a file");
    project.run(&["run", "orders.toml"]).exits(65).stderr_has("is not an Excel workbook (.xlsx)");
}

#[test]
fn the_files_of_a_pattern_are_one_source_and_one_plan() {
    let project = make_project("csv = \"exports/*.csv*\"");
    fs::create_dir(project.path("exports")).expect("a folder");
    fs::write(project.path("exports/b.csv.gz"), pack_file("id,amount,day\n2,x,2026-01-02\n")).expect("a file");
    project.write("exports/a.csv", "id;amount;day\n1;5;2026-01-01\n");
    project.run(&["plan", "orders.toml", "--out", "plan.json"]).exits(0);
    project.write("exports/c.csv", "id,amount,day\n3,7,2026-01-03\n");
    project
        .run(&["run", "orders.toml", "--plan", "plan.json"])
        .exits(65)
        .stderr_has("the source exports/*.csv* has changed");
    fs::remove_file(project.path("exports/c.csv")).expect("it is there");
    let ended = project.run(&["run", "orders.toml", "--plan", "plan.json"]);
    ended.exits(3).stdout_has("read 2 · new 1").stderr_has("failed 2 at exports/b.csv.gz:2 (record 1)");
    assert_eq!(project.column("orders.toml", "Failures orders", "where"), ["exports/b.csv.gz:2 (record 1)"]);
    project.write("exports/c.csv", "id,day\n3,2026-01-03\n");
    project
        .run(&["run", "orders.toml"])
        .exits(65)
        .stderr_has("exports/c.csv:1 (header row): it has no field \"amount\", which the first file has");
}

#[test]
fn packed_json_lines_are_read_as_a_file_and_from_a_pipe() {
    let project = make_project("jsonl = \"orders.jsonl\"");
    fs::write(project.path("orders.jsonl"), pack_file("{\"id\": 1, \"amount\": 2}\n{\"id\": 2}\n")).expect("a file");
    project.run(&["run", "orders.toml"]).exits(0).stdout_has("read 2 · new 2");
    project.write("orders.json", "{\"id\": 3}\n");
    let input = fs::File::open(project.path("orders.jsonl")).expect("the file");
    let mut command = project.command(&["run", "orders.toml", "--input", "-"]);
    let ended = command.stdin(input).output().expect("it runs");
    let out = String::from_utf8_lossy(&ended.stdout).into_owned();
    assert!(out.contains("read 2 · new 0"), "{out}");
}

#[test]
fn a_first_run_without_a_record_makes_no_tab() {
    let project = TempProject::empty();
    project.write(
        "orders.toml",
        "name = \"orders\"\n[source]\njson = \"orders.json\"\nitems = \".[]\"\n[item]\nkey = \".id\"\n[sheet]\ntab = \"Orders\"\n",
    );
    project.write("orders.json", "Service Unavailable\n");
    project.run(&["run", "orders.toml"]).exits(65).stderr_has("orders.json is one line of text, not JSON");
    project.run(&["show", "orders.toml", "--tab", "Runs"]).exits(66);
    // Once its tabs are there, such a run has its row like any other.
    project.write("orders.json", "[{\"id\": 1}]\n");
    project.run(&["run", "orders.toml"]).exits(0);
    project.write("orders.json", "Service Unavailable\n");
    project.run(&["run", "orders.toml"]).exits(65);
    assert_eq!(project.column("orders.toml", "Runs", "status"), ["succeeded", "failed"]);
    // A pipe is read once, so the run claims the job before it reads.
    let piped = TempProject::empty();
    piped.write("orders.toml", &project.read("orders.toml"));
    piped.run(&["run", "orders.toml", "--input", "-"]).exits(65);
    assert_eq!(piped.column("orders.toml", "Runs", "status"), ["failed"]);
}
