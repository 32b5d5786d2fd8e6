//! HTTP itself: versions, compression, and a stream in memory.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::{http1, http2};
use hyper::{Request, header};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};
use sheets_emulator::{Emulator, EmulatorOptions, SeededRandom, SimulatedTimeSource, TimeSource};
use tokio::net::TcpStream;

use crate::client::{ID, TOKEN, start};

#[tokio::test]
async fn http2_chunked_bodies_and_bare_posts_are_served_too() {
    let client = start(EmulatorOptions::default()).await;
    let stream = TcpStream::connect(&client.address).await.expect("the emulator listens");
    let (mut sender, connection) =
        http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.expect("it speaks HTTP/2");
    tokio::spawn(connection);
    let request = Request::post(format!("http://{}/v4/spreadsheets/{ID}/values/Sheet1:clear", client.address))
        .header(header::AUTHORIZATION, format!("Bearer {TOKEN}"))
        .body(Full::new(Bytes::new()))
        .expect("a request");
    let response = sender.send_request(request).await.expect("an answer");
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()[header::CONTENT_TYPE], "application/json; charset=UTF-8");
    assert_eq!(response.headers()[header::DATE], "Mon, 21 Sep 2026 14:13:20 GMT");
    let body = response.into_body().collect().await.expect("a body").to_bytes();
    let got: Value = serde_json::from_slice(&body).expect("JSON");
    assert_eq!(got["clearedRange"], "Sheet1!A1:Z1000");
    assert!(body.starts_with(b"{\n  \""), "pretty unless asked otherwise");
}

#[tokio::test]
async fn replies_and_requests_may_be_compressed() {
    let client = start(EmulatorOptions::default()).await;
    let pack = |text: &str| {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        std::io::Write::write_all(&mut packer, text.as_bytes()).and_then(|()| packer.finish()).expect("memory")
    };
    let rows: Vec<Vec<String>> = (0..200).map(|n| vec![format!("row {n}")]).collect();
    let body = pack(&json!({"values": rows}).to_string());
    let request = Request::put(format!("/v4/spreadsheets/{ID}/values/A1?valueInputOption=RAW"))
        .header(header::HOST, &client.address)
        .header(header::AUTHORIZATION, format!("Bearer {TOKEN}"))
        .header(header::CONTENT_ENCODING, "gzip")
        .body(Full::new(Bytes::from(body)))
        .expect("a request");
    assert_eq!(client.send(request).await.0, 200);
    for (takes, packed) in [("gzip, deflate", true), ("identity", false)] {
        let request = Request::get(format!("/v4/spreadsheets/{ID}/values/A1:A200"))
            .header(header::HOST, &client.address)
            .header(header::AUTHORIZATION, format!("Bearer {TOKEN}"))
            .header(header::ACCEPT_ENCODING, takes)
            .body(Full::default())
            .expect("a request");
        let (status, headers, body) = client.send(request).await;
        assert_eq!((status, headers.contains_key(header::CONTENT_ENCODING)), (200, packed), "{takes}");
        let mut text = String::new();
        if packed {
            std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&body[..]), &mut text).expect("gzip");
        } else {
            text = String::from_utf8(body.to_vec()).expect("JSON");
        }
        let got: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(got["values"][199], json!(["row 199"]));
    }
}

#[tokio::test(start_paused = true)]
async fn in_process_it_serves_over_memory_on_the_callers_clock() {
    let options = EmulatorOptions {
        spreadsheet_id: Some(ID.to_owned()),
        trusted_token: Some(TOKEN.to_owned()),
        latency: "90s".parse().expect("a length of time"),
        ..EmulatorOptions::default()
    };
    let clock = Arc::new(SimulatedTimeSource::starting_at(1_790_000_000_000));
    let emulator = Emulator::open(options, clock.clone(), Arc::new(SeededRandom::new(7))).expect("memory is there");
    let (near, far) = tokio::io::duplex(64 << 10);
    tokio::spawn(async move { emulator.serve_stream(far).await });
    let (mut sender, connection) = http1::handshake(TokioIo::new(near)).await.expect("it speaks HTTP/1.1");
    tokio::spawn(connection);
    for round in 1..=3_u64 {
        let request = Request::get(format!("/v4/spreadsheets/{ID}?fields=spreadsheetId&prettyPrint=false"))
            .header(header::HOST, "emulator")
            .header(header::AUTHORIZATION, format!("Bearer {TOKEN}"))
            .body(Full::<Bytes>::default())
            .expect("a request");
        let response = sender.send_request(request).await.expect("an answer");
        assert_eq!(response.status(), 200);
        let body = response.into_body().collect().await.expect("a body").to_bytes();
        assert_eq!(body, format!("{{\"spreadsheetId\":\"{ID}\"}}"));
        assert!((round * 90_000..round * 90_000 + 1000).contains(&clock.monotonic_ms()), "latency is on the clock");
    }
}
