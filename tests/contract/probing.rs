//! The probe is correct: it reports the behaviour that an emulated service was configured with. It
//! leaves nothing behind, whatever happens to its calls.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::contract::emulator_fixture::{EmulatorFixture, spreadsheet_id};
use crate::contract::store_fixture::StoreFixture;
use serde_json::json;
use sheetkeep::check::probing::{ProbeReport, probe_service};
use sheetkeep::emulator::{
    CallerIdBehavior, FaultAction, FaultRule, FaultTarget, MissingIdBehavior, UnknownBehaviors, ValidationBehavior,
};
use sheetkeep::runner::shutdown::{StopHandle, StopReason};
use sheetkeep::store::probe::assumption::{Assumption, AssumptionOutcome};
use sheetkeep::system::SeededRng;

async fn run_probe(fixture: &EmulatorFixture, seed: u64, stop: &StopHandle) -> ProbeReport {
    let (sheets, rng) = (Arc::new(fixture.sheets()), Arc::new(SeededRng::new(seed)));
    probe_service(sheets, spreadsheet_id(), fixture.clock(), rng, stop).await.expect("the spreadsheet can be read")
}

fn read_outcomes(report: &ProbeReport) -> BTreeMap<Assumption, AssumptionOutcome> {
    report.findings.iter().map(|found| (found.assumption, found.outcome)).collect()
}

/// Returns what the probe must report of a service with these behaviours.
fn list_expected_outcomes(behaviors: UnknownBehaviors) -> BTreeMap<Assumption, AssumptionOutcome> {
    let otherwise = |question: Assumption| match question {
        Assumption::MissingName => behaviors.missing_id == MissingIdBehavior::Ignore,
        Assumption::CallerNameId | Assumption::TakenNameId => behaviors.caller_ids == CallerIdBehavior::Ignore,
        Assumption::NameAgain | Assumption::OneByOne => behaviors.validate == ValidationBehavior::Snapshot,
        _ => false,
    };
    Assumption::all().map(|question| (question, AssumptionOutcome::from_held(!otherwise(question)))).collect()
}

/// Returns the existing tabs and named ranges, by title and name, and the recalculation.
async fn read_tabs_and_names(fixture: &EmulatorFixture) -> Vec<String> {
    let metadata = fixture.metadata().await;
    let recalculation = metadata["properties"]["autoRecalc"].to_string();
    let tabs = metadata["sheets"].as_array().into_iter().flatten().map(|tab| tab["properties"]["title"].to_string());
    let names = metadata["namedRanges"].as_array().into_iter().flatten().map(|named| named["name"].to_string());
    std::iter::once(recalculation).chain(tabs).chain(names).collect()
}

#[tokio::test(start_paused = true)]
async fn each_answer_matches_the_service_and_nothing_is_left() {
    for (behaviors, seed) in UnknownBehaviors::all().zip(1..) {
        let fixture = EmulatorFixture::new(behaviors, seed);
        let before = read_tabs_and_names(&fixture).await;
        let report = run_probe(&fixture, seed, &StopHandle::default()).await;
        assert_eq!(read_outcomes(&report), list_expected_outcomes(behaviors), "{behaviors:?}: {:#?}", report.findings);
        assert!(report.find_broken_guard_assumption().is_none() && report.has_proven_guard() && report.ended.is_none());
        assert_eq!(read_tabs_and_names(&fixture).await, before, "{behaviors:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn lost_replies_and_quota_refusals_change_no_answer() {
    let faults = [
        FaultRule { action: FaultAction::AppliedFail, status: 503, ..FaultRule::default() },
        FaultRule { action: FaultAction::Fail, status: 429, ..FaultRule::default() },
        FaultRule { action: FaultAction::Reset, ..FaultRule::default() },
        FaultRule { action: FaultAction::AppliedReset, ..FaultRule::default() },
        FaultRule { action: FaultAction::AppliedTruncate, ..FaultRule::default() },
    ];
    for (behaviors, seed) in crate::contract::emulator_fixture::both_guards().into_iter().zip([100, 200]) {
        for (fault, nth) in faults.iter().zip(0..) {
            let fixture = EmulatorFixture::new(behaviors, seed + nth);
            let before = read_tabs_and_names(&fixture).await;
            // About one write in ten fails, among them those of the cleanup.
            let some = FaultRule { on: FaultTarget::Writes, probability: 0.1, times: 1_000, ..fault.clone() };
            fixture.emulator.set_faults(vec![some]);
            let report = run_probe(&fixture, seed + nth, &StopHandle::default()).await;
            assert!(report.cleanup.left.is_empty(), "{fault:?}: {:?}", report.cleanup);
            assert_eq!(read_outcomes(&report), list_expected_outcomes(behaviors), "{fault:?}: {:#?}", report.findings);
            fixture.emulator.set_faults(Vec::new());
            assert_eq!(read_tabs_and_names(&fixture).await, before, "{fault:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_that_never_replies_leaves_the_guard_unknown() {
    let fixture = EmulatorFixture::new(UnknownBehaviors::default(), 7);
    let before = read_tabs_and_names(&fixture).await;
    let lost =
        FaultRule { on: FaultTarget::Writes, action: FaultAction::AppliedReset, times: 400, ..FaultRule::default() };
    fixture.emulator.set_faults(vec![lost]);
    let report = run_probe(&fixture, 7, &StopHandle::default()).await;
    assert!(!report.has_proven_guard() && report.find_broken_guard_assumption().is_none());
    assert!(report.findings.iter().all(|found| found.outcome != AssumptionOutcome::NotHeld), "{:#?}", report.findings);
    fixture.emulator.set_faults(Vec::new());
    assert_eq!(read_tabs_and_names(&fixture).await, before);
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_is_asked_to_stop_sweeps_up_all_the_same() {
    let fixture = EmulatorFixture::new(UnknownBehaviors::default(), 8);
    let before = read_tabs_and_names(&fixture).await;
    let stop = StopHandle::default();
    let asking = run_probe(&fixture, 8, &stop);
    let asked = async {
        // Until the probe has created something.
        while read_tabs_and_names(&fixture).await == before {
            tokio::task::yield_now().await;
        }
        stop.request_stop(StopReason::Interrupt);
    };
    let (report, ()) = tokio::join!(asking, asked);
    assert!(report.ended.is_some() && report.findings.len() < Assumption::all().count());
    assert_eq!(read_tabs_and_names(&fixture).await, before);
}

#[tokio::test(start_paused = true)]
async fn leftovers_of_an_old_probe_are_removed_and_user_tabs_kept() {
    let fixture = EmulatorFixture::new(UnknownBehaviors::default(), 9);
    let (old, young) = (1_790_000_000 - 4_000, 1_790_000_000 - 60);
    let title = |seconds: i64| format!("sheetkeep probe {seconds}-0123456789abcdef-3");
    let kept = [title(young), "sheetkeep probe of mine".to_owned(), "sheetkeep probe #3".to_owned()];
    let tabs = std::iter::once(title(old)).chain(kept.clone());
    let adds: Vec<_> = tabs.map(|title| json!({"addSheet": {"properties": {"title": title}}})).collect();
    let before = read_tabs_and_names(&fixture).await;
    fixture.edit_sheet(json!(adds)).await;
    let report = run_probe(&fixture, 9, &StopHandle::default()).await;
    assert_eq!(report.cleanup.leftovers, 1);
    let expected: Vec<_> = before.into_iter().chain(kept.map(|title| json!(title).to_string())).collect();
    assert_eq!(read_tabs_and_names(&fixture).await, expected);
}
