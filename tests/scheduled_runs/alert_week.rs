//! Seven days of a job that runs at nine, across a clock change: the exact list of what people
//! receive. `docs/alerts.md` shows it.
//!
//! The real client over the emulator, in process, with the paused clock. Channels are lists here;
//! real sockets are in `tests/alerts.rs`.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use sheetkeep::alerts::alert_rules::{AlertRules, EscalationDelay, EscalationLevel};
use sheetkeep::alerts::condition_record::DeliveryRecord;
use sheetkeep::alerts::message::{Message, MessageLink};
use sheetkeep::alerts::report_context::{AlertedJob, LinkedTabs};
use sheetkeep::alerts::routing::{Route, route};
use sheetkeep::alerts::severity::Severity;
use sheetkeep::app::schedule::due::{DueRun, DueStep};
use sheetkeep::ledger::runs::expectation::{CountRange, Expectations};
use sheetkeep::ledger::runs::run::RunStatus;
use sheetkeep::port::store::Store as _;
use sheetkeep::runner::alert_recorder::RunAlerts;
use sheetkeep::runner::run_scope::RunScope;
use sheetkeep::runner::schedule_claim::ScheduleClaim;
use sheetkeep::time::Timestamp;

use crate::scheduled_fixture::ScheduledFixture;
use crate::test_job::{SlowSource, TestJob, ValueSource};

/// The id of a message, and the channels that took it.
type KnownMessage = (String, Vec<String>);

/// A job in Berlin, with a chat, and mail for what the chat does not take.
struct AlertedJobFixture {
    name: &'static str,
    fixture: ScheduledFixture,
    rules: AlertRules,
    item_ms: u64,
    is_chat_down: bool,
    /// What became of each message.
    known_messages: Arc<Mutex<Vec<KnownMessage>>>,
    /// The run that this machine reported as out of time.
    reported_run: Option<String>,
    /// What people received.
    received: Mutex<Vec<(Timestamp, String)>>,
}

impl AlertedJobFixture {
    fn new(name: &'static str, cron: &str, start: &str) -> Self {
        let slack = Route { name: "slack".into(), min_severity: Some(Severity::Warning), can_join_messages: true };
        let mail = Route { name: "mail".into(), min_severity: None, can_join_messages: true };
        Self {
            name,
            fixture: ScheduledFixture::new(cron, start, 0),
            rules: AlertRules { routes: vec![slack, mail], ..AlertRules::default() },
            item_ms: 0,
            is_chat_down: false,
            known_messages: Arc::default(),
            reported_run: None,
            received: Mutex::default(),
        }
    }

    fn alerted_job(&self) -> AlertedJob {
        AlertedJob {
            job: self.name.into(),
            spreadsheet: "1Sheet".into(),
            link: Some(MessageLink { label: "Open the sheet".into(), url: "https://docs.example/1Sheet".into() }),
            tabs: LinkedTabs::default(),
            status_command: format!("sheetkeep status {}.toml", self.name),
            failures_command: format!("sheetkeep failures list {}.toml", self.name),
            zone: self.fixture.schedule.zone.clone(),
            host: "box".into(),
            version: "0.1.0".into(),
        }
    }

    /// Waits until this time.
    async fn wait_until(&self, text: &str) {
        let at = Timestamp::parse(text).expect("a time");
        self.fixture.clock.sleep(Duration::from_millis(at.ms_since(self.fixture.clock.now()))).await;
    }

    /// One call of `run --due`.
    async fn call(&self, host: &str, items: Vec<Value>) {
        let seed = self.fixture.next_seed();
        match self.fixture.next_step(host, seed).await {
            DueStep::NotDue { .. } | DueStep::Active { .. } => {}
            DueStep::Run(due) => self.run(host, seed, items, Some(*due), RunScope::Default, true).await,
            DueStep::Record(due) => self.run(host, seed, Vec::new(), Some(*due), RunScope::None, true).await,
        }
    }

    /// A run that a person starts.
    async fn run_by_hand(&self, items: Vec<Value>) {
        let seed = self.fixture.next_seed();
        self.run("by hand", seed, items, None, RunScope::Default, true).await;
    }

    /// A run whose process is killed between its last commit and its message.
    async fn run_and_die(&self, items: Vec<Value>) {
        let seed = self.fixture.next_seed();
        self.run("by hand", seed, items, None, RunScope::Default, false).await;
    }

    async fn run(
        &self,
        host: &str,
        seed: u64,
        items: Vec<Value>,
        due: Option<DueRun>,
        retrying: RunScope,
        is_alive: bool,
    ) {
        let mut job = TestJob::new(Arc::clone(&self.fixture.clock)).with_step(|value, _| Ok(vec![value.clone()]));
        job.seed = seed;
        job.plan.scope = retrying;
        job.plan.holder.installation = host.to_owned();
        job.plan.has_lock = false;
        let read = CountRange::parse("1..");
        job.plan.expectations = Arc::new(Expectations { read, ..Expectations::default() });
        if let Some(due) = due {
            (job.plan.trigger, job.plan.claim) = (due.trigger, Some(due.claim));
        } else {
            job.plan.claim = Some(ScheduleClaim::default());
        }
        let committed: Arc<Mutex<Vec<Message>>> = Arc::default();
        let (sink, known) = (Arc::clone(&committed), Arc::clone(&self.known_messages));
        job.plan.alerts = Some(Arc::new(RunAlerts {
            rules: self.rules.clone(),
            alerted_job: self.alerted_job(),
            delivery: Arc::new(move |id| {
                let known = known.lock().expect("no panic");
                known.iter().find(|(known, _)| known == id).map_or(DeliveryRecord::Unknown, |(_, by)| {
                    if by.is_empty() { DeliveryRecord::Failed } else { DeliveryRecord::Delivered(by.clone()) }
                })
            }),
            remark: String::new(),
            reported_run: self.reported_run.clone(),
            sink: Arc::new(move |messages| sink.lock().expect("no panic").extend(messages)),
        }));
        let values = ValueSource::of(items.clone());
        let values = if items.iter().any(|item| item["breaks"] == true) {
            values.with_broken_end("orders.csv, line 1204: the connection was cut off")
        } else {
            values
        };
        let source = SlowSource::new(values, Arc::clone(&self.fixture.clock), Duration::from_millis(self.item_ms));
        let ended = job.run_source(self.fixture.store(seed), Box::new(source)).await;
        drop(ended);
        let messages = std::mem::take(&mut *committed.lock().expect("no panic"));
        if is_alive {
            self.deliver(&messages);
        }
    }

    fn deliver(&self, messages: &[Message]) {
        for one in route(messages, &self.rules.routes) {
            let to = if one.channel == "slack" && self.is_chat_down { "mail" } else { &one.channel };
            let lines: Vec<String> = std::iter::once(format!("{}: {}", one.message.word(), one.message.title))
                .chain(one.message.lines().into_iter().map(|line| format!("    {line}")))
                .collect();
            let at = self.alerted_job().local_time(self.fixture.clock.now());
            let at = at.trim_end_matches(" Europe/Berlin");
            let text = format!("{at}, {to}\n  {}\n", lines.join("\n  "));
            self.received.lock().expect("no panic").push((self.fixture.clock.now(), text));
            let mut known = self.known_messages.lock().expect("no panic");
            for id in one.ids {
                match known.iter_mut().find(|(known, _)| *known == id) {
                    Some((_, by)) => by.push(to.to_owned()),
                    None => known.push((id, vec![to.to_owned()])),
                }
            }
        }
    }

    fn received(&self) -> Vec<(Timestamp, String)> {
        self.received.lock().expect("no panic").clone()
    }

    /// The first line of each message.
    fn titles(&self) -> Vec<String> {
        let title = |text: &str| text.lines().nth(1).unwrap_or_default().trim().to_owned();
        self.received().iter().map(|(_, text)| title(text)).collect()
    }
}

fn make_good_items() -> Vec<Value> {
    vec![json!({"id": 1, "v": "a"}), json!({"id": 2, "v": "b"})]
}

fn make_broken_items() -> Vec<Value> {
    vec![json!({"id": 1, "v": "a", "breaks": true})]
}

/// The job at nine: Thursday to Wednesday, with the end of summer time on Sunday.
async fn play_week_of_orders() -> Vec<(Timestamp, String)> {
    let mut job = AlertedJobFixture::new("orders", "0 9 * * *", "2026-10-22T06:00:00Z");
    job.wait_until("2026-10-22T07:00:00Z").await;
    job.call("a", make_good_items()).await;
    // Friday: the source breaks off. Saturday: all is well.
    job.wait_until("2026-10-23T07:00:00Z").await;
    job.call("a", make_broken_items()).await;
    job.wait_until("2026-10-24T07:00:00Z").await;
    job.call("a", make_good_items()).await;
    // Sunday: the machine is off. Monday: the run takes long; a second machine calls meanwhile, and
    // a person starts one more.
    job.wait_until("2026-10-26T08:00:00Z").await;
    job.item_ms = 5 * 60_000;
    tokio::join!(job.call("a", make_good_items()), async {
        job.wait_until("2026-10-26T08:05:00Z").await;
        job.call("b", make_good_items()).await;
        job.wait_until("2026-10-26T08:10:00Z").await;
        job.run_by_hand(make_good_items()).await;
    });
    job.item_ms = 0;
    // Tuesday: the source is empty. Wednesday: it breaks off while Slack is down; repaired at noon.
    job.wait_until("2026-10-27T08:00:00Z").await;
    job.call("a", Vec::new()).await;
    job.wait_until("2026-10-27T13:00:00Z").await;
    job.run_by_hand(make_good_items()).await;
    job.wait_until("2026-10-28T08:00:00Z").await;
    job.is_chat_down = true;
    job.call("a", make_broken_items()).await;
    job.is_chat_down = false;
    job.wait_until("2026-10-28T11:00:00Z").await;
    job.run_by_hand(make_good_items()).await;
    job.received()
}

/// A job every quarter of an hour, on Monday, whose source comes and goes.
async fn play_day_of_prices() -> Vec<(Timestamp, String)> {
    let mut job = AlertedJobFixture::new("prices", "*/15 * * * *", "2026-10-26T09:00:00Z");
    job.rules.after = 2;
    for nth in 0..20_u64 {
        job.call("a", if nth % 2 == 1 && nth < 13 { make_broken_items() } else { make_good_items() }).await;
        job.fixture.clock.sleep(Duration::from_mins(15)).await;
    }
    job.received()
}

#[tokio::test(start_paused = true)]
async fn of_a_bad_week_a_person_receives_this_short_list() {
    let mut received = play_week_of_orders().await;
    received.extend(play_day_of_prices().await);
    received.sort();
    let list: String = received.into_iter().map(|(_, text)| text).collect::<Vec<_>>().join("\n");
    insta::with_settings!({ snapshot_path => "../snapshots/alerts", prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("week", list);
    });
    let page = include_str!("../../docs/alerts.md");
    assert!(page.contains(&list), "docs/alerts.md does not show the list:\n{list}");
}

#[tokio::test(start_paused = true)]
async fn of_two_machines_with_one_failing_job_one_reports() {
    let job = AlertedJobFixture::new("orders", "0 9 * * *", "2026-11-29T08:00:00Z");
    join_all(["a", "b", "c"].map(|host| job.call(host, make_broken_items()))).await;
    // By hand, on each machine in turn: the sheet knows that it was reported.
    for host in ["a", "b"] {
        job.run(host, 50, make_broken_items(), None, RunScope::Default, true).await;
    }
    assert_eq!(job.titles(), ["FAILED: orders failed: only 1 new items are in"]);
}

#[tokio::test(start_paused = true)]
async fn a_run_killed_between_commit_and_message_is_one_message() {
    for (next, expected) in [(make_broken_items(), "FAILED: orders failed"), (make_good_items(), "OK: orders failed")] {
        let job = AlertedJobFixture::new("orders", "0 9 * * *", "2026-11-29T10:00:00Z");
        job.run_and_die(make_broken_items()).await;
        assert_eq!(job.titles(), [""; 0]);
        job.run_by_hand(next.clone()).await;
        job.run_by_hand(next).await;
        let titles = job.titles();
        assert!(titles.len() == 1 && titles[0].starts_with(expected), "{titles:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_dropped_run_is_reported_once() {
    for is_known in [false, true] {
        let mut job = AlertedJobFixture::new("orders", "0 9 * * *", "2026-11-29T10:00:00Z");
        job.item_ms = 5 * 60_000;
        tokio::select! {
            () = job.run_by_hand(make_good_items()) => panic!("it takes a quarter of an hour"),
            () = job.fixture.clock.sleep(Duration::from_mins(8)) => {}
        }
        let dropped = job.fixture.proxy.column("Processed j", "run").await;
        let dropped = dropped.first().and_then(|cell| cell.split(' ').next()).expect("it has committed").to_owned();
        job.reported_run = is_known.then_some(dropped);
        job.item_ms = 0;
        job.fixture.clock.sleep(Duration::from_mins(20)).await;
        job.run_by_hand(make_good_items()).await;
        let statuses = job.fixture.proxy.column("Runs", "status").await;
        assert_eq!(statuses, ["crashed", "succeeded"]);
        let titles = job.titles();
        assert_eq!(titles.len(), usize::from(!is_known), "{titles:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_pause_is_not_reported() {
    let mut job = AlertedJobFixture::new("orders", "0 9 * * *", "2026-11-29T08:00:00Z");
    job.call("a", make_good_items()).await;
    job.fixture.requests.is_paused = true;
    for _ in 0..5 {
        job.fixture.clock.sleep(Duration::from_hours(24)).await;
        job.call("a", make_broken_items()).await;
    }
    assert_eq!(job.titles(), [""; 0]);
    let skipped = job.fixture.proxy.column("Runs", "status").await;
    assert!(skipped.iter().any(|status| status == RunStatus::Skipped.as_str()), "{skipped:?}");
}

#[tokio::test(start_paused = true)]
async fn a_problem_that_lasts_is_repeated_and_escalated() {
    let mut job = AlertedJobFixture::new("orders", "0 9 * * *", "2026-11-29T08:00:00Z");
    job.rules.escalation = vec![EscalationLevel { after: EscalationDelay::Failures(3), to: "mail".into() }];
    for _ in 0..4 {
        job.call("a", make_broken_items()).await;
        job.fixture.clock.sleep(Duration::from_hours(24)).await;
    }
    let to: Vec<String> =
        job.received().iter().map(|(_, text)| text.lines().next().unwrap_or_default().into()).collect();
    assert_eq!(
        to,
        [
            "Sun 29 Nov 09:00, slack",
            "Mon 30 Nov 09:00, slack",
            "Tue 1 Dec 09:00, slack",
            "Tue 1 Dec 09:00, mail",
            "Wed 2 Dec 09:00, slack",
            "Wed 2 Dec 09:00, mail"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_message_links_to_the_tab_runs_of_its_spreadsheet() {
    let job = AlertedJobFixture::new("orders", "0 9 * * *", "2026-11-29T08:00:00Z");
    job.call("a", make_broken_items()).await;
    let store = job.fixture.store(99);
    store.load().await.expect("it can be read");
    let id = store.tab_ids().runs.expect("a run has its row");
    let (_, text) = job.received().remove(0);
    assert!(text.contains(&format!("Open Runs: https://docs.example/1Sheet#gid={id}")), "{text}");
}
