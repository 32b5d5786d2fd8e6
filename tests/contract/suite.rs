//! The checks: what every store promises. Each gets a place on which its job never ran.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use sheetkeep::grid::Cell;
use sheetkeep::ledger::commit::changes::{Changes, Commit, CommitKind, CommitPart, CommitResult, ItemResult, NewTab};
use sheetkeep::ledger::commit::commit_chain::HaltReason;
use sheetkeep::ledger::commit::commit_resolution::{HeadStatus, Resolution};
use sheetkeep::ledger::commit::row_deletion::{HistoryLoss, RowDeletion, hash_failure_row, hash_key_row};
use sheetkeep::ledger::items::failure::{ActionAnswer, Failure, FailureState};
use sheetkeep::ledger::items::key::Version;
use sheetkeep::ledger::leases::head::HeadId;
use sheetkeep::ledger::leases::lease::Fence;
use sheetkeep::ledger::leases::row_order::read_run_cell;
use sheetkeep::ledger::rows::tab_kind::TabKind;
use sheetkeep::ledger::runs::run::{Run, RunStatus};
use sheetkeep::ledger::state::snapshot::Snapshot;
use sheetkeep::port::store::{MisplacedWrites, Store};
use sheetkeep::time::Timestamp;

use crate::contract::ground::{Contents, Loss, StoreFixture};
use crate::contract::writer::{Writer, all_done, done, failed, key};

/// A check's name and the check.
pub type Check = (&'static str, for<'a> fn(&'a dyn StoreFixture) -> BoxFuture<'a, ()>);

macro_rules! checks {
    ($($name:ident),* $(,)?) => { [$((stringify!($name), |ground| Box::pin($name(ground)))),*] };
}

/// All checks.
pub const ALL: [Check; 20] = checks![
    nothing_loads_as_nothing,
    one_commit_carries_rows_keys_failures_and_the_run,
    a_commit_from_an_older_head_is_refused_and_changes_nothing,
    the_identical_commit_is_applied_once_however_often_it_is_sent,
    a_claim_fences_the_writer_of_an_older_term,
    of_two_inits_one_wins,
    a_lost_answer_is_judged_by_a_look_at_the_head,
    a_lost_request_is_judged_by_a_look_at_the_head,
    an_init_whose_answer_was_lost_is_not_made_twice,
    a_load_after_many_commits_is_what_was_written,
    a_foreign_commit_between_is_noticed_and_built_upon,
    versions_of_a_key_are_kept_apart,
    a_version_is_done_as_often_as_it_was_not_taken_back,
    rows_that_are_taken_out_are_gone_and_no_others,
    a_failure_is_open_until_it_is_recovered,
    a_text_that_is_no_action_is_unknown_until_it_is_answered,
    a_column_comes_with_the_rows_that_need_it_and_only_once,
    a_release_keeps_the_fence,
    hard_texts_survive,
    a_crashed_writer_leaves_everything_to_its_successor,
];

async fn snapshot(store: &dyn Store) -> Snapshot {
    store.load().await.expect("it can be read").snapshot.expect("the job exists")
}

async fn head(store: &dyn Store) -> HeadId {
    match store.read_head().await.expect("it can be looked at") {
        HeadStatus::At { head, .. } => head,
        other => panic!("the head should stand, but the look says {other:?}"),
    }
}

fn refused_by_the_guard(reply: &CommitResult) -> bool {
    matches!(reply, CommitResult::Refused { part: CommitPart::Guard, .. })
}

async fn nothing_loads_as_nothing(ground: &dyn StoreFixture) {
    let store = ground.store();
    let loaded = store.load().await.expect("it can be read");
    assert!(loaded.snapshot.is_none() && loaded.data_tabs.is_empty() && !loaded.spreadsheet.is_empty());
    assert_eq!(store.read_head().await.expect("it can be looked at"), HeadStatus::NotInitialized);
    assert_eq!(ground.contents().await, Contents::default());
}

async fn one_commit_carries_rows_keys_failures_and_the_run(ground: &dyn StoreFixture) {
    let mut writer = Writer::settled_in(ground, "a").await;
    let over = Run { status: RunStatus::Partial, finished: Some(Timestamp(1_790_000_009_500)), ..writer.run.clone() };
    let changes = Changes {
        columns: Vec::new(),
        new_tabs: Vec::new(),
        settled: vec![
            done(&writer, "one", ""),
            ItemResult::Failed(Box::new(failed("bad", FailureState::Open))),
            done(&writer, "two", "7"),
        ],
        runs: vec![over.clone()],
    };
    let commit = writer.draft(changes);
    assert_eq!(ground.contents().await, Contents::default(), "a draft alone writes nothing");
    assert_eq!(writer.send(&commit).await, CommitResult::Applied);
    let there = ground.contents().await;
    assert_eq!(Contents::column(&there.data, "id"), ["one", "two"]);
    assert_eq!(Contents::column(&there.data, "text"), ["row of one ", "row of two 7"]);
    assert_eq!(Contents::column(&there.processed, "key"), ["one", "two"]);
    assert_eq!(Contents::column(&there.processed, "version"), ["", "7"]);
    assert_eq!(Contents::column(&there.processed, "run"), ["run a #1.2", "run a #1.2"]);
    assert_eq!(Contents::column(&there.failures, "key"), ["bad"]);
    assert_eq!(Contents::column(&there.failures, "payload 2"), ["second cell"]);
    assert_eq!(Contents::column(&there.runs, "status"), ["partial"]);
    assert_eq!(Contents::column(&there.runs, "seconds"), ["9"]);
    let loaded = snapshot(&*ground.store()).await;
    assert_eq!((loaded.head, &loaded.state), (commit.to, &commit.state), "every field of the state reads back");
    assert!(
        loaded.processed_index.is_done(&key("one"), &Version::default())
            && loaded.processed_index.is_done(&key("two"), &Version("7".into()))
    );
    assert!(!loaded.processed_index.is_done(&key("bad"), &Version::default()));
    assert!(loaded.anomalies.is_empty(), "{:?}", loaded.anomalies);
    assert_eq!(loaded.data_tabs, [(ground.tab().to_owned(), vec!["id".to_owned(), "text".to_owned()])]);
}

async fn a_commit_from_an_older_head_is_refused_and_changes_nothing(ground: &dyn StoreFixture) {
    let mut writer = Writer::settled_in(ground, "a").await;
    // One store that knows of the newer commit, and one that loaded before it.
    let behind = ground.store();
    behind.load().await.expect("it can be read");
    let older = writer.chain.clone();
    let newer = writer.put(all_done(&writer, &["kept"])).await;
    let before = ground.contents().await;
    for store in [&behind, &writer.store] {
        let mut late = Writer::standing_at(ground, "a", older.clone()).await;
        let stale = late.draft(all_done(&late, &["stale"]));
        assert!(stale.from.is_some() && stale.from < newer.from.max(Some(newer.to)));
        let reply = store.commit(&stale).await;
        assert!(refused_by_the_guard(&reply), "{reply:?}");
        assert_eq!(ground.contents().await, before);
        assert_eq!(head(&**store).await, newer.to);
    }
    assert_eq!(snapshot(&*ground.store()).await.state, newer.state);
}

async fn the_identical_commit_is_applied_once_however_often_it_is_sent(ground: &dyn StoreFixture) {
    let mut writer = Writer::settled_in(ground, "a").await;
    let behind = ground.store();
    behind.load().await.expect("it can be read");
    let commit = writer.draft(all_done(&writer, &["once"]));
    assert_eq!(writer.send(&commit).await, CommitResult::Applied);
    let there = ground.contents().await;
    for store in [&writer.store, &behind, &ground.store()] {
        for _ in 0..2 {
            let reply = store.commit(&commit).await;
            assert!(refused_by_the_guard(&reply), "{reply:?}");
        }
        assert_eq!(head(&**store).await, commit.to);
    }
    assert_eq!(ground.contents().await, there);
    assert_eq!(Contents::column(&there.data, "id"), ["once"]);
}

async fn a_claim_fences_the_writer_of_an_older_term(ground: &dyn StoreFixture) {
    let mut old = Writer::settled_in(ground, "a").await;
    let mut new = Writer::open(ground, "b").await;
    assert_eq!(new.chain.kind(), CommitKind::Claim);
    let late = old.draft(all_done(&old, &["late"]));
    let claim = new.put(all_done(&new, &["claimed"])).await;
    assert_eq!(claim.state.lease.fence, Fence(old.chain.state().lease.fence.0 + 1));
    let reply = old.send(&late).await;
    assert!(refused_by_the_guard(&reply), "{reply:?}");
    let head_status = old.store.read_head().await.expect("it can be looked at");
    assert_eq!(head_status, HeadStatus::At { head: claim.to, fence: claim.state.lease.fence });
    assert_eq!(old.chain.draft_ids().resolve(head_status), Resolution::Fenced);
    assert_eq!(old.chain.on_reload(&snapshot(&*old.store).await), Err(HaltReason::Fenced));
    assert_eq!(Contents::column(&ground.contents().await.data, "id"), ["claimed"]);
    new.put(all_done(&new, &["next"])).await;
    assert_eq!(Contents::column(&ground.contents().await.data, "id"), ["claimed", "next"]);
}

async fn of_two_inits_one_wins(ground: &dyn StoreFixture) {
    let (mut a, mut b) = (Writer::open(ground, "a").await, Writer::open(ground, "b").await);
    let (first, second) = (a.draft(Changes::default()), b.draft(Changes::default()));
    assert_eq!((first.kind, second.kind), (CommitKind::Init, CommitKind::Init));
    let replies = tokio::join!(a.store.commit(&first), b.store.commit(&second));
    let won = |reply: &CommitResult| *reply == CommitResult::Applied;
    assert!(won(&replies.0) != won(&replies.1), "{replies:?}");
    let (winner, loser, commit, refusal) =
        if won(&replies.0) { (a, b, &first, &replies.1) } else { (b, a, &second, &replies.0) };
    assert!(matches!(refusal, CommitResult::Refused { .. }), "{refusal:?}");
    let loaded = snapshot(&*loser.store).await;
    assert_eq!((loaded.head, &loaded.state.lease.holder), (commit.to, &commit.state.lease.holder));
    let mut winner = winner;
    winner.applied(commit);
    let table = NewTab { tab: winner.tab.clone(), columns: vec!["id".to_owned(), "text".to_owned()] };
    let changes = Changes { new_tabs: vec![table], ..all_done(&winner, &["won"]) };
    winner.put(changes).await;
    assert_eq!(Contents::column(&ground.contents().await.data, "id"), ["won"]);
}

async fn a_lost_answer_is_judged_by_a_look_at_the_head(ground: &dyn StoreFixture) {
    let mut writer = Writer::settled_in(ground, "a").await;
    let commit = writer.draft(all_done(&writer, &["once"]));
    if !ground.lose(Loss::Answer) {
        return;
    }
    assert!(matches!(writer.send(&commit).await, CommitResult::ResponseLost { .. }));
    let head_status = writer.store.read_head().await.expect("it can be looked at");
    assert_eq!(writer.chain.draft_ids().resolve(head_status), Resolution::Applied(commit.to));
    let again = writer.send(&commit).await;
    assert!(refused_by_the_guard(&again), "{again:?}");
    writer.applied(&commit);
    writer.put(all_done(&writer, &["next"])).await;
    // The same without a look between: the copy is what finds out.
    let commit = writer.draft(all_done(&writer, &["third"]));
    ground.lose(Loss::Answer);
    assert!(matches!(writer.send(&commit).await, CommitResult::ResponseLost { .. }));
    let again = writer.send(&commit).await;
    assert!(refused_by_the_guard(&again), "{again:?}");
    assert_eq!(head(&*writer.store).await, commit.to);
    assert_eq!(Contents::column(&ground.contents().await.data, "id"), ["once", "next", "third"]);
}

async fn a_lost_request_is_judged_by_a_look_at_the_head(ground: &dyn StoreFixture) {
    let mut writer = Writer::settled_in(ground, "a").await;
    let commit = writer.draft(all_done(&writer, &["once"]));
    if !ground.lose(Loss::Request) {
        return;
    }
    assert!(matches!(writer.send(&commit).await, CommitResult::ResponseLost { .. }));
    let head_status = writer.store.read_head().await.expect("it can be looked at");
    assert_eq!(writer.chain.draft_ids().resolve(head_status), Resolution::NotApplied);
    assert_eq!(ground.contents().await, Contents::default());
    assert_eq!(writer.send(&commit).await, CommitResult::Applied);
    writer.put(all_done(&writer, &["next"])).await;
    assert_eq!(Contents::column(&ground.contents().await.data, "id"), ["once", "next"]);
}

async fn an_init_whose_answer_was_lost_is_not_made_twice(ground: &dyn StoreFixture) {
    let mut writer = Writer::open(ground, "a").await;
    let init = writer.draft(Changes::default());
    if !ground.lose(Loss::Answer) {
        return;
    }
    assert!(matches!(writer.send(&init).await, CommitResult::ResponseLost { .. }));
    assert!(matches!(writer.send(&init).await, CommitResult::Refused { .. }));
    let head_status = writer.store.read_head().await.expect("it can be looked at");
    assert_eq!(writer.chain.draft_ids().resolve(head_status), Resolution::Applied(init.to));
    writer.applied(&init);
    let table = NewTab { tab: writer.tab.clone(), columns: vec!["id".to_owned(), "text".to_owned()] };
    writer.put(Changes { new_tabs: vec![table], ..all_done(&writer, &["first"]) }).await;
    assert_eq!(Contents::column(&ground.contents().await.data, "id"), ["first"]);
}

async fn a_load_after_many_commits_is_what_was_written(ground: &dyn StoreFixture) {
    let mut writer = Writer::settled_in(ground, "a").await;
    let mut last = None;
    for n in 0..9 {
        let keys: Vec<String> = (0..n % 4).map(|m| format!("k{n}.{m}")).collect();
        let mut changes = all_done(&writer, &keys.iter().map(String::as_str).collect::<Vec<_>>());
        if n % 3 == 1 {
            changes.settled.push(ItemResult::Failed(Box::new(failed(&format!("f{n}"), FailureState::Open))));
        }
        if n % 5 == 2 {
            changes.runs.push(Run { id: format!("crashed {n}"), status: RunStatus::Crashed, ..writer.run.clone() });
        }
        last = Some(writer.put(changes).await);
    }
    let last: Commit = last.expect("there were commits");
    let loaded = snapshot(&*ground.store()).await;
    assert_eq!((loaded.head, &loaded.state), (last.to, &last.state));
    assert_eq!((loaded.state.processed.count, loaded.processed_index.open_failures()), (12, 3));
    for n in 0..9 {
        for m in 0..4 {
            let there = loaded.processed_index.is_done(&key(&format!("k{n}.{m}")), &Version::default());
            assert_eq!(there, m < n % 4, "k{n}.{m}");
        }
    }
    let contents = ground.contents().await;
    assert_eq!((contents.data.len(), contents.processed.len(), contents.runs.len()), (12, 12, 2));
    assert!(contents.runs.iter().all(|run| run.get("status").is_some_and(|word| word == "crashed")));
}

async fn a_foreign_commit_between_is_noticed_and_built_upon(ground: &dyn StoreFixture) {
    let mut writer = Writer::settled_in(ground, "a").await;
    // A person's command is of the same term and holds nothing.
    let mut command = Writer::standing_at(ground, "a", writer.chain.clone()).await;
    let theirs = command.put(all_done(&command, &["theirs"])).await;
    let mine = writer.draft(all_done(&writer, &["mine"]));
    let reply = writer.send(&mine).await;
    assert!(refused_by_the_guard(&reply), "{reply:?}");
    let head_status = writer.store.read_head().await.expect("it can be looked at");
    assert_eq!(writer.chain.draft_ids().resolve(head_status), Resolution::ConcurrentCommit);
    let loaded = snapshot(&*writer.store).await;
    assert_eq!(loaded.head, theirs.to);
    assert!(!loaded.processed_index.is_done(&key("mine"), &Version::default()));
    writer.chain.on_reload(&loaded).expect("the lease is still this run's");
    let again = writer.put(all_done(&writer, &["mine"])).await;
    assert_eq!(again.state.processed.count, 2);
    let late = writer.store.commit(&mine).await;
    assert!(refused_by_the_guard(&late), "{late:?}");
    assert_eq!(Contents::column(&ground.contents().await.data, "id"), ["theirs", "mine"]);
}

async fn versions_of_a_key_are_kept_apart(ground: &dyn StoreFixture) {
    let mut writer = Writer::settled_in(ground, "a").await;
    for version in ["1", "2"] {
        let settled = vec![done(&writer, "a", version)];
        writer.put(Changes { settled, ..Changes::default() }).await;
    }
    let book = snapshot(&*ground.store()).await.processed_index;
    assert!(book.is_done(&key("a"), &Version("2".into())) && !book.is_done(&key("a"), &Version("3".into())));
    assert_eq!(Contents::column(&ground.contents().await.processed, "version"), ["1", "2"]);
}

async fn a_version_is_done_as_often_as_it_was_not_taken_back(ground: &dyn StoreFixture) {
    let mut writer = Writer::settled_in(ground, "a").await;
    let forgotten = || ItemResult::Revoked { key: key("k"), version: Version("1".into()) };
    let both = vec![done(&writer, "k", "1"), done(&writer, "k", "2")];
    writer.put(Changes { settled: both, ..Changes::default() }).await;
    for round in 0..2 {
        writer.put(Changes { settled: vec![forgotten()], ..Changes::default() }).await;
        let loaded = snapshot(&*ground.store()).await;
        assert_eq!((loaded.stored_checksum, loaded.anomalies.len()), (loaded.state.processed, 0), "round {round}");
        assert!(!loaded.processed_index.is_done(&key("k"), &Version("1".into())), "round {round}");
        assert!(loaded.processed_index.is_done(&key("k"), &Version("2".into())), "another version is left alone");
        let again = vec![done(&writer, "k", "1")];
        writer.put(Changes { settled: again, ..Changes::default() }).await;
        let loaded = snapshot(&*ground.store()).await;
        assert!(loaded.processed_index.is_done(&key("k"), &Version("1".into())), "round {round}");
    }
}

async fn rows_that_are_taken_out_are_gone_and_no_others(ground: &dyn StoreFixture) {
    let mut writer = Writer::settled_in(ground, "a").await;
    let both = vec![
        done(&writer, "k", "1"),
        done(&writer, "k", "2"),
        ItemResult::Failed(Box::new(failed("f", FailureState::Open))),
    ];
    writer.put(Changes { settled: both, ..Changes::default() }).await;
    let contents = ground.contents().await;
    let versions = Contents::column(&contents.processed, "version");
    let runs = [&contents.processed, &contents.failures].map(|rows| Contents::column(rows, "run"));
    let at = versions.iter().position(|version| version == "1").expect("it is there");
    let row = |at: usize| u32::try_from(at + 2).expect("few rows");
    let removal = |kind, row, mark| RowDeletion {
        kind,
        row,
        hash: Some(mark),
        key: None,
        history_loss: HistoryLoss::Nothing,
        bytes: 0,
    };
    let together = vec![
        removal(TabKind::Processed, row(at), hash_key_row(&["k", "1", "done", &runs[0][at]])),
        removal(
            TabKind::Failures,
            row(0),
            hash_failure_row(&Failure { order: read_run_cell(&runs[1][0]).1, ..failed("f", FailureState::Open) }),
        ),
    ];
    writer.put(Changes { settled: vec![ItemResult::Removed(together)], ..Changes::default() }).await;
    assert_eq!(writer.store.misplaced_writes().await, Ok(MisplacedWrites::default()));
    let loaded = snapshot(&*ground.store()).await;
    assert_eq!((loaded.stored_checksum, loaded.anomalies.len()), (loaded.state.processed, 0));
    assert!(!loaded.processed_index.is_done(&key("k"), &Version("1".into())));
    assert!(loaded.processed_index.is_done(&key("k"), &Version("2".into())));
    assert_eq!(loaded.processed_index.open_failures(), 0);
    assert!(Contents::column(&ground.contents().await.failures, "key").is_empty());
}

async fn a_failure_is_open_until_it_is_recovered(ground: &dyn StoreFixture) {
    let mut writer = Writer::settled_in(ground, "a").await;
    let open = failed("a", FailureState::Open);
    let settled = vec![ItemResult::Failed(Box::new(open.clone()))];
    writer.put(Changes { settled, ..Changes::default() }).await;
    let book = snapshot(&*ground.store()).await.processed_index;
    let tried = book.prior_failure(&key("a")).expect("it is open");
    assert_eq!((book.open_failures(), tried.attempts), (1, 3));
    assert_eq!(tried.first_seen, open.first_seen);
    let closing = Box::new(Failure { state: FailureState::Recovered, payload: Vec::new(), ..open });
    let ItemResult::Done { key: of, version, may_have_rows: false, output, .. } = done(&writer, "a", "") else {
        panic!("it is done")
    };
    let settled = vec![ItemResult::Done { key: of, version, may_have_rows: false, output, closes: Some(closing) }];
    writer.put(Changes { settled, ..Changes::default() }).await;
    let book = snapshot(&*ground.store()).await.processed_index;
    assert!(book.open_failures() == 0 && book.is_done(&key("a"), &Version::default()));
    assert_eq!(Contents::column(&ground.contents().await.failures, "state"), ["open", "recovered"]);
}

async fn a_text_that_is_no_action_is_unknown_until_it_is_answered(ground: &dyn StoreFixture) {
    let mut writer = Writer::settled_in(ground, "a").await;
    let failures = ["a", "b"].map(|text| failed(text, FailureState::Exhausted));
    let settled = failures.iter().map(|failure| ItemResult::Failed(Box::new(failure.clone()))).collect();
    writer.put(Changes { settled, ..Changes::default() }).await;
    if !ground.write_action("a", "do it again").await {
        return;
    }
    let prior = async |text: &str| snapshot(&*ground.store()).await.processed_index.prior_failure(&key(text));
    let unknown = prior("a").await.expect("it is dead");
    assert!(unknown.awaits_answer() && unknown.requested.is_none() && unknown.is_not_retried());
    assert!(!prior("b").await.expect("it is dead").awaits_answer());
    let answer = Failure { answered: Some(ActionAnswer::NotUnderstood), ..failures[0].clone() };
    let last_seen = answer.last_seen.add_ms(1_000);
    let settled = vec![ItemResult::Failed(Box::new(Failure { last_seen, ..answer }))];
    writer.put(Changes { settled, ..Changes::default() }).await;
    let answered = prior("a").await.expect("it is still dead");
    assert!(!answered.awaits_answer());
    assert_eq!((answered.state, answered.error, answered.attempts), (unknown.state, unknown.error, unknown.attempts));
    let column = Contents::column(&ground.contents().await.failures, "answered");
    assert_eq!(column, ["", "", "not understood: write retry or skip"]);
}

async fn a_column_comes_with_the_rows_that_need_it_and_only_once(ground: &dyn StoreFixture) {
    let mut writer = Writer::settled_in(ground, "a").await;
    writer.put(all_done(&writer, &["before"])).await;
    let with_more = |writer: &Writer, text: &str, columns: &[&str]| {
        let mut one = done(writer, text, "");
        if let ItemResult::Done { output, .. } = &mut one {
            output.tabs[0].1[0].cells.push(("more".to_owned(), Cell::text(format!("more of {text}"))));
        }
        let columns = columns.iter().map(|&name| name.to_owned()).collect();
        Changes { columns, settled: vec![one], ..Changes::default() }
    };
    let older = writer.chain.clone();
    let commit = writer.draft(with_more(&writer, "one", &["more"]));
    assert_eq!(writer.send(&commit).await, CommitResult::Applied);
    // Neither the same commit once more nor one from before adds another.
    assert!(refused_by_the_guard(&ground.store().commit(&commit).await));
    let mut late = Writer::standing_at(ground, "a", older).await;
    let stale = late.draft(with_more(&late, "stale", &["more"]));
    assert!(refused_by_the_guard(&late.store.commit(&stale).await));
    writer.put(with_more(&writer, "two", &[])).await;
    let loaded = snapshot(&*ground.store()).await;
    let columns = ["id", "text", "more"].map(str::to_owned).to_vec();
    assert_eq!(loaded.data_tabs, [(ground.tab().to_owned(), columns)]);
    assert!(loaded.anomalies.is_empty(), "{:?}", loaded.anomalies);
    let there = ground.contents().await;
    assert_eq!(Contents::column(&there.data, "id"), ["before", "one", "two"]);
    assert_eq!(Contents::column(&there.data, "more"), ["", "more of one", "more of two"]);
}

async fn a_release_keeps_the_fence(ground: &dyn StoreFixture) {
    let mut writer = Writer::settled_in(ground, "a").await;
    let term = writer.chain.state().lease.fence;
    let last = writer.put_that(Changes::default(), true).await;
    assert!(last.state.lease.holder.is_none() && last.state.run.is_none());
    let loaded = snapshot(&*ground.store()).await;
    assert_eq!((loaded.state.lease.fence, &loaded.state), (term, &last.state));
    let mut next = Writer::open(ground, "b").await;
    let claim = next.put(all_done(&next, &["b"])).await;
    assert_eq!((claim.kind, claim.state.lease.fence), (CommitKind::Claim, term.next()));
    assert_eq!(snapshot(&*ground.store()).await.state.lease, claim.state.lease);
}

async fn hard_texts_survive(ground: &dyn StoreFixture) {
    let mut writer = Writer::settled_in(ground, "a").await;
    let long = "ü".repeat(1_000);
    let hard = [
        "it's \"quoted\", with `ticks`",
        "two\nlines\r\nand\ta tab",
        "emoji 🦀 👩‍👩‍👧 \u{1F1E9}\u{1F1EA}",
        "=1+1",
        "'apostrophe",
        "+49 30",
        "-1",
        "@me",
        "0042",
        "12345678901234567890",
        "1e5",
        "TRUE",
        "2024-01-31",
        "10%",
        " spaces ",
        "#REF!",
        "\u{202e}rtl \u{feff}",
        "null",
        &long,
    ];
    let commit = writer.put(all_done(&writer, &hard)).await;
    let there = ground.contents().await;
    assert_eq!(Contents::column(&there.data, "id"), hard);
    assert_eq!(Contents::column(&there.processed, "key"), hard);
    let loaded = snapshot(&*ground.store()).await;
    assert!(loaded.anomalies.is_empty(), "{:?}", loaded.anomalies);
    assert_eq!(loaded.state.processed, commit.state.processed);
    for text in hard {
        assert!(loaded.processed_index.is_done(&key(text), &Version::default()), "{text}");
    }
}

async fn a_crashed_writer_leaves_everything_to_its_successor(ground: &dyn StoreFixture) {
    let mut crashed = Writer::settled_in(ground, "a").await;
    crashed.put(all_done(&crashed, &["a"])).await;
    let recorded = crashed.run.clone();
    // It is gone with a draft that was never sent.
    let never = crashed.draft(all_done(&crashed, &["never"]));
    drop(crashed);
    let loaded = snapshot(&*ground.store()).await;
    assert_eq!(loaded.state.run.as_ref(), Some(&recorded));
    let mut next = Writer::open(ground, "b").await;
    let recorded_crash = Run { status: RunStatus::Crashed, message: "vanished".to_owned(), ..recorded };
    next.put(Changes { runs: vec![recorded_crash], ..all_done(&next, &["b"]) }).await;
    let late = Arc::new(never);
    let reply = ground.store().commit(&late).await;
    assert!(refused_by_the_guard(&reply), "{reply:?}");
    let there = ground.contents().await;
    assert_eq!(Contents::column(&there.data, "id"), ["a", "b"]);
    assert_eq!(Contents::column(&there.runs, "run"), ["run a"]);
}
