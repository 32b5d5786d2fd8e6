//! The consistency check of a job's data tab and Processed, and its repairs. The check writes
//! nothing.
//!
//! In scope: reading until no run writes meanwhile, findings with their keys, a repair as prepared
//! changes. Out of scope: the comparison (`ledger::processed::consistency`), reading
//! (`store::scan::scanner`), writing the changes (`app::single_run`).

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use crate::app::connect::SheetFile;
use crate::app::error::AppError;
use crate::app::inspect::fsck_report::{Discrepancy, DiscrepancyKind, EditedRows, FsckReport, Repair};
use crate::app::inspect::listing::open_store;
use crate::clock::Clock;
use crate::config::settings::Settings;
use crate::ledger::commit::changes::ItemResult;
use crate::ledger::items::item::Output;
use crate::ledger::items::key::{Key, Version};
use crate::ledger::items::write_mode::{ReprocessPolicy, WriteMode};
use crate::ledger::leases::head::HeadId;
use crate::ledger::processed::consistency::{ConsistencyCheck, Inconsistencies, RowDigest};
use crate::ledger::rows::row_codec::REVOCATION_STATE;
use crate::port::step::KeyFinder;
use crate::rng::Rng;
use crate::runner::run_config::{PreparedChanges, RunError};
use crate::store::scan::scanner::{IndexRetention, ScanScope, ScanSummary, ScannedRow};
use crate::store::spreadsheet::store::SheetsStore;
use crate::store::tabs::load_plan::{MissingTabPolicy, list_missing_tabs};
use crate::store::tabs::schema::Tab;

/// Reads before a concurrent run counts as busy.
const MAX_SCANS: u32 = 3;
/// Findings of one kind that are listed.
pub const MAX_LISTED: usize = 20;

/// Checks every row.
pub async fn check(settings: &Settings, clock: Arc<dyn Clock>, rng: Arc<dyn Rng>) -> Result<FsckReport, AppError> {
    let (store, file) = open_store_for_check(settings, clock, &rng)?;
    file.check(check_rows(&store, settings).await)
}

async fn check_rows(store: &SheetsStore, settings: &Settings) -> Result<FsckReport, AppError> {
    let (surveyed, found) = scan_until_steady(store, settings).await?;
    let mut findings = Vec::new();
    let processed = surveyed.tabs.processed.clone().unwrap_or_default();
    let data = surveyed.tabs.data.clone().unwrap_or_default();
    let key = surveyed.snapshot.state.key_column.clone().unwrap_or_default();
    let sorts: [(DiscrepancyKind, &Tab, &str, CappedFindings); 4] = [
        (DiscrepancyKind::Missing, &processed, "key", cap_single_rows(&found.missing)),
        (DiscrepancyKind::DuplicateRows, &data, &key, cap_row_groups(&found.doubled)),
        (DiscrepancyKind::UnknownRow, &data, &key, cap_single_rows(&found.strange)),
        (DiscrepancyKind::ProcessedTwice, &processed, "key", cap_row_groups(&found.twice)),
    ];
    let mut counts = Vec::new();
    for (what, tab, column, (count, rows)) in sorts {
        counts.push((what, count));
        let firsts: Vec<u32> = rows.iter().filter_map(|(_, rows)| rows.first().copied()).collect();
        let texts = store.read_texts(tab, column, &firsts).await?;
        let listed = rows.into_iter().zip(texts).map(|((key, rows), text)| {
            // The text is read by position after the scan, so another key may be there by now.
            let key = Some(text).filter(|text| RowDigest::from_key(text) == key);
            Discrepancy { what, key, tab: tab.title.clone(), rows }
        });
        findings.extend(listed);
    }
    let anomalies = surveyed.snapshot.anomalies.iter().map(|anomaly| anomaly.message.clone()).collect();
    let (expected, actual) = (surveyed.snapshot.stored_checksum, surveyed.snapshot.state.processed);
    // A deletion that a run has noticed stays a finding until its keys are processed again.
    let to_reprocess = &surveyed.snapshot.state.keys_to_reprocess;
    let written =
        expected.count.max(actual.count.saturating_add(to_reprocess.count_keys()).saturating_add(to_reprocess.unknown));
    let edited = (expected != actual || !to_reprocess.is_empty()).then(|| EditedRows {
        tab: processed.title.clone(),
        written,
        found: actual.count,
    });
    let missing_tabs = list_missing_tabs(&settings.job, &surveyed.tabs);
    Ok(FsckReport {
        missing_tabs,
        keys: found.keys,
        rows: found.rows,
        keyless: found.keyless,
        edited,
        counts,
        findings,
        anomalies,
    })
}

/// The number of findings of a kind, and the first of them by row.
type CappedFindings = (u64, Vec<(RowDigest, Vec<u32>)>);

fn cap_single_rows(rows: &[(RowDigest, u32)]) -> CappedFindings {
    let mut first: Vec<_> = rows.iter().map(|(key, row)| (*row, *key)).collect();
    first.sort_unstable();
    (rows.len() as u64, first.into_iter().take(MAX_LISTED).map(|(row, key)| (key, vec![row])).collect())
}

fn cap_row_groups(rows: &[(RowDigest, Vec<u32>)]) -> CappedFindings {
    let mut first: Vec<_> = rows.iter().collect();
    first.sort_unstable_by_key(|(_, rows)| rows.first());
    (rows.len() as u64, first.into_iter().take(MAX_LISTED).cloned().collect())
}

/// Returns the changes of a repair; an error if it can't be prepared.
pub async fn prepare_repair(
    settings: &Settings,
    repair: Repair,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
) -> Result<PreparedChanges, AppError> {
    let (store, file) = open_store_for_check(settings, clock, &rng)?;
    file.check(prepare_repair_in(&store, settings, repair).await)
}

async fn prepare_repair_in(
    store: &SheetsStore,
    settings: &Settings,
    repair: Repair,
) -> Result<PreparedChanges, AppError> {
    for _ in 0..MAX_SCANS {
        let (surveyed, found) = scan_until_steady(store, settings).await?;
        let from = surveyed.snapshot.head;
        let settled = match repair {
            Repair::Tabs => Some(Vec::new()),
            Repair::Reprocess => make_revoking_rows(store, settings, from, &collect_keys(&found.missing)).await?,
            Repair::Accept => make_accepting_rows(store, settings, from, &collect_keys(&found.strange)).await?,
        };
        if let Some(settled) = settled {
            return Ok(PreparedChanges { from: Some(from), settled });
        }
    }
    Err(AppError::Run(RunError::SheetChanged))
}

/// Returns whether unknown rows may count as done. They may not where each version has a row of its
/// own. An accepted key would get another row as soon as the source yields it with its version.
pub fn can_accept(settings: &Settings) -> bool {
    settings.mode == WriteMode::Upsert || settings.version.is_none()
}

/// Opens the job's store for a check that has to read on where tabs are missing.
fn open_store_for_check(
    settings: &Settings,
    clock: Arc<dyn Clock>,
    rng: &Arc<dyn Rng>,
) -> Result<(SheetsStore, SheetFile), AppError> {
    let (store, file) = open_store(settings, clock, rng)?;
    Ok((store.with_missing_tabs(MissingTabPolicy::Recreate), file))
}

fn collect_keys(rows: &[(RowDigest, u32)]) -> HashSet<RowDigest> {
    rows.iter().map(|(key, _)| *key).collect()
}

/// Reads until no run writes meanwhile.
async fn scan_until_steady(
    store: &SheetsStore,
    settings: &Settings,
) -> Result<(ScanSummary, Inconsistencies), AppError> {
    for _ in 0..MAX_SCANS {
        let mut audit = ConsistencyCheck::default();
        let mut on_row = |row: ScannedRow<'_>| match row {
            ScannedRow::Processed { key, version, state, row, .. } => {
                let (key, version) =
                    (RowDigest::from_key(key), ReprocessPolicy::EachVersion.version_hash(&Version(version.to_owned())));
                if state == REVOCATION_STATE {
                    audit.add_revocation(key, version);
                } else {
                    audit.add_done(key, version, row);
                }
            }
            ScannedRow::Predecessor { key, version, state, .. } => {
                let (key, version) =
                    (RowDigest::from_key(key), ReprocessPolicy::EachVersion.version_hash(&Version(version.to_owned())));
                if state == REVOCATION_STATE {
                    audit.add_revocation(key, version);
                } else {
                    audit.add_earlier(key, version);
                }
            }
            ScannedRow::Data { key: "", .. } => audit.add_keyless(),
            ScannedRow::Data { row, key, cells } => audit.add_data(RowDigest::from_key(key), cells, row),
            ScannedRow::Failure { .. } | ScannedRow::Run { .. } => {}
        };
        let wanted = ScanScope {
            reads_data: true,
            reads_predecessors: true,
            processed_index: IndexRetention::Drop,
            ..ScanScope::default()
        };
        let surveyed = store.scan(wanted, &mut on_row).await?;
        let surveyed = surveyed.ok_or(AppError::NeverRan)?;
        if surveyed.is_consistent {
            return Ok((surveyed, audit.finish(settings.mode, settings.reprocess_policy == ReprocessPolicy::OnChange)));
        }
    }
    Err(AppError::Run(RunError::SheetChanged))
}

/// Returns a row that revokes each done row of these keys; `None` if a run committed meanwhile.
async fn make_revoking_rows(
    store: &SheetsStore,
    settings: &Settings,
    from: HeadId,
    keys: &HashSet<RowDigest>,
) -> Result<Option<Vec<ItemResult>>, AppError> {
    let mut due: BTreeMap<(Key, String), i64> = BTreeMap::new();
    let mut on_row = |row: ScannedRow<'_>| {
        let (ScannedRow::Processed { key, version, state, .. } | ScannedRow::Predecessor { key, version, state, .. }) =
            row
        else {
            return;
        };
        if !keys.contains(&RowDigest::from_key(key)) {
            return;
        }
        if let Ok(key) = Key::new(key) {
            *due.entry((key, version.to_owned())).or_default() += if state == REVOCATION_STATE { -1 } else { 1 };
        }
    };
    let surveyed = store
        .scan(
            ScanScope { reads_predecessors: true, processed_index: IndexRetention::Drop, ..ScanScope::default() },
            &mut on_row,
        )
        .await?;
    let settled = due.into_iter().flat_map(|((key, version), times)| {
        let one = ItemResult::Revoked { key, version: Version(version) };
        std::iter::repeat_n(one, usize::try_from(times).unwrap_or_default())
    });
    let settled: Vec<_> = settled.collect();
    tracing::debug!(
        event = "fsck.rows_counted",
        job = settings.job,
        keys = keys.len(),
        rows = settled.len(),
        "rows that are to be forgotten"
    );
    let is_unchanged = surveyed.is_some_and(|surveyed| surveyed.is_consistent && surveyed.snapshot.head == from);
    Ok(is_unchanged.then_some(settled))
}

/// Returns a row that records each of these keys as done; `None` if a run committed meanwhile.
async fn make_accepting_rows(
    store: &SheetsStore,
    settings: &Settings,
    from: HeadId,
    keys: &HashSet<RowDigest>,
) -> Result<Option<Vec<ItemResult>>, AppError> {
    let (mut found, mut seen) = (Vec::new(), HashSet::new());
    let mut on_row = |row: ScannedRow<'_>| {
        let ScannedRow::Data { key, .. } = row else { return };
        let print = RowDigest::from_key(key);
        if keys.contains(&print) && seen.insert(print) {
            found.extend(Key::new(key));
        }
    };
    let surveyed = store
        .scan(
            ScanScope { reads_data: true, processed_index: IndexRetention::Drop, ..ScanScope::default() },
            &mut on_row,
        )
        .await?;
    let is_unchanged = surveyed.is_some_and(|surveyed| surveyed.is_consistent && surveyed.snapshot.head == from);
    let versions = find_source_versions(settings, keys).await?;
    let done = |key: Key| {
        let version = versions.get(&RowDigest::from_key(key.as_str())).cloned().unwrap_or_default();
        ItemResult::Done { key, version, may_have_rows: true, output: Output::default(), closes: None }
    };
    Ok(is_unchanged.then(|| found.into_iter().map(done).collect()))
}

/// Returns the version in which the source yields each key today, which is the one to accept. Empty
/// for a source that can be read only once.
async fn find_source_versions(
    settings: &Settings,
    keys: &HashSet<RowDigest>,
) -> Result<HashMap<RowDigest, Version>, AppError> {
    let mut found = HashMap::new();
    let mut source = settings.open_source().map_err(AppError::Source)?;
    if keys.is_empty() || !source.is_rereadable() {
        return Ok(found);
    }
    let key_finder = settings.make_key_finder();
    while let Some(record) = source.next().await.map_err(AppError::Source)? {
        let Ok(body) = record.body else { continue };
        let Ok((key, version)) = key_finder.identify(&body).await else { continue };
        let print = RowDigest::from_key(key.as_str());
        if keys.contains(&print) {
            found.insert(print, version);
        }
    }
    Ok(found)
}
