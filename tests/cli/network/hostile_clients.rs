//! The emulator as a server, and hostile clients: a web page in a browser, connections that send
//! nothing.

use std::io::Write;
use std::net::TcpStream;

use serde_json::json;

use crate::emulator_process::{EmulatorProcess, call_api, exchange_http};
use crate::temp_project::TempProject;

/// More connections than the emulator serves at once.
const MANY: usize = 600;

fn read_status(answer: &(String, String)) -> &str {
    answer.0.split(' ').nth(1).expect("a status line")
}

#[test]
fn silent_connections_keep_no_client_out() {
    let project = TempProject::empty();
    let emulator = EmulatorProcess::start(&project, &[]);
    let address = emulator.url.trim_start_matches("http://").to_owned();
    let body = "POST /_emulator/faults HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n[";
    let beginnings = ["", "GET /_emulator/stats HTTP/1.1\r\nHost:", body];
    let mut held = Vec::new();
    for (_, beginning) in (0..MANY).zip(beginnings.iter().cycle()) {
        let mut stream = TcpStream::connect(&address).expect("the emulator listens");
        // A connection that was closed to make room accepts no more bytes.
        let _ = stream.write_all(beginning.as_bytes());
        held.push(stream);
    }
    // The client of these tests waits for a minute at most, and the emulator would wait for four.
    for _ in 0..3 {
        assert_eq!(read_status(&exchange_http(&emulator.url, "GET /_emulator/stats", &[], "")), "200");
    }
    drop(held);
}

#[test]
fn a_page_of_another_site_can_set_no_fault_and_write_nothing() {
    let project = TempProject::empty();
    let emulator = EmulatorProcess::start(&project, &["--spreadsheet-id", "s"]);
    let cell = json!({"requests": [{"appendCells": {"sheetId": 0, "fields": "*",
        "rows": [{"values": [{"userEnteredValue": {"stringValue": "x"}}]}]}}]})
    .to_string();
    let fault = r#"[{"on": "all", "do": "fail"}]"#;
    for (request, body) in [
        ("POST /_emulator/hands?spreadsheet=s", &*cell),
        ("POST /_emulator/faults", fault),
        ("POST /_emulator/stats:reset", ""),
        ("GET /_emulator/stats", ""),
    ] {
        for header in ["Origin: https://evil.example", "Origin: null", "Sec-Fetch-Site: cross-site"] {
            let answer = exchange_http(&emulator.url, request, &[header, "Content-Type: text/plain"], body);
            assert_eq!(read_status(&answer), "403", "{request}, {header}: {answer:?}");
            assert!(!answer.0.to_ascii_lowercase().contains("access-control-"), "{}", answer.0);
        }
        // A host name that a third party resolves to this machine.
        let answer = exchange_http(
            &emulator.url,
            &format!("{request} HTTP/1.1\r\nHost: rebound.evil.example:80\r\nConnection: close\r\nIgnored:"),
            &[],
            body,
        );
        assert_eq!(read_status(&answer), "403", "{request}: {answer:?}");
    }
    let answer = exchange_http(&emulator.url, "GET /_emulator/faults", &[], "");
    assert_eq!((read_status(&answer), answer.1.trim()), ("200", "[]"), "no fault was set");
    // Programs send no origin, and a browser on the emulator's own address sends that address.
    let own = format!("Origin: {}", emulator.url);
    for header in ["User-Agent: curl/8", &own, "Sec-Fetch-Site: none"] {
        let answer = exchange_http(&emulator.url, "POST /_emulator/hands?spreadsheet=s", &[header], &cell);
        assert_eq!(read_status(&answer), "200", "{header}: {answer:?}");
    }
}

#[test]
fn a_name_of_the_emulators_own_is_answered_if_it_is_set() {
    let project = TempProject::empty();
    let request = "GET /_emulator/stats HTTP/1.1\r\nHost: sheets.example.com\r\nConnection: close\r\nIgnored:";
    let refused = exchange_http(&EmulatorProcess::start(&project, &[]).url, request, &[], "");
    assert_eq!(read_status(&refused), "403");
    assert!(refused.1.contains("--allow-host sheets.example.com"), "{}", refused.1);
    let emulator = EmulatorProcess::start(&project, &["--allow-host", "sheets.example.com"]);
    assert_eq!(read_status(&exchange_http(&emulator.url, request, &[], "")), "200");
}

/// What a request of a batch may hold wrongly: words of no enum, masks of no member, and wrong
/// ranges. A range may be reversed, beyond the grid, of no sheet, or have texts for numbers.
const ODD_RANGES: [&str; 9] = [
    r#"{"sheetId":0,"startRowIndex":5,"endRowIndex":2}"#,
    r#"{"sheetId":0,"startRowIndex":-1}"#,
    r#"{"sheetId":0,"endRowIndex":99999999999}"#,
    r#"{"sheetId":0,"startRowIndex":2147483647}"#,
    r#"{"sheetId":7}"#,
    r#"{"sheetId":"x"}"#,
    r#"{"sheetId":0,"startIndex":3,"endIndex":1,"dimension":"ROWS"}"#,
    r#"{"sheetId":0,"dimension":"DEPTH","startIndex":0,"endIndex":1}"#,
    "[[]]",
];

const KINDS: [&str; 16] = [
    "updateCells",
    "repeatCell",
    "insertDimension",
    "deleteDimension",
    "mergeCells",
    "sortRange",
    "copyPaste",
    "setBasicFilter",
    "updateBorders",
    "addNamedRange",
    "deleteRange",
    "autoFill",
    "addConditionalFormatRule",
    "setDataValidation",
    "appendCells",
    "noSuchRequest",
];

#[test]
fn malformed_calls_are_refused_and_change_nothing() {
    let project = TempProject::empty();
    let emulator = EmulatorProcess::start(&project, &["--spreadsheet-id", "s"]);
    let bearer = format!("Authorization: Bearer {}", emulator.token());
    let headers = [bearer.as_str(), "Content-Type: application/json"];
    let sheet = || call_api(&emulator.url, "GET /v4/spreadsheets/s?includeGridData=true", &headers, "").1;
    let before = sheet();
    let refused = |request: &str, body: &str| {
        let (status, answer) = call_api(&emulator.url, request, &headers, body);
        assert!((400..500).contains(&status), "{status} after {request} {body}: {answer}");
        assert_eq!(answer["error"]["code"], status, "{request} {body}");
    };
    let batch = "POST /v4/spreadsheets/s:batchUpdate";
    for kind in KINDS {
        for range in ODD_RANGES {
            for members in ["", r#","fields":"noSuchMember""#] {
                let body = format!(r#"{{"requests":[{{"{kind}":{{"range":{range},"source":{range}{members}}}}}]}}"#);
                refused(batch, &body);
            }
        }
    }
    for style in ["updateBorders", "repeatCell"] {
        let body = json!({"requests": [{style: {"range": {"sheetId": 0}, "top": {"style": "WAVY"},
            "cell": {"userEnteredFormat": {"horizontalAlignment": "TOP"}}, "fields": "*"}}]});
        refused(batch, &body.to_string());
    }
    for body in ["", "null", "[]", "{", "{\"requests\":[}", "\u{feff}{}", &"[".repeat(5_000), "{\"requests\":[{}]}"] {
        refused(batch, body);
    }
    for range in ["A0", "A1:B2:C3", "Nope!A1", "A99999999999", "ZZZZ1", "Sheet1!", "1:0", "R0C0"] {
        refused(&format!("GET /v4/spreadsheets/s/values/{range}"), "");
        refused(&format!("PUT /v4/spreadsheets/s/values/{range}?valueInputOption=RAW"), "{\"values\":[[1]]}");
        refused(&format!("POST /v4/spreadsheets/s/values/{range}:append?valueInputOption=RAW"), "{\"values\":[[1]]}");
    }
    for (query, body) in [
        ("", "{\"values\":[[1]]}"),
        ("valueInputOption=MAYBE", "{\"values\":[[1]]}"),
        ("valueInputOption=RAW", "{\"values\":[1]}"),
        ("valueInputOption=RAW", "{\"values\":[[{}]]}"),
        ("valueInputOption=RAW", "{\"values\":[[1,2],[3]],\"majorDimension\":\"DEPTH\"}"),
        ("valueInputOption=RAW", "{\"range\":\"B1\",\"values\":[[1]]}"),
        ("valueInputOption=RAW&fields=updates(", "{\"values\":[[1]]}"),
    ] {
        refused(&format!("PUT /v4/spreadsheets/s/values/A1?{query}"), body);
    }
    assert_eq!(sheet(), before);
}
