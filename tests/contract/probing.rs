//! The probe is correct: it reports the behaviour that an emulated service was configured with. It
//! leaves nothing behind, whatever happens to its calls.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::contract::emulated::{Emulated, id};
use crate::contract::ground::StoreFixture;
use serde_json::json;
use sheetkeep::check::probing::{ProbeReport, probe_service};
use sheetkeep::emulator::{
    CallerIdBehavior, FaultAction, FaultRule, FaultTarget, MissingIdBehavior, UnknownBehaviors, ValidationBehavior,
};
use sheetkeep::runner::shutdown::{StopHandle, StopReason};
use sheetkeep::store::probe::assumption::{Assumption, AssumptionOutcome};
use sheetkeep::system::SeededRng;

async fn probed(place: &Emulated, seed: u64, stop: &StopHandle) -> ProbeReport {
    let (sheets, rng) = (Arc::new(place.sheets()), Arc::new(SeededRng::new(seed)));
    probe_service(sheets, id(), place.clock(), rng, stop).await.expect("the spreadsheet can be read")
}

fn answers(probed: &ProbeReport) -> BTreeMap<Assumption, AssumptionOutcome> {
    probed.findings.iter().map(|found| (found.assumption, found.outcome)).collect()
}

/// Returns what the probe must report of a service with these behaviours.
fn expected(doubts: UnknownBehaviors) -> BTreeMap<Assumption, AssumptionOutcome> {
    let otherwise = |question: Assumption| match question {
        Assumption::MissingName => doubts.missing_id == MissingIdBehavior::Ignore,
        Assumption::CallerNameId | Assumption::TakenNameId => doubts.caller_ids == CallerIdBehavior::Ignore,
        Assumption::NameAgain | Assumption::OneByOne => doubts.validate == ValidationBehavior::Snapshot,
        _ => false,
    };
    Assumption::all().map(|question| (question, AssumptionOutcome::from_held(!otherwise(question)))).collect()
}

/// Returns the existing tabs and named ranges, by title and name, and the recalculation.
async fn there(place: &Emulated) -> Vec<String> {
    let metadata = place.metadata().await;
    let recalculation = metadata["properties"]["autoRecalc"].to_string();
    let tabs = metadata["sheets"].as_array().into_iter().flatten().map(|tab| tab["properties"]["title"].to_string());
    let names = metadata["namedRanges"].as_array().into_iter().flatten().map(|named| named["name"].to_string());
    std::iter::once(recalculation).chain(tabs).chain(names).collect()
}

#[tokio::test(start_paused = true)]
async fn each_answer_matches_the_service_and_nothing_is_left() {
    for (doubts, seed) in UnknownBehaviors::all().zip(1..) {
        let place = Emulated::new(doubts, seed);
        let before = there(&place).await;
        let probed = probed(&place, seed, &StopHandle::default()).await;
        assert_eq!(answers(&probed), expected(doubts), "{doubts:?}: {:#?}", probed.findings);
        assert!(probed.find_broken_guard_assumption().is_none() && probed.has_proven_guard() && probed.ended.is_none());
        assert_eq!(there(&place).await, before, "{doubts:?}");
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
    for (doubts, seed) in crate::contract::emulated::both().into_iter().zip([100, 200]) {
        for (fault, nth) in faults.iter().zip(0..) {
            let place = Emulated::new(doubts, seed + nth);
            let before = there(&place).await;
            // About one write in ten fails, among them those of the cleanup.
            let some = FaultRule { on: FaultTarget::Writes, probability: 0.1, times: 1_000, ..fault.clone() };
            place.emulator.set_faults(vec![some]);
            let probed = probed(&place, seed + nth, &StopHandle::default()).await;
            assert!(probed.cleanup.left.is_empty(), "{fault:?}: {:?}", probed.cleanup);
            assert_eq!(answers(&probed), expected(doubts), "{fault:?}: {:#?}", probed.findings);
            place.emulator.set_faults(Vec::new());
            assert_eq!(there(&place).await, before, "{fault:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_that_never_replies_leaves_the_guard_unknown() {
    let place = Emulated::new(UnknownBehaviors::default(), 7);
    let before = there(&place).await;
    let lost =
        FaultRule { on: FaultTarget::Writes, action: FaultAction::AppliedReset, times: 400, ..FaultRule::default() };
    place.emulator.set_faults(vec![lost]);
    let probed = probed(&place, 7, &StopHandle::default()).await;
    assert!(!probed.has_proven_guard() && probed.find_broken_guard_assumption().is_none());
    assert!(probed.findings.iter().all(|found| found.outcome != AssumptionOutcome::NotHeld), "{:#?}", probed.findings);
    place.emulator.set_faults(Vec::new());
    assert_eq!(there(&place).await, before);
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_is_asked_to_stop_sweeps_up_all_the_same() {
    let place = Emulated::new(UnknownBehaviors::default(), 8);
    let before = there(&place).await;
    let stop = StopHandle::default();
    let asking = probed(&place, 8, &stop);
    let asked = async {
        // Until the probe has created something.
        while there(&place).await == before {
            tokio::task::yield_now().await;
        }
        stop.request_stop(StopReason::Interrupt);
    };
    let (probed, ()) = tokio::join!(asking, asked);
    assert!(probed.ended.is_some() && probed.findings.len() < Assumption::all().count());
    assert_eq!(there(&place).await, before);
}

#[tokio::test(start_paused = true)]
async fn leftovers_of_an_old_probe_are_removed_and_user_tabs_kept() {
    let place = Emulated::new(UnknownBehaviors::default(), 9);
    let (old, young) = (1_790_000_000 - 4_000, 1_790_000_000 - 60);
    let title = |seconds: i64| format!("sheetkeep probe {seconds}-0123456789abcdef-3");
    let kept = [title(young), "sheetkeep probe of mine".to_owned(), "sheetkeep probe #3".to_owned()];
    let tabs = std::iter::once(title(old)).chain(kept.clone());
    let adds: Vec<_> = tabs.map(|title| json!({"addSheet": {"properties": {"title": title}}})).collect();
    let before = there(&place).await;
    place.hands(json!(adds)).await;
    let probed = probed(&place, 9, &StopHandle::default()).await;
    assert_eq!(probed.cleanup.leftovers, 1);
    let expected: Vec<_> = before.into_iter().chain(kept.map(|title| json!(title).to_string())).collect();
    assert_eq!(there(&place).await, expected);
}
