//! Checks of what a load finds after commits: keys, versions, failures, columns and texts.

use sheetkeep::grid::Cell;
use sheetkeep::ledger::commit::changes::{Changes, Commit, CommitResult, ItemResult};
use sheetkeep::ledger::commit::row_deletion::{HistoryLoss, RowDeletion, hash_failure_row, hash_key_row};
use sheetkeep::ledger::items::failure::{ActionAnswer, Failure, FailureState};
use sheetkeep::ledger::items::key::Version;
use sheetkeep::ledger::leases::row_order::read_run_cell;
use sheetkeep::ledger::rows::tab_kind::TabKind;
use sheetkeep::ledger::runs::run::{Run, RunStatus};
use sheetkeep::port::store::MisplacedWrites;

use crate::contract::commit_writer::{CommitWriter, make_done_changes, make_done_item, make_failure, make_key};
use crate::contract::store_fixture::{StoreContents, StoreFixture};
use crate::contract::suite::{is_refused_by_guard, load_snapshot};

pub async fn a_load_after_many_commits_is_what_was_written(fixture: &dyn StoreFixture) {
    let mut writer = CommitWriter::open_initialized(fixture, "a").await;
    let mut last = None;
    for n in 0..9 {
        let keys: Vec<String> = (0..n % 4).map(|m| format!("k{n}.{m}")).collect();
        let mut changes = make_done_changes(&writer, &keys.iter().map(String::as_str).collect::<Vec<_>>());
        if n % 3 == 1 {
            changes.settled.push(ItemResult::Failed(Box::new(make_failure(&format!("f{n}"), FailureState::Open))));
        }
        if n % 5 == 2 {
            changes.runs.push(Run { id: format!("crashed {n}"), status: RunStatus::Crashed, ..writer.run.clone() });
        }
        last = Some(writer.put(changes).await);
    }
    let last: Commit = last.expect("there were commits");
    let loaded = load_snapshot(&*fixture.store()).await;
    assert_eq!((loaded.head, &loaded.state), (last.to, &last.state));
    assert_eq!((loaded.state.processed.count, loaded.processed_index.open_failures()), (12, 3));
    for n in 0..9 {
        for m in 0..4 {
            let contents = loaded.processed_index.is_done(&make_key(&format!("k{n}.{m}")), &Version::default());
            assert_eq!(contents, m < n % 4, "k{n}.{m}");
        }
    }
    let contents = fixture.contents().await;
    assert_eq!((contents.data.len(), contents.processed.len(), contents.runs.len()), (12, 12, 2));
    assert!(contents.runs.iter().all(|run| run.get("status").is_some_and(|word| word == "crashed")));
}

pub async fn versions_of_a_key_are_kept_apart(fixture: &dyn StoreFixture) {
    let mut writer = CommitWriter::open_initialized(fixture, "a").await;
    for version in ["1", "2"] {
        let settled = vec![make_done_item(&writer, "a", version)];
        writer.put(Changes { settled, ..Changes::default() }).await;
    }
    let book = load_snapshot(&*fixture.store()).await.processed_index;
    assert!(book.is_done(&make_key("a"), &Version("2".into())) && !book.is_done(&make_key("a"), &Version("3".into())));
    assert_eq!(StoreContents::column(&fixture.contents().await.processed, "version"), ["1", "2"]);
}

pub async fn a_version_is_done_as_often_as_it_was_not_taken_back(fixture: &dyn StoreFixture) {
    let mut writer = CommitWriter::open_initialized(fixture, "a").await;
    let forgotten = || ItemResult::Revoked { key: make_key("k"), version: Version("1".into()) };
    let both_guards = vec![make_done_item(&writer, "k", "1"), make_done_item(&writer, "k", "2")];
    writer.put(Changes { settled: both_guards, ..Changes::default() }).await;
    for round in 0..2 {
        writer.put(Changes { settled: vec![forgotten()], ..Changes::default() }).await;
        let loaded = load_snapshot(&*fixture.store()).await;
        assert_eq!((loaded.stored_checksum, loaded.anomalies.len()), (loaded.state.processed, 0), "round {round}");
        assert!(!loaded.processed_index.is_done(&make_key("k"), &Version("1".into())), "round {round}");
        assert!(loaded.processed_index.is_done(&make_key("k"), &Version("2".into())), "another version is left alone");
        let again = vec![make_done_item(&writer, "k", "1")];
        writer.put(Changes { settled: again, ..Changes::default() }).await;
        let loaded = load_snapshot(&*fixture.store()).await;
        assert!(loaded.processed_index.is_done(&make_key("k"), &Version("1".into())), "round {round}");
    }
}

pub async fn rows_that_are_taken_out_are_gone_and_no_others(fixture: &dyn StoreFixture) {
    let mut writer = CommitWriter::open_initialized(fixture, "a").await;
    let both_guards = vec![
        make_done_item(&writer, "k", "1"),
        make_done_item(&writer, "k", "2"),
        ItemResult::Failed(Box::new(make_failure("f", FailureState::Open))),
    ];
    writer.put(Changes { settled: both_guards, ..Changes::default() }).await;
    let contents = fixture.contents().await;
    let versions = StoreContents::column(&contents.processed, "version");
    let runs = [&contents.processed, &contents.failures].map(|rows| StoreContents::column(rows, "run"));
    let at = versions.iter().position(|version| version == "1").expect("it is there");
    let row = |at: usize| u32::try_from(at + 2).expect("few rows");
    let removal = |kind, row, hash| RowDeletion {
        kind,
        row,
        hash: Some(hash),
        key: None,
        history_loss: HistoryLoss::Nothing,
        bytes: 0,
    };
    let together = vec![
        removal(TabKind::Processed, row(at), hash_key_row(&["k", "1", "done", &runs[0][at]])),
        removal(
            TabKind::Failures,
            row(0),
            hash_failure_row(&Failure { order: read_run_cell(&runs[1][0]).1, ..make_failure("f", FailureState::Open) }),
        ),
    ];
    writer.put(Changes { settled: vec![ItemResult::Removed(together)], ..Changes::default() }).await;
    assert_eq!(writer.store.misplaced_writes().await, Ok(MisplacedWrites::default()));
    let loaded = load_snapshot(&*fixture.store()).await;
    assert_eq!((loaded.stored_checksum, loaded.anomalies.len()), (loaded.state.processed, 0));
    assert!(!loaded.processed_index.is_done(&make_key("k"), &Version("1".into())));
    assert!(loaded.processed_index.is_done(&make_key("k"), &Version("2".into())));
    assert_eq!(loaded.processed_index.open_failures(), 0);
    assert!(StoreContents::column(&fixture.contents().await.failures, "key").is_empty());
}

pub async fn a_failure_is_open_until_it_is_recovered(fixture: &dyn StoreFixture) {
    let mut writer = CommitWriter::open_initialized(fixture, "a").await;
    let open = make_failure("a", FailureState::Open);
    let settled = vec![ItemResult::Failed(Box::new(open.clone()))];
    writer.put(Changes { settled, ..Changes::default() }).await;
    let book = load_snapshot(&*fixture.store()).await.processed_index;
    let tried = book.prior_failure(&make_key("a")).expect("it is open");
    assert_eq!((book.open_failures(), tried.attempts), (1, 3));
    assert_eq!(tried.first_seen, open.first_seen);
    let closing = Box::new(Failure { state: FailureState::Recovered, payload: Vec::new(), ..open });
    let ItemResult::Done { key: of, version, may_have_rows: false, output, .. } = make_done_item(&writer, "a", "")
    else {
        panic!("it is done")
    };
    let settled = vec![ItemResult::Done { key: of, version, may_have_rows: false, output, closes: Some(closing) }];
    writer.put(Changes { settled, ..Changes::default() }).await;
    let book = load_snapshot(&*fixture.store()).await.processed_index;
    assert!(book.open_failures() == 0 && book.is_done(&make_key("a"), &Version::default()));
    assert_eq!(StoreContents::column(&fixture.contents().await.failures, "state"), ["open", "recovered"]);
}

pub async fn a_text_that_is_no_action_is_unknown_until_it_is_answered(fixture: &dyn StoreFixture) {
    let mut writer = CommitWriter::open_initialized(fixture, "a").await;
    let failures = ["a", "b"].map(|text| make_failure(text, FailureState::Exhausted));
    let settled = failures.iter().map(|failure| ItemResult::Failed(Box::new(failure.clone()))).collect();
    writer.put(Changes { settled, ..Changes::default() }).await;
    if !fixture.write_action("a", "do it again").await {
        return;
    }
    let prior =
        async |text: &str| load_snapshot(&*fixture.store()).await.processed_index.prior_failure(&make_key(text));
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
    let column = StoreContents::column(&fixture.contents().await.failures, "answered");
    assert_eq!(column, ["", "", "not understood: write retry or skip"]);
}

pub async fn a_column_comes_with_the_rows_that_need_it_and_only_once(fixture: &dyn StoreFixture) {
    let mut writer = CommitWriter::open_initialized(fixture, "a").await;
    writer.put(make_done_changes(&writer, &["before"])).await;
    let with_more = |writer: &CommitWriter, text: &str, columns: &[&str]| {
        let mut one = make_done_item(writer, text, "");
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
    assert!(is_refused_by_guard(&fixture.store().commit(&commit).await));
    let mut late = CommitWriter::open_at(fixture, "a", older).await;
    let stale = late.draft(with_more(&late, "stale", &["more"]));
    assert!(is_refused_by_guard(&late.store.commit(&stale).await));
    writer.put(with_more(&writer, "two", &[])).await;
    let loaded = load_snapshot(&*fixture.store()).await;
    let columns = ["id", "text", "more"].map(str::to_owned).to_vec();
    assert_eq!(loaded.data_tabs, [(fixture.tab().to_owned(), columns)]);
    assert!(loaded.anomalies.is_empty(), "{:?}", loaded.anomalies);
    let contents = fixture.contents().await;
    assert_eq!(StoreContents::column(&contents.data, "id"), ["before", "one", "two"]);
    assert_eq!(StoreContents::column(&contents.data, "more"), ["", "more of one", "more of two"]);
}

pub async fn hard_texts_survive(fixture: &dyn StoreFixture) {
    let mut writer = CommitWriter::open_initialized(fixture, "a").await;
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
    let commit = writer.put(make_done_changes(&writer, &hard)).await;
    let contents = fixture.contents().await;
    assert_eq!(StoreContents::column(&contents.data, "id"), hard);
    assert_eq!(StoreContents::column(&contents.processed, "key"), hard);
    let loaded = load_snapshot(&*fixture.store()).await;
    assert!(loaded.anomalies.is_empty(), "{:?}", loaded.anomalies);
    assert_eq!(loaded.state.processed, commit.state.processed);
    for text in hard {
        assert!(loaded.processed_index.is_done(&make_key(text), &Version::default()), "{text}");
    }
}
