//! Finds an upper bound on the cost of an expression for any input, or none.
//!
//! In scope: the terms and filters with a known bound. Out of scope: evaluating the others
//! (`step::expression`).
//!
//! The bound is coarse on purpose: it assumes that each part is as large as the whole input.
//! Without a bound are definitions, `reduce`, `until`, `repeat`, `range` over anything but numbers,
//! and others. Such an expression may end all the same; it is only not evaluated in this process.

use jaq_core::load::lex::StrPart;
use jaq_core::load::parse::{BinaryOp, Pattern, Term};
use jaq_core::ops::Math;
use jaq_core::path::Part;

use crate::step::jq::bounds::cost::Cost;
use crate::step::jq::bounds::literals::{MAX_REGEX, is_cheap_regex, literal, number};
use crate::step::jq::bounds::result_bounds::{COPY_COST, ResultBounds, either_bounds};
use crate::step::jq::dialect::numbers::REPEATED_IN_PLACE;

/// How many times longer a text may become when it is written as JSON or in another format.
const ESCAPE_FACTOR: f64 = 6.0;
/// Maximum number of values that a `range` may yield.
const MAX_RANGE: f64 = 100_000.0;
/// The size of a number.
const NUMBER_SIZE: f64 = 21.0;
/// Maximum depth of a path.
const MAX_PATH_DEPTH: f64 = 128.0;

/// Variables and the sizes of their values.
type Scope<'s> = Vec<(&'s str, Cost)>;

/// Returns an upper bound on the cost of `term`; `None` if it has no known bound.
pub(crate) fn cost(term: &Term<&str>) -> Option<Cost> {
    let result_bounds = result_bounds(term, Cost::input(), &mut Vec::new())?;
    Some(result_bounds.work.plus(result_bounds.count.times(result_bounds.size)?.scaled(COPY_COST)))
}

#[expect(clippy::too_many_lines, reason = "a table: what each kind of term costs")]
fn result_bounds<'s>(term: &Term<&'s str>, input: Cost, scope: &mut Scope<'s>) -> Option<ResultBounds> {
    Some(match term {
        Term::Id => ResultBounds::one(input),
        Term::Recurse => ResultBounds { count: input, size: input, work: input },
        Term::Num(_) => ResultBounds::one(Cost::fixed(NUMBER_SIZE)),
        Term::Str(_, parts) => {
            let mut whole = ResultBounds::one(Cost::one());
            for part in parts {
                match part {
                    StrPart::Str(text) => whole.size = whole.size.plus(Cost::fixed(length(text))),
                    StrPart::Char(_) => whole.size = whole.size.plus(Cost::fixed(4.0)),
                    StrPart::Term(inner) => {
                        let inner = result_bounds(inner, input, scope)?;
                        whole = whole.with(inner, whole.size.plus(inner.size.scaled(ESCAPE_FACTOR)))?;
                    }
                }
            }
            whole
        }
        Term::Arr(None) => ResultBounds::one(Cost::one()),
        Term::Arr(Some(inner)) => {
            let parts = parts_of_input(inner, input);
            let inner = result_bounds(inner, input, scope)?;
            let size = match parts {
                Some(size) => size,
                None => inner.count.times(inner.size)?,
            };
            ResultBounds::with_work(size.plus(Cost::one()), inner.work)
        }
        Term::Obj(members) => {
            let mut whole = ResultBounds::one(Cost::one());
            for (name, value) in members {
                let name_made = result_bounds(name, input, scope)?;
                let value = match value {
                    Some(value) => result_bounds(value, input, scope)?,
                    None => ResultBounds::one(largest(input, scope)),
                };
                let size = whole.size.plus(name_made.size).plus(value.size);
                whole = whole.with(name_made, size)?.with(value, size)?;
            }
            whole
        }
        Term::Neg(inner) => result_bounds(inner, input, scope)?,
        Term::BinOp(left, operator, right) => operation(left, operator, right, input, scope)?,
        Term::TryCatch(tried, caught) => {
            let tried = result_bounds(tried, input, scope)?;
            match caught {
                Some(caught) => {
                    either_bounds(tried, result_bounds(caught, input.plus(tried.size).scaled(ESCAPE_FACTOR), scope)?)
                }
                None => tried,
            }
        }
        Term::IfThenElse(cases, other) => {
            let mut all = match other {
                Some(other) => result_bounds(other, input, scope)?,
                None => ResultBounds::one(input),
            };
            for (test, then) in cases {
                let test = result_bounds(test, input, scope)?;
                let both = either_bounds(result_bounds(then, input, scope)?, all);
                all = test.with(both, both.size)?;
            }
            all
        }
        Term::Var(name) => {
            let (_, size) = scope.iter().rev().find(|(known, _)| known == name)?;
            ResultBounds::one(*size)
        }
        Term::Path(from, path) => {
            let mut all = result_bounds(from, input, scope)?;
            for (part, _) in &path.0 {
                all = match part {
                    Part::Index(index) => {
                        let index = result_bounds(index, input, scope)?;
                        all.with(index, all.size)?
                    }
                    Part::Range(None, None) => {
                        // Parts share memory with the whole and are not copied.
                        let count = all.count.times(all.size)?;
                        ResultBounds { count, size: all.size, work: all.work.plus(count) }
                    }
                    Part::Range(from, upto) => {
                        for bound in [from, upto].into_iter().flatten() {
                            let bound = result_bounds(bound, input, scope)?;
                            all = all.with(bound, all.size)?;
                        }
                        all
                    }
                };
            }
            all
        }
        Term::Call(name, arguments) => bound_call(name, arguments, input, scope)?,
        Term::Label(..) | Term::Break(_) | Term::Fold(..) | Term::Def(..) => return None,
    })
}

/// Returns the total size of all values at a path such as `.a[].b`: disjoint parts of the input.
fn parts_of_input(term: &Term<&str>, input: Cost) -> Option<Cost> {
    let Term::Path(from, path) = term else { return None };
    let is_plain = path.0.iter().all(|(part, _)| match part {
        Part::Index(index) => literal(index).is_some() || number(index).is_some(),
        Part::Range(from, upto) => from.is_none() && upto.is_none(),
    });
    (matches!(**from, Term::Id) && is_plain).then(|| input.scaled(2.0))
}

/// Returns the size of the larger of the input and the variables.
fn largest(input: Cost, scope: &Scope<'_>) -> Cost {
    scope.iter().fold(input, |sum, (_, size)| sum.plus(*size))
}

fn operation<'s>(
    left: &Term<&'s str>,
    operator: &BinaryOp<&'s str>,
    right: &Term<&'s str>,
    input: Cost,
    scope: &mut Scope<'s>,
) -> Option<ResultBounds> {
    let first = result_bounds(left, input, scope)?;
    match operator {
        BinaryOp::Pipe(None) => {
            let second = result_bounds(right, first.size, scope)?;
            first.with(second, second.size)
        }
        BinaryOp::Pipe(Some(pattern)) => {
            let known = scope.len();
            bind(pattern, first.size, scope)?;
            let second = result_bounds(right, input, scope);
            scope.truncate(known);
            let second = second?;
            first.with(second, second.size)
        }
        BinaryOp::Comma | BinaryOp::Alt => Some(either_bounds(first, result_bounds(right, input, scope)?)),
        BinaryOp::Or | BinaryOp::And | BinaryOp::Cmp(_) => {
            let second = result_bounds(right, input, scope)?;
            let compared = first.with(second, first.size.plus(second.size))?;
            Some(ResultBounds { size: Cost::one(), ..compared })
        }
        BinaryOp::Math(math) => {
            let second = result_bounds(right, input, scope)?;
            let both = first.size.plus(second.size);
            let size = match math {
                Math::Add | Math::Sub | Math::Rem => both,
                // Splitting a text yields at most as many parts as bytes.
                Math::Div => both.scaled(2.0),
                Math::Mul => both.plus(Cost::fixed(repeated(left, right))),
            };
            first.with(second, size)
        }
        BinaryOp::Update | BinaryOp::Assign | BinaryOp::UpdateAlt => {
            let from = if matches!(operator, BinaryOp::Update) { first.size } else { input };
            let second = result_bounds(right, from, scope)?;
            updated(first, second, second.size, input)
        }
        BinaryOp::UpdateMath(math) => {
            let second = result_bounds(right, input, scope)?;
            let repeats = if matches!(math, Math::Mul) { repeated(left, right) } else { 0.0 };
            updated(first, second, first.size.plus(second.size).scaled(2.0).plus(Cost::fixed(repeats)), input)
        }
    }
}

/// Returns the input with values of `size` at each of `paths`, once for each of `new`.
fn updated(paths: ResultBounds, new: ResultBounds, size: Cost, input: Cost) -> Option<ResultBounds> {
    let count = new.count.plus(Cost::one());
    let size = input.plus(paths.count.times(size)?);
    let each = paths.work.plus(paths.count.times(new.work.plus(Cost::fixed(MAX_PATH_DEPTH)))?).plus(size);
    Some(ResultBounds { count, size, work: new.work.plus(count.times(each)?) })
}

/// Returns how long a text that is multiplied in this process may become; numbers do not grow like
/// that.
fn repeated(left: &Term<&str>, right: &Term<&str>) -> f64 {
    let is_fraction = |term: &Term<&str>| matches!(term, Term::Num(digits) if digits.contains('.'));
    if is_fraction(left) || is_fraction(right) { NUMBER_SIZE } else { REPEATED_IN_PLACE }
}

fn bind<'s>(pattern: &Pattern<&'s str>, size: Cost, scope: &mut Scope<'s>) -> Option<()> {
    match pattern {
        Pattern::Var(name) => {
            scope.push((*name, size));
            Some(())
        }
        Pattern::Arr(parts) => parts.iter().try_for_each(|part| bind(part, size, scope)),
        Pattern::Obj(parts) => parts.iter().try_for_each(|(name, part)| match name {
            Term::Str(None, texts) if texts.iter().all(|text| !matches!(text, StrPart::Term(_))) => {
                bind(part, size, scope)
            }
            Term::Var(variable) => {
                scope.push((*variable, size));
                bind(part, size, scope)
            }
            _ => None,
        }),
    }
}

#[expect(clippy::cast_precision_loss, reason = "expressions are short")]
fn length(text: &str) -> f64 {
    text.len() as f64
}

#[expect(clippy::too_many_lines, reason = "a table: what each filter costs")]
fn bound_call<'s>(name: &str, arguments: &[Term<&'s str>], input: Cost, scope: &mut Scope<'s>) -> Option<ResultBounds> {
    let same = Some(ResultBounds::with_work(input, input));
    match (name, arguments) {
        (
            "not" | "true" | "false" | "null" | "nan" | "infinite" | "isnan" | "isinfinite" | "isnormal" | "isvalid",
            [],
        ) => Some(ResultBounds::one(Cost::fixed(NUMBER_SIZE))),
        ("empty", []) => Some(ResultBounds::one(Cost::one())),
        (
            "length" | "utf8bytelength" | "floor" | "ceil" | "round" | "sqrt" | "fabs" | "abs" | "trunc" | "log"
            | "log2" | "log10" | "exp" | "type" | "todate" | "date" | "todateiso8601" | "fromdate" | "fromdateiso8601"
            | "mktime" | "gmtime" | "isempty" | "any" | "all" | "toboolean" | "tonumber" | "min" | "max" | "sin"
            | "cos" | "tan",
            [],
        ) => Some(ResultBounds::with_work(input.plus(Cost::fixed(200.0)), input)),
        (
            "keys" | "keys_unsorted" | "values" | "nulls" | "booleans" | "numbers" | "strings" | "arrays" | "objects"
            | "iterables" | "scalars" | "first" | "last" | "reverse" | "sort" | "unique" | "ascii_downcase"
            | "ascii_upcase" | "trim" | "ltrim" | "rtrim" | "flatten" | "error" | "toarray" | "implode",
            [],
        ) => same,
        ("add", []) => Some(ResultBounds::with_work(input, input.times(input)?)),
        (
            "explode" | "to_entries" | "from_entries" | "tostring" | "tojson" | "fromjson" | "transpose" | "ascii",
            [],
        ) => Some(ResultBounds::with_work(input.scaled(20.0), input.scaled(20.0))),
        (
            "@text" | "@json" | "@csv" | "@tsv" | "@html" | "@uri" | "@sh" | "@base64" | "@base64d" | "@urid"
            | "@htmld",
            [],
        ) => Some(ResultBounds::with_work(input.scaled(ESCAPE_FACTOR), input.scaled(ESCAPE_FACTOR))),
        ("recurse", []) => Some(ResultBounds { count: input, size: input, work: input }),
        ("paths" | "leaf_paths", []) => Some(ResultBounds {
            count: input,
            size: Cost::fixed(MAX_PATH_DEPTH * NUMBER_SIZE).plus(input),
            work: input.scaled(MAX_PATH_DEPTH),
        }),
        ("map" | "map_values", [inner]) => {
            let is_choice = matches!(inner, Term::Call("select", _)) || parts_of_input(inner, input).is_some();
            let inner = result_bounds(inner, input, scope)?;
            let work = input.times(inner.work)?.plus(input);
            let size = if is_choice { input } else { input.times(inner.count.times(inner.size)?)? };
            Some(ResultBounds::with_work(input.plus(size), work))
        }
        ("with_entries", [inner]) => {
            let inner = result_bounds(inner, input.plus(Cost::fixed(10.0)), scope)?;
            let work = input.times(inner.work)?.plus(input.scaled(20.0));
            Some(ResultBounds::with_work(input.times(inner.count.times(inner.size)?)?.plus(input), work))
        }
        ("select", [test]) => {
            let test = result_bounds(test, input, scope)?;
            Some(ResultBounds { count: test.count, size: input, work: test.work })
        }
        ("first" | "last" | "isempty" | "error" | "add", [inner]) => {
            let inner = result_bounds(inner, input, scope)?;
            let all = inner.count.times(inner.size)?;
            Some(ResultBounds::with_work(all, inner.work.plus(all)))
        }
        ("any" | "all", [test]) => {
            let test = result_bounds(test, input, scope)?;
            Some(ResultBounds::with_work(Cost::one(), input.times(test.work)?.plus(input)))
        }
        ("any" | "all", [values, test]) => {
            let values = result_bounds(values, input, scope)?;
            let test = result_bounds(test, values.size, scope)?;
            Some(ResultBounds::with_work(Cost::one(), values.work.plus(values.count.times(test.work)?)))
        }
        ("limit" | "skip" | "nth", [count, values]) => {
            let count = result_bounds(count, input, scope)?;
            let values = result_bounds(values, input, scope)?;
            count.with(values, values.size)
        }
        ("sort_by" | "group_by" | "unique_by" | "min_by" | "max_by", [key]) => {
            let key = result_bounds(key, input, scope)?;
            let keys = input.times(key.count.times(key.size)?)?;
            Some(ResultBounds::with_work(input.scaled(2.0), input.times(key.work)?.plus(keys).plus(input.scaled(30.0))))
        }
        (
            "has" | "startswith" | "endswith" | "ltrimstr" | "rtrimstr" | "index" | "rindex" | "contains" | "inside"
            | "in" | "indices" | "nth" | "bsearch" | "flatten" | "IN" | "strftime" | "strptime",
            [argument],
        ) => {
            // A width in a format may make the text longer than the format.
            if matches!(name, "strftime" | "strptime")
                && literal(argument).is_none_or(|format| format.len() > MAX_REGEX)
            {
                return None;
            }
            let argument = result_bounds(argument, input, scope)?;
            let both = input.plus(argument.size).plus(Cost::fixed(10_000.0));
            let work = input.plus(Cost::one()).times(argument.size.plus(Cost::one()))?;
            argument.with(ResultBounds::with_work(both, work), both)
        }
        ("split", [separator]) => {
            let separator = result_bounds(separator, input, scope)?;
            separator.with(ResultBounds::with_work(input.scaled(2.0), input), input.scaled(2.0))
        }
        ("join", [separator]) => {
            let separator = result_bounds(separator, input, scope)?;
            let size = input.scaled(ESCAPE_FACTOR).plus(input.times(separator.size)?);
            separator.with(ResultBounds::with_work(size, size), size)
        }
        ("del" | "delpaths" | "path" | "getpath", [paths]) => {
            let paths = result_bounds(paths, input, scope)?;
            let work = paths.count.times(input.plus(Cost::fixed(MAX_PATH_DEPTH)))?;
            let count = if name == "path" { paths.count } else { Cost::one() };
            Some(ResultBounds { count, size: input.plus(Cost::fixed(MAX_PATH_DEPTH)), work: paths.work.plus(work) })
        }
        ("range", bounds) => {
            let numbers: Vec<f64> = bounds.iter().map(number).collect::<Option<_>>()?;
            let count = match numbers.as_slice() {
                [upto] => *upto,
                [from, upto] => upto - from,
                [from, upto, by] => (upto - from) / by,
                _ => return None,
            };
            let count = Cost::fixed(count.max(0.0) + 1.0);
            (count.is_small_for_all() && numbers.iter().all(|number| number.abs() <= MAX_RANGE))
                .then_some(ResultBounds { count, size: Cost::fixed(NUMBER_SIZE), work: count })
        }
        ("test" | "match" | "capture" | "scan" | "split" | "splits", [regex, flags @ ..]) => {
            let flags_plain = flags.iter().all(|flag| literal(flag).is_some() || matches!(flag, Term::Call("null", _)));
            if flags.len() > 1 || !is_cheap_regex(regex) || !flags_plain {
                return None;
            }
            let count = if matches!(name, "test") { Cost::one() } else { input.plus(Cost::one()) };
            let size = input.scaled(2.0).plus(Cost::fixed(500.0));
            Some(ResultBounds { count, size, work: input.plus(Cost::one()).scaled(300.0) })
        }
        ("sub" | "gsub", [regex, new, flags @ ..]) => {
            if flags.len() > 1 || !is_cheap_regex(regex) || !flags.iter().all(|flag| literal(flag).is_some()) {
                return None;
            }
            let new = result_bounds(new, input.plus(Cost::fixed(500.0)), scope)?;
            // Several replacement texts for each match would multiply.
            if new.count != Cost::one() {
                return None;
            }
            let matches = input.plus(Cost::one());
            let size = input.plus(matches.times(new.size)?);
            Some(ResultBounds::with_work(size, matches.scaled(300.0).plus(matches.times(new.work)?).plus(size)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
