use std::sync::Mutex;

use sheetkeep_base::retry::Jitter;
use sheetkeep_base::system::{SeededRng, SystemClock};
use tokio::sync::mpsc::unbounded_channel;

use super::*;
use crate::retryable_codes::RetryableCodes;

/// Keeps what the command writes.
#[derive(Default)]
struct KeptOutput {
    out: Mutex<Vec<u8>>,
    err: Mutex<Vec<u8>>,
}

impl KeptOutput {
    fn texts(&self) -> (String, String) {
        let text = |bytes: &Mutex<Vec<u8>>| String::from_utf8(bytes.lock().expect("one thread").clone()).expect("text");
        (text(&self.out), text(&self.err))
    }
}

impl CommandOutput for KeptOutput {
    fn put_out(&self, bytes: &[u8]) {
        self.out.lock().expect("one thread").extend_from_slice(bytes);
    }

    fn put_err(&self, bytes: &[u8]) {
        self.err.lock().expect("one thread").extend_from_slice(bytes);
    }
}

fn policy(max_attempts: u32) -> CommandPolicy {
    CommandPolicy {
        max_attempts,
        base_delay: Duration::from_millis(1),
        max_delay: Duration::from_millis(4),
        jitter: Jitter::Full,
        timeout: None,
        deadline: None,
        codes: RetryableCodes::any(),
    }
}

fn shell(script: &str) -> RetriedCommand {
    RetriedCommand::Program(["sh", "-c", script].map(OsString::from).to_vec())
}

struct Setting<'a> {
    policy: CommandPolicy,
    stdin: Option<&'a StdinCopy>,
    seed: u64,
}

impl Setting<'_> {
    fn new(policy: CommandPolicy) -> Self {
        Setting { policy, stdin: None, seed: 7 }
    }

    async fn run(&self, command: &RetriedCommand) -> (RetryReport, (String, String)) {
        let (kept, clock, rng) = (KeptOutput::default(), SystemClock::new(), SeededRng::new(self.seed));
        let retry = CommandRetry {
            command,
            policy: &self.policy,
            stdin: self.stdin,
            streams_output: false,
            folder: None,
            variables: &[],
            output: &kept,
            clock: &clock,
            rng: &rng,
        };
        let (_sender, mut stops) = unbounded_channel();
        let report = retry.run(&mut stops, &mut |_| {}).await;
        (report, kept.texts())
    }
}

/// Returns a command that fails until it was started `successful` times; it counts in a file.
fn fails_until(folder: &Path, successful: u32) -> RetriedCommand {
    let count = folder.join("count");
    shell(&format!(
        "echo x >> {0}; cat; echo out; echo err >&2; test $(wc -l < {0}) -ge {successful} || exit 9",
        count.display()
    ))
}

#[tokio::test]
async fn a_command_that_recovers_gets_its_input_each_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let stdin = StdinCopy::read(&b"in\n"[..], 100).expect("short");
    let setting = Setting { stdin: Some(&stdin), ..Setting::new(policy(5)) };
    let (report, (out, err)) = setting.run(&fails_until(folder.path(), 3)).await;
    assert_eq!((report.outcome, report.exit_code, report.error), (RetryOutcome::Succeeded, 0, None));
    let errors: Vec<_> = report.attempts.iter().map(|attempt| attempt.error.as_deref()).collect();
    assert_eq!(errors, [Some("ended with 9: err"), Some("ended with 9: err"), None]);
    assert_eq!(out, "in\nout\n", "only the successful attempt's output is on standard output");
    assert_eq!(err, "err\nin\nout\nerr\nin\nout\nerr\n");
    assert_eq!(report.attempts[2].delay.to_bits(), 0);
}

#[tokio::test]
async fn a_command_that_never_recovers_passes_its_code_on() {
    let (report, _) = Setting::new(policy(3)).run(&shell("exit 7")).await;
    assert_eq!((report.outcome, report.exit_code, report.attempts.len()), (RetryOutcome::Exhausted, 7, 3));
    assert_eq!(report.error.as_deref(), Some("ended with 7"));
    let (report, _) = Setting::new(policy(2)).run(&shell("kill -KILL $$")).await;
    assert_eq!((report.exit_code, report.error.as_deref()), (137, Some("was killed by signal 9")));
}

#[tokio::test]
async fn only_the_chosen_codes_are_tried_again() {
    let chosen = CommandPolicy { codes: RetryableCodes::of(&[75], None), ..policy(4) };
    let setting = Setting::new(chosen);
    let (report, _) = setting.run(&shell("exit 1")).await;
    assert_eq!((report.outcome, report.exit_code, report.attempts.len()), (RetryOutcome::Permanent, 1, 1));
    let (report, _) = setting.run(&shell("exit 75")).await;
    assert_eq!((report.outcome, report.attempts.len()), (RetryOutcome::Exhausted, 4));
}

#[tokio::test]
async fn a_command_that_is_not_there_is_not_tried_again() {
    let missing = RetriedCommand::Program(vec!["./no-such-command".into()]);
    let (report, _) = Setting::new(policy(5)).run(&missing).await;
    assert_eq!((report.outcome, report.exit_code, report.attempts.len()), (RetryOutcome::Permanent, 127, 1));
    let folder = RetriedCommand::Program(vec!["/".into()]);
    let (report, _) = Setting::new(policy(5)).run(&folder).await;
    assert_eq!((report.outcome, report.exit_code), (RetryOutcome::Permanent, 126));
}

#[tokio::test]
async fn equal_seeds_give_equal_delays() {
    let delays = |seed| async move {
        let setting = Setting { seed, ..Setting::new(policy(6)) };
        let (report, _) = setting.run(&RetriedCommand::FailThenSucceed(5)).await;
        report.attempts.iter().map(|attempt| attempt.delay.to_bits()).collect::<Vec<_>>()
    };
    assert_eq!(delays(1).await, delays(1).await);
    assert_ne!(delays(1).await, delays(2).await);
}

#[tokio::test]
async fn flaky_fails_as_often_as_asked_and_then_works() {
    let (report, _) = Setting::new(policy(5)).run(&RetriedCommand::FailThenSucceed(2)).await;
    assert_eq!((report.outcome, report.attempts.len()), (RetryOutcome::Succeeded, 3));
    assert_eq!(report.attempts[1].error.as_deref(), Some("flaky: failure 2 of 2"));
}

#[tokio::test]
async fn an_attempt_that_takes_too_long_is_stopped_and_tried_again() {
    let brief = CommandPolicy { timeout: Some(Duration::from_millis(30)), ..policy(2) };
    let only_75 = CommandPolicy { codes: RetryableCodes::of(&[75], None), ..brief };
    let (report, _) = Setting::new(only_75).run(&shell("exec sleep 600")).await;
    assert_eq!((report.outcome, report.exit_code, report.attempts.len()), (RetryOutcome::Exhausted, 124, 2));
    assert_eq!(report.error.as_deref(), Some("was stopped after 0.03 s"));
}

#[tokio::test]
async fn the_deadline_bounds_all_attempts_together() {
    let bounded = CommandPolicy { deadline: Some(Duration::from_millis(40)), ..policy(5) };
    let (report, _) = Setting::new(bounded).run(&shell("exec sleep 600")).await;
    assert_eq!((report.outcome, report.exit_code, report.attempts.len()), (RetryOutcome::Timeout, 124, 1));
    let slow = CommandPolicy {
        base_delay: Duration::from_mins(10),
        max_delay: Duration::from_mins(10),
        jitter: Jitter::None,
        deadline: Some(Duration::from_mins(1)),
        ..policy(5)
    };
    let (report, _) = Setting::new(slow).run(&RetriedCommand::FailThenSucceed(3)).await;
    assert_eq!((report.outcome, report.attempts.len()), (RetryOutcome::Timeout, 1), "a delay beyond it is not begun");
}

#[tokio::test]
async fn a_failed_command_leaves_no_process_behind() {
    let folder = tempfile::tempdir().expect("a folder");
    let pid = folder.path().join("pid");
    let script = format!("sleep 600 & echo $! > {}; exit 3", pid.display());
    let (report, _) = Setting::new(policy(1)).run(&shell(&script)).await;
    assert_eq!(report.exit_code, 3);
    let child = std::fs::read_to_string(pid).expect("it was written");
    let state = std::fs::read_to_string(format!("/proc/{}/stat", child.trim())).unwrap_or_default();
    assert!(state.is_empty() || state.contains(") Z "), "{state}");
}

#[tokio::test]
async fn a_signal_reaches_the_command_and_ends_the_attempts() {
    let (kept, clock, rng) = (KeptOutput::default(), SystemClock::new(), SeededRng::new(1));
    let folder = tempfile::tempdir().expect("a folder");
    let ready = folder.path().join("ready");
    let made = std::process::Command::new("mkfifo").arg(&ready).status().expect("mkfifo can be run");
    assert!(made.success());
    let command = shell(&format!("trap 'exit 42' TERM; echo up > {}; sleep 600 & wait", ready.display()));
    let retry = CommandRetry {
        command: &command,
        policy: &policy(5),
        stdin: None,
        streams_output: false,
        folder: None,
        variables: &[],
        output: &kept,
        clock: &clock,
        rng: &rng,
    };
    let (sender, mut stops) = unbounded_channel();
    let send = std::thread::spawn(move || {
        std::fs::read_to_string(ready).expect("the command is up");
        sender.send(StopSignal::Terminate).expect("it is received");
        sender
    });
    let report = retry.run(&mut stops, &mut |_| {}).await;
    drop(send.join());
    assert_eq!((report.outcome, report.exit_code, report.attempts.len()), (RetryOutcome::Interrupted, 42, 1));
    assert_eq!(report.error.as_deref(), Some("interrupted by SIGTERM"));
}

#[tokio::test]
async fn a_signal_during_a_delay_ends_it_at_once() {
    let (kept, clock, rng) = (KeptOutput::default(), SystemClock::new(), SeededRng::new(1));
    let hour = Duration::from_hours(1);
    let policy = CommandPolicy { base_delay: hour, max_delay: hour, jitter: Jitter::None, ..policy(5) };
    let command = RetriedCommand::FailThenSucceed(3);
    let retry = CommandRetry {
        command: &command,
        policy: &policy,
        stdin: None,
        streams_output: false,
        folder: None,
        variables: &[],
        output: &kept,
        clock: &clock,
        rng: &rng,
    };
    let (sender, mut stops) = unbounded_channel();
    let report = retry.run(&mut stops, &mut |_| sender.send(StopSignal::Interrupt).expect("it is received")).await;
    assert_eq!((report.outcome, report.exit_code, report.attempts.len()), (RetryOutcome::Interrupted, 130, 1));
}

#[tokio::test]
async fn secrets_of_the_command_are_hidden_in_the_report() {
    let token = format!("ghp_{}", "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8");
    let (report, _) = Setting::new(policy(1)).run(&shell(&format!("echo token {token} >&2; exit 1"))).await;
    let text = serde_json::to_string(&report).expect("it is JSON");
    assert!(!text.contains(&token) && text.contains("[hidden]"), "{text}");
}
