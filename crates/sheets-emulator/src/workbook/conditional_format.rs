//! Conditional formats: which rules hold for a cell, and what they change about it.
//!
//! In scope: the conditions of boolean rules, formulas relative to the rule's range, which of
//! several rules decides a property.
//! Out of scope: storing rules (`batch`), gradient rules, which change no cell here.
//!
//! Source: `ConditionType` and `BooleanRule` of the API. A formula is meant for the top left cell
//! of the rule's first range, and shifts for the others. Dates are compared by their day.

use std::cell::Cell as Counter;
use std::ops::Range;

use serde_json::{Map, Value};

use crate::format::render::format_cell;
use crate::format::response_format::add_both_colors;
use crate::formula::args::read_boolean;
use crate::formula::functions::criteria::parse_bound;
use crate::formula::functions::date::subtract_months;
use crate::formula::references::parse::shift_formula;
use crate::grid::area::{Area, GridRange};
use crate::grid::cell::Cell;
use crate::grid::value::{Scalar, to_text};
use crate::storage::store::StorageError;
use crate::storage::transaction::SheetProperties;
use crate::workbook::eval_context::EvalContext;
use crate::workbook::ranges::Workbook;

/// Members of a text format that a rule can change. A rule also changes the background.
const TEXT_MEMBERS: [&str; 6] =
    ["bold", "italic", "strikethrough", "underline", "foregroundColor", "foregroundColorStyle"];

/// Members of a format that a rule can change, beside those of the text format.
const CELL_MEMBERS: [&str; 2] = ["backgroundColor", "backgroundColorStyle"];

/// Conditions that one read of a sheet may check. Beyond them no rule holds.
const CHECK_LIMIT: u32 = 500_000;

/// The boolean rules of a sheet, in their order.
#[derive(Debug)]
pub(crate) struct ConditionalFormats {
    rules: Vec<FormatRule>,
    /// Conditions that may still be checked.
    left: Counter<u32>,
}

#[derive(Debug)]
struct FormatRule {
    areas: Vec<Area>,
    condition: String,
    values: Vec<RuleValue>,
    format: Map<String, Value>,
}

/// A value of a condition.
#[derive(Debug)]
enum RuleValue {
    Typed(String),
    Formula(String),
    Relative(String),
}

/// A cell whose format is asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FormattedCell<'a> {
    pub sheet: i32,
    pub row: u32,
    pub column: u32,
    pub cell: &'a Cell,
    /// Its effective value.
    pub scalar: &'a Scalar,
}

impl ConditionalFormats {
    /// Reads the rules of a sheet.
    pub(crate) fn read(workbook: &Workbook<'_, '_>, sheet: &SheetProperties) -> Result<Self, StorageError> {
        let stored = workbook.transaction.objects(Some(sheet.id), "rule")?;
        let rules = stored.iter().filter_map(|(_, body)| FormatRule::read(body, sheet)).collect();
        Ok(Self { rules, left: Counter::new(CHECK_LIMIT) })
    }

    /// Returns the cells that any rule covers, as one block inside an area.
    pub(crate) fn find_covered_area(&self, area: &Area) -> Option<Area> {
        let areas = self.rules.iter().flat_map(|rule| &rule.areas).map(|covered| covered.intersect(area));
        areas.filter(|covered| !covered.is_empty()).reduce(|a, b| {
            let join = |a: Range<u32>, b: Range<u32>| a.start.min(b.start)..a.end.max(b.end);
            Area::new(join(a.rows, b.rows), join(a.cols, b.cols))
        })
    }

    /// Returns what the rules that hold for a cell change about its format; `None` if none holds.
    /// The first of them decides a property.
    pub(crate) fn find_changes(&self, workbook: &Workbook<'_, '_>, at: FormattedCell<'_>) -> Option<Value> {
        let mut changes: Option<Map<String, Value>> = None;
        for rule in &self.rules {
            if rule.holds(workbook, at, &self.left) {
                add_missing(changes.get_or_insert_default(), &rule.format);
            }
        }
        changes.map(Value::Object)
    }
}

impl FormatRule {
    fn read(body: &Value, sheet: &SheetProperties) -> Option<Self> {
        let rule = body.get("booleanRule")?;
        let ranges = body.get("ranges").and_then(Value::as_array)?;
        let areas: Vec<Area> = ranges
            .iter()
            .map(|range| GridRange::from_json(range).resolve(sheet.row_count, sheet.column_count))
            .collect();
        let condition = rule.get("condition")?;
        let values = condition.get("values").and_then(Value::as_array).into_iter().flatten().map(RuleValue::read);
        Some(Self {
            areas,
            condition: condition.get("type").and_then(Value::as_str).unwrap_or_default().to_owned(),
            values: values.collect(),
            format: keep_changeable(rule.get("format").unwrap_or(&Value::Null)),
        })
    }

    fn holds(&self, workbook: &Workbook<'_, '_>, at: FormattedCell<'_>, left: &Counter<u32>) -> bool {
        let Some(anchor) = self.areas.first() else { return false };
        if !self.areas.iter().any(|area| area.contains(at.row, at.column)) || left.get() == 0 {
            return false;
        }
        left.set(left.get() - 1);
        let offset =
            (i64::from(at.row) - i64::from(anchor.rows.start), i64::from(at.column) - i64::from(anchor.cols.start));
        let context = EvalContext::new(workbook, at.sheet, at.row, at.column);
        let value =
            |index: usize| self.values.get(index).map_or(Scalar::Blank, |value| value.evaluate_for(&context, offset));
        match self.condition.as_str() {
            "CUSTOM_FORMULA" => read_boolean(&value(0)).unwrap_or(false),
            "BLANK" => is_empty(at.scalar),
            "NOT_BLANK" => !is_empty(at.scalar),
            condition => match condition.split_once('_') {
                Some(("NUMBER", how)) => meets_number_condition(how, at.scalar, &value(0), &value(1)),
                Some(("DATE", how)) => meets_date_condition(how, at.scalar, &value(0), &value(1)),
                Some(("TEXT", how)) => {
                    let text = format_cell(at.cell, at.scalar.clone()).to_lowercase();
                    meets_text_condition(how, &text, &to_text(&value(0)).to_lowercase())
                }
                _ => false,
            },
        }
    }
}

impl RuleValue {
    fn read(value: &Value) -> Self {
        let text = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default();
        let entered = text("userEnteredValue");
        if entered.starts_with(['=', '+']) {
            Self::Formula(format!("={}", entered.trim_start_matches(['=', '+'])))
        } else if entered.is_empty() {
            Self::Relative(text("relativeDate").to_owned())
        } else {
            Self::Typed(entered.to_owned())
        }
    }

    /// Returns the value for a cell this many rows and columns from the first one of the rule.
    fn evaluate_for(&self, context: &EvalContext<'_, '_, '_>, offset: (i64, i64)) -> Scalar {
        match self {
            Self::Typed(text) => parse_bound(text),
            Self::Formula(source) => context.evaluate_source(&shift_formula(source, offset.0, offset.1)),
            Self::Relative(word) => resolve_relative_date(word, context.now().floor()),
        }
    }
}

/// Returns the day that a relative date means today.
fn resolve_relative_date(word: &str, today: f64) -> Scalar {
    let day = match word {
        "TODAY" => Some(today),
        "YESTERDAY" => Some(today - 1.0),
        "TOMORROW" => Some(today + 1.0),
        "PAST_WEEK" => Some(today - 7.0),
        "PAST_MONTH" => subtract_months(today, 1),
        "PAST_YEAR" => subtract_months(today, 12),
        _ => None,
    };
    day.map_or(Scalar::Blank, Scalar::Number)
}

fn is_empty(scalar: &Scalar) -> bool {
    match scalar {
        Scalar::Blank => true,
        Scalar::Text(text) => text.is_empty(),
        _ => false,
    }
}

/// Checks a condition on numbers. A cell or a value of another kind never meets one.
fn meets_number_condition(how: &str, cell: &Scalar, first: &Scalar, second: &Scalar) -> bool {
    let number_of = |scalar: &Scalar| match scalar {
        Scalar::Number(number) => Some(*number),
        _ => None,
    };
    let (Some(cell), Some(first)) = (number_of(cell), number_of(first)) else { return false };
    meets_order_condition(how, cell, first, number_of(second))
}

/// Checks a condition on dates by their day.
fn meets_date_condition(how: &str, cell: &Scalar, first: &Scalar, second: &Scalar) -> bool {
    let day = |scalar: &Scalar| match scalar {
        Scalar::Number(number) => Some(number.floor()),
        _ => None,
    };
    let Some(cell) = day(cell) else { return false };
    if how == "IS_VALID" {
        return true;
    }
    let Some(first) = day(first) else { return false };
    let how = match how {
        "BEFORE" => "LESS",
        "AFTER" => "GREATER",
        "ON_OR_BEFORE" => "LESS_THAN_EQ",
        "ON_OR_AFTER" => "GREATER_THAN_EQ",
        other => other,
    };
    meets_order_condition(how, cell, first, day(second))
}

fn meets_order_condition(how: &str, cell: f64, first: f64, second: Option<f64>) -> bool {
    let equal = cell.total_cmp(&first).is_eq();
    let between = second.map(|second| (first.min(second)..=first.max(second)).contains(&cell));
    match how {
        "GREATER" => cell > first,
        "GREATER_THAN_EQ" => cell >= first,
        "LESS" => cell < first,
        "LESS_THAN_EQ" => cell <= first,
        "EQ" => equal,
        "NOT_EQ" => !equal,
        "BETWEEN" => between == Some(true),
        "NOT_BETWEEN" => between == Some(false),
        _ => false,
    }
}

/// Checks a condition on the displayed text. Both texts are in lower case.
fn meets_text_condition(how: &str, text: &str, wanted: &str) -> bool {
    match how {
        "CONTAINS" => text.contains(wanted),
        "NOT_CONTAINS" => !text.contains(wanted),
        "STARTS_WITH" => text.starts_with(wanted),
        "ENDS_WITH" => text.ends_with(wanted),
        "EQ" => text == wanted,
        "NOT_EQ" => text != wanted,
        _ => false,
    }
}

/// Returns the part of a format that a rule can change, with both spellings of each colour.
fn keep_changeable(format: &Value) -> Map<String, Value> {
    let format = add_both_colors(format);
    let some = |format: &Value, names: &[&str]| -> Map<String, Value> {
        let members = format.as_object().into_iter().flatten();
        members
            .filter(|(name, _)| names.contains(&name.as_str()))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    };
    let mut changes = some(&format, &CELL_MEMBERS);
    if let Some(text) = format.get("textFormat") {
        changes.insert("textFormat".to_owned(), Value::Object(some(text, &TEXT_MEMBERS)));
    }
    changes
}

/// Adds the properties that no earlier rule decided.
fn add_missing(changes: &mut Map<String, Value>, more: &Map<String, Value>) {
    for (name, value) in more {
        match (changes.get_mut(name), value) {
            (None, _) => {
                changes.insert(name.clone(), value.clone());
            }
            (Some(Value::Object(known)), Value::Object(more)) if name == "textFormat" => add_missing(known, more),
            _ => {}
        }
    }
}
