//! Tests of the guard.

use super::*;
use crate::ledger::commit::changes::Changes;
use crate::ledger::leases::lease::Lease;
use crate::ledger::state::snapshot::State;

const H0: HeadId = HeadId { commit: 0, nonce: 11 };
const H1: HeadId = HeadId { commit: 1, nonce: 22 };

fn commit(from: Option<HeadId>, to: HeadId, kind: CommitKind, fence: u64) -> Commit {
    let lease = Lease { fence: Fence(fence), ..Lease::default() };
    Commit {
        from,
        to,
        kind,
        run: String::new(),
        state: State { lease, ..State::default() },
        changes: Changes::default(),
    }
}

fn location(guard_kind: GuardKind) -> StateLocation {
    let title = name_state_tab("j", Fence(1), guard_kind, H0);
    StateLocation { tab: 11, title, fence: Fence(1), head: H0, guard_kind, range_id: Some(H0.to_string()) }
}

fn tab(id: i32, title: &str) -> ListedTab {
    ListedTab { id, title: title.into() }
}

fn make_range(id: &str) -> ListedRange {
    ListedRange { id: id.into(), name: name_job_range("j") }
}

#[test]
fn a_fresh_spreadsheet_differs_from_one_that_lost_its_head() {
    let processed = tab(7, &name_processed_tab("j"));
    let by_name = tab(1, "sheetkeep j #1");
    assert_eq!(find_head("j", &[tab(0, "Sheet1")], &[]).0, HeadStatus::NotInitialized);
    assert_eq!(find_head("j", &[processed], &[]).0, HeadStatus::Missing);
    assert_eq!(find_head("j", &[], &[make_range("x")]).0, HeadStatus::Missing);
    assert_eq!(find_head("j", std::slice::from_ref(&by_name), &[]).0, HeadStatus::Missing);
    assert_eq!(find_head("j", &[by_name], &[make_range("12345")]).0, HeadStatus::Missing);
}

#[test]
fn titles_that_people_or_other_jobs_made_are_not_ours() {
    let theirs =
        ["Copy of sheetkeep j #1", "sheetkeep j", "sheetkeep j #x", "sheetkeep j #1.5", "sheetkeep jj #1", "Sheet1"];
    let tabs: Vec<_> = theirs.iter().map(|title| tab(1, title)).collect();
    assert_eq!(find_head("j", &tabs, &[]), (HeadStatus::NotInitialized, None));
    assert_eq!(read_title("sheetkeep a #2 #3"), Some(("a #2", Fence(3), None)));
}

#[test]
fn the_title_marks_the_head_whatever_the_name_says() {
    let title = name_state_tab("j", Fence(3), GuardKind::Title, H1);
    let (head_status, location) = find_head("j", &[tab(5, &title)], &[make_range(&H0.to_string())]);
    assert_eq!(head_status, HeadStatus::At { head: H1, fence: Fence(3) });
    let location = location.expect("a head has a place");
    assert_eq!((location.guard_kind, location.range_id), (GuardKind::Title, Some(H0.to_string())));
}

#[test]
fn jobs_that_differ_only_in_punctuation_have_different_names() {
    assert_ne!(name_job_range("a-b"), name_job_range("a.b"));
}

#[test]
fn every_nonce_makes_a_tab_id_that_the_service_takes() {
    assert_eq!(derive_tab_id_from_head(HeadId { commit: 0, nonce: 0 }), 1);
    assert!(derive_tab_id_from_head(HeadId { commit: 0, nonce: u64::MAX }) >= 1);
    assert_eq!(derive_tab_id_from_head(HeadId { commit: 0, nonce: 0x7fff_ffff }), i32::MAX);
}

#[test]
fn invariant_2_later_commits_fail_if_their_head_is_gone() {
    for (at, guard_kind) in [
        (GuardKind::Title, GuardKind::Title),
        (GuardKind::Title, GuardKind::Name),
        (GuardKind::Name, GuardKind::Name),
        (GuardKind::Name, GuardKind::Title),
    ] {
        for kind in [CommitKind::Advance, CommitKind::Claim, CommitKind::Relocate] {
            let requests = make_batch_steps("j", &commit(Some(H0), H1, kind, 1), Some(&location(at)), guard_kind);
            let touched = BatchStep::AssertTab { tab: 11 };
            let needs_tab = requests.contains(&touched) || requests.contains(&BatchStep::WriteState { tab: 11 });
            assert!(needs_tab, "{at:?} to {guard_kind:?}, {kind:?}: {requests:?}");
            let content = requests.iter().position(|op| !op.is_guard());
            assert!(content > Some(0), "the guard comes before what it guards");
        }
    }
}

#[test]
fn a_claim_moves_the_state_to_a_tab_that_no_older_writer_knows() {
    let claim = commit(Some(H0), H1, CommitKind::Claim, 2);
    let new = derive_tab_id_from_head(H1);
    let expected = vec![
        BatchStep::DeleteRange { id: H0.to_string() },
        BatchStep::AssertTab { tab: 11 },
        BatchStep::AddStateTab { tab: new, title: "sheetkeep j #2".into() },
        BatchStep::AddRange { id: H1.to_string(), name: name_job_range("j"), tab: new },
        BatchStep::WriteState { tab: new },
        BatchStep::Changes,
        BatchStep::DeleteStateTab { tab: 11 },
    ];
    assert_eq!(make_batch_steps("j", &claim, Some(&location(GuardKind::Name)), GuardKind::Name), expected);
}

#[test]
fn within_a_term_a_named_head_is_swapped_in_place() {
    let advance = commit(Some(H0), H1, CommitKind::Advance, 1);
    let requests = make_batch_steps("j", &advance, Some(&location(GuardKind::Name)), GuardKind::Name);
    assert!(
        requests.contains(&BatchStep::DeleteRange { id: H0.to_string() })
            && requests.contains(&BatchStep::WriteState { tab: 11 })
    );
    assert!(!requests.iter().any(|op| matches!(op, BatchStep::AddStateTab { .. } | BatchStep::DeleteStateTab { .. })));
}

#[test]
fn what_a_commit_leaves_is_what_the_next_look_sees() {
    for (at, guard_kind) in [
        (GuardKind::Title, GuardKind::Title),
        (GuardKind::Title, GuardKind::Name),
        (GuardKind::Name, GuardKind::Name),
        (GuardKind::Name, GuardKind::Title),
    ] {
        let claim = commit(Some(H0), H1, CommitKind::Claim, 2);
        let after = derive_next_location("j", &claim, Some(&location(at)), guard_kind);
        let names: Vec<_> = after.range_id.iter().map(|id| make_range(id)).collect();
        let seen = find_head("j", &[tab(after.tab, &after.title)], &names);
        assert_eq!(seen, (HeadStatus::At { head: H1, fence: Fence(2) }, Some(after)), "{at:?} to {guard_kind:?}");
    }
}
