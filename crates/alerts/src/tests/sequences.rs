//! What is reported over a sequence of runs.

use jiff::tz::TimeZone;
use sheetkeep_base::time::Timestamp;

use crate::alert_rules::{AlertRules, EscalationDelay, EscalationLevel};
use crate::alert_state::AlertState;
use crate::condition::Condition;
use crate::condition_record::DeliveryRecord;
use crate::message::{Message, MessageLink};
use crate::observation::{ObservedEnding, RunObservation};
use crate::quiet_hours::QuietHours;
use crate::report_context::{AlertedJob, LinkedTabs, ReportContext};
use crate::routing::{Route, route};
use crate::severity::Severity;

const HOUR: i64 = 3_600_000;
/// Monday 2026-11-30 09:00 in Berlin.
const MONDAY: i64 = 1_796_025_600_000;

pub(crate) fn place() -> AlertedJob {
    AlertedJob {
        job: "orders".into(),
        spreadsheet: "1Sheet".into(),
        link: Some(MessageLink { label: "Open the sheet".into(), url: "https://docs.example/1Sheet".into() }),
        tabs: LinkedTabs::default(),
        status_command: "sheetkeep status orders.toml".into(),
        failures_command: "sheetkeep failures list orders.toml".into(),
        zone: TimeZone::get("Europe/Berlin").expect("a zone"),
        host: "box".into(),
        version: "0.1.0".into(),
    }
}

fn rules() -> AlertRules {
    let chat = Route { name: "chat".into(), min_severity: Some(Severity::Warning), can_join_messages: true };
    let pager = Route { name: "pager".into(), min_severity: Some(Severity::Critical), can_join_messages: false };
    AlertRules { routes: vec![chat, pager], ..AlertRules::default() }
}

fn run(ending: ObservedEnding, at: i64) -> RunObservation {
    RunObservation {
        ending,
        run: format!("r{at}"),
        at: Timestamp(at),
        read: 10,
        new: 0,
        failed: 0,
        retries: 0,
        message: "why".into(),
    }
}

/// Reports after a run at `at`, on machine `installation`.
fn report_at(state: &mut AlertState, rules: &AlertRules, at: i64, silence: Option<i64>) -> Vec<Message> {
    let place = place();
    let reporting = ReportContext {
        now: Timestamp(at),
        run: &format!("r{at}"),
        installation: "here",
        silence_until: silence.map(Timestamp),
        next_due: None,
        alerted_job: &place,
    };
    let text = state.text();
    let messages = state.report(&reporting, rules);
    // What is stored reads back.
    assert!(AlertState::read(&text).text() == text && AlertState::read(&state.text()).text() == state.text());
    messages
}

fn words(messages: &[Message]) -> Vec<String> {
    messages.iter().map(|message| format!("{} {}", message.condition, message.kind.as_str())).collect()
}

/// Plays runs one after the other, all delivered; returns what is reported, by the run's number.
fn play(rules: &AlertRules, every: i64, endings: &str) -> Vec<(usize, Vec<String>)> {
    let mut state = AlertState::default();
    let mut reported = Vec::new();
    for (nth, ending) in endings.chars().enumerate() {
        let at = MONDAY + every * i64::try_from(nth).expect("small");
        state.confirm("here", |_| DeliveryRecord::Delivered(vec!["chat".into()]));
        state.observe_run(&run(ending_of(ending), at), rules);
        let messages = report_at(&mut state, rules, at, None);
        if !messages.is_empty() {
            reported.push((nth, words(&messages)));
        }
    }
    reported
}

fn ending_of(letter: char) -> ObservedEnding {
    match letter {
        '+' => ObservedEnding::Finished,
        'x' => ObservedEnding::Failed,
        'd' => ObservedEnding::Degraded,
        'm' => ObservedEnding::Missed,
        'v' => ObservedEnding::Crashed,
        't' => ObservedEnding::TimedOut,
        _ => ObservedEnding::Unobserved,
    }
}

fn list(entries: &[(usize, &str)]) -> Vec<(usize, Vec<String>)> {
    entries.iter().map(|(nth, word)| (*nth, vec![(*word).to_owned()])).collect()
}

#[test]
fn a_problem_and_its_end_are_one_message_each() {
    assert_eq!(play(&rules(), HOUR, "++x+++"), list(&[(2, "run problem"), (3, "run recovered")]));
    for ending in ["m", "v", "t"] {
        assert_eq!(play(&rules(), HOUR, &format!("+{ending}+")), list(&[(1, "run problem"), (2, "run recovered")]));
    }
    assert_eq!(play(&rules(), HOUR, "+d+"), list(&[(1, "yield problem"), (2, "yield recovered")]));
}

#[test]
fn interrupted_and_skipped_runs_are_not_reported() {
    assert_eq!(play(&rules(), HOUR, "+...+."), []);
    assert_eq!(play(&rules(), HOUR, "x.x."), list(&[(0, "run problem")]), "nor do they end a problem");
}

#[test]
fn a_lasting_problem_is_repeated_after_hours_then_daily() {
    let reported = play(&rules(), HOUR, &"x".repeat(60));
    assert_eq!(reported, list(&[(0, "run problem"), (4, "run reminder"), (28, "run reminder"), (52, "run reminder")]));
    let never = AlertRules { remind_ms: None, ..rules() };
    assert_eq!(play(&never, HOUR, &"x".repeat(60)), list(&[(0, "run problem")]));
}

#[test]
fn fewer_bad_runs_than_set_are_not_reported() {
    let patient = AlertRules { after: 3, recover_after: 2, ..rules() };
    assert_eq!(play(&patient, HOUR, "xx+xx+"), []);
    assert_eq!(play(&patient, HOUR, "xxx+x++"), list(&[(2, "run problem"), (6, "run recovered")]));
}

#[test]
fn what_comes_and_goes_is_reported_once_until_it_stays() {
    let expected = [
        (1, "run problem"),
        (2, "run recovered"),
        (3, "run problem"),
        (4, "run recovered"),
        (5, "run flapping"),
        (12, "run recovered"),
    ];
    assert_eq!(play(&rules(), HOUR, "+x+x+x+x+x++++++"), list(&expected));
    assert_eq!(play(&rules(), HOUR, "+x+x+xxx").last(), Some(&(7, vec!["run problem".to_owned()])));
}

#[test]
fn an_escalation_reaches_others_once_and_so_does_the_end() {
    let escalation = vec![
        EscalationLevel { after: EscalationDelay::Failures(3), to: "oncall".into() },
        EscalationLevel { after: EscalationDelay::Time(24 * 3_600_000), to: "boss".into() },
    ];
    let mut routes = rules().routes;
    routes.push(Route { name: "oncall".into(), min_severity: None, can_join_messages: true });
    routes.push(Route { name: "boss".into(), min_severity: None, can_join_messages: true });
    let rules = AlertRules { remind_ms: None, escalation, routes, ..rules() };
    let mut state = AlertState::default();
    let mut heard = Vec::new();
    for (nth, ending) in "xxxxxxxxxxxxxxx+".chars().enumerate() {
        let at = MONDAY + 2 * HOUR * i64::try_from(nth).expect("small");
        state.observe_run(&run(ending_of(ending), at), &rules);
        for message in report_at(&mut state, &rules, at, None) {
            heard.push((nth, message.kind.as_str(), message.channels.join(" ")));
        }
    }
    assert_eq!(
        heard,
        [
            (0, "problem", "chat pager".to_owned()),
            (2, "escalation", "oncall".to_owned()),
            (12, "escalation", "boss".to_owned()),
            (15, "recovered", "chat pager oncall boss".to_owned()),
        ]
    );
}

#[test]
fn an_undelivered_message_is_made_again_a_delivered_one_is_not() {
    for (known, again) in
        [(DeliveryRecord::Delivered(Vec::new()), 0), (DeliveryRecord::Failed, 1), (DeliveryRecord::Unknown, 1)]
    {
        let mut state = AlertState::default();
        state.observe_run(&run(ObservedEnding::Failed, MONDAY), &rules());
        assert_eq!(report_at(&mut state, &rules(), MONDAY, None).len(), 1);
        let next = MONDAY + HOUR;
        state.confirm("here", |_| known.clone());
        state.observe_run(&run(ObservedEnding::Failed, next), &rules());
        let messages = report_at(&mut state, &rules(), next, None);
        assert_eq!(messages.len(), again, "{known:?}");
        assert!(messages.iter().all(|message| message.facts.iter().any(|fact| fact.text == "2")), "both runs count");
    }
}

#[test]
fn an_undelivered_problem_that_is_over_is_one_message() {
    let mut state = AlertState::default();
    state.observe_run(&run(ObservedEnding::Failed, MONDAY), &rules());
    report_at(&mut state, &rules(), MONDAY, None);
    let next = MONDAY + HOUR;
    state.confirm("here", |_| DeliveryRecord::Unknown);
    state.observe_run(&run(ObservedEnding::Finished, next), &rules());
    let messages = report_at(&mut state, &rules(), next, None);
    assert_eq!(words(&messages), ["run over"]);
    assert_eq!(messages[0].channels, ["chat"], "what is over calls no one to the pager");
}

#[test]
fn the_message_of_another_machine_is_believed() {
    let mut state = AlertState::default();
    state.observe_run(&run(ObservedEnding::Failed, MONDAY), &rules());
    report_at(&mut state, &rules(), MONDAY, None);
    let next = MONDAY + HOUR;
    state.confirm("elsewhere", |_| DeliveryRecord::Unknown);
    state.observe_run(&run(ObservedEnding::Failed, next), &rules());
    assert_eq!(words(&report_at(&mut state, &rules(), next, None)), [""; 0]);
}

#[test]
fn a_delivery_that_may_be_under_way_is_not_repeated() {
    let mut state = AlertState::default();
    state.observe_run(&run(ObservedEnding::Failed, MONDAY), &rules());
    report_at(&mut state, &rules(), MONDAY, None);
    let soon = MONDAY + 5_000;
    state.confirm("here", |_| DeliveryRecord::UnderWay);
    state.observe_run(&run(ObservedEnding::Failed, soon), &rules());
    assert_eq!(words(&report_at(&mut state, &rules(), soon, None)), [""; 0]);
    state.confirm("here", |_| DeliveryRecord::Unknown);
    state.observe_run(&run(ObservedEnding::Failed, MONDAY + HOUR), &rules());
    assert_eq!(words(&report_at(&mut state, &rules(), MONDAY + HOUR, None)), ["run problem"]);
}

#[test]
fn in_quiet_hours_warnings_wait_and_failures_do_not() {
    let zone = TimeZone::get("Europe/Berlin").expect("a zone");
    let quiet_hours = QuietHours::parse("22:00-09:30", zone);
    let quiet = AlertRules { quiet_hours, ..rules() };
    assert_eq!(play(&quiet, HOUR, "x"), list(&[(0, "run problem")]));
    assert_eq!(play(&quiet, HOUR, "dd"), list(&[(1, "yield problem")]), "at ten");
    assert_eq!(play(&quiet, HOUR, "d+"), list(&[(1, "yield over")]));
}

#[test]
fn silence_drops_what_is_over_by_its_end() {
    let until = Some(MONDAY + 2 * HOUR);
    for (endings, expected) in [("x++", vec![]), ("xxx", vec!["run problem"])] {
        let mut state = AlertState::default();
        let mut heard = Vec::new();
        for (nth, ending) in endings.chars().enumerate() {
            let at = MONDAY + HOUR * i64::try_from(nth).expect("small");
            state.observe_run(&run(ending_of(ending), at), &rules());
            heard.extend(words(&report_at(&mut state, &rules(), at, until)));
        }
        assert_eq!(heard, expected, "{endings}");
    }
}

#[test]
fn beyond_the_limit_of_an_hour_messages_wait_and_are_joined() {
    let rules = AlertRules { most_per_hour: 1, ..rules() };
    let mut state = AlertState::default();
    let bad = RunObservation { failed: 5, ..run(ObservedEnding::Degraded, MONDAY) };
    state.observe_run(&bad, &rules);
    assert_eq!(words(&report_at(&mut state, &rules, MONDAY, None)), ["yield problem"]);
    let later = MONDAY + HOUR;
    state.observe_run(&RunObservation { failed: 5, ..run(ObservedEnding::Degraded, later) }, &rules);
    assert_eq!(words(&report_at(&mut state, &rules, later, None)), ["items problem"]);
}

#[test]
fn several_messages_at_one_time_are_one_for_a_chat() {
    let mut state = AlertState::default();
    let mut rules = rules();
    rules.routes.push(Route { name: "hook".into(), min_severity: Some(Severity::Warning), can_join_messages: false });
    state.observe_run(&RunObservation { failed: 5, ..run(ObservedEnding::Degraded, MONDAY) }, &rules);
    let messages = report_at(&mut state, &rules, MONDAY, None);
    assert_eq!(words(&messages), ["yield problem", "items problem"]);
    let routed = route(&messages, &rules.routes);
    let to: Vec<&str> = routed.iter().map(|one| one.channel.as_str()).collect();
    assert_eq!(to, ["chat", "hook", "hook"]);
    assert!(routed[0].message.facts.iter().any(|fact| fact.label == "Also"));
}

#[test]
fn a_joined_message_has_the_words_of_the_problem() {
    let mut state = AlertState::default();
    state.observe_run(&run(ObservedEnding::Failed, MONDAY), &rules());
    report_at(&mut state, &rules(), MONDAY, None);
    state.observe_run(&run(ObservedEnding::Degraded, MONDAY + HOUR), &rules());
    let messages = report_at(&mut state, &rules(), MONDAY + HOUR, None);
    assert_eq!(words(&messages), ["run recovered", "yield problem"]);
    let routed = route(&messages, &rules().routes);
    let of_chat = routed.iter().find(|one| one.channel == "chat").expect("a message");
    assert_eq!(of_chat.message.word(), "WARNING");
}

#[test]
fn a_damaged_state_is_an_empty_one() {
    for text in ["", "{", "7", "{\"records\":{\"run\":7}}"] {
        assert_eq!(AlertState::read(text), AlertState::default());
    }
}

#[test]
fn the_end_is_reported_to_the_channel_that_took_the_problem() {
    let mail = Route { name: "mail".into(), min_severity: None, can_join_messages: true };
    let with_mail = AlertRules { routes: rules().routes.into_iter().chain([mail]).collect(), ..rules() };
    // A channel that is gone by then hears nothing, and the others do.
    for (rules, hears) in [(with_mail, "mail"), (rules(), "chat")] {
        let mut state = AlertState::default();
        state.observe_run(&run(ObservedEnding::Degraded, MONDAY), &rules);
        report_at(&mut state, &rules, MONDAY, None);
        state.confirm("here", |_| DeliveryRecord::Delivered(vec!["mail".into()]));
        state.observe_run(&run(ObservedEnding::Finished, MONDAY + HOUR), &rules);
        let messages = report_at(&mut state, &rules, MONDAY + HOUR, None);
        assert_eq!(
            (words(&messages), messages[0].channels.as_slice()),
            (vec!["yield recovered".into()], &[hears.to_owned()][..])
        );
    }
}

#[test]
fn changes_over_days_are_no_flapping() {
    let reported = play(&rules(), 24 * HOUR, "+x+x+x+");
    assert_eq!(reported.len(), 6, "{reported:?}");
    assert!(reported.iter().all(|(_, words)| words[0] != "run flapping"));
}

#[test]
fn a_missed_run_that_a_later_one_made_up_for_is_over() {
    let mut state = AlertState::default();
    state.observe_run(&run(ObservedEnding::Finished, MONDAY), &rules());
    state.observe_run(&run(ObservedEnding::Missed, MONDAY - 24 * HOUR), &rules());
    assert_eq!(words(&report_at(&mut state, &rules(), MONDAY + HOUR, None)), ["run over"]);
}

#[test]
fn a_message_links_to_the_tab_that_it_is_about() {
    let tabs = LinkedTabs { runs: Some(11), failures: Some(22), ..LinkedTabs::default() };
    let link = |tabs: LinkedTabs, condition| {
        let link = AlertedJob { tabs, ..place() }.link_for(condition).expect("a browser can open it");
        (link.label, link.url.trim_start_matches("https://docs.example/1Sheet").to_owned())
    };
    let named = |label: &str, end: &str| (label.to_owned(), end.to_owned());
    assert_eq!(link(tabs, Condition::Run), named("Open Runs", "#gid=11"));
    assert_eq!(link(tabs, Condition::Items), named("Open its failures", "#gid=22"));
    assert_eq!(link(tabs, Condition::Yield), named("Open Runs", "#gid=11"));
    let held = LinkedTabs { jobs: Some(33), ..tabs };
    assert_eq!(link(held, Condition::Yield), named("Open Jobs", "#gid=33"));
    let late = LinkedTabs { run_row: Some(5), ..tabs };
    assert_eq!(link(late, Condition::Late), named("Open Runs", "#gid=11&range=A5"));
    assert_eq!(link(LinkedTabs::default(), Condition::Items), named("Open the sheet", ""));
    let local = AlertedJob { link: None, tabs, ..place() };
    assert_eq!(local.link_for(Condition::Run), None, "no browser opens a local file");
}
