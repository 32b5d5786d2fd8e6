//! The successors of a state of the model: what runners, network, crashes and users may do next.
//!
//! In scope: each possible event, and the system after it. Out of scope: the search (`explore`).

use crate::explore::{
    CallResultId, DELETES_NAME, DELETES_STATE, Event, Explorer, MAX_IN_FLIGHT, NO_BATCH, ProvenTab, SHEET_VERSIONS,
    SendOutcome, SystemState, USER_COMMITS, decode_reply, encode_refusal,
};
use crate::loads::is_usable_load;
use crate::service::{Batch, Draft, JOB, Sheet};
use crate::session::{Input, Runner, Stage};
use sheetkeep::ledger::commit::changes::{Commit, CommitKind, CommitPart};
use sheetkeep::ledger::commit::commit_resolution::HeadStatus;
use sheetkeep::ledger::leases::head::HeadId;
use sheetkeep::store::guard::guard_kind::{GuardKind, GuardSupport};
use sheetkeep::store::guard::head_guard;

impl Explorer {
    pub fn add_successors(&mut self, system: &SystemState, next: &mut Vec<(Event, SystemState)>) {
        for who in 0..self.bounds.runners {
            self.add_runner_steps(system, who, next);
            if self.broken.is_some() {
                return;
            }
        }
        for slot in 0..MAX_IN_FLIGHT {
            let batch = system.in_flight[slot];
            if batch == NO_BATCH || (slot > 0 && system.in_flight[slot - 1] == batch) {
                continue;
            }
            let event = Event::Deliver(batch);
            let mut after = *system;
            after.in_flight[slot] = NO_BATCH;
            if let Ok(sheet) = self.apply(system.sheet_versions[0], batch) {
                Self::set_sheet(&mut after, sheet);
            }
            self.add_world(event, after, next);
        }
        for edit in [DELETES_NAME, DELETES_STATE, USER_COMMITS] {
            if system.user_edits & edit != 0 {
                self.add_user_edit(system, edit, next);
            }
        }
    }

    pub fn add_runner_steps(&mut self, system: &SystemState, who: usize, next: &mut Vec<(Event, SystemState)>) {
        let id = system.runners[who];
        let runner = self.runners.at(id);
        let fresh = |runner: &Runner| runner.life == 0 && runner.stage == Stage::Load;
        if who == 1 && fresh(&runner) && fresh(&self.runners.at(system.runners[0])) {
            // The two are symmetric until one has begun: let it be the first.
            return;
        }
        match &runner.stage {
            Stage::Load | Stage::Reload(_) => self.add_loads(system, who, next),
            Stage::ReadOwnHead(_) | Stage::ReadHead(..) | Stage::RedraftOnAnyHead(..) => {
                self.add_head_reads(system, who, next);
            }
            Stage::ProbeName(_) | Stage::ProbeTab(..) => self.add_probes(system, who, next),
            Stage::Send(..) => self.add_sends(system, who, next),
            Stage::Finished | Stage::Stopped(_) => {}
        }
        if system.crashes > 0 && runner.stage != Stage::Load {
            let mut after = *system;
            after.crashes -= 1;
            after.runners[who] = self.runners.intern(Runner::new(runner.who, runner.life + 1));
            self.add_world(Event::Crash(who), after, next);
        }
    }

    pub fn add_loads(&mut self, system: &SystemState, who: usize, next: &mut Vec<(Event, SystemState)>) {
        let versions = if system.stale_reads > 0 { SHEET_VERSIONS } else { 1 };
        for n in 0..versions * versions * versions {
            let ages = [n / (versions * versions), n / versions % versions, n % versions];
            let moments = ages.map(|age| system.sheet_versions[age]);
            let known = self.usable_loads.get(&moments).copied();
            let usable = known.unwrap_or_else(|| {
                let [meta, state, keys] = moments.map(|id| self.sheets.at(id));
                let usable = is_usable_load(self.rules, &meta, &state, &keys);
                self.usable_loads.insert(moments, usable);
                usable
            });
            if !usable {
                continue;
            }
            let mut after = *system;
            after.stale_reads -= u8::from(moments != [system.sheet_versions[0]; 3]);
            self.add_step(Event::Load(who, ages), after, who, CallResultId::Loaded(moments), next);
        }
    }

    pub fn add_head_reads(&mut self, system: &SystemState, who: usize, next: &mut Vec<(Event, SystemState)>) {
        let versions = if system.stale_reads > 0 { SHEET_VERSIONS } else { 1 };
        for age in 0..versions {
            if age > 0 && system.sheet_versions[age] == system.sheet_versions[age - 1] {
                continue;
            }
            let mut after = *system;
            after.stale_reads -= u8::from(age > 0);
            self.add_step(
                Event::ReadHead(who, age),
                after,
                who,
                CallResultId::HeadRead(system.sheet_versions[age]),
                next,
            );
        }
    }

    pub fn add_probes(&mut self, system: &SystemState, who: usize, next: &mut Vec<(Event, SystemState)>) {
        let refused = self.probe_refused(system.runners[who], system.sheet_versions[0]);
        self.add_step(Event::Probe(who), *system, who, CallResultId::Probed(refused), next);
    }

    pub fn probe_refused(&self, runner: u32, sheet: u32) -> bool {
        let ops = self.runners.at(runner).probe().expect("a proving runner has a place");
        let draft = Self::make_user_draft(HeadId { commit: 0, nonce: 0 }, &Sheet::default());
        self.sheets.at(sheet).after(&Batch { ops, draft, proof: GuardSupport::Unknown }, self.behaviour).is_err()
    }

    pub fn add_sends(&mut self, system: &SystemState, who: usize, next: &mut Vec<(Event, SystemState)>) {
        if system.sends == 0 {
            return;
        }
        let batch = self.find_batch(system.runners[who]);
        let outcomes = [
            (SendOutcome::Answered, 0, 0),
            (SendOutcome::AnsweredAndDoubled, 1, 1),
            (SendOutcome::Delayed, 1, 1),
            (SendOutcome::DelayedAndDoubled, 2, 2),
            (SendOutcome::NotExecuted, 1, 0),
        ];
        for (outcome, cost, copies) in outcomes {
            let mut after = *system;
            after.sends -= 1;
            let Some(faults) = system.faults.checked_sub(cost) else { continue };
            after.faults = faults;
            let room = after.in_flight.iter().filter(|id| **id == NO_BATCH).count();
            if room < copies {
                continue;
            }
            let free = after.in_flight.iter_mut().filter(|id| **id == NO_BATCH);
            free.take(copies).for_each(|id| *id = batch);
            let answer = match outcome {
                SendOutcome::Answered | SendOutcome::AnsweredAndDoubled => {
                    match self.apply(system.sheet_versions[0], batch) {
                        Ok(sheet) => {
                            Self::set_sheet(&mut after, sheet);
                            0
                        }
                        Err(part) => encode_refusal(part),
                    }
                }
                SendOutcome::Delayed | SendOutcome::DelayedAndDoubled => 4,
                SendOutcome::NotExecuted => 5,
            };
            self.add_step(Event::Send(who, outcome), after, who, CallResultId::Replied(answer), next);
            if answer == 0 {
                self.check_location(next);
            }
        }
    }

    pub fn add_step(
        &mut self,
        event: Event,
        mut after: SystemState,
        who: usize,
        result_id: CallResultId,
        next: &mut Vec<(Event, SystemState)>,
    ) {
        let Some((runner, note)) = self.run_step(after.runners[who], result_id) else { return };
        after.runners[who] = runner;
        if let Some((tab, proof)) = note
            && let Some(sheet) = self.sheets.at(after.sheet_versions[0]).with_proof(tab, proof)
        {
            let sheet = self.sheets.intern(sheet);
            Self::set_sheet(&mut after, sheet);
        }
        self.add_world(event, after, next);
    }

    pub fn run_step(&mut self, runner: u32, result_id: CallResultId) -> Option<(u32, ProvenTab)> {
        if let Some(known) = self.step_results.get(&(runner, result_id)) {
            return *known;
        }
        let before = self.runners.at(runner);
        let stepped = match result_id {
            CallResultId::Loaded(moments) => {
                let [meta, state, keys] = moments.map(|id| self.sheets.at(id));
                before.step(self.rules, Input::Loaded { meta: &meta, state: &state, keys: &keys })
            }
            CallResultId::HeadRead(sheet) => before.step(self.rules, Input::HeadRead(&self.sheets.at(sheet))),
            CallResultId::Probed(refused) => before.step(self.rules, Input::Probed(refused)),
            CallResultId::Replied(n) => before.step(self.rules, Input::Replied(&decode_reply(n))),
        };
        let stepped = stepped.map(|(runner, note)| (self.runners.intern(runner), note));
        self.step_results.insert((runner, result_id), stepped);
        stepped
    }

    pub fn find_batch(&mut self, runner: u32) -> u32 {
        if let Some(known) = self.batches_to_send.get(&runner) {
            return *known;
        }
        let batch = self.runners.at(runner).batch(self.rules).expect("a sending runner has a batch");
        let id = self.batches.intern(batch);
        self.batches_to_send.insert(runner, id);
        id
    }

    pub fn apply(&mut self, sheet: u32, batch: u32) -> Result<u32, CommitPart> {
        if let Some(known) = self.applied_batches.get(&(sheet, batch)) {
            return *known;
        }
        let before = self.sheets.at(sheet);
        let after = before.after(&self.batches.at(batch), self.behaviour);
        let result = after.map(|after| {
            if let Some(fault) = after.fault_after(&before) {
                self.report_broken(fault);
            }
            self.sheets.intern(after)
        });
        self.applied_batches.insert((sheet, batch), result);
        result
    }

    /// Returns whether a copy in flight will be refused whenever it arrives. Only without a
    /// mutation: then no id is reused.
    pub fn is_dead(&mut self, sheet: u32, batch: u32) -> bool {
        if self.rules.mutation.is_some() || self.behaviour.ignores_guard {
            return false;
        }
        if let Some(known) = self.dead_batches.get(&(sheet, batch)) {
            return *known;
        }
        let dead = self.sheets.at(sheet).can_never_apply(&self.batches.at(batch), self.behaviour);
        self.dead_batches.insert((sheet, batch), dead);
        dead
    }

    pub fn add_user_edit(&mut self, system: &SystemState, edit: u8, next: &mut Vec<(Event, SystemState)>) {
        let before = self.sheets.at(system.sheet_versions[0]);
        let sheet = match edit {
            DELETES_NAME => before.delete_name(),
            DELETES_STATE => before.delete_state(self.behaviour),
            _ => self.apply_user_command(&before),
        };
        let Some(sheet) = sheet else { return };
        if let Some(fault) = sheet.fault_after(&before) {
            self.report_broken(fault);
        }
        let mut after = *system;
        after.user_edits &= if edit == USER_COMMITS { !USER_COMMITS } else { USER_COMMITS };
        let sheet = self.sheets.intern(sheet);
        Self::set_sheet(&mut after, sheet);
        self.add_world(Event::Person(edit), after, next);
    }

    pub fn make_user_draft(from: HeadId, sheet: &Sheet) -> Draft {
        let to = from.next(9_001);
        let location = sheet.find_head().1;
        let state =
            location.and_then(|location| sheet.cell(location.tab).map(|cell| cell.state.clone())).unwrap_or_default();
        let state = sheetkeep::ledger::state::snapshot::State { head: Some(to), ..state };
        Draft { from: Some(from), to, kind: CommitKind::Advance, state, keys: 0, release: false, writer: (2, 0) }
    }

    /// Applies a user's command: a commit in the same term that changes only the head.
    pub fn apply_user_command(&self, sheet: &Sheet) -> Option<Sheet> {
        let (HeadStatus::At { head, .. }, Some(location)) = sheet.find_head() else { return None };
        let proof = sheet.cell(location.tab)?.proof;
        let draft = Self::make_user_draft(head, sheet);
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
            let ops = head_guard::make_batch_steps(JOB, &commit, Some(&location), form);
            sheet.after(&Batch { ops, draft: draft.clone(), proof }, self.behaviour).ok()
        })
    }

    /// Sets the current sheet.
    pub fn set_sheet(system: &mut SystemState, sheet: u32) {
        if sheet != system.sheet_versions[0] {
            system.sheet_versions.rotate_right(1);
            system.sheet_versions[0] = sheet;
        }
    }

    pub fn add_world(&mut self, event: Event, mut system: SystemState, next: &mut Vec<(Event, SystemState)>) {
        if system.stale_reads == 0 {
            system.sheet_versions = [system.sheet_versions[0]; SHEET_VERSIONS];
        }
        for slot in 0..MAX_IN_FLIGHT {
            if system.in_flight[slot] != NO_BATCH && self.is_dead(system.sheet_versions[0], system.in_flight[slot]) {
                system.in_flight[slot] = NO_BATCH;
            }
        }
        system.in_flight.sort_unstable();
        self.check_state(&system);
        if self.broken.is_some() && self.broken_step.is_none() {
            self.broken_step = Some((event, system));
        }
        next.push((event, system));
    }
}
