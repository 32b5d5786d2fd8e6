//! The step `command`: runs a program of the user with an item, for an effect outside the sheet.
//!
//! In scope: how the program receives the item, what its exit status means, limits of time and
//! output. Out of scope: when it is run again (`runner::steps::step_executor`), and where a result
//! is kept until it is on the sheet (`port::journal`).
//!
//! ```text
//!  standard input    the item, as one line of JSON: a file that is complete before the program starts
//!  environment       SHEETKEEP_JOB, _STEP, _KEY, _VERSION, _IDEMPOTENCY_KEY, _FENCE, _ATTEMPT
//!  standard output   JSON values, the input of the next step or rows; without any: the item itself
//!  exit code         0 done · 75 may work later · any other: this item is bad
//! ```
//!
//! A program that is stopped or that fails is ended with all processes that it started
//! (`process_group`). After exit code 0, processes that it left running are not touched.

use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, FusedFuture, FutureExt};
use serde_json::Value;
use tokio::process::{Child, Command as Process};
use which::WhichConfig;
use which::sys::RealSys;

use crate::clock::Clock;
use crate::ledger::values::exact_number;
use crate::machine::{MachineTrouble, Refused};
use crate::port::step::{Step, StepContext, StepError};
use crate::step::command::process_group::ProcessGroup;
use crate::step::command::process_output::ProgramOutput;
use crate::step::command::stdin_file;

/// Default name of a `command` step.
pub const DEFAULT_NAME: &str = "command";
/// Maximum number of output bytes.
const MAX_OUTPUT_BYTES: usize = 16 << 20;
/// Bytes of standard error that are read; its last line is reported.
const MAX_STDERR_BYTES: usize = 64 << 10;
/// How long to wait for output after the program has ended, if a process that it started keeps its
/// pipes open.
const OUTPUT_GRACE: Duration = Duration::from_secs(1);
/// Characters of the reported line of standard error.
const STDERR_SUMMARY_CHARS: usize = 500;
/// The exit code of a program that asks to be run again later (`EX_TEMPFAIL` of sysexits.h).
const EXIT_RETRY_LATER: i32 = 75;
/// Environment variables with secrets of sheetkeep, which the program does not receive.
const WITHHELD_VARIABLES: [&str; 1] = ["SHEETKEEP_CREDENTIALS_JSON"];

/// Settings of a `command` step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandSettings {
    /// The program and its arguments; no shell interprets them.
    pub words: Vec<String>,
    /// Timeout, in milliseconds.
    pub timeout_ms: u64,
    /// The working directory: the job file's folder.
    pub folder: PathBuf,
    /// The job's name, for the environment.
    pub job: String,
    /// Further variables for the environment: the logical time of the run.
    pub variables: Vec<(&'static str, String)>,
}

/// The search path if the environment contains none, as in the C library (glibc, `execvp`).
const DEFAULT_PATH: &str = "/bin:/usr/bin";

impl CommandSettings {
    /// Finds the program without running it. Returns its path, or why it can't be run.
    pub fn program(&self) -> Result<PathBuf, String> {
        let program = self.words.first().map(String::as_str).unwrap_or_default();
        let looked = || WhichConfig::new_with_sys(RealSys).binary_name(program.into()).custom_cwd(self.folder.clone());
        let found = match looked().system_path_list().first_result() {
            Err(which::Error::CannotGetCurrentDirAndPathListEmpty) => {
                looked().custom_path_list(DEFAULT_PATH.into()).first_result()
            }
            found => found,
        };
        found.map_err(|_| format!("{program} is not there, or may not be executed"))
    }
}

/// A `command` step. Its effects are unknown, so it counts as having an effect outside the sheet.
pub struct Command {
    name: String,
    settings: CommandSettings,
    clock: Arc<dyn Clock>,
}

impl Command {
    /// Creates a step of this name.
    pub fn new(name: impl Into<String>, settings: CommandSettings, clock: Arc<dyn Clock>) -> Self {
        Self { name: name.into(), settings, clock }
    }

    async fn run_once(&self, input: Value, context: &StepContext) -> Result<Vec<Value>, StepError> {
        let program = self.settings.words.first().map(String::as_str).unwrap_or_default();
        let item = stdin_file::create(format!("{}\n", exact_number::render(&input)).as_bytes())
            .map_err(|error| input_error(program, &error))?;
        let started = self.process(context).stdin(Stdio::from(item)).spawn();
        let mut child = started.map_err(|error| self.start_error(program, &error))?;
        let mut group = ProcessGroup::from_leader(&child);
        let mut out = ProgramOutput::new(child.stdout.take(), MAX_OUTPUT_BYTES);
        let mut stderr = ProgramOutput::new(child.stderr.take(), MAX_STDERR_BYTES);
        let ended = {
            let reading = async { tokio::join!(out.read_to_end(), stderr.read_to_end()) }.fuse();
            tokio::pin!(reading);
            let ended = tokio::select! {
                ended = wait_for_end(&mut child, reading.as_mut()) => ended.map_err(|error| output_error(&error)),
                () = self.clock.sleep(self.timeout()) => Err(self.timeout_error(program)),
                () = context.cancel.cancelled() => Err(StepError::Cancelled),
            };
            if ended.as_ref().is_ok_and(ExitStatus::success) {
                group.release();
            } else {
                // The program may still write, and a closed pipe would kill it.
                tokio::select! {
                    () = group.end(&mut child, self.clock.as_ref()) => {}
                    () = async { reading.as_mut().await; std::future::pending().await } => {}
                }
            }
            // A process that it left running may hold its pipes open for ever. The program's own
            // output is in them already.
            tokio::select! {
                _ = reading.as_mut(), if !reading.is_terminated() => {}
                () = self.clock.sleep(OUTPUT_GRACE), if !reading.is_terminated() => {}
                else => {}
            }
            ended?
        };
        if let Some(error) = out.error.as_ref().or(stderr.error.as_ref()) {
            return Err(output_error(error));
        }
        check_status(program, ended, &last_line(&stderr.bytes))?;
        parse_output(program, input, &out.bytes)
    }

    fn timeout(&self) -> Duration {
        Duration::from_millis(self.settings.timeout_ms)
    }

    fn timeout_error(&self, program: &str) -> StepError {
        let why = format!("{program} was stopped after {} s", self.timeout().as_secs());
        StepError::Transient { why, retry_after_ms: None }
    }

    /// Classifies a failure to start. The machine or the job is the cause, unless the item's key is
    /// too long for the environment.
    fn start_error(&self, program: &str, error: &io::Error) -> StepError {
        let why = format!("the program {program} can't be started: {error}");
        if error.kind() == io::ErrorKind::ArgumentListTooLong {
            return StepError::Rejected(why);
        }
        let action = format!("the program {program} can't be started");
        let trouble = MachineTrouble::from_io(&action, error).unwrap_or_else(|| match error.kind() {
            io::ErrorKind::ExecutableFileBusy => MachineTrouble { refused: Refused::Busy, why },
            _ if !self.settings.folder.is_dir() => {
                let why = format!("{why}; the folder {} is not there", self.settings.folder.display());
                MachineTrouble { refused: Refused::Program, why }
            }
            _ => MachineTrouble { refused: Refused::Program, why },
        });
        // Of the operations after the start, only watching its pipes may run out of resources.
        StepError::Machine { trouble, begun: error.kind() == io::ErrorKind::StorageFull }
    }

    fn process(&self, context: &StepContext) -> Process {
        let (program, arguments) = self.settings.words.split_first().map_or(("", &[][..]), |(p, a)| (p.as_str(), a));
        let mut process = Process::new(program);
        process.args(arguments).current_dir(&self.settings.folder).kill_on_drop(true);
        process.stdout(Stdio::piped()).stderr(Stdio::piped());
        // Ctrl-C at the terminal asks sheetkeep to finish the current items; the program must not
        // receive it. The signal that ends the program must reach all processes that it started.
        #[cfg(unix)]
        process.process_group(0);
        for name in WITHHELD_VARIABLES {
            process.env_remove(name);
        }
        let variables = [
            ("SHEETKEEP_JOB", self.settings.job.clone()),
            ("SHEETKEEP_STEP", self.name.clone()),
            ("SHEETKEEP_KEY", context.key.as_str().to_owned()),
            ("SHEETKEEP_VERSION", context.version.0.clone()),
            ("SHEETKEEP_IDEMPOTENCY_KEY", context.idempotency_key.clone()),
            ("SHEETKEEP_FENCE", context.fence.0.to_string()),
            ("SHEETKEEP_ATTEMPT", context.attempt.to_string()),
        ];
        process.envs(self.settings.variables.iter().map(|(name, value)| (*name, value)));
        // The environment can't contain a NUL. The record on standard input contains the exact key.
        process.envs(variables.into_iter().map(|(name, value)| (name, value.replace('\0', ""))));
        process
    }
}

impl Step for Command {
    fn run<'a>(&'a self, input: Value, context: &'a StepContext) -> BoxFuture<'a, Result<Vec<Value>, StepError>> {
        self.run_once(input, context).boxed()
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn has_outside_effects(&self) -> bool {
        true
    }
}

/// Returns the error of an item that could not be written completely; the program is not started.
fn input_error(program: &str, error: &io::Error) -> StepError {
    let action = format!("the item for the program {program} can't be kept ready");
    let trouble = MachineTrouble::from_io(&action, error);
    let trouble = trouble.unwrap_or_else(|| MachineTrouble::resource(format!("{action}: {error}")));
    StepError::Machine { trouble, begun: false }
}

/// Waits for the program to end, while its output is read.
async fn wait_for_end<T>(child: &mut Child, reading: Pin<&mut impl FusedFuture<Output = T>>) -> io::Result<ExitStatus> {
    tokio::select! {
        status = child.wait() => return status,
        _ = reading => {}
    }
    child.wait().await
}

fn output_error(error: &io::Error) -> StepError {
    StepError::Transient { why: format!("the program could not be listened to: {error}"), retry_after_ms: None }
}

fn check_status(program: &str, status: ExitStatus, stderr_line: &str) -> Result<(), StepError> {
    let suffix = if stderr_line.is_empty() { String::new() } else { format!(": {stderr_line}") };
    match status.code() {
        Some(0) => Ok(()),
        Some(EXIT_RETRY_LATER) => {
            Err(StepError::Transient { why: format!("{program} asks to be tried again{suffix}"), retry_after_ms: None })
        }
        Some(code) => Err(StepError::Rejected(format!("{program} ended with {code}{suffix}"))),
        None => Err(StepError::Transient { why: format!("{program} was killed{suffix}"), retry_after_ms: None }),
    }
}

fn parse_output(program: &str, input: Value, out: &[u8]) -> Result<Vec<Value>, StepError> {
    if out.len() > MAX_OUTPUT_BYTES {
        return Err(StepError::Rejected(format!("{program} writes more than {} MB", MAX_OUTPUT_BYTES >> 20)));
    }
    if out.iter().all(u8::is_ascii_whitespace) {
        return Ok(vec![input]);
    }
    let not_json = |why: String| StepError::Rejected(format!("{program} writes something that is no JSON: {why}"));
    let out = std::str::from_utf8(out).map_err(|error| not_json(error.to_string()))?;
    let values: Result<Vec<Value>, _> =
        serde_json::Deserializer::from_str(&exact_number::marked(out)).into_iter().collect();
    values.map_err(|error| not_json(error.to_string()))
}

fn last_line(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let line = text.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or_default();
    line.chars().filter(|c| !c.is_control()).take(STDERR_SUMMARY_CHARS).collect()
}

#[cfg(all(test, unix))]
mod tests {
    use serde_json::json;
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::ledger::items::key::{Key, Version};
    use crate::ledger::leases::lease::Fence;
    use crate::system::SystemClock;
    use crate::time::Timestamp;

    fn context() -> StepContext {
        StepContext {
            key: Key::new("k").expect("a valid key"),
            version: Version("v".into()),
            idempotency_key: "sk1_x".into(),
            fence: Fence(3),
            attempt: 2,
            deadline: None,
            cancel: CancellationToken::new(),
        }
    }

    async fn shell(script: &str, timeout_ms: u64, context: &StepContext) -> Result<Vec<Value>, StepError> {
        let words = ["sh", "-c", script].map(str::to_owned).to_vec();
        let settings =
            CommandSettings { words, timeout_ms, folder: ".".into(), job: "j".into(), variables: Vec::new() };
        let step = Command::new("notify", settings, Arc::new(SystemClock::new()));
        step.run(json!({"id": "k"}), context).await
    }

    #[tokio::test]
    async fn a_program_gets_the_item_and_its_keys_and_its_values_go_on() {
        let script = r#"read -r item; echo "{\"got\": $item, \"key\": \"$SHEETKEEP_IDEMPOTENCY_KEY\", \"try\": $SHEETKEEP_ATTEMPT}"; echo 7"#;
        let made = shell(script, 60_000, &context()).await;
        assert_eq!(made, Ok(vec![json!({"got": {"id": "k"}, "key": "sk1_x", "try": 2}), json!(7)]));
        assert_eq!(shell("cat >/dev/null", 60_000, &context()).await, Ok(vec![json!({"id": "k"})]));
    }

    /// What a program finds on its standard input before it reads: the kind of file, its size, and
    /// what is left to read.
    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn an_item_is_whole_before_its_program_starts() {
        let script =
            r#"printf '["%s", %s]' "$(stat -L -c %F /proc/self/fd/0)" "$(stat -L -c %s /proc/self/fd/0)"; wc -c"#;
        for size in [0, 1, 65_535, 65_536, 65_537, 3_000_000] {
            let words = ["sh", "-c", script].map(str::to_owned).to_vec();
            let settings = CommandSettings {
                words,
                timeout_ms: 60_000,
                folder: ".".into(),
                job: "j".into(),
                variables: Vec::new(),
            };
            let step = Command::new("notify", settings, Arc::new(SystemClock::new()));
            let made = step.run(json!("x".repeat(size)), &context()).await;
            // Two quotes and the line end.
            assert_eq!(made, Ok(vec![json!(["regular file", size + 3]), json!(size + 3)]));
        }
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_program_has_its_three_streams_and_no_more() {
        let open = || std::fs::read_dir("/proc/self/fd").expect("a process").count();
        let script = "cd /proc/self/fd && set -- * && echo $#";
        let ours = shell(script, 60_000, &context()).await.expect("a count");
        let theirs = std::process::Command::new("sh").args(["-c", script]).output().expect("a shell");
        let usual: u64 = String::from_utf8_lossy(&theirs.stdout).trim().parse().expect("a count");
        assert_eq!(ours, [json!(usual)]);
        // Programs that leave the item unread do not keep it open in this process.
        let before = open();
        for _ in 0..50 {
            shell("exit 0", 60_000, &context()).await.expect("nothing to say");
        }
        assert!(open() < before + 50, "{before} {}", open());
    }

    #[tokio::test]
    async fn the_exit_code_decides_and_the_last_stderr_line_is_reported() {
        let bad = shell("echo first >&2; echo no such customer >&2; exit 3", 60_000, &context()).await;
        assert_eq!(bad, Err(StepError::Rejected("sh ended with 3: no such customer".into())));
        let later = shell("exit 75", 60_000, &context()).await.expect_err("it asks for another try");
        assert!(later.fault().passes(), "{later}");
        let garbled = shell("echo nonsense", 60_000, &context()).await.expect_err("no JSON");
        assert!(garbled.to_string().contains("no JSON"), "{garbled}");
        let context = context();
        let missing = CommandSettings {
            words: vec!["./no-such".into()],
            timeout_ms: 1,
            folder: ".".into(),
            job: "j".into(),
            variables: Vec::new(),
        };
        let missing = Command::new("x", missing, Arc::new(SystemClock::new())).run(json!(1), &context).await;
        assert!(missing.expect_err("nothing to start").to_string().contains("./no-such can't be started"));
    }

    /// A clock that never advances: every wait lasts for ever.
    struct Still;

    impl Clock for Still {
        fn now(&self) -> Timestamp {
            Timestamp(0)
        }

        fn monotonic_ms(&self) -> u64 {
            0
        }

        fn sleep(&self, _: Duration) -> BoxFuture<'static, ()> {
            Box::pin(std::future::pending())
        }
    }

    #[tokio::test]
    async fn a_program_that_has_ended_is_not_waited_for() {
        for (script, made) in [("echo 7", json!(7)), ("exec >&- 2>&-; cat > /dev/null", json!({"id": "k"}))] {
            let words = ["sh", "-c", script].map(str::to_owned).to_vec();
            let settings =
                CommandSettings { words, timeout_ms: 1, folder: ".".into(), job: "j".into(), variables: Vec::new() };
            let step = Command::new("notify", settings, Arc::new(Still));
            assert_eq!(step.run(json!({"id": "k"}), &context()).await, Ok(vec![made]));
        }
    }

    #[tokio::test]
    async fn a_program_that_is_not_there_is_no_item_s_fault() {
        for (words, suffix) in [(["./no-such"], "No such file"), (["/"], "Permission denied")] {
            let words = words.map(str::to_owned).to_vec();
            let settings =
                CommandSettings { words, timeout_ms: 1, folder: ".".into(), job: "j".into(), variables: Vec::new() };
            let failed = Command::new("x", settings, Arc::new(Still)).run(json!(1), &context()).await;
            let Err(StepError::Machine { trouble, begun: false }) = failed else { unreachable!("{failed:?}") };
            assert!(trouble.refused == Refused::Program && trouble.why.contains(suffix), "{trouble}");
        }
    }

    #[tokio::test]
    async fn a_key_that_no_environment_can_hold_is_that_item_s_failure() {
        let mut context = context();
        context.version = Version("v".repeat(200_000));
        let words = ["true".to_owned()].to_vec();
        let settings =
            CommandSettings { words, timeout_ms: 1, folder: ".".into(), job: "j".into(), variables: Vec::new() };
        let failed = Command::new("x", settings, Arc::new(Still)).run(json!(1), &context).await;
        assert!(matches!(&failed, Err(StepError::Rejected(why)) if why.contains("too long")), "{failed:?}");
    }

    #[tokio::test]
    async fn a_program_that_takes_too_long_is_stopped() {
        let slow = shell("exec sleep 600", 1, &context()).await.expect_err("too slow");
        assert!(slow.to_string().contains("was stopped after"), "{slow}");
        let context = context();
        context.cancel.cancel();
        assert_eq!(shell("exec sleep 600", 600_000, &context).await, Err(StepError::Cancelled));
    }
}
