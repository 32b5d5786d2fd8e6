//! The state as pairs of name and text, in both directions, for any store that keeps it where users
//! can see it.
//!
//! In scope: field names, the schema version, decoding fields that users may have edited. Decoding
//! never aborts: it returns a state, or a sentence with the reason.
//! Out of scope: rows (`ledger::rows::row_codec`), and the place of the tab (`store`).

use std::collections::HashMap;
use std::hash::BuildHasher;

use serde_json::Value;

use crate::items::key::{Key, Version};
use crate::leases::head::HeadId;
use crate::leases::lease::{Fence, Holder, Lease};
use crate::processed::key_sums::KeySums;
use crate::processed::keys_to_reprocess::KeysToReprocess;
use crate::processed::row_gaps::GapKeys;
use crate::processed::suppressed_failures::SuppressedFailureCounts;
use crate::runs::filled_fields::FillShares;
use crate::runs::held_changes::HeldPlan;
use crate::runs::reported_messages::ReportedMessages;
use crate::runs::run::{Counts, Run, Trigger};
use crate::runs::schedule_history::ScheduleHistory;
use crate::state::snapshot::{Definition, RowChecksum, SCHEMA, State};
use crate::values::columns::{MAX_CELL_UNITS, deduplicate_headers, trim_header};
use sheetkeep_base::time::Timestamp;

/// Encodes the state as pairs of name and text, in reading order.
pub fn encode_state(state: &State) -> Vec<(String, String)> {
    let lease = &state.lease;
    let holder = lease.holder.clone().unwrap_or_default();
    let optional = |text: &Option<String>| text.clone().unwrap_or_default();
    let mut pairs: Vec<(&str, String)> = vec![
        ("schema", SCHEMA.to_string()),
        ("job", state.job.clone()),
        ("head", state.head.map(|head| head.to_string()).unwrap_or_default()),
        ("fence", lease.fence.to_string()),
        ("holder install", holder.installation),
        ("holder run", holder.run),
        ("holder host", holder.host),
        ("holder process", holder.process.map(|process| process.to_string()).unwrap_or_default()),
        ("lease since", lease.since.to_string()),
        ("lease until", lease.until.to_string()),
        ("processed count", state.processed.count.to_string()),
        ("processed sum", state.processed.sum.to_string()),
        ("cursor", optional(&state.low_watermark)),
        ("spreadsheet", state.definition.spreadsheet.clone()),
        ("tab", state.definition.tab.clone()),
        ("mode", state.definition.mode.clone()),
        ("key", state.definition.key.clone()),
        ("definition", state.definition.hash.clone()),
        ("key column", optional(&state.key_column)),
        ("columns", encode_columns(&state.columns)),
        ("columns deleted", encode_columns(&state.deleted_columns)),
        ("timezone", optional(&state.timezone)),
        ("alerts", optional(&state.alerts)),
        ("failures again", state.suppressed_failures.text()),
        ("begun", encode_begun_versions(&state.start_markers)),
        ("forced", state.reprocess_runs.join(" ")),
        ("previous spreadsheets", state.predecessors.join(" ")),
        ("next spreadsheet", optional(&state.successor)),
    ];
    // Rarely used fields get a row only if they are set.
    pairs.extend(state.key_sums.map(|sums| ("processed keys", sums.text())));
    pairs.extend((!state.keys_to_reprocess.is_empty()).then(|| ("to do again", state.keys_to_reprocess.text())));
    pairs.extend(state.gaps.any_key_before_commit.map(|commit| ("pruned by commit", commit.to_string())));
    pairs.extend(state.gaps.text().map(|keys| ("pruned keys", keys)));
    pairs.extend(state.schedule.as_ref().map(|history| ("schedule", history.text())));
    pairs.extend(state.field_fill_shares.text().map(|shares| ("fields filled", shares)));
    pairs.extend(state.warnings.text().map(|hashes| ("warnings reported", hashes)));
    pairs.extend(state.held.as_ref().map(|plan| ("held", plan.text())));
    pairs.extend(state.answered_cells.text().map(|cells| ("cells answered", cells)));
    if let Some(run) = &state.run {
        pairs.extend(run_pairs(run));
    }
    pairs.into_iter().map(|(name, text)| (name.to_owned(), text)).collect()
}

/// Returns the job's own columns that fit into a cell of the state. In wider tabs the others are
/// recognised by their headers only.
pub fn limit_columns(columns: &[String]) -> &[String] {
    let mut units = 2;
    let fits = |name: &&String| {
        units += Value::from(name.as_str()).to_string().encode_utf16().count() + 1;
        units <= MAX_CELL_UNITS
    };
    let count = columns.iter().take_while(fits).count();
    columns.get(..count).unwrap_or_default()
}

fn encode_columns(columns: &[String]) -> String {
    let columns = limit_columns(columns);
    if columns.is_empty() { String::new() } else { Value::from(columns).to_string() }
}

fn encode_begun_versions(begun: &[(Key, Version)]) -> String {
    let pairs: Vec<_> = begun.iter().map(|(key, version)| [key.as_str(), version.0.as_str()]).collect();
    if pairs.is_empty() { String::new() } else { serde_json::json!(pairs).to_string() }
}

fn read_begun(text: &str) -> Vec<(Key, Version)> {
    let pairs: Vec<(String, String)> = serde_json::from_str(text).unwrap_or_default();
    pairs.into_iter().filter_map(|(key, version)| Some((Key::new(&key).ok()?, Version(version)))).collect()
}

fn run_pairs(run: &Run) -> Vec<(&'static str, String)> {
    vec![
        ("run", run.id.clone()),
        ("run key", run.trigger.run_key.clone().unwrap_or_default()),
        ("run trigger", run.trigger.kind.clone()),
        ("run scheduled", run.trigger.scheduled_for.map(|at| at.to_string()).unwrap_or_default()),
        ("run started", run.started.to_string()),
        ("run read", run.counts.read.to_string()),
        ("run new", run.counts.new.to_string()),
        ("run skipped", run.counts.skipped.to_string()),
        ("run failed", run.counts.failed.to_string()),
        ("run recovered", run.counts.recovered.to_string()),
        ("run retries", run.counts.retries.to_string()),
        ("run calls", run.calls.to_string()),
        ("run first commit", run.first_commit.to_string()),
        ("run last commit", run.last_commit.to_string()),
        ("run host", run.host.clone()),
        ("run version", run.version.clone()),
    ]
}

/// Why a state can't be decoded; each reason blocks the run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// A newer version of this tool wrote it.
    #[error(
        "the state has schema {found}, and this version of sheetkeep reads schemas up to {SCHEMA}: use a newer sheetkeep"
    )]
    Newer {
        /// The schema version found.
        found: u32,
    },
    /// A field is missing or unreadable.
    #[error(
        "a person edited the hidden state tab of the job: its field \"{name}\" reads \"{found}\", which is not {expected}; restore an earlier version: File > Version history"
    )]
    Field {
        /// The name of the field.
        name: &'static str,
        /// The text that the field has in the state tab.
        found: String,
        /// The expected kind of value.
        expected: &'static str,
    },
}

/// Decodes a state. Unknown fields are ignored; a missing one counts as empty.
pub fn read_state<S: BuildHasher>(pairs: &HashMap<String, String, S>) -> Result<State, StateError> {
    let fields = Fields(&|name| pairs.get(name).map_or("", String::as_str));
    let schema = fields.number("schema")?;
    if schema > u64::from(SCHEMA) {
        return Err(StateError::Newer { found: u32::try_from(schema).unwrap_or(u32::MAX) });
    }
    let head: HeadId = fields.text("head").parse().map_err(|_| fields.make_error("head", "a head id"))?;
    let holder = Holder {
        installation: fields.text("holder install").to_owned(),
        run: fields.text("holder run").to_owned(),
        host: fields.text("holder host").to_owned(),
        // Absent in states of an earlier version, and invalid after a manual edit: then it is
        // unknown.
        process: fields.text("holder process").parse().ok(),
    };
    let lease = Lease {
        fence: Fence(fields.number("fence")?),
        holder: Some(holder).filter(|holder| !holder.run.is_empty()),
        since: fields.timestamp("lease since")?,
        until: fields.timestamp("lease until")?,
    };
    let definition = Definition {
        spreadsheet: fields.text("spreadsheet").to_owned(),
        tab: fields.text("tab").to_owned(),
        mode: fields.text("mode").to_owned(),
        key: fields.text("key").to_owned(),
        hash: fields.text("definition").to_owned(),
    };
    Ok(State {
        job: fields.text("job").to_owned(),
        head: Some(head),
        lease,
        processed: RowChecksum { count: fields.number("processed count")?, sum: fields.number("processed sum")? },
        low_watermark: fields.optional_text("cursor"),
        definition,
        key_column: fields.optional_text("key column").map(|name| trim_header(&name).to_owned()),
        columns: deduplicate_headers(serde_json::from_str(fields.text("columns")).unwrap_or_default()),
        deleted_columns: deduplicate_headers(serde_json::from_str(fields.text("columns deleted")).unwrap_or_default()),
        timezone: fields.optional_text("timezone"),
        run: read_run(&fields)?,
        alerts: fields.optional_text("alerts"),
        suppressed_failures: SuppressedFailureCounts::read(fields.text("failures again")),
        start_markers: read_begun(fields.text("begun")),
        reprocess_runs: fields.split_text("forced"),
        key_sums: KeySums::read(fields.text("processed keys")),
        keys_to_reprocess: KeysToReprocess::read(fields.text("to do again")),
        gaps: GapKeys::read(fields.text("pruned keys"), fields.text("pruned by commit").parse().ok()),
        schedule: ScheduleHistory::read(fields.text("schedule"))
            .map_err(|_| fields.make_error("schedule", "the history of a schedule"))?,
        field_fill_shares: FillShares::read(fields.text("fields filled")),
        warnings: ReportedMessages::read(fields.text("warnings reported")),
        held: HeldPlan::read(fields.text("held")),
        answered_cells: ReportedMessages::read(fields.text("cells answered")),
        predecessors: fields.split_text("previous spreadsheets"),
        successor: fields.optional_text("next spreadsheet"),
    })
}

fn read_run(fields: &Fields<'_>) -> Result<Option<Run>, StateError> {
    if fields.text("run").is_empty() {
        return Ok(None);
    }
    let counts = Counts {
        read: fields.number("run read")?,
        new: fields.number("run new")?,
        skipped: fields.number("run skipped")?,
        failed: fields.number("run failed")?,
        recovered: fields.number("run recovered")?,
        retries: fields.number("run retries")?,
    };
    let trigger = Trigger {
        kind: fields.text("run trigger").to_owned(),
        run_key: fields.optional_text("run key"),
        scheduled_for: Timestamp::parse(fields.text("run scheduled")),
    };
    Ok(Some(Run {
        counts,
        calls: fields.number("run calls")?,
        first_commit: fields.number("run first commit")?,
        last_commit: fields.number("run last commit")?,
        host: fields.text("run host").to_owned(),
        version: fields.text("run version").to_owned(),
        ..Run::new(
            fields.text("run").to_owned(),
            fields.text("job").to_owned(),
            trigger,
            fields.timestamp("run started")?,
        )
    }))
}

/// Looks up the text of a field, empty if it is absent.
struct Fields<'a>(&'a dyn Fn(&str) -> &'a str);

impl<'a> Fields<'a> {
    fn text(&self, name: &str) -> &'a str {
        (self.0)(name)
    }

    fn optional_text(&self, name: &str) -> Option<String> {
        Some(self.text(name)).filter(|text| !text.is_empty()).map(str::to_owned)
    }

    fn split_text(&self, name: &str) -> Vec<String> {
        self.text(name).split_whitespace().map(str::to_owned).collect()
    }

    fn number(&self, name: &'static str) -> Result<u64, StateError> {
        self.text(name).parse().map_err(|_| self.make_error(name, "a whole number"))
    }

    fn timestamp(&self, name: &'static str) -> Result<Timestamp, StateError> {
        Timestamp::parse(self.text(name)).ok_or_else(|| self.make_error(name, "a moment"))
    }

    fn make_error(&self, name: &'static str, expected: &'static str) -> StateError {
        StateError::Field { name, found: self.text(name).chars().take(60).collect(), expected }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::leases::process_id::ProcessId;

    fn state() -> State {
        let process = ProcessId { boot: "b1".into(), namespace: "4026531836".into(), number: 7, started: 99 };
        let holder = Holder { installation: "i1".into(), run: "r1".into(), host: "h1".into(), process: Some(process) };
        State {
            job: "quakes".into(),
            head: Some(HeadId { commit: 12, nonce: 34 }),
            lease: Lease { fence: Fence(3), holder: Some(holder), since: Timestamp(1_000), until: Timestamp(301_000) },
            processed: RowChecksum { count: 5, sum: u64::MAX },
            low_watermark: Some("page 7".into()),
            definition: Definition { tab: "Quakes".into(), key: ".id".into(), ..Definition::default() },
            columns: vec!["id".into(), "a \"b\"".into()],
            gaps: GapKeys::read("0123456789ab", Some(11)),
            key_sums: Some(KeySums::default()),
            keys_to_reprocess: KeysToReprocess::read("0123456789ab:12 ?:3"),
            deleted_columns: vec!["a \"b\"".into()],
            key_column: Some("id".into()),
            timezone: Some("Europe/Berlin".into()),
            run: Some(Run {
                counts: Counts { read: 1, new: 2, skipped: 3, failed: 4, recovered: 5, retries: 6 },
                calls: 7,
                first_commit: 8,
                last_commit: 9,
                host: "h1".into(),
                version: "0.1.0".into(),
                ..Run::new(
                    "r1".into(),
                    "quakes".into(),
                    Trigger { kind: "cli".into(), run_key: None, scheduled_for: Some(Timestamp(5)) },
                    Timestamp(999),
                )
            }),
            field_fill_shares: FillShares::read("{\"note\":12}"),
            warnings: ReportedMessages::read("0123abcd fedc4321"),
            held: Some(HeldPlan { answered: "TRUE".into(), ..HeldPlan::default() }),
            answered_cells: ReportedMessages::from_messages(&["\"soon\" in silence until".to_owned()]),
            alerts: None,
            schedule: Some(ScheduleHistory { settled_until: Some(Timestamp(5)), ..ScheduleHistory::default() }),
            suppressed_failures: SuppressedFailureCounts::read("00000000002a:3"),
            reprocess_runs: vec!["r0".into(), "r1".into()],
            predecessors: vec!["1Second".into(), "1First".into()],
            successor: Some("1Fourth".into()),
            start_markers: vec![(Key::new("a \"b\"").expect("a key"), Version("7".into()))],
        }
    }

    #[test]
    fn a_state_reads_back_as_it_was_written() {
        let pairs: HashMap<_, _> = encode_state(&state()).into_iter().collect();
        assert_eq!(read_state(&pairs), Ok(state()));
    }

    #[test]
    fn of_too_many_columns_the_first_are_remembered_and_fit() {
        for name in ["plain", "\u{1}\"😀"] {
            let columns: Vec<String> = (0..9_000).map(|n| format!("{name} {n}")).collect();
            let kept = limit_columns(&columns);
            assert!(kept.len() < columns.len() && kept == &columns[..kept.len()]);
            let text = encode_columns(&columns);
            assert!((MAX_CELL_UNITS - 60..=MAX_CELL_UNITS).contains(&text.encode_utf16().count()));
            assert_eq!(serde_json::from_str::<Vec<String>>(&text).expect("a list"), kept);
        }
        assert_eq!(limit_columns(&["a".to_owned()]).len(), 1);
    }

    #[test]
    fn a_state_of_a_newer_tool_is_refused_and_not_guessed_at() {
        let mut pairs: HashMap<_, _> = encode_state(&state()).into_iter().collect();
        pairs.insert("schema".into(), "2".into());
        assert_eq!(read_state(&pairs), Err(StateError::Newer { found: 2 }));
    }

    proptest! {
        #[test]
        fn invariant_6_reading_an_edited_state_never_fails_hard(at in 0_usize..41, text in ".{0,30}") {
            let mut pairs = encode_state(&state());
            let n = at % pairs.len();
            pairs[n].1 = text;
            let _ = read_state(&pairs.into_iter().collect::<HashMap<_, _>>());
        }
    }
}
