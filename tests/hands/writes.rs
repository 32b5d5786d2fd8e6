//! What a batch of the job's did to the tab: what came where it belongs, and what was written over by mistake.

use std::collections::{BTreeMap, BTreeSet};

use std::fmt::Write as _;

use serde_json::Value;

use crate::book::{
    Book, CALLS_OF_A_REPAIR_THAT_LOSE_WHAT_IS_TYPED, Fate, Holds, JOBS, ROWS_DELETED_DURING_THEIR_REPAIR_MAY_COME_BACK,
    Row, Whose, Written, is_key, value, version_in,
};
use crate::sight::Sight;

impl Book {
    /// Takes in a batch that was applied. Returns stamps for rows that are new, by position, and what happened in words.
    #[expect(clippy::too_many_lines, reason = "one look at each cell, and what follows from it")]
    pub fn see_write(&mut self, before: Option<&Sight>, after: &Sight, body: &Value) -> (Vec<(usize, u32)>, String) {
        self.forget_emptied(before);
        self.see_deleted();
        self.see_missed(before, after);
        let versions = self.versions_in(body);
        if versions.is_empty() {
            self.see_planned();
        }
        self.written_at = self.calls;
        let mut told = format!("{versions:?}");
        let (mut hit, mut came) = (Vec::new(), Vec::new());
        let stamped: Vec<_> = after.lines.iter().enumerate().filter_map(|(at, line)| Some((at, line.stamp?))).collect();
        for &(at, stamp) in &stamped {
            let Some(was) = before.and_then(|before| before.row(stamp)) else { continue };
            for (column, holds) in self.columns.iter().map(|(stamp, column)| (*stamp, column.holds.clone())) {
                let (Some(there), Some(before)) = (after.column(column), before) else { continue };
                let Some(here) = before.column(column) else { continue };
                let (old, new) = (before.entered(was, here), after.entered(at, there));
                let Some(row) = self.rows.get(&stamp) else { continue };
                let right = self.job_cell(row, column).filter(|(key, name)| self.is_right(key, name, new));
                let is_hit = old != new && right.is_none();
                if is_hit {
                    let is_back = row.cells.get(&column).map_or("", String::as_str) == new;
                    let what = if is_back { "restored" } else { "HIT" };
                    let _ = write!(told, "\n    {what} row {} ({:?}) {holds:?}: {old:?} -> {new:?}", at + 1, row.whose);
                    if let (Whose::Key(key), false) = (&row.whose, is_back) {
                        hit.push(key.clone());
                    }
                } else if old != new {
                    let _ = write!(told, "\n    row {} {holds:?}: {old:?} -> {new:?}", at + 1);
                }
                let calls = self.calls;
                let Some(row) = self.rows.get_mut(&stamp) else { continue };
                if old != new && row.retyped.contains(&column) {
                    row.overwritten.insert(column);
                }
                if let Some((when, _)) = row.fresh.get(&column).filter(|_| old != new) {
                    if when + CALLS_OF_A_REPAIR_THAT_LOSE_WHAT_IS_TYPED > calls {
                        told.push_str("    (raced)");
                        row.is_raced = true;
                    }
                    row.fresh.remove(&column);
                }
                if let (Some((key, name)), true) = (right, old != new) {
                    row.cells.insert(column, new.to_owned());
                    came.push((key, name, new.to_owned()));
                }
            }
        }
        let made = self.see_new_rows(before, after, &versions, &mut told);
        if versions.is_empty() {
            // A repair had seen each key's row, wherever that is, and the document lets a row stay away that it had seen.
            for (key, written) in self.written.iter_mut().filter(|(_, written)| written.landed.is_empty()) {
                written.is_mixed = true;
                self.gone.get_mut(key).into_iter().for_each(|fate| *fate = Fate::Either);
            }
        }
        for (key, version) in versions {
            let is_made = made.iter().any(|(_, stamp)| self.rows[stamp].whose == Whose::Key(key.clone()));
            let has_hit = is_made || hit.contains(&key);
            hit.retain(|other| *other != key);
            self.see_version(after, &key, version, has_hit);
        }
        // What a repair does, without a version of its own.
        for (_, written) in self.written.iter_mut().filter(|(key, _)| hit.contains(key)) {
            written.is_mixed |= written.landed.len() < JOBS.len() - 1;
        }
        for (at, stamp) in &made {
            let Whose::Key(key) = &self.rows[stamp].whose else { continue };
            for name in JOBS {
                let place = self.job(name).and_then(|column| after.column(column));
                came.extend(place.map(|place| (key.clone(), name, after.entered(*at, place).to_owned())));
            }
        }
        for (key, name, text) in came {
            if let Some(written) =
                self.written.get_mut(&key).filter(|written| value(&key, name, written.version) == text)
            {
                written.landed.insert(name);
            }
        }
        (made, told)
    }

    /// Rows that she deleted when this write was on its way.
    fn see_deleted(&mut self) {
        let since = self.calls.saturating_sub(CALLS_OF_A_REPAIR_THAT_LOSE_WHAT_IS_TYPED);
        for (when, key, words) in std::mem::take(&mut self.deleted) {
            if when <= since || !ROWS_DELETED_DURING_THEIR_REPAIR_MAY_COME_BACK {
                continue;
            }
            match key.and_then(|key| self.gone.get_mut(&key)) {
                Some(fate) => *fate = Fate::Either,
                None => self.emptied.extend(words),
            }
        }
    }

    /// Cells that she has changed since the write before a repair: it may have been planned by then, and the document lets such a cell stay.
    fn see_planned(&mut self) {
        let (columns, since) = (&self.columns, self.written_at);
        for row in self.rows.values_mut() {
            for (name, (_, fate)) in row.typed.iter_mut().filter(|(_, (_, fate))| *fate == Fate::Goes) {
                let is_columns =
                    |stamp: &u32| columns.get(stamp).is_some_and(|column| column.holds == Holds::Job(name));
                if row.fresh.iter().any(|(stamp, (when, _))| *when >= since && is_columns(stamp)) {
                    *fate = Fate::Either;
                }
            }
        }
    }

    /// Rows that waited for a repair, and still do.
    fn see_missed(&mut self, before: Option<&Sight>, after: &Sight) {
        let Some(before) = before else { return };
        let stamps = |sight: &Sight| -> BTreeSet<u32> {
            self.waiting(sight).into_iter().filter_map(|(at, _)| sight.lines[at].stamp).collect()
        };
        let (waited, waiting) = (stamps(before), stamps(after));
        for (_, row) in self.rows.iter_mut().filter(|(stamp, _)| waited.contains(stamp) && waiting.contains(stamp)) {
            row.is_missed = true;
            // She has changed these since the repair was planned: they stay, unless the version comes with another batch.
            row.typed.values_mut().filter(|typed| typed.1 == Fate::Goes).for_each(|typed| typed.1 = Fate::Either);
            // Of a version that more than one batch was at, the document does not say which one has to have seen the row.
            if let Whose::Key(key) = &row.whose
                && let Some(written) = self.written.get_mut(key)
            {
                written.is_mixed = true;
            }
        }
    }

    /// Rows that the job appended and took back are blank rows again.
    fn forget_emptied(&mut self, before: Option<&Sight>) {
        let Some(before) = before else { return };
        let stamps = before.lines.iter().enumerate().filter_map(|(at, line)| Some((at, line.stamp?)));
        let emptied = stamps.filter(|(at, stamp)| self.is_taken_back(before, *at, *stamp));
        for (_, stamp) in emptied.collect::<Vec<_>>() {
            if let Some(Row { whose: Whose::Key(key), .. }) = self.rows.remove(&stamp) {
                self.taken_back.insert(stamp, key);
            }
        }
    }

    /// What a body writes of each key: the version of the source, or the one under way. Any other one is a cell that is restored.
    fn versions_in(&self, body: &Value) -> BTreeMap<String, u64> {
        let mut found = Vec::new();
        gather(body, &mut found);
        let mut versions = BTreeMap::new();
        for (key, version) in found {
            if self.source.get(&key) == Some(&version) {
                versions.insert(key, version);
            } else if self.written.get(&key).is_some_and(|written| written.version == version) {
                versions.entry(key).or_insert(version);
            }
        }
        versions
    }

    /// Rows without a stamp in which the job has written.
    fn see_new_rows(
        &mut self,
        before: Option<&Sight>,
        after: &Sight,
        versions: &BTreeMap<String, u64>,
        told: &mut String,
    ) -> Vec<(usize, u32)> {
        let mut made = Vec::new();
        let mut anchor = 0_isize;
        for (at, line) in after.lines.iter().enumerate().skip(1) {
            if let Some(stamp) = line.stamp.filter(|stamp| self.rows.contains_key(stamp)) {
                let was = before.and_then(|before| before.row(stamp)).unwrap_or(at);
                anchor = was.cast_signed() - at.cast_signed();
                continue;
            }
            let named = line.entered.iter().find_map(|text| match version_in(text) {
                Some((key, _)) => Some(key.to_owned()),
                None => is_key(text).then(|| text.clone()),
            });
            let Some(key) = named else { continue };
            // A version of a key that has its row elsewhere came to a blank row by mistake: nothing is owed to that one.
            let is_own = |row: &Row| row.whose == Whose::Key(key.clone()) && !row.is_new;
            let is_stray = !line.entered.contains(&key) || self.rows.values().any(is_own);
            let was = usize::try_from(at.cast_signed() + anchor).unwrap_or(at);
            // A row of somebody's was there: this one was inserted.
            let is_inserted = before.is_some_and(|before| {
                before.lines.get(was).and_then(|line| line.stamp).is_some_and(|stamp| self.rows.contains_key(&stamp))
            });
            let version = versions.get(&key).or_else(|| self.source.get(&key)).copied().unwrap_or(0);
            let cells = self.columns.iter().map(|(stamp, column)| {
                let text = match column.holds {
                    Holds::Job(name) if !is_stray => value(&key, name, version),
                    _ => {
                        let there =
                            before.filter(|_| !is_inserted).and_then(|before| Some((before, before.column(*stamp)?)));
                        let there = there.map_or("", |(before, column)| before.entered(was, column));
                        // What stands beside formulas of hers without being one is not hers.
                        let is_hers =
                            !matches!(column.holds, Holds::Array(_) | Holds::Formula(_)) || there.starts_with('=');
                        if is_hers { there.to_owned() } else { String::new() }
                    }
                };
                (*stamp, text)
            });
            let cells = cells.collect();
            let stamp = self.stamp();
            let _ = write!(told, "\n    new row {} of {key}, stray {is_stray}: {:?}", at + 1, line.entered);
            let whose = if is_stray { Whose::Unkeyed } else { Whose::Key(key.clone()) };
            let mut row = Row::of(whose, true, cells);
            row.had = line.stamp.and_then(|stamp| self.taken_back.get(&stamp)).filter(|had| **had != key).cloned();
            // What comes back of a row that she deleted during its repair is what it held then.
            row.is_raced = self.gone.get(&key) == Some(&Fate::Either) && ROWS_DELETED_DURING_THEIR_REPAIR_MAY_COME_BACK;
            self.rows.insert(stamp, row);
            made.push((at, stamp));
        }
        made
    }

    fn see_version(&mut self, after: &Sight, key: &str, version: u64, has_hit: bool) {
        let own: Vec<_> = self.rows.iter().filter(|(_, row)| row.whose == Whose::Key(key.to_owned())).collect();
        let is_there = |name: &str| {
            let column = self.job(name).and_then(|stamp| after.column(stamp));
            // A row that is new has no stamp yet.
            let shown = || after.lines.iter().position(|line| line.entered.iter().any(|text| text == key));
            let mut rows =
                own.iter().filter_map(|(stamp, row)| after.row(**stamp).or_else(|| shown().filter(|_| row.is_new)));
            column.is_some_and(|column| rows.any(|row| after.entered(row, column) == value(key, name, version)))
        };
        let landed: Vec<_> = JOBS.into_iter().filter(|name| is_there(name)).collect();
        let written = self.written.entry(key.to_owned()).or_default();
        if written.version == version {
            written.is_mixed |= has_hit;
        } else {
            *written = Written { version, has_hit, ..Written::default() };
        }
        // A cell that shows the key, or the same in many versions, says nothing.
        written.landed.extend(landed.into_iter().filter(|name| *name != "id"));
        let landed = written.landed.contains("a") || written.landed.contains("b");
        if !landed && !written.has_hit {
            written.landed.remove("c");
        }
    }
}

/// Keys and versions whose values a body has.
fn gather(body: &Value, found: &mut Vec<(String, u64)>) {
    match body {
        Value::String(text) => found.extend(version_in(text).map(|(key, version)| (key.to_owned(), version))),
        Value::Array(all) => all.iter().for_each(|each| gather(each, found)),
        Value::Object(all) => all.values().for_each(|each| gather(each, found)),
        _ => {}
    }
}
