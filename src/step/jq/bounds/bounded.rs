//! Finds an upper bound on the cost of an expression for any input, or none.
//!
//! In scope: the terms and filters with a known bound. Out of scope: evaluating the others
//! (`step::expression`).
//!
//! The bound is coarse on purpose: it assumes that each part is as large as the whole input.
//! Without a bound are definitions, `reduce`, `until`, `repeat`, `range` over anything but numbers,
//! and others. Such an expression may end all the same; it is only not evaluated in this process.

use jaq_core::load::lex::StrPart;
use jaq_core::load::parse::{BinaryOp, Term};
use jaq_core::ops::Math;
use jaq_core::path::Part;

use crate::step::jq::bounds::cost::Cost;
use crate::step::jq::bounds::literals::{MAX_REGEX, is_cheap_regex, read_number_literal, read_text_literal};
use crate::step::jq::bounds::result_bounds::{COPY_COST, ResultBounds, join_bounds};
use crate::step::jq::bounds::variables::{VariableSizes, bind_pattern, take_largest};
use crate::step::jq::dialect::numbers::DEFAULT_REPETITION_LIMIT;

/// How many times longer a text may become when it is written as JSON or in another format.
const ESCAPE_FACTOR: f64 = 6.0;
/// Maximum number of values that a `range` may yield.
const MAX_RANGE: f64 = 100_000.0;
/// The size of a number.
const NUMBER_SIZE: f64 = 21.0;
/// Maximum depth of a path.
const MAX_PATH_DEPTH: f64 = 128.0;

/// Returns an upper bound on the cost of `term`; `None` if it has no known bound.
pub(crate) fn bound_cost(term: &Term<&str>) -> Option<Cost> {
    let result_bounds = bound_results(term, Cost::new_input(), &mut Vec::new())?;
    Some(result_bounds.work.add_cost(result_bounds.count.multiply_cost(result_bounds.size)?.scale_cost(COPY_COST)))
}

#[expect(clippy::too_many_lines, reason = "a table: what each kind of term costs")]
fn bound_results<'s>(term: &Term<&'s str>, input: Cost, scope: &mut VariableSizes<'s>) -> Option<ResultBounds> {
    Some(match term {
        Term::Id => ResultBounds::new_single(input),
        Term::Recurse => ResultBounds { count: input, size: input, work: input },
        Term::Num(_) => ResultBounds::new_single(Cost::new_constant(NUMBER_SIZE)),
        Term::Str(_, parts) => {
            let mut whole = ResultBounds::new_single(Cost::new_one());
            for part in parts {
                match part {
                    StrPart::Str(text) => whole.size = whole.size.add_cost(Cost::new_constant(measure_text(text))),
                    StrPart::Char(_) => whole.size = whole.size.add_cost(Cost::new_constant(4.0)),
                    StrPart::Term(inner) => {
                        let inner = bound_results(inner, input, scope)?;
                        whole = whole.with(inner, whole.size.add_cost(inner.size.scale_cost(ESCAPE_FACTOR)))?;
                    }
                }
            }
            whole
        }
        Term::Arr(None) => ResultBounds::new_single(Cost::new_one()),
        Term::Arr(Some(inner)) => {
            let parts = bound_input_parts(inner, input);
            let inner = bound_results(inner, input, scope)?;
            let size = match parts {
                Some(size) => size,
                None => inner.count.multiply_cost(inner.size)?,
            };
            ResultBounds::with_work(size.add_cost(Cost::new_one()), inner.work)
        }
        Term::Obj(members) => {
            let mut whole = ResultBounds::new_single(Cost::new_one());
            for (name, value) in members {
                let name_made = bound_results(name, input, scope)?;
                let value = match value {
                    Some(value) => bound_results(value, input, scope)?,
                    None => ResultBounds::new_single(take_largest(input, scope)),
                };
                let size = whole.size.add_cost(name_made.size).add_cost(value.size);
                whole = whole.with(name_made, size)?.with(value, size)?;
            }
            whole
        }
        Term::Neg(inner) => bound_results(inner, input, scope)?,
        Term::BinOp(left, operator, right) => bound_operation(left, operator, right, input, scope)?,
        Term::TryCatch(tried, caught) => {
            let tried = bound_results(tried, input, scope)?;
            match caught {
                Some(caught) => join_bounds(
                    tried,
                    bound_results(caught, input.add_cost(tried.size).scale_cost(ESCAPE_FACTOR), scope)?,
                ),
                None => tried,
            }
        }
        Term::IfThenElse(cases, other) => {
            let mut all = match other {
                Some(other) => bound_results(other, input, scope)?,
                None => ResultBounds::new_single(input),
            };
            for (test, then) in cases {
                let test = bound_results(test, input, scope)?;
                let both = join_bounds(bound_results(then, input, scope)?, all);
                all = test.with(both, both.size)?;
            }
            all
        }
        Term::Var(name) => {
            let (_, size) = scope.iter().rev().find(|(known, _)| known == name)?;
            ResultBounds::new_single(*size)
        }
        Term::Path(from, path) => {
            let mut all = bound_results(from, input, scope)?;
            for (part, _) in &path.0 {
                all = match part {
                    Part::Index(index) => {
                        let index = bound_results(index, input, scope)?;
                        all.with(index, all.size)?
                    }
                    Part::Range(None, None) => {
                        // Parts share memory with the whole and are not copied.
                        let count = all.count.multiply_cost(all.size)?;
                        ResultBounds { count, size: all.size, work: all.work.add_cost(count) }
                    }
                    Part::Range(from, upto) => {
                        for bound in [from, upto].into_iter().flatten() {
                            let bound = bound_results(bound, input, scope)?;
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
fn bound_input_parts(term: &Term<&str>, input: Cost) -> Option<Cost> {
    let Term::Path(from, path) = term else { return None };
    let is_plain = path.0.iter().all(|(part, _)| match part {
        Part::Index(index) => read_text_literal(index).is_some() || read_number_literal(index).is_some(),
        Part::Range(from, upto) => from.is_none() && upto.is_none(),
    });
    (matches!(**from, Term::Id) && is_plain).then(|| input.scale_cost(2.0))
}

fn bound_operation<'s>(
    left: &Term<&'s str>,
    operator: &BinaryOp<&'s str>,
    right: &Term<&'s str>,
    input: Cost,
    scope: &mut VariableSizes<'s>,
) -> Option<ResultBounds> {
    let first = bound_results(left, input, scope)?;
    match operator {
        BinaryOp::Pipe(None) => {
            let second = bound_results(right, first.size, scope)?;
            first.with(second, second.size)
        }
        BinaryOp::Pipe(Some(pattern)) => {
            let known = scope.len();
            bind_pattern(pattern, first.size, scope)?;
            let second = bound_results(right, input, scope);
            scope.truncate(known);
            let second = second?;
            first.with(second, second.size)
        }
        BinaryOp::Comma | BinaryOp::Alt => Some(join_bounds(first, bound_results(right, input, scope)?)),
        BinaryOp::Or | BinaryOp::And | BinaryOp::Cmp(_) => {
            let second = bound_results(right, input, scope)?;
            let compared = first.with(second, first.size.add_cost(second.size))?;
            Some(ResultBounds { size: Cost::new_one(), ..compared })
        }
        BinaryOp::Math(math) => {
            let second = bound_results(right, input, scope)?;
            let both = first.size.add_cost(second.size);
            let size = match math {
                Math::Add | Math::Sub | Math::Rem => both,
                // Splitting a text yields at most as many parts as bytes.
                Math::Div => both.scale_cost(2.0),
                Math::Mul => both.add_cost(Cost::new_constant(bound_repeated_text(left, right))),
            };
            first.with(second, size)
        }
        BinaryOp::Update | BinaryOp::Assign | BinaryOp::UpdateAlt => {
            let from = if matches!(operator, BinaryOp::Update) { first.size } else { input };
            let second = bound_results(right, from, scope)?;
            bound_update(first, second, second.size, input)
        }
        BinaryOp::UpdateMath(math) => {
            let second = bound_results(right, input, scope)?;
            let repeats = if matches!(math, Math::Mul) { bound_repeated_text(left, right) } else { 0.0 };
            bound_update(
                first,
                second,
                first.size.add_cost(second.size).scale_cost(2.0).add_cost(Cost::new_constant(repeats)),
                input,
            )
        }
    }
}

/// Returns the input with values of `size` at each of `paths`, once for each of `new`.
fn bound_update(paths: ResultBounds, new: ResultBounds, size: Cost, input: Cost) -> Option<ResultBounds> {
    let count = new.count.add_cost(Cost::new_one());
    let size = input.add_cost(paths.count.multiply_cost(size)?);
    let each = paths
        .work
        .add_cost(paths.count.multiply_cost(new.work.add_cost(Cost::new_constant(MAX_PATH_DEPTH)))?)
        .add_cost(size);
    Some(ResultBounds { count, size, work: new.work.add_cost(count.multiply_cost(each)?) })
}

/// Returns how long a text that is multiplied in this process may become; numbers do not grow like
/// that.
fn bound_repeated_text(left: &Term<&str>, right: &Term<&str>) -> f64 {
    let is_fraction = |term: &Term<&str>| matches!(term, Term::Num(digits) if digits.contains('.'));
    if is_fraction(left) || is_fraction(right) { NUMBER_SIZE } else { DEFAULT_REPETITION_LIMIT }
}

#[expect(clippy::cast_precision_loss, reason = "expressions are short")]
fn measure_text(text: &str) -> f64 {
    text.len() as f64
}

#[expect(clippy::too_many_lines, reason = "a table: what each filter costs")]
fn bound_call<'s>(
    name: &str,
    arguments: &[Term<&'s str>],
    input: Cost,
    scope: &mut VariableSizes<'s>,
) -> Option<ResultBounds> {
    let same = Some(ResultBounds::with_work(input, input));
    match (name, arguments) {
        (
            "not" | "true" | "false" | "null" | "nan" | "infinite" | "isnan" | "isinfinite" | "isnormal" | "isvalid",
            [],
        ) => Some(ResultBounds::new_single(Cost::new_constant(NUMBER_SIZE))),
        ("empty", []) => Some(ResultBounds::new_single(Cost::new_one())),
        (
            "length" | "utf8bytelength" | "floor" | "ceil" | "round" | "sqrt" | "fabs" | "abs" | "trunc" | "log"
            | "log2" | "log10" | "exp" | "type" | "todate" | "date" | "todateiso8601" | "fromdate" | "fromdateiso8601"
            | "mktime" | "gmtime" | "isempty" | "any" | "all" | "toboolean" | "tonumber" | "min" | "max" | "sin"
            | "cos" | "tan",
            [],
        ) => Some(ResultBounds::with_work(input.add_cost(Cost::new_constant(200.0)), input)),
        (
            "keys" | "keys_unsorted" | "values" | "nulls" | "booleans" | "numbers" | "strings" | "arrays" | "objects"
            | "iterables" | "scalars" | "first" | "last" | "reverse" | "sort" | "unique" | "ascii_downcase"
            | "ascii_upcase" | "trim" | "ltrim" | "rtrim" | "flatten" | "error" | "toarray" | "implode",
            [],
        ) => same,
        ("add", []) => Some(ResultBounds::with_work(input, input.multiply_cost(input)?)),
        (
            "explode" | "to_entries" | "from_entries" | "tostring" | "tojson" | "fromjson" | "transpose" | "ascii",
            [],
        ) => Some(ResultBounds::with_work(input.scale_cost(20.0), input.scale_cost(20.0))),
        (
            "@text" | "@json" | "@csv" | "@tsv" | "@html" | "@uri" | "@sh" | "@base64" | "@base64d" | "@urid"
            | "@htmld",
            [],
        ) => Some(ResultBounds::with_work(input.scale_cost(ESCAPE_FACTOR), input.scale_cost(ESCAPE_FACTOR))),
        ("recurse", []) => Some(ResultBounds { count: input, size: input, work: input }),
        ("paths" | "leaf_paths", []) => Some(ResultBounds {
            count: input,
            size: Cost::new_constant(MAX_PATH_DEPTH * NUMBER_SIZE).add_cost(input),
            work: input.scale_cost(MAX_PATH_DEPTH),
        }),
        ("map" | "map_values", [inner]) => {
            let is_choice = matches!(inner, Term::Call("select", _)) || bound_input_parts(inner, input).is_some();
            let inner = bound_results(inner, input, scope)?;
            let work = input.multiply_cost(inner.work)?.add_cost(input);
            let size = if is_choice { input } else { input.multiply_cost(inner.count.multiply_cost(inner.size)?)? };
            Some(ResultBounds::with_work(input.add_cost(size), work))
        }
        ("with_entries", [inner]) => {
            let inner = bound_results(inner, input.add_cost(Cost::new_constant(10.0)), scope)?;
            let work = input.multiply_cost(inner.work)?.add_cost(input.scale_cost(20.0));
            Some(ResultBounds::with_work(
                input.multiply_cost(inner.count.multiply_cost(inner.size)?)?.add_cost(input),
                work,
            ))
        }
        ("select", [test]) => {
            let test = bound_results(test, input, scope)?;
            Some(ResultBounds { count: test.count, size: input, work: test.work })
        }
        ("first" | "last" | "isempty" | "error" | "add", [inner]) => {
            let inner = bound_results(inner, input, scope)?;
            let all = inner.count.multiply_cost(inner.size)?;
            Some(ResultBounds::with_work(all, inner.work.add_cost(all)))
        }
        ("any" | "all", [test]) => {
            let test = bound_results(test, input, scope)?;
            Some(ResultBounds::with_work(Cost::new_one(), input.multiply_cost(test.work)?.add_cost(input)))
        }
        ("any" | "all", [values, test]) => {
            let values = bound_results(values, input, scope)?;
            let test = bound_results(test, values.size, scope)?;
            Some(ResultBounds::with_work(Cost::new_one(), values.work.add_cost(values.count.multiply_cost(test.work)?)))
        }
        ("limit" | "skip" | "nth", [count, values]) => {
            let count = bound_results(count, input, scope)?;
            let values = bound_results(values, input, scope)?;
            count.with(values, values.size)
        }
        ("sort_by" | "group_by" | "unique_by" | "min_by" | "max_by", [key]) => {
            let key = bound_results(key, input, scope)?;
            let keys = input.multiply_cost(key.count.multiply_cost(key.size)?)?;
            Some(ResultBounds::with_work(
                input.scale_cost(2.0),
                input.multiply_cost(key.work)?.add_cost(keys).add_cost(input.scale_cost(30.0)),
            ))
        }
        (
            "has" | "startswith" | "endswith" | "ltrimstr" | "rtrimstr" | "index" | "rindex" | "contains" | "inside"
            | "in" | "indices" | "nth" | "bsearch" | "flatten" | "IN" | "strftime" | "strptime",
            [argument],
        ) => {
            // A width in a format may make the text longer than the format.
            if matches!(name, "strftime" | "strptime")
                && read_text_literal(argument).is_none_or(|format| format.len() > MAX_REGEX)
            {
                return None;
            }
            let argument = bound_results(argument, input, scope)?;
            let both = input.add_cost(argument.size).add_cost(Cost::new_constant(10_000.0));
            let work = input.add_cost(Cost::new_one()).multiply_cost(argument.size.add_cost(Cost::new_one()))?;
            argument.with(ResultBounds::with_work(both, work), both)
        }
        ("split", [separator]) => {
            let separator = bound_results(separator, input, scope)?;
            separator.with(ResultBounds::with_work(input.scale_cost(2.0), input), input.scale_cost(2.0))
        }
        ("join", [separator]) => {
            let separator = bound_results(separator, input, scope)?;
            let size = input.scale_cost(ESCAPE_FACTOR).add_cost(input.multiply_cost(separator.size)?);
            separator.with(ResultBounds::with_work(size, size), size)
        }
        ("del" | "delpaths" | "path" | "getpath", [paths]) => {
            let paths = bound_results(paths, input, scope)?;
            let work = paths.count.multiply_cost(input.add_cost(Cost::new_constant(MAX_PATH_DEPTH)))?;
            let count = if name == "path" { paths.count } else { Cost::new_one() };
            Some(ResultBounds {
                count,
                size: input.add_cost(Cost::new_constant(MAX_PATH_DEPTH)),
                work: paths.work.add_cost(work),
            })
        }
        ("range", bounds) => {
            let numbers: Vec<f64> = bounds.iter().map(read_number_literal).collect::<Option<_>>()?;
            let count = match numbers.as_slice() {
                [upto] => *upto,
                [from, upto] => upto - from,
                [from, upto, by] => (upto - from) / by,
                _ => return None,
            };
            let count = Cost::new_constant(count.max(0.0) + 1.0);
            (count.is_small_for_all() && numbers.iter().all(|number| number.abs() <= MAX_RANGE))
                .then_some(ResultBounds { count, size: Cost::new_constant(NUMBER_SIZE), work: count })
        }
        ("test" | "match" | "capture" | "scan" | "split" | "splits", [regex, flags @ ..]) => {
            let flags_plain =
                flags.iter().all(|flag| read_text_literal(flag).is_some() || matches!(flag, Term::Call("null", _)));
            if flags.len() > 1 || !is_cheap_regex(regex) || !flags_plain {
                return None;
            }
            let count = if matches!(name, "test") { Cost::new_one() } else { input.add_cost(Cost::new_one()) };
            let size = input.scale_cost(2.0).add_cost(Cost::new_constant(500.0));
            Some(ResultBounds { count, size, work: input.add_cost(Cost::new_one()).scale_cost(300.0) })
        }
        ("sub" | "gsub", [regex, new, flags @ ..]) => {
            if flags.len() > 1 || !is_cheap_regex(regex) || !flags.iter().all(|flag| read_text_literal(flag).is_some())
            {
                return None;
            }
            let new = bound_results(new, input.add_cost(Cost::new_constant(500.0)), scope)?;
            // Several replacement texts for each match would multiply.
            if new.count != Cost::new_one() {
                return None;
            }
            let matches = input.add_cost(Cost::new_one());
            let size = input.add_cost(matches.multiply_cost(new.size)?);
            Some(ResultBounds::with_work(
                size,
                matches.scale_cost(300.0).add_cost(matches.multiply_cost(new.work)?).add_cost(size),
            ))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
