//! Sources that change between the forecast of changes and the run.

use crate::test_job::ValueSource;
use futures_util::future::BoxFuture;
use serde_json::json;
use sheetkeep::ledger::runs::held_changes::Approval;
use sheetkeep::ledger::runs::run::RunStatus;
use sheetkeep::port::source::{Record, Source, SourceError};
use sheetkeep::runner::run_config::RunError;

use super::{ChangeLimitFixture, ITEM_COUNT, make_items, repeat_version};

/// A file that an exporter overwrites in place: the first readings show one content, later ones
/// another, with the same keys.
struct OverwrittenSource {
    before: ValueSource,
    after: ValueSource,
    /// Readings that are left before it is overwritten.
    readings_left: u32,
}

impl OverwrittenSource {
    fn current(&mut self) -> &mut ValueSource {
        if self.readings_left > 0 { &mut self.before } else { &mut self.after }
    }
}

impl Source for OverwrittenSource {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Record>, SourceError>> {
        self.current().next()
    }

    fn rewind(&mut self) -> Result<(), SourceError> {
        self.readings_left = self.readings_left.saturating_sub(1);
        self.current().rewind()
    }

    fn is_rereadable(&self) -> bool {
        true
    }

    fn progress(&self) -> Option<(u64, u64)> {
        None
    }
}

#[tokio::test(start_paused = true)]
async fn a_file_overwritten_after_the_forecast_changes_nothing_more() {
    // The forecast finds one change, which is within the limit; then all rows of the file differ.
    let job = ChangeLimitFixture::new(0).await;
    let mut before = make_items(ITEM_COUNT, 1);
    before[0] = json!({"id": "k0", "v": "2"});
    let mut after = make_items(ITEM_COUNT, 9);
    after[0] = json!({"id": "k0", "v": "2"});
    after.push(json!({"id": "new", "v": "1"}));
    // The survey, and the forecast.
    let source =
        OverwrittenSource { before: ValueSource::of(before), after: ValueSource::of(after.clone()), readings_left: 2 };
    let run = job.job(Approval::None);
    let ended = run.run_source(job.store(run.seed), Box::new(source)).await;
    let Err(RunError::Source { error, report }) = ended else { panic!("{ended:?}") };
    assert!(error.to_string().contains("it changed between two readings"), "{error}");
    assert_eq!(report.updated, 1, "what the forecast saw");
    let mut expected = repeat_version(ITEM_COUNT, 1);
    expected[0] = "2".into();
    assert_eq!(job.versions().await, expected);
    // The next run sees the file as it is now, and holds its changes.
    let held = job.run(&after, Approval::None).await;
    assert_eq!((held.run.status, held.updated, held.rows), (RunStatus::Degraded, 0, 1));
}

#[tokio::test(start_paused = true)]
async fn an_approval_covers_only_the_contents_that_were_shown() {
    let job = ChangeLimitFixture::new(0).await;
    let shown = job.run(&make_items(ITEM_COUNT, 2), Approval::None).await.held.expect("it is held").code;
    let (before, after) = (ValueSource::of(make_items(ITEM_COUNT, 2)), ValueSource::of(make_items(ITEM_COUNT, 3)));
    let source = OverwrittenSource { before, after, readings_left: 2 };
    let run = job.job(Approval::OfPlan(shown));
    let ended = run.run_source(job.store(run.seed), Box::new(source)).await;
    assert!(matches!(ended, Err(RunError::Source { .. })), "{ended:?}");
    assert_eq!(job.versions().await, repeat_version(ITEM_COUNT, 1));
    // The approved changes may still come.
    assert_eq!(job.run(&make_items(ITEM_COUNT, 2), Approval::None).await.updated, ITEM_COUNT as u64);
}
