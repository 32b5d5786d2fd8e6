//! The explorer: every order in which runners, network, crashes and users may act, within bounds,
//! each state once.
//!
//! In scope: worlds, the possible next steps in each, the checks of each, the shortest trace to a
//! broken one. Out of scope: what a runner does (`session`) and what a batch does (`service`).
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
use sheetkeep::ledger::commit::changes::{Commit, CommitKind, CommitPart, CommitResult};
use sheetkeep::ledger::commit::commit_resolution::HeadStatus;
use sheetkeep::ledger::leases::head::HeadId;
use sheetkeep::store::guard::guard_kind::{GuardKind, GuardSupport};
use sheetkeep::store::guard::head_guard;

use crate::intern::{Interned, QuickMap, QuickSet};
use crate::service::{Batch, Behaviour, Draft, JOB, Sheet};
use crate::session::{Input, Rules, Runner, Stage, usable};

/// Number of versions that a stale read may return, the current one included.
const PAST: usize = 3;
/// Copies in flight at once.
const FLIGHT: usize = 4;
const NOTHING: u32 = u32::MAX;

/// A user deletes the named range.
pub const DROPS_NAME: u8 = 1;
/// A user deletes the state tab.
pub const DROPS_STATE: u8 = 2;
/// A user's command commits in between, in the same term.
pub const COMMITS: u8 = 4;

/// The bounds of one exploration.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    pub runners: usize,
    /// Batches sent by all runners together.
    pub sends: u8,
    /// Responses lost, batches delayed or doubled.
    pub faults: u8,
    /// Reads with anything stale in them.
    pub stale: u8,
    pub crashes: u8,
    /// What users may do, each once; of the two deletions only one.
    pub acts: u8,
}

/// The result of an exploration.
pub struct Report {
    pub states: usize,
    pub transitions: usize,
    pub depth: u32,
    /// States in which every runner ended well.
    pub won: usize,
    pub broken: Option<Broken>,
}

/// A broken invariant and the shortest trace to it.
pub struct Broken {
    pub what: String,
    pub trace: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct World {
    pub past: [u32; PAST],
    pub runners: [u32; 2],
    pub flight: [u32; FLIGHT],
    pub sends: u8,
    pub faults: u8,
    pub stale: u8,
    pub crashes: u8,
    pub acts: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
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
    Look(usize, usize),
    Probe(usize),
    Send(usize, Outcome),
    Crash(usize),
    Deliver(u32),
    Person(u8),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Asked {
    Loaded([u32; 3]),
    Sighted(u32),
    Probed(bool),
    Replied(u8),
}

pub type Noted = Option<(i32, GuardSupport)>;

/// One exploration.
pub struct Explorer {
    pub how: Behaviour,
    pub rules: Rules,
    pub bounds: Bounds,
    pub sheets: Interned<Sheet>,
    pub runners: Interned<Runner>,
    pub batches: Interned<Batch>,
    pub steps: QuickMap<(u32, Asked), Option<(u32, Noted)>>,
    pub usable: QuickMap<[u32; 3], bool>,
    pub applied: QuickMap<(u32, u32), Result<u32, CommitPart>>,
    pub dead: QuickMap<(u32, u32), bool>,
    pub to_send: QuickMap<u32, u32>,
    pub recovered: QuickSet<u32>,
    pub left_alone: QuickSet<(u32, u32)>,
    pub nodes: Vec<(World, u32, Event)>,
    pub wanted: &'static str,
    pub broken: Option<String>,
    pub rejected_item: Option<(Event, World)>,
}

fn reply_of(n: u8) -> CommitResult {
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

pub fn number_of(part: CommitPart) -> u8 {
    match part {
        CommitPart::Guard => 1,
        CommitPart::Layout => 2,
        CommitPart::Content | CommitPart::Other => 3,
    }
}

impl Explorer {
    pub fn new(how: Behaviour, rules: Rules, bounds: Bounds) -> Self {
        Self {
            how,
            rules,
            bounds,
            sheets: Interned::new(),
            runners: Interned::new(),
            batches: Interned::new(),
            steps: QuickMap::default(),
            usable: QuickMap::default(),
            applied: QuickMap::default(),
            dead: QuickMap::default(),
            to_send: QuickMap::default(),
            recovered: QuickSet::default(),
            left_alone: QuickSet::default(),
            nodes: Vec::new(),
            wanted: "",
            broken: None,
            rejected_item: None,
        }
    }

    /// Ignores every broken invariant except those with this word; for mutants, which break lesser
    /// ones on their way.
    pub fn looking_for(self, wanted: &'static str) -> Self {
        Self { wanted, ..self }
    }

    pub fn found(&mut self, what: impl Into<String>) {
        let what = what.into();
        if what.contains(self.wanted) {
            self.broken.get_or_insert(what);
        }
    }

    /// Returns the sheet after one undisturbed run from `sheet` on, for a first day without events.
    pub fn undisturbed(&mut self, sheet: Sheet) -> Result<Sheet, String> {
        let at = self.sheets.id(sheet);
        let runner = self.runners.id(Runner::new(0, 8));
        let (end, sheet) = self.alone(runner, at);
        match &self.runners.at(end).stage {
            Stage::Won => Ok((*self.sheets.at(sheet)).clone()),
            stage => Err(format!("an undisturbed run ended as {stage:?}")),
        }
    }

    /// Visits every world that can be reached from `sheet`.
    pub fn explore(&mut self, sheet: Sheet) -> Report {
        let at = self.sheets.id(sheet);
        let runners = [self.runners.id(Runner::new(0, 0)), self.runners.id(Runner::new(1, 0))];
        let Bounds { sends, faults, stale, crashes, acts, .. } = self.bounds;
        let flight = [NOTHING; FLIGHT];
        let first = World { past: [at; PAST], runners, flight, sends, faults, stale, crashes, acts };
        let mut seen: QuickSet<World> = QuickSet::default();
        seen.insert(first);
        self.nodes.push((first, 0, Event::Begin));
        let (mut transitions, mut depth, mut layer_ends, mut at) = (0, 0, 1, 0);
        let mut next = Vec::new();
        while at < self.nodes.len() && self.broken.is_none() {
            if at == layer_ends {
                depth += 1;
                layer_ends = self.nodes.len();
            }
            let world = self.nodes[at].0;
            next.clear();
            self.successors(&world, &mut next);
            transitions += next.len();
            for (event, world) in next.drain(..) {
                if seen.insert(world) {
                    self.nodes.push((world, u32::try_from(at).expect("few"), event));
                }
            }
            at += 1;
        }
        let won = self.nodes.iter().filter(|(world, ..)| self.all_won(world)).count();
        let broken = self.broken.take().map(|what| Broken { what, trace: self.trace(at - 1) });
        Report { states: self.nodes.len(), transitions, depth, won, broken }
    }

    pub fn all_won(&self, world: &World) -> bool {
        world.runners.iter().take(self.bounds.runners).all(|id| self.runners.all[*id as usize].stage == Stage::Won)
    }

    pub fn successors(&mut self, world: &World, next: &mut Vec<(Event, World)>) {
        for who in 0..self.bounds.runners {
            self.acts(world, who, next);
            if self.broken.is_some() {
                return;
            }
        }
        for slot in 0..FLIGHT {
            let batch = world.flight[slot];
            if batch == NOTHING || (slot > 0 && world.flight[slot - 1] == batch) {
                continue;
            }
            let event = Event::Deliver(batch);
            let mut after = *world;
            after.flight[slot] = NOTHING;
            if let Ok(sheet) = self.apply(world.past[0], batch) {
                Self::turn(&mut after, sheet);
            }
            self.push(event, after, next);
        }
        for act in [DROPS_NAME, DROPS_STATE, COMMITS] {
            if world.acts & act != 0 {
                self.person(world, act, next);
            }
        }
    }

    pub fn acts(&mut self, world: &World, who: usize, next: &mut Vec<(Event, World)>) {
        let id = world.runners[who];
        let runner = self.runners.at(id);
        let fresh = |runner: &Runner| runner.life == 0 && runner.stage == Stage::Load;
        if who == 1 && fresh(&runner) && fresh(&self.runners.at(world.runners[0])) {
            // The two are symmetric until one has begun: let it be the first.
            return;
        }
        match &runner.stage {
            Stage::Load | Stage::Reload(_) => self.loads(world, who, next),
            Stage::Sight(_) | Stage::Look(..) | Stage::Forget(..) => self.looks(world, who, next),
            Stage::ProbeName(_) | Stage::ProbeTab(..) => self.probes(world, who, next),
            Stage::Send(..) => self.sends(world, who, next),
            Stage::Won | Stage::Stopped(_) => {}
        }
        if world.crashes > 0 && runner.stage != Stage::Load {
            let mut after = *world;
            after.crashes -= 1;
            after.runners[who] = self.runners.id(Runner::new(runner.who, runner.life + 1));
            self.push(Event::Crash(who), after, next);
        }
    }

    pub fn loads(&mut self, world: &World, who: usize, next: &mut Vec<(Event, World)>) {
        let reach = if world.stale > 0 { PAST } else { 1 };
        for n in 0..reach * reach * reach {
            let ages = [n / (reach * reach), n / reach % reach, n % reach];
            let moments = ages.map(|age| world.past[age]);
            let known = self.usable.get(&moments).copied();
            let usable = known.unwrap_or_else(|| {
                let [meta, state, keys] = moments.map(|id| self.sheets.at(id));
                let usable = usable(self.rules, &meta, &state, &keys);
                self.usable.insert(moments, usable);
                usable
            });
            if !usable {
                continue;
            }
            let mut after = *world;
            after.stale -= u8::from(moments != [world.past[0]; 3]);
            self.step(Event::Load(who, ages), after, who, Asked::Loaded(moments), next);
        }
    }

    pub fn looks(&mut self, world: &World, who: usize, next: &mut Vec<(Event, World)>) {
        let reach = if world.stale > 0 { PAST } else { 1 };
        for age in 0..reach {
            if age > 0 && world.past[age] == world.past[age - 1] {
                continue;
            }
            let mut after = *world;
            after.stale -= u8::from(age > 0);
            self.step(Event::Look(who, age), after, who, Asked::Sighted(world.past[age]), next);
        }
    }

    pub fn probes(&mut self, world: &World, who: usize, next: &mut Vec<(Event, World)>) {
        let refused = self.probe_refused(world.runners[who], world.past[0]);
        self.step(Event::Probe(who), *world, who, Asked::Probed(refused), next);
    }

    pub fn probe_refused(&self, runner: u32, sheet: u32) -> bool {
        let ops = self.runners.at(runner).probe().expect("a proving runner has a place");
        let draft = Self::person_draft(HeadId { commit: 0, nonce: 0 }, &Sheet::default());
        self.sheets.at(sheet).after(&Batch { ops, draft, proof: GuardSupport::Unknown }, self.how).is_err()
    }

    pub fn sends(&mut self, world: &World, who: usize, next: &mut Vec<(Event, World)>) {
        if world.sends == 0 {
            return;
        }
        let batch = self.batch_of(world.runners[who]);
        let outcomes = [
            (Outcome::Answered, 0, 0),
            (Outcome::AnsweredAndDoubled, 1, 1),
            (Outcome::Delayed, 1, 1),
            (Outcome::DelayedAndDoubled, 2, 2),
            (Outcome::NotExecuted, 1, 0),
        ];
        for (outcome, cost, copies) in outcomes {
            let mut after = *world;
            after.sends -= 1;
            let Some(faults) = world.faults.checked_sub(cost) else { continue };
            after.faults = faults;
            let room = after.flight.iter().filter(|id| **id == NOTHING).count();
            if room < copies {
                continue;
            }
            let free = after.flight.iter_mut().filter(|id| **id == NOTHING);
            free.take(copies).for_each(|id| *id = batch);
            let answer = match outcome {
                Outcome::Answered | Outcome::AnsweredAndDoubled => match self.apply(world.past[0], batch) {
                    Ok(sheet) => {
                        Self::turn(&mut after, sheet);
                        0
                    }
                    Err(part) => number_of(part),
                },
                Outcome::Delayed | Outcome::DelayedAndDoubled => 4,
                Outcome::NotExecuted => 5,
            };
            self.step(Event::Send(who, outcome), after, who, Asked::Replied(answer), next);
            if answer == 0 {
                self.check_place(next);
            }
        }
    }

    pub fn step(&mut self, event: Event, mut after: World, who: usize, asked: Asked, next: &mut Vec<(Event, World)>) {
        let Some((runner, note)) = self.stepped(after.runners[who], asked) else { return };
        after.runners[who] = runner;
        if let Some((tab, proof)) = note
            && let Some(sheet) = self.sheets.at(after.past[0]).noted(tab, proof)
        {
            let sheet = self.sheets.id(sheet);
            Self::turn(&mut after, sheet);
        }
        self.push(event, after, next);
    }

    pub fn stepped(&mut self, runner: u32, asked: Asked) -> Option<(u32, Noted)> {
        if let Some(known) = self.steps.get(&(runner, asked)) {
            return *known;
        }
        let before = self.runners.at(runner);
        let stepped = match asked {
            Asked::Loaded(moments) => {
                let [meta, state, keys] = moments.map(|id| self.sheets.at(id));
                before.step(self.rules, Input::Loaded { meta: &meta, state: &state, keys: &keys })
            }
            Asked::Sighted(sheet) => before.step(self.rules, Input::Sighted(&self.sheets.at(sheet))),
            Asked::Probed(refused) => before.step(self.rules, Input::Probed(refused)),
            Asked::Replied(n) => before.step(self.rules, Input::Replied(&reply_of(n))),
        };
        let stepped = stepped.map(|(runner, note)| (self.runners.id(runner), note));
        self.steps.insert((runner, asked), stepped);
        stepped
    }

    pub fn batch_of(&mut self, runner: u32) -> u32 {
        if let Some(known) = self.to_send.get(&runner) {
            return *known;
        }
        let batch = self.runners.at(runner).batch(self.rules).expect("a sending runner has a batch");
        let id = self.batches.id(batch);
        self.to_send.insert(runner, id);
        id
    }

    pub fn apply(&mut self, sheet: u32, batch: u32) -> Result<u32, CommitPart> {
        if let Some(known) = self.applied.get(&(sheet, batch)) {
            return *known;
        }
        let before = self.sheets.at(sheet);
        let after = before.after(&self.batches.at(batch), self.how);
        let result = after.map(|after| {
            if let Some(fault) = after.fault_after(&before) {
                self.found(fault);
            }
            self.sheets.id(after)
        });
        self.applied.insert((sheet, batch), result);
        result
    }

    /// Returns whether a copy in flight will be refused whenever it arrives. Only without a
    /// mutation: then no id is reused.
    pub fn is_dead(&mut self, sheet: u32, batch: u32) -> bool {
        if self.rules.mutation.is_some() || self.how.toothless {
            return false;
        }
        if let Some(known) = self.dead.get(&(sheet, batch)) {
            return *known;
        }
        let dead = self.sheets.at(sheet).never_takes(&self.batches.at(batch), self.how);
        self.dead.insert((sheet, batch), dead);
        dead
    }

    pub fn person(&mut self, world: &World, act: u8, next: &mut Vec<(Event, World)>) {
        let before = self.sheets.at(world.past[0]);
        let sheet = match act {
            DROPS_NAME => before.without_name(),
            DROPS_STATE => before.without_state(self.how),
            _ => self.command(&before),
        };
        let Some(sheet) = sheet else { return };
        if let Some(fault) = sheet.fault_after(&before) {
            self.found(fault);
        }
        let mut after = *world;
        after.acts &= if act == COMMITS { !COMMITS } else { COMMITS };
        let sheet = self.sheets.id(sheet);
        Self::turn(&mut after, sheet);
        self.push(Event::Person(act), after, next);
    }

    pub fn person_draft(from: HeadId, sheet: &Sheet) -> Draft {
        let to = from.next(9_001);
        let place = sheet.sight().1;
        let state = place.and_then(|place| sheet.cell(place.tab).map(|cell| cell.state.clone())).unwrap_or_default();
        let state = sheetkeep::ledger::state::snapshot::State { head: Some(to), ..state };
        Draft { from: Some(from), to, kind: CommitKind::Advance, state, keys: 0, release: false, writer: (2, 0) }
    }

    /// Applies a user's command: a commit in the same term that changes only the head.
    pub fn command(&self, sheet: &Sheet) -> Option<Sheet> {
        let (HeadStatus::At { head, .. }, Some(place)) = sheet.sight() else { return None };
        let proof = sheet.cell(place.tab)?.proof;
        let draft = Self::person_draft(head, sheet);
        let commit = Commit {
            from: draft.from,
            to: draft.to,
            kind: draft.kind,
            run: String::new(),
            state: draft.state.clone(),
            changes: sheetkeep::ledger::commit::changes::Changes::default(),
        };
        let forms = [proof.guard_kind().unwrap_or(GuardKind::Title), GuardKind::Title];
        forms.into_iter().find_map(|form| {
            let ops = head_guard::make_batch_steps(JOB, &commit, Some(&place), form);
            sheet.after(&Batch { ops, draft: draft.clone(), proof }, self.how).ok()
        })
    }

    /// Sets the current sheet.
    pub fn turn(world: &mut World, sheet: u32) {
        if sheet != world.past[0] {
            world.past.rotate_right(1);
            world.past[0] = sheet;
        }
    }

    pub fn push(&mut self, event: Event, mut world: World, next: &mut Vec<(Event, World)>) {
        if world.stale == 0 {
            world.past = [world.past[0]; PAST];
        }
        for slot in 0..FLIGHT {
            if world.flight[slot] != NOTHING && self.is_dead(world.past[0], world.flight[slot]) {
                world.flight[slot] = NOTHING;
            }
        }
        world.flight.sort_unstable();
        self.check(&world);
        if self.broken.is_some() && self.rejected_item.is_none() {
            self.rejected_item = Some((event, world));
        }
        next.push((event, world));
    }
}
