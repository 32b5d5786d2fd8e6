//! Tests of the commit chain.

use super::*;
use crate::commit::changes::ItemResult;
use crate::items::item::Output;
use crate::items::key::{Key, Version};
use crate::processed::processed_index::ProcessedIndex;
use crate::runs::run::Trigger;

fn make_holder() -> Holder {
    holder("me")
}

fn holder(installation: &str) -> Holder {
    Holder { installation: installation.into(), run: "r".into(), host: "h".into(), process: None }
}

fn make_metadata(releases_lease: bool) -> CommitMetadata {
    let run = Run::new("r".into(), "j".into(), Trigger::default(), Timestamp(0));
    CommitMetadata { now: Timestamp(1_000), ttl_ms: 300_000, releases_lease, run, low_watermark: Some("3".into()) }
}

fn make_changes(key: &str) -> Changes {
    let key = Key::new(key).expect("a valid key");
    let done = ItemResult::Done {
        key,
        version: Version::default(),
        may_have_rows: false,
        output: Output::default(),
        closes: None,
    };
    Changes { settled: vec![done], ..Changes::default() }
}

fn make_snapshot(state: &State, head: HeadId) -> Snapshot {
    let state = State { head: Some(head), ..state.clone() };
    Snapshot {
        stored_checksum: state.processed,
        state,
        head,
        processed_index: ProcessedIndex::default(),
        data_tabs: Vec::new(),
        data_tab_title: None,
        deleted_columns: Vec::new(),
        anomalies: Vec::new(),
        active_predecessor: None,
    }
}

fn draft(chain: &mut CommitChain, nonce: u64, releases_lease: bool) -> Commit {
    chain.draft(nonce, make_changes("a"), &make_metadata(releases_lease)).expect("nothing is in doubt")
}

/// Returns a chain that has initialised a job and holds its first term.
fn begin_chain() -> CommitChain {
    let mut chain = CommitChain::new(None, State::default(), make_holder());
    let init = draft(&mut chain, 1, false);
    assert_eq!(chain.on_end(&init, &CommitEnd::Applied(init.to)), NextAction::Continue);
    chain
}

#[test]
fn invariant_2_every_commit_but_the_first_names_its_head() {
    let mut chain = CommitChain::new(None, State::default(), make_holder());
    let init = draft(&mut chain, 1, false);
    assert_eq!((init.from, init.to, init.kind), (None, HeadId { commit: 0, nonce: 1 }, CommitKind::Init));
    chain.on_end(&init, &CommitEnd::Applied(init.to));
    let next = draft(&mut chain, 2, false);
    assert_eq!((next.from, next.to, next.kind), (Some(init.to), HeadId { commit: 1, nonce: 2 }, CommitKind::Advance));
    assert_eq!(next.state.head, Some(next.to));
}

#[test]
fn invariant_3_nothing_is_drafted_while_a_commit_is_in_doubt() {
    let mut chain = begin_chain();
    let commit = draft(&mut chain, 2, false);
    assert_eq!(chain.draft(3, make_changes("b"), &make_metadata(false)), Err(InDoubtError));
    assert_eq!(chain.on_end(&commit, &CommitEnd::OutcomeUnknown), NextAction::Stop(HaltReason::OutcomeUnknown));
    assert_eq!(chain.draft(3, make_changes("b"), &make_metadata(false)), Err(InDoubtError));
}

#[test]
fn invariant_3_a_redraft_is_allowed_once_per_request() {
    let mut chain = begin_chain();
    let commit = draft(&mut chain, 2, false);
    assert_eq!(chain.on_end(&commit, &CommitEnd::Redraft), NextAction::Redraft);
    draft(&mut chain, 3, false);
    assert_eq!(chain.draft(4, make_changes("a"), &make_metadata(false)), Err(InDoubtError));
}

#[test]
fn invariant_7_a_commit_is_redrafted_twice_at_most() {
    let mut chain = begin_chain();
    let mut commit = draft(&mut chain, 2, false);
    for (nonce, kind) in [(3, CommitKind::Advance), (4, CommitKind::Relocate)] {
        assert_eq!(chain.on_end(&commit, &CommitEnd::Redraft), NextAction::Redraft);
        commit = draft(&mut chain, nonce, false);
        assert_eq!(commit.kind, kind);
    }
    assert_eq!(chain.on_end(&commit, &CommitEnd::Redraft), NextAction::Stop(HaltReason::OutcomeUnknown));
}

#[test]
fn an_applied_earlier_draft_is_the_base_of_the_next() {
    let mut chain = begin_chain();
    let first = draft(&mut chain, 2, false);
    chain.on_end(&first, &CommitEnd::Redraft);
    let second = draft(&mut chain, 3, false);
    assert_eq!(chain.on_end(&second, &CommitEnd::Applied(first.to)), NextAction::Continue);
    assert_eq!(chain.state().head, Some(first.to));
    assert_eq!(draft(&mut chain, 4, false).from, Some(first.to));
}

#[test]
fn invariant_4_a_claim_raises_the_fence_and_a_release_keeps_it() {
    let found = make_snapshot(&begin_chain().state, HeadId { commit: 7, nonce: 1 });
    let mut chain = CommitChain::new(Some(&found), State::default(), holder("other"));
    assert_eq!(chain.fence(), Fence(2));
    let claim = draft(&mut chain, 1, false);
    assert_eq!((claim.kind, claim.state.lease.fence), (CommitKind::Claim, Fence(2)));
    chain.on_end(&claim, &CommitEnd::Applied(claim.to));
    assert!(chain.has_claimed());
    let last = draft(&mut chain, 2, true);
    assert_eq!((last.kind, last.state.lease.fence, &last.state.lease.holder), (CommitKind::Advance, Fence(2), &None));
    chain.on_end(&last, &CommitEnd::Applied(last.to));
    assert!(!chain.has_claimed());
}

#[test]
fn count_and_sum_grow_only_when_a_commit_is_applied() {
    let mut chain = begin_chain();
    let before = chain.state().processed;
    let commit = draft(&mut chain, 2, false);
    assert_eq!(commit.state.processed.count, before.count + 1);
    chain.on_end(&commit, &CommitEnd::Redraft);
    let again = draft(&mut chain, 3, false);
    assert_eq!(again.state.processed, commit.state.processed);
}

#[test]
fn the_state_names_the_run_until_it_releases_the_lease() {
    let mut chain = begin_chain();
    assert!(chain.state().run.is_some());
    assert_eq!(draft(&mut chain, 2, true).state.run, None);
}

#[test]
fn a_reload_under_a_foreign_claim_is_fenced() {
    let mut chain = begin_chain();
    let head = HeadId { commit: 5, nonce: 5 };
    let own = make_snapshot(chain.state(), head);
    assert_eq!(chain.clone().on_reload(&own), Ok(()));
    let mut state = chain.state().clone();
    state.lease = state.lease.next_term(holder("other"), Timestamp(0), 1);
    assert_eq!(chain.on_reload(&make_snapshot(&state, head)), Err(HaltReason::Fenced));
}

#[test]
fn a_claim_that_lost_the_race_against_another_one_is_fenced() {
    let mut free = begin_chain().state;
    free.lease = free.lease.release(Timestamp(0));
    let mut chain =
        CommitChain::new(Some(&make_snapshot(&free, HeadId { commit: 5, nonce: 5 })), State::default(), make_holder());
    let claim = draft(&mut chain, 6, false);
    assert_eq!(chain.on_end(&claim, &CommitEnd::Reload), NextAction::Reload);
    let mut theirs = free.clone();
    theirs.lease = theirs.lease.next_term(holder("other"), Timestamp(0), 1).release(Timestamp(0));
    assert_eq!(chain.on_reload(&make_snapshot(&theirs, HeadId { commit: 6, nonce: 9 })), Err(HaltReason::Fenced));
}

#[test]
fn a_reload_after_the_own_last_commit_is_not_fenced() {
    let mut chain = CommitChain::new(None, State::default(), make_holder());
    let only = draft(&mut chain, 1, true);
    assert_eq!(chain.on_end(&only, &CommitEnd::Refused(CommitPart::Layout)), NextAction::Reload);
    assert_eq!(chain.on_reload(&make_snapshot(&only.state, only.to)), Ok(()));
    assert!(!chain.has_claimed());
}

#[test]
fn invariant_7_reloads_are_bounded_per_applied_commit() {
    let mut chain = begin_chain();
    for round in 0..2 {
        for n in 0..MAX_RELOADS {
            let commit = draft(&mut chain, u64::from(100 * round + n) + 2, false);
            assert_eq!(chain.on_end(&commit, &CommitEnd::Reload), NextAction::Reload);
            let snapshot = make_snapshot(chain.state(), HeadId { commit: commit.to.commit, nonce: 999 });
            assert_eq!(chain.on_reload(&snapshot), Ok(()));
        }
        let commit = draft(&mut chain, u64::from(round) + 1_000, false);
        assert_eq!(chain.clone().on_end(&commit, &CommitEnd::Reload), NextAction::Stop(HaltReason::OutcomeUnknown));
        assert_eq!(chain.on_end(&commit, &CommitEnd::Applied(commit.to)), NextAction::Continue);
    }
}

#[test]
fn each_permanent_end_stops_the_run_for_its_own_reason() {
    let ends = [
        (CommitEnd::Fenced, HaltReason::Fenced),
        (CommitEnd::HeadMissing, HaltReason::HeadMissing),
        (CommitEnd::NotExecuted, HaltReason::NotExecuted),
        (CommitEnd::TooLarge, HaltReason::TooLarge),
        (CommitEnd::Refused(CommitPart::Content), HaltReason::Refused(CommitPart::Content)),
        (CommitEnd::NoResponse, HaltReason::OutcomeUnknown),
    ];
    for (end, stop) in ends {
        let mut chain = begin_chain();
        let commit = Commit { changes: Changes::default(), ..draft(&mut chain, 2, false) };
        assert_eq!(chain.on_end(&commit, &end), NextAction::Stop(stop));
    }
}

#[test]
fn items_of_a_refused_or_unanswered_batch_are_suspected() {
    let ends = [
        (CommitEnd::TooLarge, BisectionCause::Refused),
        (CommitEnd::Refused(CommitPart::Content), BisectionCause::Refused),
        (CommitEnd::NoResponse, BisectionCause::NoResponse),
    ];
    for (end, how) in ends {
        let mut chain = begin_chain();
        let commit = draft(&mut chain, 2, false);
        assert_eq!(chain.on_end(&commit, &end), NextAction::Bisect(how));
        draft(&mut chain, 3, false);
    }
}

/// A batch without items follows a refusal: what the refused batch would have created does not
/// exist.
#[test]
fn columns_of_a_refused_commit_are_not_the_jobs() {
    let mut chain = CommitChain::new(
        Some(&make_snapshot(&State::default(), HeadId { commit: 4, nonce: 1 })),
        State::default(),
        make_holder(),
    );
    let changes = Changes { columns: vec!["a".into()], ..make_changes("k") };
    let refused = chain.draft(1, changes, &make_metadata(false)).expect("nothing is in doubt");
    assert_eq!(refused.state.columns, ["a"]);
    assert!(matches!(chain.on_end(&refused, &CommitEnd::Refused(CommitPart::Content)), NextAction::Bisect(_)));
    let without_items = chain.draft(2, Changes::default(), &make_metadata(false)).expect("it was asked for");
    assert!(without_items.state.columns.is_empty(), "{:?}", without_items.state.columns);
}
