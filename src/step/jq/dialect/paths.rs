//! Paths as in jq: set and deleted.
//!
//! In scope: paths of names, indices and slices. Out of scope: the names of the filters
//! (`step::jq::dialect::filters`).

use jaq_core::val::Range;
use jaq_core::{Error, ValR};
use jaq_json::{Map, Num, Rc, Val};

/// Maximum index that may extend an array.
const MAX_INDEX: usize = 1_000_000;

fn read_parts(path: &Val) -> Result<&[Val], Error<Val>> {
    match path {
        Val::Arr(parts) => Ok(parts),
        other => Err(Error::str(format_args!("a path is an array, and {other} is none"))),
    }
}

/// Returns the value with `new` at the path; missing parts of the path are created.
pub(crate) fn set(value: Val, path: &Val, new: Val) -> ValR<Val> {
    set_at(value, read_parts(path)?, new)
}

fn set_at(value: Val, path: &[Val], new: Val) -> ValR<Val> {
    let Some((first, rest)) = path.split_first() else { return Ok(new) };
    let unfit = |value: &Val| Error::index(value.clone(), first.clone());
    match (value, first) {
        (Val::Null, Val::TStr(_)) => {
            Ok(Val::obj([(first.clone(), set_at(Val::Null, rest, new)?)].into_iter().collect::<Map>()))
        }
        (Val::Obj(mut members), Val::TStr(_)) => {
            let member = Rc::make_mut(&mut members).entry(first.clone()).or_insert(Val::Null);
            *member = set_at(std::mem::take(member), rest, new)?;
            Ok(Val::Obj(members))
        }
        (Val::Null, Val::Num(_)) => set_at(Val::Arr(Rc::new(Vec::new())), path, new),
        (Val::Arr(mut items), Val::Num(_)) => {
            let at = resolve_index(first, items.len())
                .ok_or_else(|| Error::str(format_args!("index {first} is out of bounds")))?;
            if at > MAX_INDEX.max(items.len()) {
                return Err(Error::str(format_args!("index {first} would make too long an array")));
            }
            let items_mut = Rc::make_mut(&mut items);
            if at >= items_mut.len() {
                items_mut.resize(at + 1, Val::Null);
            }
            if let Some(item) = items_mut.get_mut(at) {
                *item = set_at(std::mem::take(item), rest, new)?;
            }
            Ok(Val::Arr(items))
        }
        (Val::Arr(mut items), Val::Obj(slice)) => {
            let (from, upto) = resolve_slice(slice, items.len())?;
            let old = Val::Arr(Rc::new(items.get(from..upto).unwrap_or_default().to_vec()));
            let Val::Arr(new) = set_at(old, rest, new)? else {
                return Err(Error::str("a slice of an array can only be set to an array"));
            };
            Rc::make_mut(&mut items).splice(from..upto, new.iter().cloned());
            Ok(Val::Arr(items))
        }
        (value, _) => Err(unfit(&value)),
    }
}

/// Returns the value without the parts at the paths. The last path is deleted first, so that no
/// deletion shifts another.
pub(crate) fn delete(value: Val, all: &Val) -> ValR<Val> {
    let mut all: Vec<&Val> = read_parts(all)?.iter().collect();
    all.sort();
    all.dedup();
    all.into_iter().rev().try_fold(value, |value, path| delete_at(value, read_parts(path)?))
}

fn delete_at(value: Val, path: &[Val]) -> ValR<Val> {
    let Some((first, rest)) = path.split_first() else { return Ok(Val::Null) };
    match (value, first) {
        (Val::Null, _) => Ok(Val::Null),
        (Val::Obj(mut members), Val::TStr(_)) => {
            let owned = Rc::make_mut(&mut members);
            if rest.is_empty() {
                owned.shift_remove(first);
            } else if let Some(member) = owned.get_mut(first) {
                *member = delete_at(std::mem::take(member), rest)?;
            }
            Ok(Val::Obj(members))
        }
        (Val::Arr(mut items), Val::Num(_)) => {
            let Some(at) = resolve_index(first, items.len()).filter(|at| *at < items.len()) else {
                return Ok(Val::Arr(items));
            };
            let owned = Rc::make_mut(&mut items);
            if rest.is_empty() {
                owned.remove(at);
            } else if let Some(item) = owned.get_mut(at) {
                *item = delete_at(std::mem::take(item), rest)?;
            }
            Ok(Val::Arr(items))
        }
        (Val::Arr(mut items), Val::Obj(slice)) => {
            let (from, upto) = resolve_slice(slice, items.len())?;
            let owned = Rc::make_mut(&mut items);
            if rest.is_empty() {
                owned.drain(from..upto);
            } else {
                let old = Val::Arr(Rc::new(owned.get(from..upto).unwrap_or_default().to_vec()));
                let Val::Arr(left) = delete_at(old, rest)? else { return Ok(Val::Arr(items)) };
                owned.splice(from..upto, left.iter().cloned());
            }
            Ok(Val::Arr(items))
        }
        (value, _) => Err(Error::str(format_args!("cannot delete {first} of {value}"))),
    }
}

/// Returns the position of an index in an array of this length; a negative index counts from the
/// end.
fn resolve_index(index: &Val, length: usize) -> Option<usize> {
    let Val::Num(number) = index else { return None };
    let index = match number {
        Num::Float(float) => as_index(*float)?,
        other => other.as_isize()?,
    };
    usize::try_from(index).ok().or_else(|| length.checked_sub(index.unsigned_abs()))
}

#[expect(clippy::cast_possible_truncation, reason = "an index that is not a whole number is cut, as jq does")]
fn as_index(float: f64) -> Option<isize> {
    (float.is_finite() && float.abs() < 1e15).then_some(float.floor() as isize)
}

/// Returns the start and end of a slice in an array of this length.
fn resolve_slice(slice: &Map, length: usize) -> Result<(usize, usize), Error<Val>> {
    let bound = |name: &'static str| slice.get(&Val::utf8_str(name)).filter(|value| !matches!(value, Val::Null));
    let range: Range<&Val> = bound("start")..bound("end");
    let place = |bound: Option<&Val>, default: usize| match bound {
        None => Ok(default),
        Some(value @ Val::Num(_)) => Ok(resolve_index(value, length).unwrap_or(0).min(length)),
        Some(other) => Err(Error::str(format_args!("a slice begins and ends at numbers, and {other} is none"))),
    };
    let (from, upto) = (place(range.start, 0)?, place(range.end, length)?);
    Ok((from, upto.max(from)))
}
