//! A message to a program: the JSON document on its standard input. Exit code 0 means that it was
//! delivered, 75 (`EX_TEMPFAIL`) that it may be tried again.

use std::path::Path;
use std::process::Stdio;

use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use crate::alerts::channels::channel_kind::ChannelKind;
use crate::alerts::channels::reply_verdict::ReplyVerdict;
use crate::alerts::message::Message;
use crate::program_file::{WITHHELD_VARIABLES, find_program};

/// The exit code that asks for another try.
const RETRY_CODE: i32 = 75;

/// Starts the program in this folder and waits for its end. It is killed if the caller stops
/// waiting.
pub(crate) async fn pass_to_program(words: &[String], folder: &Path, message: &Message) -> ReplyVerdict {
    let refused = |why: String| ReplyVerdict::Refused { why };
    let Some((program, arguments)) = words.split_first() else { return refused("it names no program".to_owned()) };
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder).kill_on_drop(true);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    for name in WITHHELD_VARIABLES {
        command.env_remove(name);
    }
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => {
            let why = find_program(program, folder).err();
            return refused(why.unwrap_or_else(|| format!("the program {program} can't be started: {}", error.kind())));
        }
    };
    if let Some(mut input) = child.stdin.take() {
        let document = ChannelKind::Command.body(message, "").to_string();
        // A program that does not read its input may succeed all the same.
        let written = input.write_all(document.as_bytes()).await;
        tracing::debug!(event = "alert.passed", ?written, "the program got the message");
    }
    match child.wait().await {
        Ok(status) if status.success() => ReplyVerdict::Delivered,
        Ok(status) if status.code() == Some(RETRY_CODE) => {
            ReplyVerdict::Later { why: "the program ended with exit code 75".to_owned(), after_s: None }
        }
        Ok(status) => refused(match status.code() {
            Some(code) => format!("the program ended with exit code {code}"),
            None => "the program was killed".to_owned(),
        }),
        Err(error) => refused(format!("the program can't be waited for: {}", error.kind())),
    }
}
