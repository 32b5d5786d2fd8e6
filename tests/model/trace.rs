//! The trace to a broken state, one line per event.
//!
//! In scope: the text for the reader. Out of scope: finding the trace (`explore`).

use std::fmt::Write as _;

use sheetkeep::ledger::commit::commit_resolution::HeadStatus;
use sheetkeep::ledger::leases::head::HeadId;
use sheetkeep::store::guard::head_guard::BatchStep;

use crate::explore::{DELETES_NAME, DELETES_STATE, Event, Explorer, SendOutcome, SystemState};
use crate::service::{Draft, Writer, run_name};

impl Explorer {
    pub fn list_events(&self, last: usize) -> Vec<String> {
        let mut lines = Vec::new();
        let mut at = last;
        if let Some((event, system)) = &self.broken_step {
            lines.push(self.describe_event(&self.nodes[last].0, *event, system));
        }
        while at != 0 {
            let (system, parent, event) = self.nodes[at];
            lines.push(self.describe_event(&self.nodes[parent as usize].0, event, &system));
            at = parent as usize;
        }
        lines.reverse();
        lines
    }

    pub fn describe_event(&self, before: &SystemState, event: Event, after: &SystemState) -> String {
        let name = |who: usize| {
            let runner = &self.runners.all[before.runners[who] as usize];
            run_name((runner.who, runner.life))
        };
        let age = |n: usize| ["now", "as it was", "as it was before that"][n];
        let mut line = match event {
            Event::Begin => String::new(),
            Event::Load(who, [meta, state, keys]) => {
                format!("{} loads: head {}, state {}, keys {}", name(who), age(meta), age(state), age(keys))
            }
            Event::ReadHead(who, n) => format!("{} looks: head {}", name(who), age(n)),
            Event::Probe(who) => format!("{} probes", name(who)),
            Event::Send(who, outcome) => {
                let batch = self.batches_to_send[&before.runners[who]];
                format!("{} sends {}: {outcome:?}", name(who), self.describe_batch(batch))
            }
            Event::Crash(who) => format!("{} crashes; a new run begins", name(who)),
            Event::Deliver(batch) => format!("a copy of {} arrives", self.describe_batch(batch)),
            Event::Person(DELETES_NAME) => "a person deletes the named range".into(),
            Event::Person(DELETES_STATE) => "a person deletes the state tab".into(),
            Event::Person(_) => "a person's command commits".into(),
        };
        let sheet = &self.sheets.all[after.sheet_versions[0] as usize];
        let moved = before.sheet_versions[0] != after.sheet_versions[0];
        let answered = matches!(event, Event::Send(_, SendOutcome::Answered | SendOutcome::AnsweredAndDoubled));
        if !moved && (answered || matches!(event, Event::Deliver(_))) {
            line.push_str("  → refused");
        }
        if moved {
            let head = match sheet.find_head().0 {
                HeadStatus::At { head, fence } => format!("head {}, term {fence}", shorten_head(head)),
                gone => format!("{gone:?}"),
            };
            let key = |(key, by): &(u8, Writer)| format!(" {}({})", ["A", "B"][usize::from(*key)], run_name(*by));
            let _ = write!(line, "  → {head}, rows{}", sheet.rows.iter().map(key).collect::<String>());
        }
        line
    }

    pub fn describe_batch(&self, batch: u32) -> String {
        let batch = &self.batches.all[batch as usize];
        let Draft { from, to, kind, keys, release, .. } = &batch.draft;
        let from = from.map_or("nothing".into(), shorten_head);
        let keys = ["no key", "A", "B", "A and B"][usize::from(*keys)];
        let moves = batch.ops.iter().any(|op| matches!(op, BatchStep::AddStateTab { .. }));
        let location = if moves { "moving" } else { "in place" };
        let end = if *release { ", release" } else { "" };
        format!("{kind:?} {from}→{} with {keys} {location}{end}", shorten_head(*to))
    }
}

fn shorten_head(head: HeadId) -> String {
    format!("{}·{}", head.commit, head.nonce)
}
