//! A runner of the model: engine and store as a thin layer around the real pure code.
//!
//! In scope: load, claim, draft, resolve, probe, in the order of the engine, one step per call; and
//! each mutation. Out of scope: when a step happens, what the network does with it (`explore`).

use sheetkeep::ledger::commit::changes::{Commit, CommitKind, CommitPart, CommitResult};
use sheetkeep::ledger::commit::commit_chain::{CommitChain, CommitMetadata, HaltReason, NextAction};
use sheetkeep::ledger::commit::commit_machine::{CommitEnd, CommitMachine, CommitStep};
use sheetkeep::ledger::commit::commit_resolution::HeadStatus;
use sheetkeep::ledger::items::key::Version;
use sheetkeep::ledger::leases::lease::{Holder, LeaseStatus};
use sheetkeep::ledger::runs::run::{Run, Trigger};
use sheetkeep::ledger::state::snapshot::State;
use sheetkeep::store::guard::guard_kind::GuardSupport;
use sheetkeep::store::guard::guard_probe::{self, GuardProbeResult};
use sheetkeep::store::guard::head_guard::{self, BatchStep, StateLocation};
use sheetkeep::store::guard::strategy::GuardStrategy;
use sheetkeep::time::Timestamp;

use crate::loads::{LoadedJob, LoadedSheet, load_sheet, make_snapshot};
use crate::mutations::{Mutation, Rules};
use crate::service::{Batch, Draft, JOB, Sheet, Writer, make_changes, make_commit, make_key, run_name};

/// What a runner remembers while it works.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Session {
    chain: CommitChain,
    pending: u8,
    /// Drafts with items from the current head whose responses were lost until their items were
    /// suspected.
    suspected: Vec<Draft>,
    pub location: Option<StateLocation>,
    guard_strategy: GuardStrategy,
}

/// The current commit.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CurrentCommit {
    pub draft: Draft,
    commit_machine: CommitMachine,
    /// A send was not executed; a run may then end without a result.
    pub was_not_executed: bool,
}

/// What a runner waits for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Stage {
    Load,
    /// A read of its own new location, for the proof.
    ReadOwnHead(Box<Session>),
    ProbeName(Box<Session>),
    ProbeTab(Box<Session>, bool),
    Send(Box<Session>, Box<CurrentCommit>),
    ReadHead(Box<Session>, Box<CurrentCommit>),
    Reload(Box<Session>),
    /// Only a mutant reads here: for any head to draft its old content on.
    RedraftOnAnyHead(Box<Session>, Box<CurrentCommit>),
    Finished,
    Stopped(&'static str),
}

/// A runner.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Runner {
    pub who: u8,
    pub life: u8,
    drafts: u8,
    /// Keys that it considers processed, one bit each.
    pub done_keys: u8,
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
    HeadRead(&'a Sheet),
    /// Whether the probe was refused.
    Probed(bool),
}

/// The runner after a step, and the proof's conclusion if it wrote one beside the state in this
/// tab.
pub type StepResult = (Runner, Option<(i32, GuardSupport)>);

const TTL_MS: u64 = 300_000;
const AFTER_EVERY_LEASE: Timestamp = Timestamp(1_000_000_000);

impl Runner {
    /// Creates a runner that has not begun.
    pub fn new(who: u8, life: u8) -> Self {
        Self { who, life, drafts: 0, done_keys: 0, stage: Stage::Load }
    }

    fn writer(&self) -> Writer {
        (self.who, self.life)
    }

    fn holder(&self) -> Holder {
        Holder { installation: self.who.to_string(), run: run_name(self.writer()), host: String::new(), process: None }
    }

    fn nonce(&self, rules: Rules) -> u64 {
        if rules.has_mutation(Mutation::IdTwice) {
            return 7;
        }
        u64::from(self.who) * 1_000 + u64::from(self.life) * 100 + u64::from(self.drafts) + 1
    }

    /// Returns the batch that a sending runner sends.
    pub fn batch(&self, rules: Rules) -> Option<Batch> {
        let Stage::Send(session, current) = &self.stage else { return None };
        let draft = current.draft.clone();
        let commit = make_commit(&draft);
        let mut guard_strategy = session.guard_strategy.clone();
        let guard_kind = guard_strategy.choose_guard(&commit);
        let mut ops = head_guard::make_batch_steps(JOB, &commit, session.location.as_ref(), guard_kind);
        if rules.has_mutation(Mutation::NameNotAdded) {
            ops.retain(|op| !matches!(op, BatchStep::AddRange { .. }));
        }
        if rules.has_mutation(Mutation::InitOnMissing) && draft.state.alerts.is_some() {
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
        guard_probe::make_probe_batches(session.location.as_ref()?, salt).into_iter().nth(at)
    }

    /// Returns the runner after the step; `None` if the step changes nothing.
    pub fn step(&self, rules: Rules, input: Input<'_>) -> Option<StepResult> {
        let mut next = self.clone();
        let mut note = None;
        next.stage = match (self.stage.clone(), input) {
            (Stage::Load, Input::Loaded { meta, state, keys }) => {
                next.on_first_load(rules, load_sheet(rules, meta, state, keys)?)
            }
            (Stage::Reload(session), Input::Loaded { meta, state, keys }) => {
                next.on_reload(rules, *session, load_sheet(rules, meta, state, keys)?)?
            }
            (Stage::ReadOwnHead(session), Input::HeadRead(sheet)) => next.on_own_location(rules, *session, sheet)?,
            (Stage::ProbeName(session), Input::Probed(refused)) => Stage::ProbeTab(session, refused),
            (Stage::ProbeTab(mut session, name_refused), Input::Probed(tab_refused)) => {
                let location = session.location.as_ref()?;
                match guard_probe::evaluate_probe(location, name_refused, tab_refused) {
                    GuardProbeResult::NoGuard => Stage::Stopped("nothing guards"),
                    GuardProbeResult::Guard(support) => {
                        note = Some((location.tab, support));
                        session.guard_strategy.record_support(support);
                        next.draft(rules, *session, None)
                    }
                }
            }
            (Stage::Send(session, current), Input::Replied(reply)) => next.on_reply(rules, *session, *current, reply),
            (Stage::ReadHead(session, mut current), Input::HeadRead(sheet)) => {
                let (head_status, location) = sheet.find_head();
                let next_step = current.commit_machine.on_head_status(session.chain.draft_ids(), head_status);
                next.follow_commit_step(rules, *session, *current, next_step, location)
            }
            (Stage::RedraftOnAnyHead(session, current), Input::HeadRead(sheet)) => {
                next.redraft_on_any_head(rules, *session, &current, sheet)?
            }
            _ => return None,
        };
        if matches!(next.stage, Stage::Finished | Stage::Stopped(_)) {
            next.drafts = 0;
        }
        if let Stage::Stopped(_) = next.stage {
            // No row ever disappears, so the keys that it was sure of have been checked.
            next.done_keys = 0;
        }
        (next != *self).then_some((next, note))
    }

    fn on_reply(
        &mut self,
        rules: Rules,
        mut session: Session,
        mut current: CurrentCommit,
        reply: &CommitResult,
    ) -> Stage {
        let commit = make_commit(&current.draft);
        let guard_kind = session.guard_strategy.choose_guard(&commit);
        let by_guard = matches!(reply, CommitResult::Refused { part: CommitPart::Guard, .. });
        if by_guard && session.guard_strategy.on_refused(&commit, session.location.as_ref(), guard_kind) {
            return Stage::Send(Box::new(session), Box::new(current));
        }
        let next_step = current.commit_machine.on_result(commit.to, reply);
        current.was_not_executed |= matches!(reply, CommitResult::NotExecuted { .. });
        let location = head_guard::derive_next_location(JOB, &commit, session.location.as_ref(), guard_kind);
        self.follow_commit_step(rules, session, current, next_step, Some(location))
    }

    fn on_first_load(&mut self, rules: Rules, found: LoadedSheet) -> Stage {
        let fresh = State { job: JOB.into(), ..State::default() };
        match found {
            LoadedSheet::Missing if rules.has_mutation(Mutation::InitOnMissing) => {
                // The mark lets the batch omit the tabs that already exist.
                let fresh = State { alerts: Some("again".into()), ..fresh };
                self.draft(rules, Session::new(CommitChain::new(None, fresh, self.holder()), rules.keys), None)
            }
            LoadedSheet::Missing => Stage::Stopped("corrupt"),
            LoadedSheet::NewSpreadsheet => {
                self.draft(rules, Session::new(CommitChain::new(None, fresh, self.holder()), rules.keys), None)
            }
            LoadedSheet::Job(job) => {
                let lease = &job.snapshot.state.lease;
                if let LeaseStatus::Held { .. } = lease.status(|_| false, AFTER_EVERY_LEASE) {
                    return Stage::Stopped("held");
                }
                let chain = CommitChain::new(Some(&job.snapshot), fresh, self.holder());
                self.continue_from_load(rules, Session::new(chain, 0), *job)
            }
        }
    }

    /// Returns `None` if the load shows nothing new: the runner loads again.
    fn on_reload(&mut self, rules: Rules, mut session: Session, found: LoadedSheet) -> Option<Stage> {
        match found {
            LoadedSheet::NewSpreadsheet => None,
            LoadedSheet::Missing => Some(Stage::Stopped("corrupt")),
            LoadedSheet::Job(job) => {
                session.suspected.clear();
                Some(match session.chain.on_reload(&job.snapshot) {
                    Err(stop) => Stage::Stopped(name_halt(stop)),
                    Ok(()) => self.continue_from_load(rules, session, *job),
                })
            }
        }
    }

    fn continue_from_load(&mut self, rules: Rules, mut session: Session, job: LoadedJob) -> Stage {
        let LoadedJob { snapshot, location, proof } = job;
        let done = (0..2).filter(|one| snapshot.processed_index.is_done(&make_key(*one), &Version::default()));
        let done = done.fold(0, |bits, one| bits | 1 << one);
        self.done_keys |= done & rules.keys;
        session.pending = rules.keys & !done;
        session.location = Some(location);
        session.guard_strategy.record_support(proof);
        if session.pending == 0 && !session.chain.has_claimed() && rules.keys != 0 {
            return Stage::Finished;
        }
        self.probe_or_draft(rules, session)
    }

    fn probe_or_draft(&mut self, rules: Rules, mut session: Session) -> Stage {
        if rules.has_mutation(Mutation::NameNotProbed) || rules.has_mutation(Mutation::NameNotAdded) {
            session.guard_strategy = GuardStrategy::new(GuardSupport::Name);
        }
        match session.guard_strategy.next_support() {
            GuardSupport::Unknown => Stage::ProbeName(Box::new(session)),
            _ => self.draft(rules, session, None),
        }
    }

    /// Returns the own location as metadata shows it: only metadata contains the id that the
    /// service gave the named range.
    fn on_own_location(&mut self, rules: Rules, mut session: Session, sheet: &Sheet) -> Option<Stage> {
        match sheet.find_head() {
            (HeadStatus::NotInitialized, _) => None,
            (HeadStatus::Missing, _) => Some(Stage::Stopped("corrupt")),
            (HeadStatus::At { head, .. }, location) if session.chain.draft_ids().base() == Some(head) => {
                session.location = location;
                Some(self.probe_or_draft(rules, session))
            }
            // Another run has committed; the next commit will be refused and resolved.
            (HeadStatus::At { .. }, _) => Some(self.draft(rules, session, None)),
        }
    }

    fn draft(&mut self, rules: Rules, mut session: Session, again: Option<(u8, bool)>) -> Stage {
        let (keys, release) = again.unwrap_or_else(|| session.choose_keys(rules, self.who));
        let nonce = self.nonce(rules);
        self.drafts += 1;
        let run = make_run(self.writer());
        let metadata =
            CommitMetadata { now: Timestamp(0), ttl_ms: TTL_MS, releases_lease: release, run, low_watermark: None };
        let Commit { from, to, kind, state, .. } =
            session.chain.draft(nonce, make_changes(keys), &metadata).expect("nothing new is drafted while in doubt");
        let draft = Draft { from, to, kind, state, keys, release, writer: self.writer() };
        let (commit_machine, _send) =
            if keys == 0 { CommitMachine::begin() } else { CommitMachine::begin_with_items() };
        Stage::Send(Box::new(session), Box::new(CurrentCommit { draft, commit_machine, was_not_executed: false }))
    }

    fn follow_commit_step(
        &mut self,
        rules: Rules,
        mut session: Session,
        current: CurrentCommit,
        next_step: CommitStep,
        location: Option<StateLocation>,
    ) -> Stage {
        let end = match next_step {
            CommitStep::Send { .. } => return Stage::Send(Box::new(session), Box::new(current)),
            CommitStep::ReadHead { .. } => return Stage::ReadHead(Box::new(session), Box::new(current)),
            CommitStep::End(end) => end,
        };
        if end == CommitEnd::HeadMissing && rules.has_mutation(Mutation::InitOnMissing) {
            return Stage::Load;
        }
        let shown = session.suspected.iter().find(|draft| end == CommitEnd::Applied(draft.to));
        let draft = shown.unwrap_or(&current.draft).clone();
        match session.chain.on_end(&make_commit(&draft), &end) {
            NextAction::Continue => {
                self.done_keys |= draft.keys;
                session.pending &= !draft.keys;
                session.location = location;
                session.suspected.clear();
                if draft.release {
                    return Stage::Finished;
                }
                if draft.kind == CommitKind::Init {
                    return Stage::ReadOwnHead(Box::new(session));
                }
                self.draft(rules, session, None)
            }
            NextAction::Redraft if rules.has_mutation(Mutation::ForgetsInDoubtId) => {
                Stage::RedraftOnAnyHead(Box::new(session), Box::new(current))
            }
            NextAction::Redraft => self.draft(rules, session, Some((current.draft.keys, current.draft.release))),
            NextAction::Reload => Stage::Reload(Box::new(session)),
            // None of its items first, to see whether they are the cause.
            NextAction::Bisect(_) => {
                session.suspected.push(draft);
                self.draft(rules, session, Some((0, false)))
            }
            // No batch of the model is too large for the service.
            NextAction::Halve => Stage::Stopped("halved"),
            NextAction::Stop(stop) => Stage::Stopped(name_halt(stop)),
        }
    }

    fn redraft_on_any_head(
        &mut self,
        rules: Rules,
        mut session: Session,
        current: &CurrentCommit,
        sheet: &Sheet,
    ) -> Option<Stage> {
        let (HeadStatus::At { head, .. }, location) = sheet.find_head() else { return None };
        let snapshot = make_snapshot(session.chain.state().clone(), head, &Sheet::default());
        session.chain = CommitChain::new(Some(&snapshot), State::default(), self.holder());
        session.location = location;
        Some(self.draft(rules, session, Some((current.draft.keys, current.draft.release))))
    }
}

impl Session {
    fn new(chain: CommitChain, pending: u8) -> Self {
        Self {
            chain,
            pending,
            suspected: Vec::new(),
            location: None,
            guard_strategy: GuardStrategy::new(GuardSupport::Unknown),
        }
    }

    /// Returns the next key in this runner's own order, and whether the lease is released with it.
    fn choose_keys(&self, rules: Rules, who: u8) -> (u8, bool) {
        if self.chain.kind() == CommitKind::Init && !rules.first_commit_has_key {
            return (0, false);
        }
        let order = if who == 0 { [1, 2] } else { [2, 1] };
        let keys = order.into_iter().find(|bit| self.pending & bit != 0).unwrap_or(0);
        (keys, self.pending & !keys == 0)
    }
}

fn make_run(writer: Writer) -> Run {
    Run::new(run_name(writer), String::new(), Trigger::default(), Timestamp(0))
}

fn name_halt(stop: HaltReason) -> &'static str {
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
