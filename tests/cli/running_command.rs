//! The real binary while it runs: with input, output lines and kills.
//!
//! Nothing here sleeps. A test waits for a line or for the end; if it does not come within a
//! minute, the test fails.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::{JoinHandle, spawn};
use std::time::Duration;

use crate::temp_project::CommandOutput;

/// How long to wait for a line or the end.
const WAIT_LIMIT: Duration = Duration::from_mins(1);

/// A process, killed when it is dropped.
pub struct RunningCommand {
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
    stderr: String,
    stdout: Option<JoinHandle<String>>,
    closed: Receiver<()>,
}

impl RunningCommand {
    /// Starts `command`, with pipes for all its streams.
    pub fn start(mut command: Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary can be run");
        let input = child.stdin.take();
        let (mut stdout, stderr) =
            (child.stdout.take().expect("it is a pipe"), child.stderr.take().expect("it is a pipe"));
        let (say, lines) = channel();
        spawn(move || BufReader::new(stderr).lines().map_while(Result::ok).try_for_each(|line| say.send(line)));
        let (close, closed) = channel();
        let out = spawn(move || {
            let mut text = String::new();
            let read = stdout.read_to_string(&mut text);
            let _ = close.send(());
            read.map(|_| text).expect("it speaks UTF-8")
        });
        Self { child, input, lines, stderr: String::new(), stdout: Some(out), closed }
    }

    /// Writes to its standard input.
    pub fn write_input(&mut self, text: &str) {
        let input = self.input.as_mut().expect("its input is open");
        input.write_all(text.as_bytes()).and_then(|()| input.flush()).expect("it reads its input");
    }

    /// Waits for a line on standard error that contains these words.
    #[track_caller]
    pub fn wait_for_line(&mut self, words: &str) -> String {
        loop {
            let line = self.lines.recv_timeout(WAIT_LIMIT);
            assert!(line.is_ok(), "waited for {words:?}; it said:\n{}", self.stderr);
            let line = line.unwrap_or_default();
            self.stderr.extend([line.as_str(), "\n"]);
            if line.contains(words) {
                return line;
            }
        }
    }

    /// Waits for this many lines on standard error, or for its end.
    pub fn wait_for_lines(&mut self, count: usize) {
        for _ in 0..count {
            let Ok(line) = self.lines.recv_timeout(WAIT_LIMIT) else { return };
            self.stderr.extend([line.as_str(), "\n"]);
        }
    }

    /// Returns its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Returns whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("it is our child").is_some()
    }

    /// Sends it a signal, such as `-TERM`.
    pub fn send_signal(&self, flag: &str) {
        let sent = Command::new("kill").args([flag, &self.child.id().to_string()]).status().expect("kill can be run");
        assert!(sent.success(), "nobody was there for {flag}");
    }

    /// Sends it signals without a pause.
    pub fn send_signals(&self, flags: &[&str]) {
        let pid = self.child.id();
        let script: Vec<String> = flags.iter().map(|flag| format!("kill {flag} {pid}")).collect();
        let sent = Command::new("sh").args(["-c", &script.join("; ")]).status().expect("sh can be run");
        assert!(sent.success(), "nobody was there for {flags:?}");
    }

    /// Kills it as with `kill -9`.
    pub fn kill(&mut self) {
        self.child.kill().expect("it is our child");
    }

    /// Closes its input and waits for its end.
    #[track_caller]
    pub fn close_and_wait(mut self) -> CommandOutput {
        drop(self.input.take());
        self.wait_for_end()
    }

    /// Waits for its end while its input stays open.
    #[track_caller]
    pub fn wait_for_end(&mut self) -> CommandOutput {
        while let Ok(line) = self.lines.recv_timeout(WAIT_LIMIT) {
            self.stderr.extend([line.as_str(), "\n"]);
        }
        let over = self.closed.recv_timeout(WAIT_LIMIT);
        assert!(over.is_ok(), "it does not end; it said:\n{}", self.stderr);
        let code = self.child.wait().expect("it is our child").code();
        let stdout = self.stdout.take().map(|out| out.join().expect("it speaks UTF-8")).unwrap_or_default();
        CommandOutput { code, stdout, stderr: std::mem::take(&mut self.stderr) }
    }
}

impl Drop for RunningCommand {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
