//! A runner of the model: the thin layer that the engine and the store are, around the real pure
//! code.
//!
//! In scope: load, claim, draft, settle, prove, in the order of the engine, one step per call to
//! the service; and each mutation of it. Out of scope: when a step happens, and what the network
//! does with it (`explore`).

use std::collections::HashMap;

use sheetkeep::ledger::commit::changes::{Changes, Commit, CommitKind, CommitPart, CommitResult, ItemResult};
use sheetkeep::ledger::commit::commit_chain::{CommitChain, CommitMetadata, HaltReason, NextAction};
use sheetkeep::ledger::commit::commit_machine::{CommitEnd, CommitMachine, CommitStep};
use sheetkeep::ledger::commit::commit_resolution::HeadStatus;
use sheetkeep::ledger::items::item::Output;
use sheetkeep::ledger::items::key::Version;
use sheetkeep::ledger::items::write_mode::ReprocessPolicy;
use sheetkeep::ledger::leases::head::HeadId;
use sheetkeep::ledger::leases::lease::{Holder, LeaseStatus};
use sheetkeep::ledger::processed::processed_index::ProcessedIndex;
use sheetkeep::ledger::processed::processed_set::ProcessedSet;
use sheetkeep::ledger::runs::run::{Run, Trigger};
use sheetkeep::ledger::state::snapshot::{LoadCheck, LoadConsistency, LoadObservation, Snapshot, State};
use sheetkeep::store::guard::guard_kind::GuardSupport;
use sheetkeep::store::guard::guard_probe::{self, GuardProbeResult};
use sheetkeep::store::guard::head_guard::{self, BatchStep, StateLocation};
use sheetkeep::store::guard::strategy::GuardStrategy;
use sheetkeep::time::Timestamp;

use crate::service::{Batch, Draft, JOB, Sheet, Writer, key, run_name};

/// A deliberate error, each of which must lead to a doubled or lost key, or to another broken
/// invariant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mutation {
    NoGuard,
    NameNotAdded,
    NameUnproved,
    HeadAfterData,
    HeadNotCompared,
    TallyNotCompared,
    IdTwice,
    ForgetfulRedraft,
    InitOnMissing,
}

/// The configuration that all runners of one exploration share.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    pub mutation: Option<Mutation>,
    /// The keys that the source yields, one bit each.
    pub keys: u8,
    /// Whether the first commit of a job already carries a key.
    pub init_carries: bool,
}

impl Rules {
    fn is(self, mutation: Mutation) -> bool {
        self.mutation == Some(mutation)
    }
}

/// What a runner remembers while it works.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Session {
    chain: CommitChain,
    pending: u8,
    /// Drafts with items from the current head whose responses were lost until their items were
    /// suspected.
    suspected: Vec<Draft>,
    pub place: Option<StateLocation>,
    guard_strategy: GuardStrategy,
}

/// The current commit.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Work {
    pub draft: Draft,
    settling: CommitMachine,
    /// A send was not executed; a run may then end without a result.
    pub turned_away: bool,
}

/// What a runner waits for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Stage {
    Load,
    /// A read of its own new location, for the proof.
    Sight(Box<Session>),
    ProbeName(Box<Session>),
    ProbeTab(Box<Session>, bool),
    Send(Box<Session>, Box<Work>),
    Look(Box<Session>, Box<Work>),
    Reload(Box<Session>),
    /// Only a mutant reads here: for any head to draft its old content on.
    Forget(Box<Session>, Box<Work>),
    Won,
    Stopped(&'static str),
}

/// A runner.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Runner {
    pub who: u8,
    pub life: u8,
    drafts: u8,
    /// Keys that it considers processed, one bit each.
    pub sure: u8,
    pub stage: Stage,
}

/// The result of a runner's call.
#[derive(Debug, Clone, Copy)]
pub enum Input<'a> {
    /// Metadata, the state's range and the keys' range, each of its own version.
    Loaded {
        meta: &'a Sheet,
        state: &'a Sheet,
        keys: &'a Sheet,
    },
    Replied(&'a CommitResult),
    Sighted(&'a Sheet),
    /// Whether the probe was refused.
    Probed(bool),
}

/// The runner after a step, and the proof's conclusion if it wrote one beside the state in this
/// tab.
pub type Stepped = (Runner, Option<(i32, GuardSupport)>);

const TTL_MS: u64 = 300_000;
const AFTER_EVERY_LEASE: Timestamp = Timestamp(1_000_000_000);

struct Whole {
    snapshot: Snapshot,
    place: StateLocation,
    proof: GuardSupport,
}

enum Load {
    NewSpreadsheet,
    Missing,
    Whole(Box<Whole>),
}

impl Runner {
    /// Creates a runner that has not begun.
    pub fn new(who: u8, life: u8) -> Self {
        Self { who, life, drafts: 0, sure: 0, stage: Stage::Load }
    }

    fn writer(&self) -> Writer {
        (self.who, self.life)
    }

    fn me(&self) -> Holder {
        Holder { installation: self.who.to_string(), run: run_name(self.writer()), host: String::new(), process: None }
    }

    fn nonce(&self, rules: Rules) -> u64 {
        if rules.is(Mutation::IdTwice) {
            return 7;
        }
        u64::from(self.who) * 1_000 + u64::from(self.life) * 100 + u64::from(self.drafts) + 1
    }

    /// Returns the batch that a sending runner sends.
    pub fn batch(&self, rules: Rules) -> Option<Batch> {
        let Stage::Send(session, work) = &self.stage else { return None };
        let draft = work.draft.clone();
        let commit = commit_of(&draft);
        let mut guard_strategy = session.guard_strategy.clone();
        let form = guard_strategy.choose_guard(&commit);
        let mut ops = head_guard::make_batch_steps(JOB, &commit, session.place.as_ref(), form);
        if rules.is(Mutation::NameNotAdded) {
            ops.retain(|op| !matches!(op, BatchStep::AddRange { .. }));
        }
        if rules.is(Mutation::InitOnMissing) && draft.state.alerts.is_some() {
            ops.retain(|op| !matches!(op, BatchStep::MakeTabs));
        }
        Some(Batch { ops, draft, proof: guard_strategy.next_support() })
    }

    /// Returns the probe that a proving runner sends.
    pub fn probe(&self) -> Option<Vec<BatchStep>> {
        let salt = 1_000_000 + u64::from(self.who) * 1_000 + u64::from(self.life);
        let (session, at) = match &self.stage {
            Stage::ProbeName(session) => (session, 0),
            Stage::ProbeTab(session, _) => (session, 1),
            _ => return None,
        };
        guard_probe::make_probe_batches(session.place.as_ref()?, salt).into_iter().nth(at)
    }

    /// Returns the runner after the step; `None` if the step changes nothing.
    pub fn step(&self, rules: Rules, input: Input<'_>) -> Option<Stepped> {
        let mut next = self.clone();
        let mut note = None;
        next.stage = match (self.stage.clone(), input) {
            (Stage::Load, Input::Loaded { meta, state, keys }) => next.begin(rules, load(rules, meta, state, keys)?),
            (Stage::Reload(session), Input::Loaded { meta, state, keys }) => {
                next.resume(rules, *session, load(rules, meta, state, keys)?)?
            }
            (Stage::Sight(session), Input::Sighted(sheet)) => next.place_to_prove(rules, *session, sheet)?,
            (Stage::ProbeName(session), Input::Probed(refused)) => Stage::ProbeTab(session, refused),
            (Stage::ProbeTab(mut session, name_refused), Input::Probed(tab_refused)) => {
                let place = session.place.as_ref()?;
                match guard_probe::evaluate_probe(place, name_refused, tab_refused) {
                    GuardProbeResult::NoGuard => Stage::Stopped("nothing guards"),
                    GuardProbeResult::Guard(proof) => {
                        note = Some((place.tab, proof));
                        session.guard_strategy.record_support(proof);
                        next.draft(rules, *session, None)
                    }
                }
            }
            (Stage::Send(session, work), Input::Replied(reply)) => next.answered(rules, *session, *work, reply),
            (Stage::Look(session, mut work), Input::Sighted(sheet)) => {
                let (head_status, place) = sheet.sight();
                let movement = work.settling.on_head_status(session.chain.draft_ids(), head_status);
                next.follow(rules, *session, *work, movement, place)
            }
            (Stage::Forget(session, work), Input::Sighted(sheet)) => next.forget(rules, *session, &work, sheet)?,
            _ => return None,
        };
        if matches!(next.stage, Stage::Won | Stage::Stopped(_)) {
            next.drafts = 0;
        }
        if let Stage::Stopped(_) = next.stage {
            // No row ever disappears, so the keys that it was sure of have been checked.
            next.sure = 0;
        }
        (next != *self).then_some((next, note))
    }

    fn answered(&mut self, rules: Rules, mut session: Session, mut work: Work, reply: &CommitResult) -> Stage {
        let commit = commit_of(&work.draft);
        let form = session.guard_strategy.choose_guard(&commit);
        let by_guard = matches!(reply, CommitResult::Refused { part: CommitPart::Guard, .. });
        if by_guard && session.guard_strategy.on_refused(&commit, session.place.as_ref(), form) {
            return Stage::Send(Box::new(session), Box::new(work));
        }
        let movement = work.settling.on_result(commit.to, reply);
        work.turned_away |= matches!(reply, CommitResult::NotExecuted { .. });
        let place = head_guard::derive_next_location(JOB, &commit, session.place.as_ref(), form);
        self.follow(rules, session, work, movement, Some(place))
    }

    fn begin(&mut self, rules: Rules, found: Load) -> Stage {
        let fresh = State { job: JOB.into(), ..State::default() };
        match found {
            Load::Missing if rules.is(Mutation::InitOnMissing) => {
                // The mark lets the batch omit the tabs that already exist.
                let fresh = State { alerts: Some("again".into()), ..fresh };
                self.draft(rules, Session::new(CommitChain::new(None, fresh, self.me()), rules.keys), None)
            }
            Load::Missing => Stage::Stopped("corrupt"),
            Load::NewSpreadsheet => {
                self.draft(rules, Session::new(CommitChain::new(None, fresh, self.me()), rules.keys), None)
            }
            Load::Whole(whole) => {
                let lease = &whole.snapshot.state.lease;
                if let LeaseStatus::Held { .. } = lease.status(|_| false, AFTER_EVERY_LEASE) {
                    return Stage::Stopped("held");
                }
                let chain = CommitChain::new(Some(&whole.snapshot), fresh, self.me());
                self.go_on(rules, Session::new(chain, 0), *whole)
            }
        }
    }

    /// Returns `None` if the load shows nothing new: the runner loads again.
    fn resume(&mut self, rules: Rules, mut session: Session, found: Load) -> Option<Stage> {
        match found {
            Load::NewSpreadsheet => None,
            Load::Missing => Some(Stage::Stopped("corrupt")),
            Load::Whole(whole) => {
                session.suspected.clear();
                Some(match session.chain.on_reload(&whole.snapshot) {
                    Err(stop) => Stage::Stopped(word(stop)),
                    Ok(()) => self.go_on(rules, session, *whole),
                })
            }
        }
    }

    fn go_on(&mut self, rules: Rules, mut session: Session, whole: Whole) -> Stage {
        let Whole { snapshot, place, proof } = whole;
        let done = (0..2).filter(|one| snapshot.processed_index.is_done(&key(*one), &Version::default()));
        let done = done.fold(0, |bits, one| bits | 1 << one);
        self.sure |= done & rules.keys;
        session.pending = rules.keys & !done;
        session.place = Some(place);
        session.guard_strategy.record_support(proof);
        if session.pending == 0 && !session.chain.has_claimed() && rules.keys != 0 {
            return Stage::Won;
        }
        self.prove_or_draft(rules, session)
    }

    fn prove_or_draft(&mut self, rules: Rules, mut session: Session) -> Stage {
        if rules.is(Mutation::NameUnproved) || rules.is(Mutation::NameNotAdded) {
            session.guard_strategy = GuardStrategy::new(GuardSupport::Name);
        }
        match session.guard_strategy.next_support() {
            GuardSupport::Unknown => Stage::ProbeName(Box::new(session)),
            _ => self.draft(rules, session, None),
        }
    }

    /// Returns the own location as metadata shows it: only metadata contains the id that the
    /// service gave the named range.
    fn place_to_prove(&mut self, rules: Rules, mut session: Session, sheet: &Sheet) -> Option<Stage> {
        match sheet.sight() {
            (HeadStatus::NotInitialized, _) => None,
            (HeadStatus::Missing, _) => Some(Stage::Stopped("corrupt")),
            (HeadStatus::At { head, .. }, place) if session.chain.draft_ids().base() == Some(head) => {
                session.place = place;
                Some(self.prove_or_draft(rules, session))
            }
            // Another run has committed; the next commit will be refused and resolved.
            (HeadStatus::At { .. }, _) => Some(self.draft(rules, session, None)),
        }
    }

    fn draft(&mut self, rules: Rules, mut session: Session, again: Option<(u8, bool)>) -> Stage {
        let (keys, release) = again.unwrap_or_else(|| session.share(rules, self.who));
        let nonce = self.nonce(rules);
        self.drafts += 1;
        let run = run(self.writer());
        let terms =
            CommitMetadata { now: Timestamp(0), ttl_ms: TTL_MS, releases_lease: release, run, low_watermark: None };
        let Commit { from, to, kind, state, .. } =
            session.chain.draft(nonce, changes(keys), &terms).expect("nothing new is drafted while in doubt");
        let draft = Draft { from, to, kind, state, keys, release, writer: self.writer() };
        let (settling, _send) = if keys == 0 { CommitMachine::begin() } else { CommitMachine::begin_with_items() };
        Stage::Send(Box::new(session), Box::new(Work { draft, settling, turned_away: false }))
    }

    fn follow(
        &mut self,
        rules: Rules,
        mut session: Session,
        work: Work,
        movement: CommitStep,
        place: Option<StateLocation>,
    ) -> Stage {
        let end = match movement {
            CommitStep::Send { .. } => return Stage::Send(Box::new(session), Box::new(work)),
            CommitStep::ReadHead { .. } => return Stage::Look(Box::new(session), Box::new(work)),
            CommitStep::End(end) => end,
        };
        if end == CommitEnd::HeadMissing && rules.is(Mutation::InitOnMissing) {
            return Stage::Load;
        }
        let shown = session.suspected.iter().find(|draft| end == CommitEnd::Applied(draft.to));
        let draft = shown.unwrap_or(&work.draft).clone();
        match session.chain.on_end(&commit_of(&draft), &end) {
            NextAction::Continue => {
                self.sure |= draft.keys;
                session.pending &= !draft.keys;
                session.place = place;
                session.suspected.clear();
                if draft.release {
                    return Stage::Won;
                }
                if draft.kind == CommitKind::Init {
                    return Stage::Sight(Box::new(session));
                }
                self.draft(rules, session, None)
            }
            NextAction::Redraft if rules.is(Mutation::ForgetfulRedraft) => {
                Stage::Forget(Box::new(session), Box::new(work))
            }
            NextAction::Redraft => self.draft(rules, session, Some((work.draft.keys, work.draft.release))),
            NextAction::Reload => Stage::Reload(Box::new(session)),
            // None of its items first, to see whether they are the cause.
            NextAction::Bisect(_) => {
                session.suspected.push(draft);
                self.draft(rules, session, Some((0, false)))
            }
            // No batch of the model is too large for the service.
            NextAction::Halve => Stage::Stopped("halved"),
            NextAction::Stop(stop) => Stage::Stopped(word(stop)),
        }
    }

    fn forget(&mut self, rules: Rules, mut session: Session, work: &Work, sheet: &Sheet) -> Option<Stage> {
        let (HeadStatus::At { head, .. }, place) = sheet.sight() else { return None };
        let snapshot = snapshot(session.chain.state().clone(), head, &Sheet::default());
        session.chain = CommitChain::new(Some(&snapshot), State::default(), self.me());
        session.place = place;
        Some(self.draft(rules, session, Some((work.draft.keys, work.draft.release))))
    }
}

impl Session {
    fn new(chain: CommitChain, pending: u8) -> Self {
        Self {
            chain,
            pending,
            suspected: Vec::new(),
            place: None,
            guard_strategy: GuardStrategy::new(GuardSupport::Unknown),
        }
    }

    /// Returns the next key in this runner's own order, and whether the lease is released with it.
    fn share(&self, rules: Rules, who: u8) -> (u8, bool) {
        if self.chain.kind() == CommitKind::Init && !rules.init_carries {
            return (0, false);
        }
        let order = if who == 0 { [1, 2] } else { [2, 1] };
        let keys = order.into_iter().find(|bit| self.pending & bit != 0).unwrap_or(0);
        (keys, self.pending & !keys == 0)
    }
}

fn load(rules: Rules, meta: &Sheet, state: &Sheet, keys: &Sheet) -> Option<Load> {
    let (head, place) = match meta.sight() {
        (HeadStatus::NotInitialized, _) => return Some(Load::NewSpreadsheet),
        (HeadStatus::Missing, _) => return Some(Load::Missing),
        (HeadStatus::At { head, .. }, place) => (head, place?),
    };
    let late = rules.is(Mutation::HeadAfterData);
    let tab = if late { state.sight().1?.tab } else { place.tab };
    let cell = state.cell(tab)?;
    let mut reading = LoadObservation { head: cell.state.head, expected: cell.state.processed, actual: keys.tally() };
    if rules.is(Mutation::HeadNotCompared) {
        reading.head = Some(head);
    }
    if rules.is(Mutation::TallyNotCompared) {
        reading.actual = reading.expected;
    }
    let held_against = if late { reading.head? } else { head };
    // A difference within one version never counts as a manual edit: that requires ten seconds.
    if LoadCheck::default().check(held_against, reading, 0) != LoadConsistency::Consistent {
        return None;
    }
    Some(Load::Whole(Box::new(Whole { snapshot: snapshot(cell.state.clone(), head, keys), place, proof: cell.proof })))
}

/// Returns whether a load of these three versions can be used at all, by any runner.
pub fn usable(rules: Rules, meta: &Sheet, state: &Sheet, keys: &Sheet) -> bool {
    load(rules, meta, state, keys).is_some()
}

fn snapshot(state: State, head: HeadId, keys: &Sheet) -> Snapshot {
    let rows = keys.processed.iter().map(|(one, ..)| (key(*one).fingerprint(), Version::default().hash())).collect();
    let book = ProcessedIndex::new(ProcessedSet::from_rows(ReprocessPolicy::EachVersion, rows), HashMap::new());
    let (data_tabs, gone, anomalies) = (Vec::new(), Vec::new(), Vec::new());
    Snapshot {
        stored_checksum: state.processed,
        state,
        head,
        processed_index: book,
        data_tabs,
        deleted_columns: gone,
        anomalies,
        active_predecessor: None,
    }
}

fn changes(keys: u8) -> Changes {
    let one = |key| ItemResult::Done {
        key,
        version: Version::default(),
        may_have_rows: false,
        output: Output::default(),
        closes: None,
    };
    let settled = (0..2).filter(|n| keys >> n & 1 == 1).map(|n| one(key(n))).collect();
    Changes { settled, ..Changes::default() }
}

fn commit_of(draft: &Draft) -> Commit {
    let Draft { from, to, kind, .. } = *draft;
    Commit { from, to, kind, run: String::new(), state: draft.state.clone(), changes: changes(draft.keys) }
}

fn run(writer: Writer) -> Run {
    Run::new(run_name(writer), String::new(), Trigger::default(), Timestamp(0))
}

fn word(stop: HaltReason) -> &'static str {
    match stop {
        HaltReason::Fenced => "fenced",
        HaltReason::HeadMissing => "corrupt",
        HaltReason::OutcomeUnknown => "unclear",
        HaltReason::NotExecuted => "not executed",
        HaltReason::Refused(_) => "refused",
        HaltReason::TooLarge => "too large",
        HaltReason::NoWorkingGuard => "unsafe",
    }
}
