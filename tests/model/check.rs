//! The invariants of every state.
//!
//! In scope: nothing doubled, nothing lost, no run and no sheet that can't continue. Out of scope:
//! the invariants of a sheet by itself (`service`).

use sheetkeep::store::guard::head_guard::StateLocation;

use crate::explore::{CallResultId, DELETES_NAME, DELETES_STATE, Event, Explorer, SystemState, encode_refusal};
use crate::service::run_name;
use crate::session::{Runner, Stage};

impl Explorer {
    pub fn check_state(&mut self, system: &SystemState) {
        let keys = self.sheets.all[system.sheet_versions[0] as usize].keys();
        for id in system.runners {
            let runner = self.runners.at(id);
            if runner.done_keys & !keys != 0 {
                let name = run_name((runner.who, runner.life));
                self.report_broken(format!("lost: run {name} takes a key for done that is not on the sheet"));
            }
            if runner.stage == Stage::Finished && runner.done_keys != self.rules.keys {
                self.report_broken("a run ended well without all its keys");
            }
        }
        if self.rules.mutation.is_some() {
            return;
        }
        if self.recovery_checked.insert(system.sheet_versions[0]) {
            self.check_recovery(system.sheet_versions[0]);
        }
        for runner in system.runners {
            if self.end_checked.insert((runner, system.sheet_versions[0])) {
                self.check_end(runner, system.sheet_versions[0]);
            }
        }
    }

    /// Checks that a run, left alone from this point, ends well, or finds that it was overtaken or
    /// that the head was deleted.
    pub fn check_end(&mut self, runner: u32, sheet: u32) {
        if let Stage::Finished | Stage::Stopped(_) = self.runners.at(runner).stage {
            return;
        }
        let is_expected =
            matches!(&self.runners.at(runner).stage, Stage::ReadHead(_, current) if current.was_not_executed);
        let (end, sheet) = self.run_undisturbed(runner, sheet);
        let good = match self.runners.all[end as usize].stage {
            Stage::Finished | Stage::Stopped("fenced") => true,
            Stage::Stopped("corrupt") => self.sheets.all[sheet as usize].deleted,
            Stage::Stopped("unclear") => is_expected,
            _ => false,
        };
        if !good {
            let stage = format!("{:?}", self.runners.all[end as usize].stage);
            self.report_broken(format!("a run left alone from here on ends as {stage}"));
        }
    }

    /// Checks that after any history of a sheet a later undisturbed run ends well, or reports that
    /// the head was deleted.
    pub fn check_recovery(&mut self, sheet: u32) {
        let runner = self.runners.intern(Runner::new(0, 9));
        let (end, _) = self.run_undisturbed(runner, sheet);
        let stage = &self.runners.all[end as usize].stage;
        let is_expected = self.sheets.all[sheet as usize].deleted && *stage == Stage::Stopped("corrupt");
        if *stage != Stage::Finished && !is_expected {
            let stage = format!("{stage:?}");
            self.report_broken(format!("no later run can go on: an undisturbed one ends as {stage}"));
        }
    }

    /// Lets one runner work undisturbed.
    pub fn run_undisturbed(&mut self, mut runner: u32, mut sheet: u32) -> (u32, u32) {
        for _ in 0..200 {
            let result_id = match &self.runners.at(runner).stage {
                Stage::Load | Stage::Reload(_) => CallResultId::Loaded([sheet; 3]),
                Stage::ReadOwnHead(_) | Stage::ReadHead(..) | Stage::RedraftOnAnyHead(..) => {
                    CallResultId::HeadRead(sheet)
                }
                Stage::ProbeName(_) | Stage::ProbeTab(..) => CallResultId::Probed(self.probe_refused(runner, sheet)),
                Stage::Send(..) => {
                    let batch = self.find_batch(runner);
                    match self.apply(sheet, batch) {
                        Ok(after) => {
                            sheet = after;
                            CallResultId::Replied(0)
                        }
                        Err(part) => CallResultId::Replied(encode_refusal(part)),
                    }
                }
                Stage::Finished | Stage::Stopped(_) => break,
            };
            let Some((next, note)) = self.run_step(runner, result_id) else { break };
            runner = next;
            if let Some((tab, proof)) = note
                && let Some(noted) = self.sheets.at(sheet).with_proof(tab, proof)
            {
                sheet = self.sheets.intern(noted);
            }
        }
        (runner, sheet)
    }

    /// Checks that after an applied commit the real code's location of the state equals that in the
    /// metadata.
    pub fn check_location(&mut self, next: &[(Event, SystemState)]) {
        let Some((Event::Send(who, _), system)) = next.last() else { return };
        let runner = self.runners.at(system.runners[*who]);
        let (Stage::Send(session, _) | Stage::ReadOwnHead(session)) = &runner.stage else { return };
        let (_, seen) = self.sheets.at(system.sheet_versions[0]).find_head();
        let plain = |location: &StateLocation| StateLocation { range_id: None, ..location.clone() };
        let untouched = (system.user_edits ^ self.bounds.user_edits) & (DELETES_NAME | DELETES_STATE) == 0;
        let exact = untouched && self.behaviour.honours_ids && !self.behaviour.deletes_names_with_tab;
        let same = match (&session.location, &seen) {
            (Some(kept), Some(seen)) => plain(kept) == plain(seen) && (!exact || kept.range_id == seen.range_id),
            (kept, seen) => kept.is_none() && seen.is_none(),
        };
        if !same && !self.sheets.at(system.sheet_versions[0]).deleted && self.rules.mutation.is_none() {
            self.report_broken(format!("the kept place is not the seen one: {:?} and {seen:?}", session.location));
        }
    }
}
