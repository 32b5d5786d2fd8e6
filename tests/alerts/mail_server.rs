//! A stand-in for a mail server: it speaks SMTP, keeps every letter, and misbehaves as the test
//! asks. A real server, with STARTTLS and AUTH, is tried by `.ci/receivers`.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What a connection meets.
#[derive(Debug, Clone, Copy)]
pub enum MailAnswer {
    /// The letter is taken.
    Takes,
    /// The sender is answered with this code.
    Answers(u16),
    /// The greeting has this code.
    Greets(u16),
    /// Not even a greeting; the connection stays open.
    Hangs,
    /// The connection ends in the middle of the dialogue.
    BreaksOff,
    /// Bytes that are not SMTP.
    Garbage,
    /// A greeting without an end.
    Endless,
}

/// A mail server on a port of its own.
pub struct MailServer {
    /// Its host and port.
    pub address: String,
    letters: Arc<Mutex<Vec<String>>>,
    connections: Arc<Mutex<usize>>,
}

impl MailServer {
    /// Starts one whose connections meet these in turn, and the last one from then on.
    pub fn start(answers: Vec<MailAnswer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let (letters, connections): (Arc<Mutex<Vec<String>>>, Arc<Mutex<usize>>) = Default::default();
        let (kept, counted) = (Arc::clone(&letters), Arc::clone(&connections));
        std::thread::spawn(move || {
            let mut open = Vec::new();
            for stream in listener.incoming().flatten() {
                let nth = *counted.lock().expect("no panic");
                *counted.lock().expect("no panic") += 1;
                let answer = *answers.get(nth).or(answers.last()).expect("an answer");
                let letter = answer_mail(&stream, answer);
                kept.lock().expect("no panic").extend(letter);
                if let MailAnswer::Hangs = answer {
                    open.push(stream);
                }
            }
        });
        Self { address, letters, connections }
    }

    /// Returns the letters that were taken.
    pub fn letters(&self) -> Vec<String> {
        self.letters.lock().expect("no panic").clone()
    }

    /// Returns how often it was asked.
    pub fn connections(&self) -> usize {
        *self.connections.lock().expect("no panic")
    }
}

/// Speaks with one client; returns its letter, if it is taken.
fn answer_mail(stream: &TcpStream, answer: MailAnswer) -> Option<String> {
    let mut out = stream;
    let mut say = |text: &str| out.write_all(format!("{text}\r\n").as_bytes()).ok();
    match answer {
        MailAnswer::Hangs => return None,
        MailAnswer::Garbage => return say("\u{0}\u{1}garbage, not SMTP").and(None),
        MailAnswer::Greets(code) => return say(&format!("{code} not now")).and(None),
        MailAnswer::Endless => {
            // The reader gives up long before this ends.
            let line = format!("220-{}", "x".repeat(1_024));
            return (0..20_000).try_for_each(|_| say(&line)).and(None);
        }
        MailAnswer::Takes | MailAnswer::Answers(_) | MailAnswer::BreaksOff => say("220 stand-in ESMTP")?,
    }
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    while let Some(line) = lines.next() {
        let word = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
        match (word.as_str(), answer) {
            ("MAIL", MailAnswer::Answers(code)) => say(&format!("{code} no"))?,
            ("MAIL", MailAnswer::BreaksOff) => return None,
            ("DATA", _) => {
                say("354 go ahead")?;
                let letter: Vec<String> = lines.by_ref().take_while(|line| line != ".").collect();
                say("250 taken")?;
                return Some(letter.join("\n"));
            }
            ("QUIT", _) => return say("221 bye").and(None),
            _ => say("250 stand-in")?,
        }
    }
    None
}
