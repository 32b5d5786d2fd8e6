//! Checks of commits whose answer or request is lost.

use sheetkeep::ledger::commit::changes::{Changes, CommitResult, NewTab};
use sheetkeep::ledger::commit::commit_resolution::Resolution;

use crate::contract::commit_writer::{CommitWriter, make_done_changes};
use crate::contract::store_fixture::{CommitLoss, StoreContents, StoreFixture};
use crate::contract::suite::{is_refused_by_guard, read_head};

pub async fn a_lost_answer_is_judged_by_a_look_at_the_head(fixture: &dyn StoreFixture) {
    let mut writer = CommitWriter::open_initialized(fixture, "a").await;
    let commit = writer.draft(make_done_changes(&writer, &["once"]));
    if !fixture.lose_next_commit(CommitLoss::Answer) {
        return;
    }
    assert!(matches!(writer.send(&commit).await, CommitResult::ResponseLost { .. }));
    let head_status = writer.store.read_head().await.expect("the head can be read");
    assert_eq!(writer.chain.draft_ids().resolve(head_status), Resolution::Applied(commit.to));
    let again = writer.send(&commit).await;
    assert!(is_refused_by_guard(&again), "{again:?}");
    writer.note_applied(&commit);
    writer.put(make_done_changes(&writer, &["next"])).await;
    // The same without a read between: the copy is what finds out.
    let commit = writer.draft(make_done_changes(&writer, &["third"]));
    fixture.lose_next_commit(CommitLoss::Answer);
    assert!(matches!(writer.send(&commit).await, CommitResult::ResponseLost { .. }));
    let again = writer.send(&commit).await;
    assert!(is_refused_by_guard(&again), "{again:?}");
    assert_eq!(read_head(&*writer.store).await, commit.to);
    assert_eq!(StoreContents::column(&fixture.contents().await.data, "id"), ["once", "next", "third"]);
}

pub async fn a_lost_request_is_judged_by_a_look_at_the_head(fixture: &dyn StoreFixture) {
    let mut writer = CommitWriter::open_initialized(fixture, "a").await;
    let commit = writer.draft(make_done_changes(&writer, &["once"]));
    if !fixture.lose_next_commit(CommitLoss::Request) {
        return;
    }
    assert!(matches!(writer.send(&commit).await, CommitResult::ResponseLost { .. }));
    let head_status = writer.store.read_head().await.expect("the head can be read");
    assert_eq!(writer.chain.draft_ids().resolve(head_status), Resolution::NotApplied);
    assert_eq!(fixture.contents().await, StoreContents::default());
    assert_eq!(writer.send(&commit).await, CommitResult::Applied);
    writer.put(make_done_changes(&writer, &["next"])).await;
    assert_eq!(StoreContents::column(&fixture.contents().await.data, "id"), ["once", "next"]);
}

pub async fn an_init_whose_answer_was_lost_is_not_made_twice(fixture: &dyn StoreFixture) {
    let mut writer = CommitWriter::open(fixture, "a").await;
    let init = writer.draft(Changes::default());
    if !fixture.lose_next_commit(CommitLoss::Answer) {
        return;
    }
    assert!(matches!(writer.send(&init).await, CommitResult::ResponseLost { .. }));
    assert!(matches!(writer.send(&init).await, CommitResult::Refused { .. }));
    let head_status = writer.store.read_head().await.expect("the head can be read");
    assert_eq!(writer.chain.draft_ids().resolve(head_status), Resolution::Applied(init.to));
    writer.note_applied(&init);
    let table = NewTab { tab: writer.tab.clone(), columns: vec!["id".to_owned(), "text".to_owned()] };
    writer.put(Changes { new_tabs: vec![table], ..make_done_changes(&writer, &["first"]) }).await;
    assert_eq!(StoreContents::column(&fixture.contents().await.data, "id"), ["first"]);
}
