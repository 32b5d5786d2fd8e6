//! What holds for any schedule, zone and instant.

use proptest::prelude::*;
use sheetkeep_base::time::Timestamp;

use super::schedule;
use crate::decision::{OccurrenceHistory, decide};
use crate::job_schedule::{JobSchedule, MisfirePolicy};

const ZONES: &[&str] =
    &["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC", "America/Nuuk", "Asia/Kolkata"];

/// Drawn expressions: fixed times, lists, steps, weekdays, days of the month, intervals.
fn recurrences() -> impl Strategy<Value = String> {
    let minute = prop_oneof![(0..60_u8).prop_map(|n| n.to_string()), Just("*/15".to_owned()), Just("5,35".to_owned())];
    let hour = prop_oneof![(0..24_u8).prop_map(|n| n.to_string()), Just("*".to_owned()), Just("1-3".to_owned())];
    let day = prop_oneof![4 => Just("*".to_owned()), 1 => (1..29_u8).prop_map(|n| n.to_string()), 1 => Just("*/2".to_owned())];
    let weekday =
        prop_oneof![3 => Just("*".to_owned()), 1 => Just("1-5".to_owned()), 1 => (0..8_u8).prop_map(|n| n.to_string())];
    let cron = (minute, hour, day, weekday)
        .prop_map(|(minute, hour, day, weekday)| format!("{minute} {hour} {day} * {weekday}"));
    prop_oneof![5 => cron, 1 => (1..200_u16).prop_map(|n| format!("every {n}m"))]
}

fn schedules() -> impl Strategy<Value = JobSchedule> {
    (recurrences(), prop::sample::select(ZONES)).prop_map(|(text, zone)| schedule(&text, zone))
}

/// Instants from 2026 to 2028, in whole seconds.
fn instants() -> impl Strategy<Value = i64> {
    (1_767_225_600_i64..1_861_920_000).prop_map(|seconds| seconds * 1_000)
}

proptest! {
    #[test]
    fn the_occurrence_before_the_next_is_the_last_until_now(schedule in schedules(), now in instants()) {
        let (now, zone) = (Timestamp(now), &schedule.zone);
        let next = schedule.next_after(now, 0).expect("a next one");
        let last = schedule.last_until(now, 0).expect("a last one");
        prop_assert!(last.scheduled_for <= now && now < next.scheduled_for);
        let again = schedule.recurrence.next_after(last.scheduled_for.0, zone).map(|(at, _)| at);
        prop_assert_eq!(again, Some(next.scheduled_for.0));
    }

    #[test]
    fn a_window_holds_what_one_step_after_the_other_finds(schedule in schedules(), now in instants(), days in 1..6_i64) {
        let until = Timestamp(now + days * 86_400_000);
        let window = schedule.last_between(Timestamp(now), until, usize::MAX, 0).occurrences;
        let mut steps = Vec::new();
        let mut next = schedule.next_after(Timestamp(now), 0);
        while let Some(found) = next.filter(|found| found.scheduled_for <= until) {
            steps.push(found);
            next = schedule.next_after(found.scheduled_for, 0);
        }
        prop_assert_eq!(window, steps);
    }

    #[test]
    fn every_occurrence_ends_as_run_missed_or_skipped(
        schedule in schedules(),
        start in instants(),
        gaps in prop::collection::vec(1..200_000_i64, 1..20),
        max in 1..4_u32,
        policy in 0..3_u8,
    ) {
        let misfire = match policy {
            0 => MisfirePolicy::Skip,
            1 => MisfirePolicy::RunOnce,
            _ => MisfirePolicy::RunAll { max },
        };
        let schedule = JobSchedule { misfire, ..schedule };
        let mut history = OccurrenceHistory { settled_until: Some(Timestamp(start)), ..OccurrenceHistory::default() };
        let (mut now, mut settled, mut uncounted) = (start, Vec::new(), 0);
        for gap in gaps {
            now += gap * 1_000;
            let decision = decide(&schedule, Timestamp(now), &history);
            prop_assert_eq!(&decision, &decide(&schedule, Timestamp(now), &history));
            settled.extend(decision.closed.iter().map(|closed| closed.occurrence.scheduled_for));
            settled.extend(decision.due.map(|due| due.scheduled_for));
            uncounted += decision.missed_before.map_or(0, |before| before.count);
            history.settled_until = decision.settles_until().or(history.settled_until);
            let next = decision.next.expect("a next one").scheduled_for;
            prop_assert!(Some(next) > history.settled_until);
        }
        let until = history.settled_until.expect("set at the start");
        let all = schedule.last_between(Timestamp(start), until, usize::MAX, 0).occurrences;
        prop_assert!(settled.windows(2).all(|pair| pair[0] < pair[1]), "each once, in order");
        prop_assert_eq!(u64::try_from(all.len()).expect("a count"), uncounted + u64::try_from(settled.len()).expect("a count"));
    }
}
