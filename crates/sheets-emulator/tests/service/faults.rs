//! Faults over HTTP: refused, lost and delayed calls, counts, a reset.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper::{Request, header};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use sheets_emulator::{EmulatorOptions, FaultRule, LoadedTab};
use tokio::net::TcpStream;

use crate::client::{Client, ID, TOKEN, start};

#[tokio::test]
async fn a_fault_may_end_the_connection_before_or_after_the_write() {
    for (fault, left) in [("reset", Value::Null), ("applied-reset", json!([["1"]]))] {
        let client = start(EmulatorOptions { faults: vec![fault_of(fault)], ..EmulatorOptions::default() }).await;
        let stream = TcpStream::connect(&client.address).await.expect("the emulator listens");
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.expect("it speaks HTTP/1.1");
        tokio::spawn(connection);
        let request = Request::put(format!("/v4/spreadsheets/{ID}/values/A1?valueInputOption=RAW"))
            .header(header::HOST, &client.address)
            .header(header::AUTHORIZATION, format!("Bearer {TOKEN}"))
            .body(Full::new(Bytes::from_static(br#"{"values": [[1]]}"#)))
            .expect("a request");
        assert!(sender.send_request(request).await.is_err(), "no answer comes");
        let (_, got) = client.call("GET", &format!("/v4/spreadsheets/{ID}/values/A1"), None).await;
        assert_eq!(got["values"], left, "{fault}");
    }
}

/// Writes one cell over its own connection. Returns the status and the body, as far as they arrive.
async fn lonely_write(client: &Client, cell: &str) -> Result<(u16, Vec<u8>), hyper::Error> {
    let stream = TcpStream::connect(&client.address).await.expect("the emulator listens");
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.expect("it speaks HTTP/1.1");
    tokio::spawn(connection);
    let request = Request::put(format!("/v4/spreadsheets/{ID}/values/{cell}?valueInputOption=RAW"))
        .header(header::HOST, &client.address)
        .header(header::AUTHORIZATION, format!("Bearer {TOKEN}"))
        .body(Full::new(Bytes::from(format!("{{\"values\": [[\"{cell}\"]]}}"))))
        .expect("a request");
    let answer = sender.send_request(request).await?;
    let status = answer.status().as_u16();
    Ok((status, answer.into_body().collect().await?.to_bytes().to_vec()))
}

#[tokio::test]
async fn a_reply_may_break_off_although_the_write_is_applied() {
    for fault in ["applied-html,status=502", "applied-truncate", "applied-empty", "html,status=404"] {
        let client = start(EmulatorOptions { faults: vec![fault_of(fault)], ..EmulatorOptions::default() }).await;
        let answer = lonely_write(&client, "B2").await;
        match (fault, answer) {
            ("applied-html,status=502", Ok((502, page))) | ("html,status=404", Ok((404, page))) => {
                assert!(page.starts_with(b"<!DOCTYPE html>"));
            }
            ("applied-truncate", Err(error)) => assert!(
                error.is_incomplete_message() || error.is_body_write_aborted() || error.to_string().contains("body"),
                "{error}"
            ),
            ("applied-empty", Ok((200, body))) => assert!(body.is_empty()),
            (_, other) => panic!("{fault}: {other:?}"),
        }
        let (_, got) = client.call("GET", &format!("/v4/spreadsheets/{ID}/values/B2"), None).await;
        let applied = if fault.starts_with("applied") { json!([["B2"]]) } else { Value::Null };
        assert_eq!(got["values"], applied, "{fault}");
    }
}

#[tokio::test]
async fn a_late_write_arrives_after_the_next_ones_or_on_request() {
    let client = start(EmulatorOptions { faults: vec![fault_of("late,after=2")], ..EmulatorOptions::default() }).await;
    let there = || async {
        let (_, got) = client.call("GET", &format!("/v4/spreadsheets/{ID}/values/A1:E1"), None).await;
        got["values"].clone()
    };
    assert!(lonely_write(&client, "A1").await.is_err(), "no answer comes");
    assert_eq!(client.call("GET", "/_emulator/late", None).await.1, json!({"underWay": 1}));
    assert_eq!(lonely_write(&client, "B1").await.expect("an answer").0, 200);
    assert_eq!(there().await, json!([["", "B1"]]));
    assert_eq!(lonely_write(&client, "C1").await.expect("an answer").0, 200);
    assert_eq!(there().await, json!([["A1", "B1", "C1"]]), "it came after two others");
    let faults = json!([{"on": "writes", "do": "late", "after": 5}]);
    assert_eq!(client.call("POST", "/_emulator/faults", Some(&faults)).await.0, 200);
    assert!(lonely_write(&client, "D1").await.is_err(), "no answer comes");
    assert_eq!(client.call("POST", "/_emulator/late:deliver", None).await.1, json!({"statuses": [200]}));
    assert_eq!(there().await, json!([["A1", "B1", "C1", "D1"]]));
}

fn fault_of(happening: &str) -> FaultRule {
    format!("on=writes,do={happening}").parse().expect("a fault")
}

#[tokio::test]
async fn faults_and_counts_are_steered_over_http() {
    let client = start(EmulatorOptions::default()).await;
    let faults =
        json!([{"on": "writes", "do": "applied-fail", "status": 503}, {"on": "writes", "do": "fail", "status": 500}]);
    assert_eq!(client.call("POST", "/_emulator/faults", Some(&faults)).await.0, 200);
    let write = |value: u32| {
        let client = &client;
        async move {
            let path = format!("/v4/spreadsheets/{ID}/values/A1?valueInputOption=RAW");
            client.call("PUT", &path, Some(&json!({"values": [[value]]}))).await.0
        }
    };
    assert_eq!((write(1).await, write(2).await), (503, 500));
    let (_, got) = client.call("GET", &format!("/v4/spreadsheets/{ID}/values/A1"), None).await;
    assert_eq!(got["values"], json!([["1"]]), "the first was applied, the second was not");
    let (_, stats) = client.call("GET", "/_emulator/stats", None).await;
    let by_method = json!({"spreadsheets.values.get": 1, "spreadsheets.values.update": 1});
    assert_eq!(stats, json!({"reads": 1, "writes": 1, "tokens": 0, "throttled": 0, "by_method": by_method}));
    assert_eq!(client.call("POST", "/_emulator/stats:reset", None).await.0, 200);
    assert_eq!(client.call("GET", "/_emulator/stats", None).await.1["reads"], 0);
    let (code, got) = client.call("POST", "/_emulator/faults", Some(&json!([{"speed": 1}]))).await;
    assert_eq!(code, 400, "{got}");
}

/// `POST /_emulator/reset` begins again, for the next test.
#[tokio::test]
async fn a_reset_leaves_the_initial_spreadsheet_only() {
    let tab = LoadedTab::from_csv("Orders", b"id,n\nA,0042\n").expect("a CSV file");
    let fault: FaultRule = "on=writes,do=fail,times=9,skip=2".parse().expect("a fault");
    let client = start(EmulatorOptions { tabs: vec![tab], faults: vec![fault], ..EmulatorOptions::default() }).await;
    let orders = format!("/v4/spreadsheets/{ID}/values/Orders");
    let loaded = json!([["id", "n"], ["A", "42"]]);
    for _ in 0..2 {
        assert_eq!(client.call("GET", &orders, None).await.1["values"], loaded);
        client.prepare("PUT", "/values/Orders!A2?valueInputOption=RAW", json!({"values": [["changed"]]})).await;
        client.call("POST", "/v4/spreadsheets", Some(&json!({}))).await;
        assert_eq!(client.call("POST", "/v4/spreadsheets", Some(&json!({}))).await.0, 503);
        let (status, left) = client.call("POST", "/_emulator/reset", None).await;
        assert_eq!((status, left), (200, json!({"spreadsheets": [ID]})));
        assert_eq!(client.call("GET", "/_emulator/stats", None).await.1["writes"], 0);
    }
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("kept.sheet");
    let client = start(EmulatorOptions { file: Some(file), ..EmulatorOptions::default() }).await;
    client.rows("A1", json!([["kept"]])).await;
    let (status, refused) = client.call("POST", "/_emulator/reset", None).await;
    assert_eq!((status, &refused["error"]["status"]), (409, &json!("FAILED_PRECONDITION")));
    assert_eq!(
        client.call("GET", &format!("/v4/spreadsheets/{ID}/values/A1"), None).await.1["values"],
        json!([["kept"]])
    );
}
