//! The invariants of every world.
//!
//! In scope: nothing doubled, nothing lost, no run and no sheet that can't continue. Out of scope:
//! the invariants of a sheet by itself (`service`).

use sheetkeep::store::guard::head_guard::StateLocation;

use crate::explore::{Asked, DROPS_NAME, DROPS_STATE, Event, Explorer, World, number_of};
use crate::service::run_name;
use crate::session::{Runner, Stage};

impl Explorer {
    pub fn check(&mut self, world: &World) {
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
        if self.recovered.insert(world.past[0]) {
            self.check_recovery(world.past[0]);
        }
        for runner in world.runners {
            if self.left_alone.insert((runner, world.past[0])) {
                self.check_end(runner, world.past[0]);
            }
        }
    }

    /// Checks that a run, left alone from this point, ends well, or finds that it was overtaken or
    /// that the head was deleted.
    pub fn check_end(&mut self, runner: u32, sheet: u32) {
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

    /// Checks that after any history of a sheet a later undisturbed run ends well, or reports that
    /// the head was deleted.
    pub fn check_recovery(&mut self, sheet: u32) {
        let runner = self.runners.id(Runner::new(0, 9));
        let (end, _) = self.alone(runner, sheet);
        let stage = &self.runners.all[end as usize].stage;
        let excused = self.sheets.all[sheet as usize].deleted && *stage == Stage::Stopped("corrupt");
        if *stage != Stage::Won && !excused {
            let stage = format!("{stage:?}");
            self.found(format!("no later run can go on: an undisturbed one ends as {stage}"));
        }
    }

    /// Lets one runner work undisturbed.
    pub fn alone(&mut self, mut runner: u32, mut sheet: u32) -> (u32, u32) {
        for _ in 0..200 {
            let asked = match &self.runners.at(runner).stage {
                Stage::Load | Stage::Reload(_) => Asked::Loaded([sheet; 3]),
                Stage::Sight(_) | Stage::Look(..) | Stage::Forget(..) => Asked::Sighted(sheet),
                Stage::ProbeName(_) | Stage::ProbeTab(..) => Asked::Probed(self.probe_refused(runner, sheet)),
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

    /// Checks that after an applied commit the real code's location of the state equals that in the
    /// metadata.
    pub fn check_place(&mut self, next: &[(Event, World)]) {
        let Some((Event::Send(who, _), world)) = next.last() else { return };
        let runner = self.runners.at(world.runners[*who]);
        let (Stage::Send(session, _) | Stage::Sight(session)) = &runner.stage else { return };
        let (_, seen) = self.sheets.at(world.past[0]).sight();
        let plain = |place: &StateLocation| StateLocation { range_id: None, ..place.clone() };
        let untouched = (world.acts ^ self.bounds.acts) & (DROPS_NAME | DROPS_STATE) == 0;
        let exact = untouched && self.how.honours && !self.how.cascades;
        let same = match (&session.place, &seen) {
            (Some(kept), Some(seen)) => plain(kept) == plain(seen) && (!exact || kept.range_id == seen.range_id),
            (kept, seen) => kept.is_none() && seen.is_none(),
        };
        if !same && !self.sheets.at(world.past[0]).deleted && self.rules.mutation.is_none() {
            self.found(format!("the kept place is not the seen one: {:?} and {seen:?}", session.place));
        }
    }
}
