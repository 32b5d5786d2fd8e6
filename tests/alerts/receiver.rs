//! A stand-in for any receiver over HTTP: it keeps every byte, and answers as the test asks.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::Value;

/// The secret part of each receiver's address.
pub const SECRET: &str = crate::temp_project::CANARY;

/// How a request is answered.
#[derive(Debug, Clone)]
pub enum ReceiverAnswer {
    /// With this status and body.
    Reply(u16, &'static str),
    /// With this status and a `Retry-After` of so many seconds.
    Wait(u16, u64),
    /// With a redirect to this address.
    Redirect(String),
    /// Not at all; the connection stays open.
    Hang,
    /// By a reset in the middle of the reply.
    Reset,
    /// With bytes that are not HTTP.
    Garbage,
    /// With a body that never ends.
    Endless,
}

/// A request that arrived.
#[derive(Debug, Clone)]
pub struct ReceivedRequest {
    /// Method and path.
    pub line: String,
    /// The headers, in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

/// A receiver on a port of its own.
pub struct Receiver {
    /// Its address, with the secret.
    pub url: String,
    requests: Arc<Mutex<Vec<ReceivedRequest>>>,
}

impl Receiver {
    /// Starts one that gives these answers in turn, and the last one from then on.
    pub fn start(answers: Vec<ReceiverAnswer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}/services/{SECRET}", listener.local_addr().expect("an address"));
        let requests: Arc<Mutex<Vec<ReceivedRequest>>> = Arc::default();
        let kept = Arc::clone(&requests);
        std::thread::spawn(move || {
            let mut nth = 0;
            let mut open = Vec::new();
            for mut stream in listener.incoming().flatten() {
                let Some(hit) = read_request(&stream) else { continue };
                let answer = answers.get(nth).or(answers.last()).expect("an answer").clone();
                nth += 1;
                kept.lock().expect("no panic").push(hit);
                if let ReceiverAnswer::Hang = answer {
                    open.push(stream);
                } else {
                    answer_with(&mut stream, &answer);
                }
            }
        });
        Self { url, requests }
    }

    /// Starts one that takes everything, as Slack does.
    pub fn start_slack() -> Self {
        Self::start(vec![ReceiverAnswer::Reply(200, "ok")])
    }

    /// Returns what arrived so far.
    pub fn requests(&self) -> Vec<ReceivedRequest> {
        self.requests.lock().expect("no panic").clone()
    }

    /// Returns the title of each message of Slack that arrived.
    pub fn texts(&self) -> Vec<String> {
        let text = |hit: &ReceivedRequest| hit.json()["text"].as_str().unwrap_or_default().to_owned();
        self.requests().iter().map(text).collect()
    }
}

impl Drop for Receiver {
    /// Checks that nothing that arrived holds the secret, but for the request line, which is the
    /// address.
    fn drop(&mut self) {
        if !std::thread::panicking() {
            for hit in self.requests() {
                assert!(!hit.body.contains(SECRET) && !format!("{:?}", hit.headers).contains(SECRET), "{hit:?}");
            }
        }
    }
}

impl ReceivedRequest {
    /// Parses the body.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("JSON")
    }

    /// Returns a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

fn read_request(stream: &TcpStream) -> Option<ReceivedRequest> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let mut headers = Vec::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim().split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length").map(|(_, value)| value.parse());
    let mut body = vec![0; length.and_then(Result::ok).unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    let line = line.trim().trim_end_matches(" HTTP/1.1").to_owned();
    Some(ReceivedRequest { line, headers, body: String::from_utf8_lossy(&body).into_owned() })
}

fn answer_with(stream: &mut TcpStream, answer: &ReceiverAnswer) {
    let reply = |status: u16, headers: &str, body: &str| {
        let length = body.len();
        format!("HTTP/1.1 {status} X\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}")
    };
    let text = match answer {
        ReceiverAnswer::Reply(status, body) => reply(*status, "", body),
        ReceiverAnswer::Wait(status, seconds) => reply(*status, &format!("retry-after: {seconds}\r\n"), "slow down"),
        ReceiverAnswer::Redirect(to) => reply(302, &format!("location: {to}\r\n"), ""),
        ReceiverAnswer::Garbage => "\u{0}\u{1}garbage, not HTTP\r\n\r\n".to_owned(),
        ReceiverAnswer::Reset => "HTTP/1.1 200 X\r\ncontent-le".to_owned(),
        ReceiverAnswer::Endless => {
            let _ = stream.write_all(b"HTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\n\r\n");
            // The reader gives up long before this ends.
            for _ in 0..10_000 {
                if stream.write_all(format!("400\r\n{}\r\n", "x".repeat(1_024)).as_bytes()).is_err() {
                    return;
                }
            }
            return;
        }
        ReceiverAnswer::Hang => return,
    };
    let _ = stream.write_all(text.as_bytes());
    let _ = stream.flush();
    let _ = stream.shutdown(Shutdown::Both);
}
