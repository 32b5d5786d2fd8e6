//! The loop with a clock that jumps, real job files, and calls that only record themselves.

use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt};
use tempfile::TempDir;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::daemon_loop::{DRAIN_MS, Daemon, DaemonEnd, DaemonParts, DaemonRequest, POLL_MS};
use super::due_call::{CallOrder, CallReport, JobCaller};
use super::job_files::JobFileWatch;
use super::notification::ServiceNotifier;
use crate::clock::Clock;
use crate::config::external::flags::Overrides;
use crate::schedule::call_queue::CallEnd;
use crate::system::{SeededRng, TestClock};
use crate::time::Timestamp;

const HOUR: u64 = 3_600_000;

/// A clock that a test sets.
struct SetClock {
    inner: TestClock,
    offset: AtomicI64,
}

impl SetClock {
    fn jump(&self, ms: i64) {
        self.offset.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.inner.now().0 + self.offset.load(Ordering::SeqCst))
    }

    fn monotonic_ms(&self) -> u64 {
        self.inner.monotonic_ms()
    }

    fn sleep(&self, wait: Duration) -> BoxFuture<'static, ()> {
        self.inner.sleep(wait)
    }
}

/// A call: its time, the job's name, and the text of the form that it got in place of the file.
type TestCall = (String, String, Option<String>);

/// Records calls. Each takes a second, and ends with these codes in turn, the last one from then
/// on; a stuck one ends when it is dropped.
struct RecordingCaller {
    clock: Arc<SetClock>,
    calls: Mutex<Vec<TestCall>>,
    codes: Mutex<Vec<u8>>,
    is_stuck: bool,
}

impl JobCaller for RecordingCaller {
    fn call(&self, order: CallOrder, _: CancellationToken) -> BoxFuture<'static, CallReport> {
        let time = self.clock.now().to_string()[11..16].to_owned();
        let form = order.form.map(|form| form.text.clone());
        self.calls.lock().expect("no test panics").push((time, order.name, form));
        let mut codes = self.codes.lock().expect("no test panics");
        let code = if codes.len() > 1 { codes.remove(0) } else { codes.first().copied().unwrap_or(0) };
        let ending = self.clock.sleep(Duration::from_secs(if self.is_stuck { 1_000_000 } else { 1 }));
        let end = CallEnd { exit_code: Some(code), ..CallEnd::default() };
        ending.map(move |()| CallReport { end, ..CallReport::default() }).boxed()
    }
}

struct RunningDaemon {
    folder: TempDir,
    clock: Arc<SetClock>,
    caller: Arc<RecordingCaller>,
    requests: UnboundedSender<DaemonRequest>,
    daemon: JoinHandle<DaemonEnd>,
}

fn job(name: &str, cron: &str) -> String {
    let schedule = format!("schedule = {{ cron = \"{cron}\", timezone = \"UTC\" }}");
    format!("name = \"{name}\"\n{schedule}\n[source]\ncsv = \"x.csv\"\n[item]\nkey = \".id\"\n[sheet]\ntab = \"T\"\n")
}

impl RunningDaemon {
    fn start(crons: &[&str], codes: &[u8], is_stuck: bool) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let start = Timestamp::parse("2026-06-02T08:00:00Z").expect("a time");
        let clock = Arc::new(SetClock { inner: TestClock::starting_at(start), offset: AtomicI64::new(0) });
        let paths: Vec<PathBuf> = (0..crons.len()).map(|nth| folder.path().join(format!("j{nth}.toml"))).collect();
        for (nth, (path, cron)) in paths.iter().zip(crons).enumerate() {
            std::fs::write(path, job(&format!("j{nth}"), cron)).expect("the folder takes files");
        }
        let mut watch = JobFileWatch::new(&paths, Overrides::default());
        let jobs = watch.poll_files().into_iter().map(|change| change.found.expect("a valid file"));
        let jobs = paths.into_iter().zip(jobs).collect();
        let caller = Arc::new(RecordingCaller {
            clock: Arc::clone(&clock),
            calls: Mutex::default(),
            codes: Mutex::new(codes.to_vec()),
            is_stuck,
        });
        let parts = DaemonParts {
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            rng: Arc::new(SeededRng::new(1)),
            caller: Arc::clone(&caller) as Arc<dyn JobCaller>,
            notifier: ServiceNotifier::default(),
            most_at_once: 8,
        };
        let (requests, receiver) = unbounded_channel();
        let daemon = tokio::spawn(Daemon::new(parts, watch, jobs).run(receiver));
        Self { folder, clock, caller, requests, daemon }
    }

    /// Lets this time pass. Returns the calls since the last one was asked for.
    async fn after(&self, ms: u64) -> Vec<TestCall> {
        self.clock.sleep(Duration::from_millis(ms)).await;
        std::mem::take(&mut *self.caller.calls.lock().expect("no test panics"))
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).expect("the folder takes files");
    }

    async fn ends(self) -> DaemonEnd {
        self.daemon.await.expect("no panic")
    }
}

fn at(time: &str, job: &str) -> TestCall {
    (time.to_owned(), job.to_owned(), None)
}

#[tokio::test(start_paused = true)]
async fn jobs_are_called_at_the_start_and_at_their_times() {
    let running = RunningDaemon::start(&["0 9 * * *", "30 10 * * *"], &[0], false);
    assert_eq!(running.after(60_000).await, [at("08:00", "j0"), at("08:00", "j1")]);
    assert_eq!(running.after(24 * HOUR).await, [at("09:00", "j0"), at("10:30", "j1")]);
}

#[tokio::test(start_paused = true)]
async fn after_a_suspend_or_a_jump_the_calls_are_made() {
    let running = RunningDaemon::start(&["0 9 * * *", "0 12 * * *"], &[0], false);
    running.after(60_000).await;
    running.clock.jump(10 * 3_600_000);
    let mut calls = running.after(POLL_MS + 1).await;
    calls.sort();
    assert_eq!(calls, [at("18:01", "j0"), at("18:01", "j1")], "within ten seconds after the suspend");
    running.clock.jump(-3 * 3_600_000);
    let asked = running.after(2 * POLL_MS).await;
    assert_eq!(asked, [at("15:01", "j0"), at("15:01", "j1")], "set back: asked again");
    assert_eq!(running.after(18 * HOUR).await, [at("09:00", "j0")]);
}

#[tokio::test(start_paused = true)]
async fn a_broken_or_deleted_file_keeps_its_last_good_form() {
    let running = RunningDaemon::start(&["0 9 * * *"], &[0], false);
    running.after(60_000).await;
    let good = job("j0", "0 9 * * *");
    running.write("j0.toml", &good.replace("[item]", "[itme]"));
    let calls = running.after(2 * POLL_MS).await;
    assert_eq!(calls, [("08:01".to_owned(), "j0".to_owned(), Some(good.clone()))], "asked once with the form");
    std::fs::remove_file(running.folder.path().join("j0.toml")).expect("it is there");
    running.after(2 * POLL_MS).await;
    let calls = running.after(2 * HOUR).await;
    assert_eq!(calls, [("09:00".to_owned(), "j0".to_owned(), Some(good))]);
    running.write("j0.toml", &job("corrected", "0 11 * * *"));
    assert_eq!(running.after(2 * POLL_MS).await, [at("10:01", "corrected")]);
    assert_eq!(running.after(24 * HOUR).await, [at("11:00", "corrected")]);
}

#[tokio::test(start_paused = true)]
async fn a_broken_env_file_breaks_the_jobs_beside_it() {
    let running = RunningDaemon::start(&["0 9 * * *"], &[0], false);
    running.after(60_000).await;
    running.write(".env", "no line\n");
    let calls = running.after(2 * POLL_MS).await;
    assert_eq!(calls.iter().filter(|(.., form)| form.is_some()).count(), 1, "{calls:?}");
    running.write(".env", "A=1\n");
    assert_eq!(running.after(2 * POLL_MS).await.iter().filter(|(.., form)| form.is_none()).count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_file_without_its_schedule_is_called_no_more() {
    let running = RunningDaemon::start(&["0 9 * * *"], &[0], false);
    running.after(60_000).await;
    let text = job("j0", "0 9 * * *");
    let without: String = text.lines().filter(|line| !line.starts_with("schedule")).flat_map(|l| [l, "\n"]).collect();
    running.write("j0.toml", &without);
    assert_eq!(running.after(48 * HOUR).await, []);
    running.write("j0.toml", &text);
    let calls = running.after(24 * HOUR).await;
    assert_eq!(calls, [at("08:01", "j0"), at("09:00", "j0")]);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_finds_its_file_broken_is_made_again() {
    let running = RunningDaemon::start(&["0 9 * * *"], &[0, 78, 0], false);
    running.after(60_000).await;
    // Two seconds before the call, so that no poll comes between.
    running.after(HOUR - 60_000 - 2_000).await;
    running.write("j0.toml", "name = \n");
    let calls = running.after(5_000).await;
    let forms: Vec<bool> = calls.iter().map(|(.., form)| form.is_some()).collect();
    assert_eq!(forms, [false, true], "{calls:?}");
}

#[tokio::test(start_paused = true)]
async fn a_service_out_of_reach_is_called_again_and_again() {
    let running = RunningDaemon::start(&["0 9 * * *"], &[69, 69, 69, 0], false);
    let calls = running.after(10 * 60_000).await;
    assert_eq!(calls.len(), 4, "{calls:?}");
    assert_eq!(running.after(10 * 60_000).await, []);
}

#[tokio::test(start_paused = true)]
async fn the_first_stop_drains_and_makes_no_call() {
    let running = RunningDaemon::start(&["1 8 * * *"; 20], &[0], false);
    running.after(100).await;
    running.requests.send(DaemonRequest::Stop).expect("it receives");
    let calls = running.after(DRAIN_MS).await;
    assert_eq!(calls, [], "no new call");
    assert_eq!(running.ends().await, DaemonEnd::Drained);
}

#[tokio::test(start_paused = true)]
async fn a_second_stop_or_ninety_seconds_end_the_wait() {
    for is_second in [true, false] {
        let running = RunningDaemon::start(&["0 9 * * *"], &[0], true);
        running.after(100).await;
        running.requests.send(DaemonRequest::Stop).expect("it receives");
        running.after(DRAIN_MS - 1).await;
        assert!(!running.daemon.is_finished());
        if is_second {
            running.requests.send(DaemonRequest::Stop).expect("it receives");
        }
        assert_eq!(running.ends().await, DaemonEnd::Abandoned(1));
    }
}
