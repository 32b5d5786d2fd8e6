use std::fmt::Write as _;
use std::io::Write as _;

use serde_json::json;
use zip::write::SimpleFileOptions;

use super::*;

const WORKBOOK: &str = r#"<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets>"#;
const STYLES: &str = r#"<styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><numFmts count="2"><numFmt numFmtId="164" formatCode="dd.mm.yyyy hh:mm"/><numFmt numFmtId="165" formatCode="[h]:mm"/></numFmts><cellXfs count="5"><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="164"/><xf numFmtId="20"/><xf numFmtId="165"/></cellXfs></styleSheet>"#;
const RELS: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";

/// Returns a workbook of these sheets: name, rows as XML, what follows the rows.
fn workbook(sheets: &[(&str, &str, &str)]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let mut part = |name: &str, text: &str| {
        zip.start_file(name, SimpleFileOptions::default()).expect("a part");
        zip.write_all(text.as_bytes()).expect("memory");
    };
    part("[Content_Types].xml", r#"<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>"#);
    part(
        "_rels/.rels",
        &format!(
            r#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r" Type="{RELS}/officeDocument" Target="xl/workbook.xml"/></Relationships>"#
        ),
    );
    let (mut names, mut links) = (String::new(), String::new());
    for (at, (name, rows, after)) in sheets.iter().enumerate() {
        let id = at + 1;
        let _ = write!(names, r#"<sheet name="{name}" sheetId="{id}" r:id="rId{id}"/>"#);
        let _ =
            write!(links, r#"<Relationship Id="rId{id}" Type="{RELS}/worksheet" Target="worksheets/sheet{id}.xml"/>"#);
        let text = format!(
            r#"<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>{rows}</sheetData>{after}</worksheet>"#
        );
        part(&format!("xl/worksheets/sheet{id}.xml"), &text);
    }
    part("xl/workbook.xml", &format!("{WORKBOOK}{names}</sheets></workbook>"));
    let _ = write!(links, r#"<Relationship Id="rIdS" Type="{RELS}/styles" Target="styles.xml"/>"#);
    let links = format!(
        r#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{links}</Relationships>"#
    );
    part("xl/_rels/workbook.xml.rels", &links);
    part("xl/styles.xml", STYLES);
    zip.finish().expect("memory").into_inner()
}

fn text(cell: &str, text: &str) -> String {
    format!(r#"<c r="{cell}" t="inlineStr"><is><t>{text}</t></is></c>"#)
}

fn number(cell: &str, style: usize, value: &str) -> String {
    format!(r#"<c r="{cell}" s="{style}"><v>{value}</v></c>"#)
}

fn row(number: usize, cells: &[String]) -> String {
    format!(r#"<row r="{number}">{}</row>"#, cells.concat())
}

type SheetResult = (Vec<String>, Option<String>, Vec<String>);

/// Reads a workbook; returns its records, its error and its notes.
fn read(bytes: Vec<u8>, sheet: Option<&str>, header_row: Option<u32>) -> SheetResult {
    let choice = SheetChoice { sheet: sheet.map(str::to_owned), header_row };
    let reader: Box<dyn Read + Send> = Box::new(Cursor::new(bytes));
    let mut rows = SheetRows {
        name: "o.xlsx".into(),
        depth: RecordDepth::Whole,
        choice,
        reader: Some(reader),
        table: None,
        record: 0,
    };
    let begun = rows.begin();
    let notes = begun.as_ref().ok().and_then(Option::as_ref).map(|row| row.notes.clone()).unwrap_or_default();
    let mut records = Vec::new();
    if let Err(error) = begun {
        return (records, Some(error.to_string()), notes);
    }
    loop {
        match rows.next() {
            Ok(Some(record)) => {
                let body = record.body.map_or_else(|bad| bad.0, |body| body.to_string());
                records.push(format!("{} {body}", record.position));
            }
            Ok(None) => return (records, None, notes),
            Err(error) => return (records, Some(error.to_string()), notes),
        }
    }
}

fn make_people_sheet() -> String {
    [
        row(1, &[text("A1", "id"), text("B1", " name "), text("C1", "amount"), text("D1", "day")]),
        row(2, &[number("A2", 0, "7"), text("B2", "Grüße"), number("C2", 0, "0.1"), number("D2", 1, "46387")]),
        row(4, &[number("A4", 0, "9007199254740991"), text("B4", "x"), number("D4", 2, "46387.25")]),
    ]
    .concat()
}

#[test]
fn a_row_is_a_record_of_values_with_its_own_number() {
    let (records, error, notes) = read(workbook(&[("Orders", &make_people_sheet(), "")]), None, None);
    assert_eq!((error, notes), (None, vec![]));
    assert_eq!(
        records,
        [
            r#"o.xlsx!Orders:2 (record 1) {"id":7,"name":"Grüße","amount":0.1,"day":"2026-12-31"}"#,
            r#"o.xlsx!Orders:4 (record 2) {"id":9007199254740991,"name":"x","amount":null,"day":"2026-12-31T06:00:00"}"#,
        ]
    );
}

#[test]
fn times_durations_booleans_and_formulas_have_their_values() {
    let rows = [
        row(1, &[text("A1", "a"), text("B1", "b"), text("C1", "c"), text("D1", "d")]),
        row(
            2,
            &[
                number("A2", 3, "0.5"),
                number("B2", 4, "1.5"),
                r#"<c r="C2" t="b"><v>1</v></c>"#.to_owned(),
                r#"<c r="D2"><f>1+1.5</f><v>2.5</v></c>"#.to_owned(),
            ],
        ),
    ]
    .concat();
    let (records, error, _) = read(workbook(&[("S", &rows, "")]), None, None);
    assert_eq!(error, None);
    assert_eq!(records, [r#"o.xlsx!S:2 (record 1) {"a":"12:00:00","b":"PT129600S","c":true,"d":2.5}"#]);
}

#[test]
fn an_error_cell_fails_its_record_with_all_that_is_wrong() {
    let rows = [
        row(1, &[text("A1", "id"), text("B1", "amount")]),
        row(2, &[text("A2", "1"), r#"<c r="B2" t="e"><v>#N/A</v></c>"#.to_owned(), text("D2", "lost")]),
        row(3, &[text("A3", "2"), number("B3", 0, "1")]),
    ]
    .concat();
    let (records, error, _) = read(workbook(&[("S", &rows, "")]), None, None);
    assert_eq!(error, None);
    assert_eq!(
        records,
        [
            "o.xlsx!S:2 (record 1) cell B2 (\"amount\") is the error #N/A; cell D2 has a value, and the header row has no name for column D",
            r#"o.xlsx!S:3 (record 2) {"id":"2","amount":1}"#,
        ]
    );
}

#[test]
fn a_number_with_more_digits_than_a_double_is_an_error() {
    for (value, is_taken) in [
        ("9007199254740991", true),
        ("9007199254740992", false),
        ("9007199254740993", false),
        ("12345678901234567890", false),
        ("10000000000000000", true),
        ("6.02214076E+23", true),
        ("0.1234567890123456", true),
        ("1e400", false),
    ] {
        let computed = format!(r#"<c r="B2"><f>1*2</f><v>{value}</v></c>"#);
        let rows = [row(1, &[text("A1", "x")]), row(2, &[number("A2", 0, value)])];
        let (records, error, _) = read(workbook(&[("S", &rows.concat(), "")]), None, None);
        assert_eq!(error, None, "{value}");
        assert_eq!(!records[0].contains("is the error ####"), is_taken, "{records:?}");
        // A formula has computed with doubles, so its value is one.
        let rows = [row(1, &[text("A1", "x"), text("B1", "y")]), row(2, &[text("A2", "1"), computed])];
        let (records, _, _) = read(workbook(&[("S", &rows.concat(), "")]), None, None);
        assert_eq!(records[0].contains("is the error ####"), value == "1e400", "{records:?}");
    }
}

#[test]
fn a_number_beyond_the_calendar_is_no_day() {
    for serial in ["-5", "-0.5", "2958466", "3000000", "1517966773", "1e300"] {
        let rows =
            [row(1, &[text("A1", "id"), text("B1", "day")]), row(2, &[text("A2", "1"), number("B2", 1, serial)])];
        let (records, error, _) = read(workbook(&[("S", &rows.concat(), "")]), None, None);
        assert_eq!(error, None, "{serial}");
        assert!(records[0].contains("cell B2 (\"day\") is the error ####"), "{serial}: {records:?}");
    }
}

#[test]
fn the_ends_of_the_calendar_are_days_and_lengths_of_time() {
    let of = |style: usize, serial: &str| {
        let rows =
            [row(1, &[text("A1", "id"), text("B1", "x")]), row(2, &[text("A2", "1"), number("B2", style, serial)])];
        read(workbook(&[("S", &rows.concat(), "")]), None, None).0.remove(0)
    };
    for (style, serial, shown) in [
        (1, "2958465", "9999-12-31"),
        (1, "2957004", "9995-12-31"),
        (2, "2958465.75", "9999-12-31T18:00:00"),
        (1, "1", "1900-01-01"),
        (3, "0", "00:00:00"),
        (4, "0", "PT0S"),
        (4, "-0.5", "-PT43200S"),
        (4, "2958465", "PT255611376000S"),
    ] {
        assert!(of(style, serial).ends_with(&format!("\"x\":\"{shown}\"}}")), "{serial}: {}", of(style, serial));
    }
    for serial in ["2958466", "-2958466", "1e300"] {
        let record = of(4, serial);
        assert!(
            record.contains("cell B2 (\"x\") is the error #### (") && record.contains("length of time"),
            "{record}"
        );
    }
}

#[test]
fn a_formula_that_was_never_calculated_fails_its_record() {
    let formula = |cell: &str, kind: &str, rest: &str| format!(r#"<c r="{cell}"{kind}>{rest}</c>"#);
    let rows = [
        row(1, &[text("A1", "id"), text("B1", "total")]),
        row(2, &[text("A2", "1"), formula("B2", "", "<f>1+1</f>")]),
        row(3, &[text("A3", "2"), formula("B3", "", "<f>1+1</f><v/>")]),
        row(4, &[text("A4", "3"), formula("B4", "", r#"<f t="shared" ref="B4:B5" si="0">A4*2</f><v></v>"#)]),
        row(5, &[text("A5", "4"), formula("B5", "", r#"<f t="shared" si="0"/><v></v>"#)]),
        // The empty text is a value of a formula, and a cell without a formula may be empty.
        row(6, &[text("A6", "5"), formula("B6", r#" t="str""#, "<f>\"\"</f><v></v>")]),
        row(7, &[text("A7", "6"), formula("B7", "", "<v></v>")]),
        row(8, &[text("A8", "7"), formula("B8", "", "<f>1+1</f><v>2</v>")]),
    ]
    .concat();
    let (records, error, _) = read(workbook(&[("S", &rows, "")]), None, None);
    assert_eq!(error, None);
    for (at, record) in records[..4].iter().enumerate() {
        let cell = format!("cell B{} (\"total\") is a formula that was never calculated: open the file in", at + 2);
        assert!(record.contains(&cell), "{record}");
    }
    assert_eq!(
        records[4..],
        [
            r#"o.xlsx!S:6 (record 5) {"id":"5","total":null}"#,
            r#"o.xlsx!S:7 (record 6) {"id":"6","total":null}"#,
            r#"o.xlsx!S:8 (record 7) {"id":"7","total":2}"#,
        ]
    );
    let header = row(1, &[text("A1", "id"), formula("B1", "", "<f>1+1</f>")]);
    let why = read(workbook(&[("S", &header, "")]), None, None).1.expect("no name");
    assert!(why.contains("cell B1 is a formula that was never calculated"), "{why}");
}

#[test]
fn a_sheet_is_chosen_by_name_and_several_need_one() {
    let two = || workbook(&[("Info", &row(1, &[text("A1", "x")]), ""), ("Orders", &make_people_sheet(), "")]);
    let why = read(two(), None, None).1.expect("it is ambiguous");
    assert_eq!(
        why,
        "o.xlsx: it has several sheets, \"Info\", \"Orders\": name one below [source], such as sheet = \"Info\""
    );
    assert_eq!(read(two(), Some("Orders"), None).0.len(), 2);
    let why = read(two(), Some("orders"), None).1.expect("no such sheet");
    assert_eq!(why, "o.xlsx: it has no sheet \"orders\"; it has \"Info\", \"Orders\"");
}

#[test]
fn rows_above_the_header_row_are_left_out() {
    let rows = [
        row(1, &[text("A1", "Report of May")]),
        row(3, &[text("A3", "id"), text("B3", "id2")]),
        row(4, &[text("A4", "1")]),
    ]
    .concat();
    let book = || workbook(&[("S", &rows, "")]);
    assert_eq!(read(book(), None, Some(3)).0, [r#"o.xlsx!S:4 (record 1) {"id":"1","id2":null}"#]);
    assert!(read(book(), None, Some(2)).1.expect("an empty row").contains("o.xlsx!S:2 (header row): the row is empty"));
    let twice = row(1, &[text("A1", "id"), text("C1", "id")]);
    let why = read(workbook(&[("S", &twice, "")]), None, None).1.expect("a repeated name");
    assert!(why.contains("\"id\" names two columns, A and C"), "{why}");
}

#[test]
fn merged_cells_are_reported() {
    let merged = r#"<mergeCells count="1"><mergeCell ref="B2:B4"/></mergeCells>"#;
    let (_, error, notes) = read(workbook(&[("S", &make_people_sheet(), merged)]), None, None);
    assert_eq!(error, None);
    assert!(notes[0].contains("cells are merged, such as B2:B4"), "{notes:?}");
}

#[test]
fn a_far_away_cell_costs_no_memory() {
    let rows = row(1, &[text("A1", "id")]) + &row(2, &[text("A2", "1")]) + &row(1_048_576, &[text("A1048576", "2")]);
    assert_eq!(read(workbook(&[("S", &rows, "")]), None, None).0.len(), 2);
}

#[test]
fn a_workbook_that_unpacks_beyond_the_limit_is_refused() {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file("xl/workbook.xml", SimpleFileOptions::default()).expect("a part");
    zip.write_all(&vec![0; 1 << 20]).expect("memory");
    let bytes = zip.finish().expect("memory").into_inner();
    assert!(bytes.len() < 1 << 12);
    assert!(check_unpacked_size("o.xlsx", &bytes, 1 << 20).is_ok());
    let why = check_unpacked_size("o.xlsx", &bytes, (1 << 20) - 1).expect_err("a bomb").to_string();
    assert!(why.contains("unpacks to more than 256 MiB"), "{why}");
}

#[test]
fn a_damaged_workbook_is_an_error_and_no_panic() {
    let whole = workbook(&[("S", &make_people_sheet(), "")]);
    for length in (0..whole.len()).step_by(37) {
        assert!(read(whole[..length].to_vec(), None, None).1.is_some());
    }
    for at in (0..whole.len()).step_by(11) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x5a;
        let _ = read(damaged, None, None);
    }
    assert_eq!(convert_number(-0.0), json!(0));
    assert_eq!(
        (format_column_letters(0), format_column_letters(25), format_column_letters(26), format_column_letters(16_383)),
        ("A".into(), "Z".into(), "AA".into(), "XFD".into())
    );
}
