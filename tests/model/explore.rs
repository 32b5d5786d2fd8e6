//! The explorer: every order in which runners, network, crashes and people may act, within bounds, each state once.
//!
//! In scope: worlds, what may happen next in each, the checks of each, the shortest trace to a broken one.
//! Out of scope: what a runner does (`session`) and what a batch does (`service`).
//!
//! Four reductions, none of which loses a behaviour. A load and a look are one step each although they are several calls:
//! what a call read earlier is what a stale call reads now, and every range may be stale by itself. Sending and
//! being answered are one step when the answer arrives: whatever happens between them may as well happen before or after.
//! A batch that never arrives is one that stays in flight for ever. And a copy whose tab or named range is gone for good is
//! forgotten, because the service will refuse it whenever it comes.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::rc::Rc;

use sheetkeep::fault::Fault;
use sheetkeep::ledger::commit::{Commit, HeadId, Kind, Part, Reply};
use sheetkeep::ledger::judge::Sighting;
use sheetkeep::store::guard::{self, Form, Place, Proof};

use crate::service::{Batch, Behaviour, Draft, JOB, Sheet, Writer, run_name};
use crate::session::{Input, Rules, Runner, Stage, usable};

/// Moments that a stale read may still see, the present one included.
const PAST: usize = 3;
/// Copies in flight at once.
const FLIGHT: usize = 4;
const NOTHING: u32 = u32::MAX;

/// A person deletes the named range.
pub const DROPS_NAME: u8 = 1;
/// A person deletes the state tab.
pub const DROPS_STATE: u8 = 2;
/// A person's command commits in between, in the same term.
pub const COMMITS: u8 = 4;

/// How far one exploration goes.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    pub runners: usize,
    /// Batches sent by all runners together.
    pub sends: u8,
    /// Answers lost, batches delayed or doubled.
    pub faults: u8,
    /// Reads with anything stale in them.
    pub stale: u8,
    pub crashes: u8,
    /// What people may do, each once; of the two deletions only one.
    pub acts: u8,
}

/// What an exploration found.
pub struct Report {
    pub states: usize,
    pub transitions: usize,
    pub depth: u32,
    /// States in which every runner ended well.
    pub won: usize,
    pub broken: Option<Broken>,
}

/// A broken invariant and the shortest way to it.
pub struct Broken {
    pub what: String,
    pub trace: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct World {
    past: [u32; PAST],
    runners: [u32; 2],
    flight: [u32; FLIGHT],
    sends: u8,
    faults: u8,
    stale: u8,
    crashes: u8,
    acts: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Answered,
    AnsweredAndDoubled,
    Delayed,
    DelayedAndDoubled,
    NotExecuted,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Event {
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
enum Asked {
    Loaded([u32; 3]),
    Sighted(u32),
    Probed(bool),
    Replied(u8),
}

type Noted = Option<(i32, Proof)>;

/// A fast hash; the keys are small numbers that nobody chooses to collide.
#[derive(Default)]
struct Quick(u64);

impl Hasher for Quick {
    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 29)
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn write_u8(&mut self, n: u8) {
        self.write_u64(u64::from(n));
    }

    fn write_u32(&mut self, n: u32) {
        self.write_u64(u64::from(n));
    }

    fn write_u64(&mut self, n: u64) {
        self.0 = (self.0.rotate_left(5) ^ n).wrapping_mul(0x517c_c1b7_2722_0a95);
    }
}

type QuickMap<K, V> = HashMap<K, V, BuildHasherDefault<Quick>>;

struct Interned<T> {
    ids: HashMap<Rc<T>, u32>,
    all: Vec<Rc<T>>,
}

impl<T: Hash + Eq> Interned<T> {
    fn new() -> Self {
        Self { ids: HashMap::new(), all: Vec::new() }
    }

    fn id(&mut self, value: T) -> u32 {
        if let Some(id) = self.ids.get(&value) {
            return *id;
        }
        let id = u32::try_from(self.all.len()).expect("few");
        let value = Rc::new(value);
        self.all.push(Rc::clone(&value));
        self.ids.insert(value, id);
        id
    }

    fn at(&self, id: u32) -> Rc<T> {
        Rc::clone(&self.all[id as usize])
    }
}

/// One exploration.
pub struct Explorer {
    how: Behaviour,
    rules: Rules,
    bounds: Bounds,
    sheets: Interned<Sheet>,
    runners: Interned<Runner>,
    batches: Interned<Batch>,
    steps: QuickMap<(u32, Asked), Option<(u32, Noted)>>,
    usable: QuickMap<[u32; 3], bool>,
    applied: QuickMap<(u32, u32), Result<u32, Part>>,
    dead: QuickMap<(u32, u32), bool>,
    to_send: QuickMap<u32, u32>,
    recovered: QuickMap<u32, ()>,
    left_alone: QuickMap<(u32, u32), ()>,
    nodes: Vec<(World, u32, Event)>,
    wanted: &'static str,
    broken: Option<String>,
    culprit: Option<(Event, World)>,
}

fn short(head: HeadId) -> String {
    format!("{}·{}", head.commit, head.nonce)
}

fn reply_of(n: u8) -> Reply {
    let refused = |part| Reply::Refused { part, why: String::new() };
    match n {
        0 => Reply::Applied,
        1 => refused(Part::Guard),
        2 => refused(Part::Layout),
        3 => refused(Part::Content),
        4 => Reply::Lost { why: String::new() },
        _ => Reply::NotExecuted { fault: Fault::Throttled, why: String::new() },
    }
}

fn number_of(part: Part) -> u8 {
    match part {
        Part::Guard => 1,
        Part::Layout => 2,
        Part::Content | Part::Other => 3,
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
            recovered: QuickMap::default(),
            left_alone: QuickMap::default(),
            nodes: Vec::new(),
            wanted: "",
            broken: None,
            culprit: None,
        }
    }

    /// Passes over every broken invariant but those told with this word; for mutants, which break lesser ones on their way.
    pub fn looking_for(self, wanted: &'static str) -> Self {
        Self { wanted, ..self }
    }

    fn found(&mut self, what: impl Into<String>) {
        let what = what.into();
        if what.contains(self.wanted) {
            self.broken.get_or_insert(what);
        }
    }

    /// The sheet after one undisturbed run from `sheet` on; for a first day on which nothing happens.
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
        let mut seen: QuickMap<World, ()> = QuickMap::default();
        seen.insert(first, ());
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
                if seen.insert(world, ()).is_none() {
                    self.nodes.push((world, u32::try_from(at).expect("few"), event));
                }
            }
            at += 1;
        }
        let won = self.nodes.iter().filter(|(world, ..)| self.all_won(world)).count();
        let broken = self.broken.take().map(|what| Broken { what, trace: self.trace(at - 1) });
        Report { states: self.nodes.len(), transitions, depth, won, broken }
    }

    fn all_won(&self, world: &World) -> bool {
        world.runners.iter().take(self.bounds.runners).all(|id| self.runners.all[*id as usize].stage == Stage::Won)
    }

    fn successors(&mut self, world: &World, next: &mut Vec<(Event, World)>) {
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
                self.turn(&mut after, sheet);
            }
            self.push(event, after, next);
        }
        for act in [DROPS_NAME, DROPS_STATE, COMMITS] {
            if world.acts & act != 0 {
                self.person(world, act, next);
            }
        }
    }

    fn acts(&mut self, world: &World, who: usize, next: &mut Vec<(Event, World)>) {
        let id = world.runners[who];
        let runner = self.runners.at(id);
        let fresh = |runner: &Runner| runner.life == 0 && runner.stage == Stage::Load;
        if who == 1 && fresh(&runner) && fresh(&self.runners.at(world.runners[0])) {
            // The two are alike until one has begun: let it be the first.
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

    fn loads(&mut self, world: &World, who: usize, next: &mut Vec<(Event, World)>) {
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

    fn looks(&mut self, world: &World, who: usize, next: &mut Vec<(Event, World)>) {
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

    fn probes(&mut self, world: &World, who: usize, next: &mut Vec<(Event, World)>) {
        let ops = self.runners.at(world.runners[who]).probe().expect("a proving runner has a place");
        let draft = self.person_draft(HeadId { commit: 0, nonce: 0 }, &Sheet::default());
        let probe = Batch { ops, draft, proof: Proof::Open };
        let refused = self.sheets.at(world.past[0]).after(&probe, self.how).is_err();
        self.step(Event::Probe(who), *world, who, Asked::Probed(refused), next);
    }

    fn sends(&mut self, world: &World, who: usize, next: &mut Vec<(Event, World)>) {
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
                        self.turn(&mut after, sheet);
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

    /// After an applied commit the real code's idea of where the state stands is what metadata shows.
    fn check_place(&mut self, next: &[(Event, World)]) {
        let Some((Event::Send(who, _), world)) = next.last() else { return };
        let runner = self.runners.at(world.runners[*who]);
        let (Stage::Send(session, _) | Stage::Sight(session)) = &runner.stage else { return };
        let (_, seen) = self.sheets.at(world.past[0]).sight();
        let plain = |place: &Place| Place { name_id: None, ..place.clone() };
        let untouched = (world.acts ^ self.bounds.acts) & (DROPS_NAME | DROPS_STATE) == 0;
        let exact = untouched && self.how.honours && !self.how.cascades;
        let same = match (&session.place, &seen) {
            (Some(kept), Some(seen)) => plain(kept) == plain(seen) && (!exact || kept.name_id == seen.name_id),
            (kept, seen) => kept.is_none() && seen.is_none(),
        };
        if !same && !self.sheets.at(world.past[0]).deleted && self.rules.mutation.is_none() {
            self.found(format!("the kept place is not the seen one: {:?} and {seen:?}", session.place));
        }
    }

    fn step(&mut self, event: Event, mut after: World, who: usize, asked: Asked, next: &mut Vec<(Event, World)>) {
        let Some((runner, note)) = self.stepped(after.runners[who], asked) else { return };
        after.runners[who] = runner;
        if let Some((tab, proof)) = note
            && let Some(sheet) = self.sheets.at(after.past[0]).noted(tab, proof)
        {
            let sheet = self.sheets.id(sheet);
            self.turn(&mut after, sheet);
        }
        self.push(event, after, next);
    }

    fn stepped(&mut self, runner: u32, asked: Asked) -> Option<(u32, Noted)> {
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

    fn batch_of(&mut self, runner: u32) -> u32 {
        if let Some(known) = self.to_send.get(&runner) {
            return *known;
        }
        let batch = self.runners.at(runner).batch(self.rules).expect("a sending runner has a batch");
        let id = self.batches.id(batch);
        self.to_send.insert(runner, id);
        id
    }

    fn apply(&mut self, sheet: u32, batch: u32) -> Result<u32, Part> {
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

    /// Whether a copy in flight will be refused whenever it arrives. Only without a mutation: there no id comes back.
    fn is_dead(&mut self, sheet: u32, batch: u32) -> bool {
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

    fn person(&mut self, world: &World, act: u8, next: &mut Vec<(Event, World)>) {
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
        self.turn(&mut after, sheet);
        self.push(Event::Person(act), after, next);
    }

    fn person_draft(&self, from: HeadId, sheet: &Sheet) -> Draft {
        let to = from.next(9_001);
        let place = sheet.sight().1;
        let state = place.and_then(|place| sheet.cell(place.tab).map(|cell| cell.state.clone())).unwrap_or_default();
        let state = sheetkeep::ledger::snapshot::State { head: Some(to), ..state };
        Draft { from: Some(from), to, kind: Kind::Advance, state, keys: 0, release: false, writer: (2, 0) }
    }

    /// A person's command: a commit in the same term that changes nothing but the head.
    fn command(&self, sheet: &Sheet) -> Option<Sheet> {
        let (Sighting::At { head, .. }, Some(place)) = sheet.sight() else { return None };
        let proof = sheet.cell(place.tab)?.proof;
        let draft = self.person_draft(head, sheet);
        let commit = Commit {
            from: draft.from,
            to: draft.to,
            kind: draft.kind,
            state: draft.state.clone(),
            changes: sheetkeep::ledger::commit::Changes::default(),
        };
        let forms = [proof.form().unwrap_or(Form::Title), Form::Title];
        forms.into_iter().find_map(|form| {
            let ops = guard::ops(JOB, &commit, Some(&place), form);
            sheet.after(&Batch { ops, draft: draft.clone(), proof }, self.how).ok()
        })
    }

    /// A new present.
    fn turn(&self, world: &mut World, sheet: u32) {
        if sheet != world.past[0] {
            world.past.rotate_right(1);
            world.past[0] = sheet;
        }
    }

    fn push(&mut self, event: Event, mut world: World, next: &mut Vec<(Event, World)>) {
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
        if self.broken.is_some() && self.culprit.is_none() {
            self.culprit = Some((event, world));
        }
        next.push((event, world));
    }

    fn check(&mut self, world: &World) {
        let keys = self.sheets.all[world.past[0] as usize].keys();
        for id in world.runners {
            let runner = self.runners.at(id);
            if runner.sure & !keys != 0 {
                let name = run_name((runner.who, runner.life));
                self.found(format!("lost: run {name} takes a key for done that is not on the sheet"));
            }
            if runner.stage == Stage::Won && runner.sure != self.rules.keys {
                self.found("a run ended well without all its keys");
            }
        }
        if self.rules.mutation.is_some() {
            return;
        }
        if self.recovered.insert(world.past[0], ()).is_none() {
            self.check_recovery(world.past[0]);
        }
        for runner in world.runners {
            if self.left_alone.insert((runner, world.past[0]), ()).is_none() {
                self.check_end(runner, world.past[0]);
            }
        }
    }

    /// From wherever it is, a run that is left alone ends well, or finds that it was overtaken or the head deleted.
    fn check_end(&mut self, runner: u32, sheet: u32) {
        if let Stage::Won | Stage::Stopped(_) = self.runners.at(runner).stage {
            return;
        }
        let excused = matches!(&self.runners.at(runner).stage, Stage::Look(_, work) if work.turned_away);
        let (end, sheet) = self.alone(runner, sheet);
        let good = match self.runners.all[end as usize].stage {
            Stage::Won | Stage::Stopped("fenced") => true,
            Stage::Stopped("corrupt") => self.sheets.all[sheet as usize].deleted,
            Stage::Stopped("unclear") => excused,
            _ => false,
        };
        if !good {
            let stage = format!("{:?}", self.runners.all[end as usize].stage);
            self.found(format!("a run left alone from here on ends as {stage}"));
        }
    }

    /// From every sheet, whatever happened to it, a later undisturbed run ends well, or says that people deleted the head.
    fn check_recovery(&mut self, sheet: u32) {
        let runner = self.runners.id(Runner::new(0, 9));
        let (end, _) = self.alone(runner, sheet);
        let stage = &self.runners.all[end as usize].stage;
        let excused = self.sheets.all[sheet as usize].deleted && *stage == Stage::Stopped("corrupt");
        if *stage != Stage::Won && !excused {
            let stage = format!("{stage:?}");
            self.found(format!("no later run can go on: an undisturbed one ends as {stage}"));
        }
    }

    /// Lets one runner work with nobody and nothing in its way.
    fn alone(&mut self, mut runner: u32, mut sheet: u32) -> (u32, u32) {
        for _ in 0..200 {
            let asked = match &self.runners.at(runner).stage {
                Stage::Load | Stage::Reload(_) => Asked::Loaded([sheet; 3]),
                Stage::Sight(_) | Stage::Look(..) | Stage::Forget(..) => Asked::Sighted(sheet),
                Stage::ProbeName(_) | Stage::ProbeTab(..) => {
                    let ops = self.runners.at(runner).probe().expect("a proving runner has a place");
                    let draft = self.person_draft(HeadId { commit: 0, nonce: 0 }, &Sheet::default());
                    let probe = Batch { ops, draft, proof: Proof::Open };
                    Asked::Probed(self.sheets.at(sheet).after(&probe, self.how).is_err())
                }
                Stage::Send(..) => {
                    let batch = self.batch_of(runner);
                    match self.apply(sheet, batch) {
                        Ok(after) => {
                            sheet = after;
                            Asked::Replied(0)
                        }
                        Err(part) => Asked::Replied(number_of(part)),
                    }
                }
                Stage::Won | Stage::Stopped(_) => break,
            };
            let Some((next, note)) = self.stepped(runner, asked) else { break };
            runner = next;
            if let Some((tab, proof)) = note
                && let Some(noted) = self.sheets.at(sheet).noted(tab, proof)
            {
                sheet = self.sheets.id(noted);
            }
        }
        (runner, sheet)
    }

    fn trace(&self, last: usize) -> Vec<String> {
        let mut lines = Vec::new();
        let mut at = last;
        if let Some((event, world)) = &self.culprit {
            lines.push(self.line(&self.nodes[last].0, *event, world));
        }
        while at != 0 {
            let (world, parent, event) = self.nodes[at];
            lines.push(self.line(&self.nodes[parent as usize].0, event, &world));
            at = parent as usize;
        }
        lines.reverse();
        lines
    }

    fn line(&self, before: &World, event: Event, after: &World) -> String {
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
            Event::Look(who, n) => format!("{} looks: head {}", name(who), age(n)),
            Event::Probe(who) => format!("{} probes", name(who)),
            Event::Send(who, outcome) => {
                let batch = self.to_send[&before.runners[who]];
                format!("{} sends {}: {outcome:?}", name(who), self.batch_words(batch))
            }
            Event::Crash(who) => format!("{} crashes; a new run begins", name(who)),
            Event::Deliver(batch) => format!("a copy of {} arrives", self.batch_words(batch)),
            Event::Person(DROPS_NAME) => "a person deletes the named range".into(),
            Event::Person(DROPS_STATE) => "a person deletes the state tab".into(),
            Event::Person(_) => "a person's command commits".into(),
        };
        let sheet = &self.sheets.all[after.past[0] as usize];
        let moved = before.past[0] != after.past[0];
        let answered = matches!(event, Event::Send(_, Outcome::Answered | Outcome::AnsweredAndDoubled));
        if !moved && (answered || matches!(event, Event::Deliver(_))) {
            line.push_str("  → refused");
        }
        if moved {
            let head = match sheet.sight().0 {
                Sighting::At { head, fence } => format!("head {}, term {fence}", short(head)),
                gone => format!("{gone:?}"),
            };
            let key = |(key, by): &(u8, Writer)| format!(" {}({})", ["A", "B"][usize::from(*key)], run_name(*by));
            let _ = write!(line, "  → {head}, rows{}", sheet.rows.iter().map(key).collect::<String>());
        }
        line
    }

    fn batch_words(&self, batch: u32) -> String {
        let batch = &self.batches.all[batch as usize];
        let Draft { from, to, kind, keys, release, .. } = &batch.draft;
        let from = from.map_or("nothing".into(), short);
        let keys = ["no key", "A", "B", "A and B"][usize::from(*keys)];
        let moves = batch.ops.iter().any(|op| matches!(op, guard::Op::AddPlace { .. }));
        let place = if moves { "moving" } else { "in place" };
        let end = if *release { ", release" } else { "" };
        format!("{kind:?} {from}→{} with {keys} {place}{end}", short(*to))
    }
}
