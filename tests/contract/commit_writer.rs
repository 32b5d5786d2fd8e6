//! A writer of commits, as a run is one, but one commit at a time and under the control of a test.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sheetkeep::clock::Clock;
use sheetkeep::grid::{Cell, Row};
use sheetkeep::ledger::commit::changes::{Changes, Commit, CommitResult, ItemResult, NewTab};
use sheetkeep::ledger::commit::commit_chain::{CommitChain, CommitMetadata, NextAction};
use sheetkeep::ledger::commit::commit_machine::CommitEnd;
use sheetkeep::ledger::items::failure::{Failure, FailureState};
use sheetkeep::ledger::items::item::Output;
use sheetkeep::ledger::items::key::{Key, Version};
use sheetkeep::ledger::leases::lease::Holder;
use sheetkeep::ledger::runs::run::{Counts, Run, Trigger};
use sheetkeep::ledger::state::snapshot::{Definition, State};
use sheetkeep::port::store::Store;
use sheetkeep::rng::Rng;
use sheetkeep::runner::commit::commit_driver::CommitDriver;
use sheetkeep::system::SeededRng;
use sheetkeep::time::Timestamp;

use crate::contract::store_fixture::StoreFixture;

/// No two writers of a test process draw the same ids.
static SEEDS: AtomicU64 = AtomicU64::new(1_000);

/// A run that a test leads by hand.
pub struct CommitWriter {
    pub store: Arc<dyn Store>,
    pub chain: CommitChain,
    pub run: Run,
    pub tab: String,
    rng: SeededRng,
    clock: Arc<dyn Clock>,
}

impl CommitWriter {
    /// Loads, and continues at the end of the chain.
    pub async fn open(fixture: &dyn StoreFixture, who: &str) -> Self {
        let store = fixture.store();
        let loaded = store.load().await.expect("the store can be read");
        let run = make_run(fixture.job(), who);
        let me = Holder {
            installation: format!("install {who}"),
            run: run.id.clone(),
            host: format!("host {who}"),
            process: None,
        };
        let fresh = State {
            job: fixture.job().to_owned(),
            definition: Definition {
                spreadsheet: loaded.spreadsheet.clone(),
                tab: fixture.tab().to_owned(),
                mode: "append".to_owned(),
                key: ".id".to_owned(),
                hash: Definition::hash_parts("json", ".id", &["{id}".to_owned()]),
            },
            key_column: Some("id".to_owned()),
            timezone: Some("Europe/Berlin".to_owned()),
            alerts: Some("{\"late\":\"=1+1\"}".to_owned()),
            ..State::default()
        };
        let chain = CommitChain::new(loaded.snapshot.as_ref(), fresh, me);
        let rng = SeededRng::new(SEEDS.fetch_add(1, Ordering::Relaxed) << 20);
        Self { store, chain, run, tab: fixture.tab().to_owned(), rng, clock: fixture.clock() }
    }

    /// A writer at another commit of the chain than its store has seen.
    pub async fn open_at(fixture: &dyn StoreFixture, who: &str, chain: CommitChain) -> Self {
        Self { chain, ..Self::open(fixture, who).await }
    }

    /// A writer whose job exists, its guard proved and its data tab made.
    pub async fn open_initialized(fixture: &dyn StoreFixture, who: &str) -> Self {
        let mut writer = Self::open(fixture, who).await;
        writer.put(Changes::default()).await;
        let table = NewTab { tab: writer.tab.clone(), columns: vec!["id".to_owned(), "text".to_owned()] };
        writer.put(Changes { new_tabs: vec![table], ..Changes::default() }).await;
        writer
    }

    /// A draft, not sent.
    pub fn draft(&mut self, changes: Changes) -> Commit {
        self.draft_with_release(changes, false)
    }

    /// A draft that gives the lease back if `release`.
    pub fn draft_with_release(&mut self, changes: Changes, release: bool) -> Commit {
        let low_watermark = Some(format!("cursor {}", self.chain.draft_ids().base().map_or(0, |head| head.commit)));
        let terms = CommitMetadata {
            now: self.clock.now(),
            ttl_ms: 300_000,
            releases_lease: release,
            run: self.run.clone(),
            low_watermark,
        };
        self.chain.draft(self.rng.next_u64(), changes, &terms).expect("nothing is in doubt")
    }

    /// Sends a commit once.
    pub async fn send(&mut self, commit: &Commit) -> CommitResult {
        let reply = self.store.commit(commit).await;
        if reply == CommitResult::Applied {
            self.note_applied(commit);
        }
        reply
    }

    /// A commit was found to be on the store.
    pub fn note_applied(&mut self, commit: &Commit) {
        self.chain.on_end(commit, &CommitEnd::Applied(commit.to));
    }

    /// Drafts, sends and settles, and drafts anew where the service takes the first form of the
    /// guard for a refusal.
    pub async fn put(&mut self, changes: Changes) -> Commit {
        self.put_with_release(changes, false).await
    }

    /// As `put`, giving the lease back if `release`.
    pub async fn put_with_release(&mut self, changes: Changes, release: bool) -> Commit {
        loop {
            let commit = Arc::new(self.draft_with_release(changes.clone(), release));
            let settler = CommitDriver {
                store: Arc::clone(&self.store),
                clock: Arc::clone(&self.clock),
                events: Arc::new(|_| {}),
            };
            let ending = settler.drive_commit(Arc::clone(&commit), self.chain.draft_ids().clone()).await;
            match self.chain.on_end(&commit, &ending.end) {
                NextAction::Continue => return (*commit).clone(),
                NextAction::Redraft => {}
                other => panic!("a plain commit ended as {:?}, {other:?}: {}", ending.end, ending.error.why),
            }
        }
    }
}

/// A run of a job.
pub fn make_run(job: &str, who: &str) -> Run {
    Run {
        counts: Counts { read: 7, new: 1, skipped: 2, failed: 3, recovered: 4, retries: 5 },
        calls: 6,
        last_commit: 1,
        host: format!("host {who}"),
        version: "0".to_owned(),
        ..Run::new(
            format!("run {who}"),
            job.to_owned(),
            Trigger { kind: "test".to_owned(), run_key: None, scheduled_for: None },
            Timestamp(1_790_000_000_500),
        )
    }
}

/// A key.
pub fn make_key(text: &str) -> Key {
    Key::new(text).expect("a usable key")
}

/// An item that is done in a version, with one row.
pub fn make_done_item(writer: &CommitWriter, text: &str, version: &str) -> ItemResult {
    let row = Row {
        cells: vec![
            ("id".to_owned(), Cell::text(text)),
            ("text".to_owned(), Cell::text(format!("row of {text} {version}"))),
        ],
    };
    let output = Output::new(writer.tab.clone(), vec![row]);
    ItemResult::Done {
        key: make_key(text),
        version: Version(version.to_owned()),
        may_have_rows: false,
        output,
        closes: None,
    }
}

/// Items that are done.
pub fn make_done_changes(writer: &CommitWriter, keys: &[&str]) -> Changes {
    Changes { settled: keys.iter().map(|text| make_done_item(writer, text, "")).collect(), ..Changes::default() }
}

/// An item that failed.
pub fn make_failure(text: &str, state: FailureState) -> Failure {
    Failure {
        key: make_key(text),
        version: Version::default(),
        step: "step".to_owned(),
        error: "it is bad".to_owned(),
        attempts: 3,
        first_seen: Timestamp(1_790_000_001_000),
        last_seen: Timestamp(1_790_000_002_000),
        run: "run a".to_owned(),
        order: None,
        state,
        answered: None,
        position: "feed:1 (record 1)".to_owned(),
        payload: vec!["{\"id\":\"=1+1\"}".to_owned(), "second cell".to_owned()],
        has_whole_record: true,
    }
}
