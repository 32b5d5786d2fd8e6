//! The filters that an expression may use: those of the jaq crates, some replaced by those of jq.
//!
//! In scope: which filters are disallowed. Also filters that return exactly one value or an error,
//! as jq 1.7 does, where jaq returns several, none or another. Out of scope: compiling
//! (`step::jq::program`). `docs/jq.md` lists the remaining differences from jq.
//!
//! An expression can access only its input. Filters that read the environment, the clock, the
//! machine's time zone or further inputs are not available. Neither are those that write to the log
//! or end the process. So the same record yields the same rows on every machine and in every run.

use std::sync::LazyLock;

use jaq_core::data::JustLut;
use jaq_core::load;
use jaq_core::load::parse::Def;
use jaq_core::native::{Fun, bome, run, unary, v};
use jaq_json::Val;

use crate::step::jq::dialect::rewrite::{DIVIDE, MODULO, MULTIPLY, rewrite_definition};
use crate::step::jq::dialect::{numbers, paths, texts};

/// Filters that access more than the input; none of them is available.
pub(crate) const DISALLOWED_FILTERS: [&str; 12] = [
    "env",
    "now",
    "localtime",
    "strflocaltime",
    "halt",
    "halt_error",
    "debug",
    "debug_empty",
    "stderr",
    "stderr_empty",
    "input",
    "inputs",
];

/// Definitions in jq itself; each replaces one of the same name and number of arguments. The
/// standard definitions call those of the first file, and those of the second call the standard
/// ones.
const DEFS: [&str; 2] = [include_str!("filters/filters_first.jq"), include_str!("filters/filters.jq")];

type JqData = JustLut<Val>;

/// Native filters of jaq that definitions in jq replace, and the names by which these definitions
/// call them.
const SHADOWED_FILTERS: [(&str, &str); 3] = [("range", "__range"), ("limit", "__limit"), ("reverse", "__reverse")];

/// Returns the definitions that an expression may use.
pub(crate) fn list_definitions<'s>() -> impl Iterator<Item = Def<&'s str>> {
    /// Parsed once; each expression copies it.
    static ALL: LazyLock<Vec<Def<&'static str>>> = LazyLock::new(|| list_all_definitions().collect());
    ALL.iter().cloned()
}

fn list_all_definitions() -> impl Iterator<Item = Def<&'static str>> {
    let [first, rest] = DEFS.map(|text| load::parse(text, |parser| parser.defs()).unwrap_or_default());
    let own = first.iter().chain(&rest).map(|def| (def.name, def.args.len()));
    let replaced: Vec<_> = own.chain(list_own_natives().map(|(name, args, _)| (name, args.len()))).collect();
    let usual = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs());
    let usual = usual
        .filter(move |def| !DISALLOWED_FILTERS.contains(&def.name) && !replaced.contains(&(def.name, def.args.len())));
    first.into_iter().chain(usual).chain(rest).map(rewrite_definition)
}

/// Returns the native filters that an expression may use.
pub(crate) fn list_native_filters() -> impl Iterator<Item = Fun<JqData>> {
    let replaced: Vec<_> = list_own_natives().map(|(name, args, _)| (name, args.len())).collect();
    let usual = jaq_core::funs().chain(jaq_std::funs()).chain(jaq_json::funs());
    let usual = usual
        .filter(move |(name, args, _)| !DISALLOWED_FILTERS.contains(name) && !replaced.contains(&(*name, args.len())));
    let fronted = |(name, args, native): Fun<JqData>| {
        let behind = SHADOWED_FILTERS.iter().find(|(front, _)| *front == name).map_or(name, |(_, behind)| behind);
        (behind, args, native)
    };
    usual.map(fronted).chain(list_own_natives())
}

fn list_own_natives() -> impl Iterator<Item = Fun<JqData>> {
    let own = [
        run(("tonumber", v(0), |cv| bome(numbers::to_number(cv.1)))),
        run(("fromjson", v(0), |cv| bome(texts::from_json(&cv.1)))),
        run(("tojson", v(0), |cv| bome(texts::to_json(&cv.1).map(Val::utf8_str)))),
        run(("tostring", v(0), |cv| bome(texts::to_string(cv.1)))),
        run(("join", v(1), |cv| unary(cv, |value, separator| texts::join(value, &separator)))),
        run(("ltrimstr", v(1), |cv| unary(cv, |value, start| Ok(texts::trim_start(value, &start))))),
        run(("rtrimstr", v(1), |cv| unary(cv, |value, end| Ok(texts::trim_end(value, &end))))),
        run(("contains", v(1), |cv| unary(cv, |value, part| texts::contains_value(&value, &part)))),
        run(("nan", v(0), |_| bome(Ok(Val::from(f64::NAN))))),
        run(("infinite", v(0), |_| bome(Ok(Val::from(f64::INFINITY))))),
        run(("setpath", v(2), |mut cv| {
            let (new, path) = (cv.0.pop_var(), cv.0.pop_var());
            bome(paths::set(cv.1, &path, new))
        })),
        run(("delpaths", v(1), |cv| unary(cv, |value, all| paths::delete(value, &all)))),
        run((MULTIPLY, v(2), |mut cv| {
            let (right, left) = (cv.0.pop_var(), cv.0.pop_var());
            bome(numbers::multiply_values(left, right))
        })),
        run((DIVIDE, v(2), |mut cv| {
            let (right, left) = (cv.0.pop_var(), cv.0.pop_var());
            bome(numbers::divide_values(left, right))
        })),
        run((MODULO, v(2), |mut cv| {
            let (right, left) = (cv.0.pop_var(), cv.0.pop_var());
            bome(numbers::compute_remainder(left, right))
        })),
    ];
    own.into_iter()
}
