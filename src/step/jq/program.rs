//! jq expressions: compiled once, run on one value after another, with the jaq crates.
//!
//! In scope: compiling with the position of an error, running with limits. Out of scope: what the
//! results mean, and the set of filters that an expression may use (`step::jq::dialect::filters`).

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use jaq_core::data::JustLut;
use jaq_core::load::parse::Def;
use jaq_core::load::{self, Arena, File, Loader};
use jaq_core::{Compiler, Ctx, Exn, Filter, Vars};
use jaq_json::Val;
use serde_json::Value;
use thiserror::Error as ThisError;

use crate::ledger::values::json_path::MemberPath;
use crate::step::jq::bounds::bounded::bound_cost;
use crate::step::jq::bounds::cost::Cost;
use crate::step::jq::dialect::filters::{list_definitions, list_native_filters};
use crate::step::jq::dialect::numbers::evaluate_in_place;
use crate::step::jq::dialect::rewrite;
use crate::step::jq::nesting::{DEEP_STACK, Nesting};
use crate::step::jq::syntax::{
    SyntaxError, describe_compile_error, describe_non_expression, describe_thread_error, load_error, measure_nesting,
};
use crate::step::jq::value::{from_jaq, to_jaq};

/// Maximum number of values that an expression may yield for one input.
pub const MAX_OUTPUTS: usize = 10_000;

/// Maximum length of an expression's error message, in characters; it may quote the record.
const MESSAGE_CHARS: usize = 300;

/// The name under which an expression is compiled.
const MAIN_FUNCTION: &str = "__main";

/// Maximum number of values that an expression may yield for a whole document.
pub const MAX_DOCUMENT_OUTPUTS: usize = 10_000_000;

/// A compiled expression; clones share it.
#[derive(Clone)]
pub struct Program {
    source: Arc<str>,
    filter: Arc<Filter<JustLut<Val>>>,
    path: Option<MemberPath>,
    /// The upper bound on its cost, if known.
    cost: Option<Cost>,
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Program").field(&self.source).finish()
    }
}

/// Why an expression failed on a value.
#[derive(Debug, Clone, PartialEq, Eq, ThisError)]
pub enum JqRunError {
    /// The expression raised the error.
    #[error("{0}")]
    Raised(String),
    /// A result can't be represented as JSON; the message names its path.
    #[error("{0}")]
    Unrepresentable(String),
    /// It yields more values than allowed; holds the limit.
    #[error("the expression yields more than {0} values")]
    TooManyOutputs(usize),
    /// The jq library panicked on a value; nothing else is affected.
    #[error("the jq library could not process this value")]
    Panicked,
}

impl Program {
    /// Compiles `source`; the error names the first position that is wrong.
    pub fn compile(source: &str) -> Result<Self, SyntaxError> {
        let nesting = measure_nesting(source)?;
        if nesting.is_shallow() {
            return Self::compile_here(source, nesting);
        }
        thread::scope(|scope| {
            let builder = thread::Builder::new().stack_size(DEEP_STACK);
            let compiling = builder.spawn_scoped(scope, || Self::compile_here(source, nesting));
            let compiled = compiling.map(thread::ScopedJoinHandle::join);
            compiled
                .map_err(|error| describe_thread_error(source, &error))?
                .unwrap_or_else(|_| Err(describe_non_expression(source)))
        })
    }

    fn compile_here(source: &str, nesting: Nesting) -> Result<Self, SyntaxError> {
        let arena = Arena::default();
        let checked = Loader::new([]).load(&arena, File { code: source, path: () });
        checked.map_err(|errors| load_error(source, &errors))?;
        let term = load::parse(source, |parser| parser.term()).ok_or_else(|| describe_non_expression(source))?;
        // A deep expression needs the worker's stack.
        let cost = if nesting.is_shallow() { bound_cost(&term) } else { None };
        let main = Def { name: MAIN_FUNCTION, args: Vec::new(), body: rewrite::rewrite_term(term) };
        let modules = Loader::new(list_definitions().chain([main]))
            .load(&arena, File { code: MAIN_FUNCTION, path: () })
            .map_err(|errors| load_error(source, &errors))?;
        let filter = Compiler::default()
            .with_funs(list_native_filters())
            .compile(modules)
            .map_err(|errors| describe_compile_error(source, &errors))?;
        Ok(Self { source: source.into(), filter: Arc::new(filter), path: MemberPath::parse(source), cost })
    }

    /// Returns the expression as written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Returns the path if the expression is a plain path.
    pub fn path(&self) -> Option<&MemberPath> {
        self.path.as_ref()
    }

    /// Returns the source, shared.
    pub(crate) fn shared_source(&self) -> Arc<str> {
        Arc::clone(&self.source)
    }

    /// Returns every value that the expression yields for `input`, at most 10,000. Only the number
    /// of outputs is limited: an expression that loops without yielding is not stopped; see
    /// `step::expression`.
    pub fn run(&self, input: Value) -> Result<Vec<Value>, JqRunError> {
        self.run_at_most(input, MAX_OUTPUTS)
    }

    /// Returns every value that the expression yields for `input`, at most `limit`.
    pub fn run_at_most(&self, input: Value, limit: usize) -> Result<Vec<Value>, JqRunError> {
        // jaq panics on a few values; such a value must not end the run.
        catch_unwind(AssertUnwindSafe(|| self.evaluate(input, limit))).unwrap_or(Err(JqRunError::Panicked))
    }

    /// Returns the result of `run` if it is certain beforehand that time and memory are negligible;
    /// otherwise `None`.
    pub fn run_if_small(&self, input: &Value) -> Option<Result<Vec<Value>, JqRunError>> {
        if let Some(found) = self.path.as_ref().and_then(|path| path.find_value(input)) {
            return Some(Ok(vec![found.clone()]));
        }
        let is_small = self.cost.as_ref().is_some_and(|cost| cost.is_small_for(input));
        is_small.then(|| evaluate_in_place(|| self.run(input.clone()))).flatten()
    }

    fn evaluate(&self, input: Value, limit: usize) -> Result<Vec<Value>, JqRunError> {
        let context = Ctx::<JustLut<Val>>::new(&self.filter.lut, Vars::new([]));
        let mut values = Vec::new();
        for result in self.filter.id.run((context, to_jaq(input))) {
            if values.len() == limit {
                return Err(JqRunError::TooManyOutputs(limit));
            }
            let value = result.map_err(|exception| JqRunError::Raised(explain_exception(exception)))?;
            values.push(from_jaq(&value).map_err(JqRunError::Unrepresentable)?);
        }
        Ok(values)
    }
}

fn explain_exception(exception: Exn<'_, Val>) -> String {
    let message = match exception.get_err() {
        Ok(error) => match error.into_val() {
            Val::TStr(text) => String::from_utf8_lossy(&text).into_owned(),
            other => other.to_string(),
        },
        Err(_) => "the expression ended early".to_owned(),
    };
    match message.char_indices().nth(MESSAGE_CHARS) {
        Some((at, _)) => format!("{}…", message.get(..at).unwrap_or_default()),
        None => message,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn run_on(expression: &str, input: Value) -> Result<Vec<Value>, JqRunError> {
        Program::compile(expression).expect("a valid expression").run(input)
    }

    fn expect_refused(expression: &str) -> SyntaxError {
        Program::compile(expression).expect_err("no valid expression")
    }

    #[test]
    fn the_design_s_own_expression_yields_a_row_in_its_own_order() {
        let record =
            json!({"id": "ci37868143", "properties": {"time": 1_517_966_773_840_i64, "mag": 2, "place": "Castaic"}});
        let map = "{id, time: (.properties.time/1000 | todate), magnitude: .properties.mag, place: .properties.place}";
        let rows = run_on(map, record).expect("a row");
        let row = r#"{"id":"ci37868143","time":"2018-02-07T01:26:13.84Z","magnitude":2,"place":"Castaic"}"#;
        assert_eq!(rows.iter().map(Value::to_string).collect::<Vec<_>>(), [row]);
    }

    #[test]
    fn an_expression_may_yield_none_one_or_several_values() {
        assert_eq!(run_on("empty", json!(1)), Ok(vec![]));
        assert_eq!(run_on(".[]", json!([1, 2])), Ok(vec![json!(1), json!(2)]));
        assert_eq!(run_on("range(10000)", json!(null)).map(|all| all.len()), Ok(MAX_OUTPUTS));
        assert_eq!(run_on("range(10001)", json!(null)), Err(JqRunError::TooManyOutputs(MAX_OUTPUTS)));
        assert_eq!(run_on("repeat(1)", json!(null)), Err(JqRunError::TooManyOutputs(MAX_OUTPUTS)));
    }

    #[test]
    fn an_error_is_reported_at_its_position() {
        for (expression, at, message) in [
            ("{id, ti: }", 9..10, "expected term, found `}`"),
            (".a | foo(.b)", 5..8, "there is no filter `foo/1`"),
            (".a |", 4..4, "expected term, found the end"),
            ("{a: (.b", 7..7, "expected closing parenthesis"),
            ("$x", 0..2, "there is no variable `$x`"),
            (".a § 1", 3..5, "expected token"),
        ] {
            let error = expect_refused(expression);
            assert_eq!((error.at.clone(), error.message.as_str()), (at, message), "{expression}");
        }
        assert_eq!(expect_refused(".a |\n  foo").format_caret(".a |\n  foo"), "  foo\n  ^ there is no filter `foo/0`");
    }

    #[test]
    fn an_expression_sees_nothing_but_its_input() {
        for barred in ["env", "$ENV", "now", "input", "inputs", "halt", "halt_error", "debug", "stderr", "localtime"] {
            assert!(Program::compile(barred).is_err(), "{barred}");
        }
        assert!(expect_refused("env").message.contains("sees its record and nothing else"));
        assert!(expect_refused("import \"a\" as a; a::f").message.contains("can't be loaded"));
        assert!(Program::compile("$__loc__").is_err());
        assert!(Program::compile("input_filename").is_err());
    }

    #[test]
    fn a_number_that_is_not_finite_is_rejected_by_its_path() {
        let error = run_on("{a: (.n | log)}", json!({"n": 0})).expect_err("no finite number");
        assert_eq!(error, JqRunError::Unrepresentable(".a is not a finite number".into()));
        let error = run_on("{a: (.n / 0)}", json!({"n": 1})).expect_err("nothing is divided by zero");
        assert_eq!(error, JqRunError::Raised("cannot divide 1 by 0: the divisor is zero".into()));
        assert_eq!(run_on("(.n / 0)? // 7", json!({"n": 1})), Ok(vec![json!(7)]));
        assert!(run_on("{a: nan}", json!(null)).is_err());
        assert!(run_on("\"NaN\" | tonumber", json!(null)).is_err());
    }

    #[test]
    fn a_hostile_value_fails_alone() {
        assert!(matches!(run_on("fromjson", json!("[".repeat(1_000_000))), Err(JqRunError::Raised(_))));
        assert_eq!(run_on("fromjson", json!("[1, {\"a\": 2.5}]")), Ok(vec![json!([1, {"a": 2.5}])]));
        assert!(matches!(run_on("\"ab\" * .", json!(i64::MAX)), Err(JqRunError::Raised(_))));
        let long = run_on("error", json!("x".repeat(100_000))).expect_err("it says so").to_string();
        assert!(long.len() < 400, "{}", long.len());
    }

    #[test]
    fn a_deep_expression_of_any_kind_compiles_or_is_refused() {
        for levels in [30, 300, 900, 30_000] {
            let chains = ["1+", ".|", "1,", "null//", "true and "].map(|link| format!("{}1", link.repeat(levels)));
            let nested = [("-", ""), ("try ", ""), (". as $x|", ""), ("if . then ", " else 1 end"), ("def f:", ";1")];
            let nested = nested.map(|(open, close)| format!("{}1{}", open.repeat(levels), close.repeat(levels)));
            for source in chains.iter().chain(&nested) {
                let compiled = Program::compile(source);
                assert_eq!(compiled.is_err(), levels > 900 || (levels > 400 && source.contains(" as ")), "{source}");
            }
        }
    }

    #[test]
    fn commas_within_a_member_are_counted() {
        for levels in [30, 300, 900, 8_000] {
            let commas = "1,".repeat(levels);
            for member in [
                format!("if {commas}1 then 1 else 1 end"),
                format!("if 1 then {commas}1 else 1 end"),
                format!("if 1 then 1 else {commas}1 end"),
                format!("if end,{commas}1 then 1 else 1 end"),
                format!("if 1 then label $x|{commas}1 else 1 end"),
                format!("(1|{{a: def f: {commas}1; 1}})|.a"),
                format!("def f: 1; {commas}1"),
                format!("def if: 1; def g: if; {commas}1"),
                format!("label $x|{commas}1"),
                format!("try def f: 1; {commas}1"),
                format!("reduce def f: 1; {commas}1 as $x (0; 1)"),
                format!("1 as {{a: $x, $y}} | def f: 1; {commas}1"),
                format!("\"\\(def f: 1; {commas}1)\""),
                format!(".. | if . then . as [$x] | label $y | {commas}1 else 2 end?"),
            ] {
                is_compiled_and_run_or_refused(&format!("{{id, @json \"t\": {member}, u: 1}}"));
            }
        }
    }

    #[test]
    fn a_wide_expression_of_any_kind_runs_or_is_refused() {
        for count in [10, 310, 3_000, 8_000] {
            let of = |part: &str, between: &str| vec![part; count].join(between);
            for source in [
                format!("{{{}}}", of("a: 1", ",")),
                format!("\"{}\"", of("\\(1)", "")),
                format!("\"{}\"", of("\\n", "")),
                format!(". as {{{}}} | 1", of("$a", ",")),
                format!(". as [{}] | 1", of("$a", ",")),
                format!(". as [[{}],{}] | 1", of("$a", ","), of("[$a]", ",")),
                format!("reduce . as {{{}}} (0; 1)", of("$a", ",")),
                format!("def f({}): 1; f({})", of("a", ";"), of("1", ";")),
                format!("def f({}): 1; f({})", of("$a", ";"), of("1", ";")),
                format!("{}1{}", "(\")\"+".repeat(count), ")".repeat(count)),
                format!("{}1{}", "(#)\n".repeat(count), ")".repeat(count)),
            ] {
                is_compiled_and_run_or_refused(&source);
            }
        }
    }

    #[test]
    fn many_members_and_parts_come_in_the_order_of_few() {
        let members: Vec<String> = (0..40).map(|n| format!("c{}: ({n}, -{n})", n % 30)).collect();
        let of = |members: &[String]| format!("{{{}}}", members.join(","));
        let whole = run_on(&of(&members[..13]), json!(null));
        let added = members[..13].iter().map(|one| of(std::slice::from_ref(one))).rev();
        let added = added.reduce(|later, one| format!("{one} + ({later})")).expect("members");
        assert_eq!(whole, run_on(&added, json!(null)));
        let wide = members.join(",").replace(['(', ')'], "").replace(", -", ", d");
        let row = run_on(&format!("{{{wide}}} | [keys_unsorted[0], .c0, .c9, .c29, length]"), json!({"d0": 1}));
        assert_eq!(row, Ok(vec![json!(["c0", 30, 39, 29, 70])]));
        let text = run_on(r#""a\n\(1, 2)c\t\(3)\n\(4, 5)e""#, json!(null));
        let texts = ["a\n1c\t3\n4e", "a\n1c\t3\n5e", "a\n2c\t3\n4e", "a\n2c\t3\n5e"];
        assert_eq!(text, Ok(texts.map(|text| json!(text)).to_vec()));
    }

    /// Runs on the test's stack if the expression is shallow, otherwise on the worker's.
    fn is_compiled_and_run_or_refused(source: &str) {
        let Ok(nesting) = measure_nesting(source) else { return };
        let stack = if nesting.is_shallow() { 2 << 20 } else { DEEP_STACK };
        let compile_and_run = || Program::compile(source).map(|program| program.run(json!(null)));
        let ended = thread::scope(|scope| {
            let thread = thread::Builder::new().stack_size(stack).spawn_scoped(scope, compile_and_run);
            thread.expect("a thread").join()
        });
        assert!(ended.is_ok(), "{source}");
    }

    #[test]
    fn a_path_that_is_followed_in_place_finds_what_jq_finds() {
        for input in [json!({"a": {"b": 7}}), json!({"a": null}), json!({"a": 1}), json!([1]), json!(null), json!({})] {
            for expression in [".", ".a", ".a.b", ".\"a\"", ".[\"a\"].b"] {
                let program = Program::compile(expression).expect("a valid expression");
                assert_eq!(program.run_if_small(&input), Some(program.run(input.clone())), "{expression} on {input}");
            }
        }
    }

    #[test]
    fn texts_and_long_numbers_survive() {
        assert_eq!(run_on(".", json!("0042")), Ok(vec![json!("0042")]));
        assert_eq!(run_on(".", json!(u64::MAX)), Ok(vec![json!(u64::MAX)]));
        assert_eq!(
            run_on(". * 10", json!(u64::MAX)),
            Ok(vec![crate::ledger::values::exact_number::from_token("184467440737095516150")])
        );
        assert_eq!(run_on("tonumber", json!("42")), Ok(vec![json!(42)]));
    }
}
