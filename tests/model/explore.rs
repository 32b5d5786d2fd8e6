//! The explorer: every order in which runners, network, crashes and users may act, within bounds,
//! each state once.
//!
//! In scope: the search, and the shortest trace to a broken state. Out of scope: the possible next
//! steps (`successors`), what a runner does (`session`) and what a batch does (`service`).
//!
//! Four reductions, none of which loses a behaviour:
//! - A load and a read of the head are one step each although they are several calls. What a call
//!   read earlier is what a stale call reads now, and every range may be stale by itself.
//! - Sending and receiving the response are one step if the response arrives. Whatever happens
//!   between them may as well happen before or after.
//! - A batch that never arrives is one that stays in flight for ever.
//! - A copy whose tab or named range is gone for good is dropped, because the service will refuse
//!   it whenever it arrives.

use sheetkeep::fault::Fault;
use sheetkeep::ledger::commit::changes::{CommitPart, CommitResult};
use sheetkeep::store::guard::guard_kind::GuardSupport;

use crate::interning::{Interned, QuickMap, QuickSet};
use crate::mutations::Rules;
use crate::service::{Batch, Behaviour, Sheet};
use crate::session::{Runner, Stage};

/// Number of versions that a stale read may return, the current one included.
pub const SHEET_VERSIONS: usize = 3;
/// Copies in flight at once.
pub const MAX_IN_FLIGHT: usize = 4;
pub const NO_BATCH: u32 = u32::MAX;

/// A user deletes the named range.
pub const DELETES_NAME: u8 = 1;
/// A user deletes the state tab.
pub const DELETES_STATE: u8 = 2;
/// A user's command commits in between, in the same term.
pub const USER_COMMITS: u8 = 4;

/// The bounds of one exploration.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    pub runners: usize,
    /// Batches sent by all runners together.
    pub sends: u8,
    /// Responses lost, batches delayed or doubled.
    pub faults: u8,
    /// Reads with anything stale in them.
    pub stale_reads: u8,
    pub crashes: u8,
    /// What users may do, each once; of the two deletions only one.
    pub user_edits: u8,
}

/// The result of an exploration.
pub struct Report {
    pub states: usize,
    pub transitions: usize,
    pub depth: u32,
    /// States in which every runner ended well.
    pub finished: usize,
    pub broken: Option<BrokenInvariant>,
}

/// A broken invariant and the shortest trace to it.
pub struct BrokenInvariant {
    pub what: String,
    pub trace: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SystemState {
    pub sheet_versions: [u32; SHEET_VERSIONS],
    pub runners: [u32; 2],
    pub in_flight: [u32; MAX_IN_FLIGHT],
    pub sends: u8,
    pub faults: u8,
    pub stale_reads: u8,
    pub crashes: u8,
    pub user_edits: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendOutcome {
    Answered,
    AnsweredAndDoubled,
    Delayed,
    DelayedAndDoubled,
    NotExecuted,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    Begin,
    Load(usize, [usize; 3]),
    ReadHead(usize, usize),
    Probe(usize),
    Send(usize, SendOutcome),
    Crash(usize),
    Deliver(u32),
    Person(u8),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CallResultId {
    Loaded([u32; 3]),
    HeadRead(u32),
    Probed(bool),
    Replied(u8),
}

pub type ProvenTab = Option<(i32, GuardSupport)>;

/// One exploration.
pub struct Explorer {
    pub behaviour: Behaviour,
    pub rules: Rules,
    pub bounds: Bounds,
    pub sheets: Interned<Sheet>,
    pub runners: Interned<Runner>,
    pub batches: Interned<Batch>,
    pub step_results: QuickMap<(u32, CallResultId), Option<(u32, ProvenTab)>>,
    pub usable_loads: QuickMap<[u32; 3], bool>,
    pub applied_batches: QuickMap<(u32, u32), Result<u32, CommitPart>>,
    pub dead_batches: QuickMap<(u32, u32), bool>,
    pub batches_to_send: QuickMap<u32, u32>,
    pub recovery_checked: QuickSet<u32>,
    pub end_checked: QuickSet<(u32, u32)>,
    pub nodes: Vec<(SystemState, u32, Event)>,
    pub searched_text: &'static str,
    pub broken: Option<String>,
    pub broken_step: Option<(Event, SystemState)>,
}

pub fn decode_reply(n: u8) -> CommitResult {
    let refused = |part| CommitResult::Refused { part, why: String::new() };
    match n {
        0 => CommitResult::Applied,
        1 => refused(CommitPart::Guard),
        2 => refused(CommitPart::Layout),
        3 => refused(CommitPart::Content),
        4 => CommitResult::ResponseLost { why: String::new() },
        _ => CommitResult::NotExecuted { fault: Fault::Throttled, is_proxy_error: false, why: String::new() },
    }
}

pub fn encode_refusal(part: CommitPart) -> u8 {
    match part {
        CommitPart::Guard => 1,
        CommitPart::Layout => 2,
        CommitPart::Content | CommitPart::Other => 3,
    }
}

impl Explorer {
    pub fn new(behaviour: Behaviour, rules: Rules, bounds: Bounds) -> Self {
        Self {
            behaviour,
            rules,
            bounds,
            sheets: Interned::new(),
            runners: Interned::new(),
            batches: Interned::new(),
            step_results: QuickMap::default(),
            usable_loads: QuickMap::default(),
            applied_batches: QuickMap::default(),
            dead_batches: QuickMap::default(),
            batches_to_send: QuickMap::default(),
            recovery_checked: QuickSet::default(),
            end_checked: QuickSet::default(),
            nodes: Vec::new(),
            searched_text: "",
            broken: None,
            broken_step: None,
        }
    }

    /// Ignores every broken invariant except those with this word; for mutants, which break lesser
    /// ones on their way.
    pub fn search_for(self, searched_text: &'static str) -> Self {
        Self { searched_text, ..self }
    }

    pub fn report_broken(&mut self, what: impl Into<String>) {
        let what = what.into();
        if what.contains(self.searched_text) {
            self.broken.get_or_insert(what);
        }
    }

    /// Returns the sheet after one undisturbed run from `sheet` on, for a first day without events.
    pub fn run_first(&mut self, sheet: Sheet) -> Result<Sheet, String> {
        let at = self.sheets.intern(sheet);
        let runner = self.runners.intern(Runner::new(0, 8));
        let (end, sheet) = self.run_undisturbed(runner, at);
        match &self.runners.at(end).stage {
            Stage::Finished => Ok((*self.sheets.at(sheet)).clone()),
            stage => Err(format!("an undisturbed run ended as {stage:?}")),
        }
    }

    /// Visits every state that can be reached from `sheet`.
    pub fn explore(&mut self, sheet: Sheet) -> Report {
        let at = self.sheets.intern(sheet);
        let runners = [self.runners.intern(Runner::new(0, 0)), self.runners.intern(Runner::new(1, 0))];
        let Bounds { sends, faults, stale_reads, crashes, user_edits, .. } = self.bounds;
        let in_flight = [NO_BATCH; MAX_IN_FLIGHT];
        let first = SystemState {
            sheet_versions: [at; SHEET_VERSIONS],
            runners,
            in_flight,
            sends,
            faults,
            stale_reads,
            crashes,
            user_edits,
        };
        let mut seen: QuickSet<SystemState> = QuickSet::default();
        seen.insert(first);
        self.nodes.push((first, 0, Event::Begin));
        let (mut transitions, mut depth, mut layer_ends, mut at) = (0, 0, 1, 0);
        let mut next = Vec::new();
        while at < self.nodes.len() && self.broken.is_none() {
            if at == layer_ends {
                depth += 1;
                layer_ends = self.nodes.len();
            }
            let system = self.nodes[at].0;
            next.clear();
            self.add_successors(&system, &mut next);
            transitions += next.len();
            for (event, system) in next.drain(..) {
                if seen.insert(system) {
                    self.nodes.push((system, u32::try_from(at).expect("few"), event));
                }
            }
            at += 1;
        }
        let finished = self.nodes.iter().filter(|(system, ..)| self.all_finished(system)).count();
        let broken = self.broken.take().map(|what| BrokenInvariant { what, trace: self.list_events(at - 1) });
        Report { states: self.nodes.len(), transitions, depth, finished, broken }
    }

    pub fn all_finished(&self, system: &SystemState) -> bool {
        system
            .runners
            .iter()
            .take(self.bounds.runners)
            .all(|id| self.runners.all[*id as usize].stage == Stage::Finished)
    }
}
