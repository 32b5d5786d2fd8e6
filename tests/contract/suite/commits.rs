//! Checks of commits: what one writes, which are refused, and who comes after whom.

use sheetkeep::ledger::commit::changes::{Changes, CommitKind, CommitResult, ItemResult, NewTab};
use sheetkeep::ledger::commit::commit_chain::HaltReason;
use sheetkeep::ledger::commit::commit_resolution::{HeadStatus, Resolution};
use sheetkeep::ledger::items::failure::FailureState;
use sheetkeep::ledger::items::key::Version;
use sheetkeep::ledger::leases::lease::Fence;
use sheetkeep::ledger::runs::run::{Run, RunStatus};
use sheetkeep::time::Timestamp;
use std::sync::Arc;

use crate::contract::commit_writer::{CommitWriter, make_done_changes, make_done_item, make_failure, make_key};
use crate::contract::store_fixture::{StoreContents, StoreFixture};
use crate::contract::suite::{is_refused_by_guard, load_snapshot, read_head};

pub async fn nothing_loads_as_nothing(fixture: &dyn StoreFixture) {
    let store = fixture.store();
    let loaded = store.load().await.expect("it can be read");
    assert!(loaded.snapshot.is_none() && loaded.data_tabs.is_empty() && !loaded.spreadsheet.is_empty());
    assert_eq!(store.read_head().await.expect("the head can be read"), HeadStatus::NotInitialized);
    assert_eq!(fixture.contents().await, StoreContents::default());
}

pub async fn one_commit_carries_rows_keys_failures_and_the_run(fixture: &dyn StoreFixture) {
    let mut writer = CommitWriter::open_initialized(fixture, "a").await;
    let over = Run { status: RunStatus::Partial, finished: Some(Timestamp(1_790_000_009_500)), ..writer.run.clone() };
    let changes = Changes {
        columns: Vec::new(),
        new_tabs: Vec::new(),
        settled: vec![
            make_done_item(&writer, "one", ""),
            ItemResult::Failed(Box::new(make_failure("bad", FailureState::Open))),
            make_done_item(&writer, "two", "7"),
        ],
        runs: vec![over.clone()],
    };
    let commit = writer.draft(changes);
    assert_eq!(fixture.contents().await, StoreContents::default(), "a draft alone writes nothing");
    assert_eq!(writer.send(&commit).await, CommitResult::Applied);
    let contents = fixture.contents().await;
    assert_eq!(StoreContents::column(&contents.data, "id"), ["one", "two"]);
    assert_eq!(StoreContents::column(&contents.data, "text"), ["row of one ", "row of two 7"]);
    assert_eq!(StoreContents::column(&contents.processed, "key"), ["one", "two"]);
    assert_eq!(StoreContents::column(&contents.processed, "version"), ["", "7"]);
    assert_eq!(StoreContents::column(&contents.processed, "run"), ["run a #1.2", "run a #1.2"]);
    assert_eq!(StoreContents::column(&contents.failures, "key"), ["bad"]);
    assert_eq!(StoreContents::column(&contents.failures, "payload 2"), ["second cell"]);
    assert_eq!(StoreContents::column(&contents.runs, "status"), ["partial"]);
    assert_eq!(StoreContents::column(&contents.runs, "seconds"), ["9"]);
    let loaded = load_snapshot(&*fixture.store()).await;
    assert_eq!((loaded.head, &loaded.state), (commit.to, &commit.state), "every field of the state reads back");
    assert!(
        loaded.processed_index.is_done(&make_key("one"), &Version::default())
            && loaded.processed_index.is_done(&make_key("two"), &Version("7".into()))
    );
    assert!(!loaded.processed_index.is_done(&make_key("bad"), &Version::default()));
    assert!(loaded.anomalies.is_empty(), "{:?}", loaded.anomalies);
    assert_eq!(loaded.data_tabs, [(fixture.tab().to_owned(), vec!["id".to_owned(), "text".to_owned()])]);
}

pub async fn a_commit_from_an_older_head_is_refused_and_changes_nothing(fixture: &dyn StoreFixture) {
    let mut writer = CommitWriter::open_initialized(fixture, "a").await;
    // One store that knows of the newer commit, and one that loaded before it.
    let behind = fixture.store();
    behind.load().await.expect("it can be read");
    let older = writer.chain.clone();
    let newer = writer.put(make_done_changes(&writer, &["kept"])).await;
    let before = fixture.contents().await;
    for store in [&behind, &writer.store] {
        let mut late = CommitWriter::open_at(fixture, "a", older.clone()).await;
        let stale = late.draft(make_done_changes(&late, &["stale"]));
        assert!(stale.from.is_some() && stale.from < newer.from.max(Some(newer.to)));
        let reply = store.commit(&stale).await;
        assert!(is_refused_by_guard(&reply), "{reply:?}");
        assert_eq!(fixture.contents().await, before);
        assert_eq!(read_head(&**store).await, newer.to);
    }
    assert_eq!(load_snapshot(&*fixture.store()).await.state, newer.state);
}

pub async fn the_identical_commit_is_applied_once_however_often_it_is_sent(fixture: &dyn StoreFixture) {
    let mut writer = CommitWriter::open_initialized(fixture, "a").await;
    let behind = fixture.store();
    behind.load().await.expect("it can be read");
    let commit = writer.draft(make_done_changes(&writer, &["once"]));
    assert_eq!(writer.send(&commit).await, CommitResult::Applied);
    let contents = fixture.contents().await;
    for store in [&writer.store, &behind, &fixture.store()] {
        for _ in 0..2 {
            let reply = store.commit(&commit).await;
            assert!(is_refused_by_guard(&reply), "{reply:?}");
        }
        assert_eq!(read_head(&**store).await, commit.to);
    }
    assert_eq!(fixture.contents().await, contents);
    assert_eq!(StoreContents::column(&contents.data, "id"), ["once"]);
}

pub async fn a_claim_fences_the_writer_of_an_older_term(fixture: &dyn StoreFixture) {
    let mut old = CommitWriter::open_initialized(fixture, "a").await;
    let mut new = CommitWriter::open(fixture, "b").await;
    assert_eq!(new.chain.kind(), CommitKind::Claim);
    let late = old.draft(make_done_changes(&old, &["late"]));
    let claim = new.put(make_done_changes(&new, &["claimed"])).await;
    assert_eq!(claim.state.lease.fence, Fence(old.chain.state().lease.fence.0 + 1));
    let reply = old.send(&late).await;
    assert!(is_refused_by_guard(&reply), "{reply:?}");
    let head_status = old.store.read_head().await.expect("the head can be read");
    assert_eq!(head_status, HeadStatus::At { head: claim.to, fence: claim.state.lease.fence });
    assert_eq!(old.chain.draft_ids().resolve(head_status), Resolution::Fenced);
    assert_eq!(old.chain.on_reload(&load_snapshot(&*old.store).await), Err(HaltReason::Fenced));
    assert_eq!(StoreContents::column(&fixture.contents().await.data, "id"), ["claimed"]);
    new.put(make_done_changes(&new, &["next"])).await;
    assert_eq!(StoreContents::column(&fixture.contents().await.data, "id"), ["claimed", "next"]);
}

pub async fn of_two_inits_one_wins(fixture: &dyn StoreFixture) {
    let (mut a, mut b) = (CommitWriter::open(fixture, "a").await, CommitWriter::open(fixture, "b").await);
    let (first, second) = (a.draft(Changes::default()), b.draft(Changes::default()));
    assert_eq!((first.kind, second.kind), (CommitKind::Init, CommitKind::Init));
    let replies = tokio::join!(a.store.commit(&first), b.store.commit(&second));
    let won = |reply: &CommitResult| *reply == CommitResult::Applied;
    assert!(won(&replies.0) != won(&replies.1), "{replies:?}");
    let (winner, loser, commit, refusal) =
        if won(&replies.0) { (a, b, &first, &replies.1) } else { (b, a, &second, &replies.0) };
    assert!(matches!(refusal, CommitResult::Refused { .. }), "{refusal:?}");
    let loaded = load_snapshot(&*loser.store).await;
    assert_eq!((loaded.head, &loaded.state.lease.holder), (commit.to, &commit.state.lease.holder));
    let mut winner = winner;
    winner.note_applied(commit);
    let table = NewTab { tab: winner.tab.clone(), columns: vec!["id".to_owned(), "text".to_owned()] };
    let changes = Changes { new_tabs: vec![table], ..make_done_changes(&winner, &["won"]) };
    winner.put(changes).await;
    assert_eq!(StoreContents::column(&fixture.contents().await.data, "id"), ["won"]);
}

pub async fn a_foreign_commit_between_is_noticed_and_built_upon(fixture: &dyn StoreFixture) {
    let mut writer = CommitWriter::open_initialized(fixture, "a").await;
    // A person's command is of the same term and holds nothing.
    let mut command = CommitWriter::open_at(fixture, "a", writer.chain.clone()).await;
    let theirs = command.put(make_done_changes(&command, &["theirs"])).await;
    let mine = writer.draft(make_done_changes(&writer, &["mine"]));
    let reply = writer.send(&mine).await;
    assert!(is_refused_by_guard(&reply), "{reply:?}");
    let head_status = writer.store.read_head().await.expect("the head can be read");
    assert_eq!(writer.chain.draft_ids().resolve(head_status), Resolution::ConcurrentCommit);
    let loaded = load_snapshot(&*writer.store).await;
    assert_eq!(loaded.head, theirs.to);
    assert!(!loaded.processed_index.is_done(&make_key("mine"), &Version::default()));
    writer.chain.on_reload(&loaded).expect("the lease is still this run's");
    let again = writer.put(make_done_changes(&writer, &["mine"])).await;
    assert_eq!(again.state.processed.count, 2);
    let late = writer.store.commit(&mine).await;
    assert!(is_refused_by_guard(&late), "{late:?}");
    assert_eq!(StoreContents::column(&fixture.contents().await.data, "id"), ["theirs", "mine"]);
}

pub async fn a_release_keeps_the_fence(fixture: &dyn StoreFixture) {
    let mut writer = CommitWriter::open_initialized(fixture, "a").await;
    let term = writer.chain.state().lease.fence;
    let last = writer.put_with_release(Changes::default(), true).await;
    assert!(last.state.lease.holder.is_none() && last.state.run.is_none());
    let loaded = load_snapshot(&*fixture.store()).await;
    assert_eq!((loaded.state.lease.fence, &loaded.state), (term, &last.state));
    let mut next = CommitWriter::open(fixture, "b").await;
    let claim = next.put(make_done_changes(&next, &["b"])).await;
    assert_eq!((claim.kind, claim.state.lease.fence), (CommitKind::Claim, term.next()));
    assert_eq!(load_snapshot(&*fixture.store()).await.state.lease, claim.state.lease);
}

pub async fn a_crashed_writer_leaves_everything_to_its_successor(fixture: &dyn StoreFixture) {
    let mut crashed = CommitWriter::open_initialized(fixture, "a").await;
    crashed.put(make_done_changes(&crashed, &["a"])).await;
    let recorded = crashed.run.clone();
    // It is gone with a draft that was never sent.
    let never = crashed.draft(make_done_changes(&crashed, &["never"]));
    drop(crashed);
    let loaded = load_snapshot(&*fixture.store()).await;
    assert_eq!(loaded.state.run.as_ref(), Some(&recorded));
    let mut next = CommitWriter::open(fixture, "b").await;
    let recorded_crash = Run { status: RunStatus::Crashed, message: "vanished".to_owned(), ..recorded };
    next.put(Changes { runs: vec![recorded_crash], ..make_done_changes(&next, &["b"]) }).await;
    let late = Arc::new(never);
    let reply = fixture.store().commit(&late).await;
    assert!(is_refused_by_guard(&reply), "{reply:?}");
    let contents = fixture.contents().await;
    assert_eq!(StoreContents::column(&contents.data, "id"), ["a", "b"]);
    assert_eq!(StoreContents::column(&contents.runs, "run"), ["run a"]);
}
