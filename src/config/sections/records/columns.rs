//! A job's columns: types, formats, time zones, order, and the policy for fields without a column.
//!
//! In scope: reading that part of the job file. Out of scope: converting values
//! (`ledger::values::coerce`).

use jiff::tz::TimeZone;

use crate::config::syntax::closest_word::find_closest_word;
use crate::config::syntax::column_entry::ColumnDeclaration;
use crate::config::syntax::located::Located;
use crate::config::syntax::raw::SheetSection;
use crate::config::value_reader::ValueReader;
use crate::ledger::values::columns::{ColumnFormat, ColumnType, Columns, NewColumns, trim_header};
use crate::ledger::values::format_pattern::check_format;
use crate::ledger::values::input_form::{DecimalMark, InputForm, check_pattern};

/// The longest number format, in characters.
const MAX_FORMAT_CHARS: usize = 250;

/// Reads the columns, in the order of the file.
pub(crate) fn read_columns(reader: &mut ValueReader<'_>, sheet: &SheetSection, timezone: Option<TimeZone>) -> Columns {
    let mut written: Vec<_> = sheet.columns.iter().collect();
    written.sort_by_key(|(_, entry)| entry.start);
    let mut columns = Columns { timezone, ..Columns::default() };
    for (name, entry) in written {
        let name = trim_header(name).to_owned();
        let name = &name;
        let kind = entry.says.kind.as_ref().and_then(|at| read_kind(reader, name, at));
        let look = read_column_format(reader, name, kind, &entry.says);
        let form = read_input_form(reader, name, kind, &entry.says);
        columns.inputs.extend(form.map(|form| (name.clone(), form)));
        columns.types.extend(kind.map(|kind| (name.clone(), kind)));
        columns.formats.extend(look.map(|look| (name.clone(), look)));
    }
    for at in &sheet.order {
        let Some(name) = reader.read_non_empty(at, "a name in `sheet.order`") else { continue };
        let name = trim_header(&name).to_owned();
        if columns.order.contains(&name) {
            reader.add_problem_at(
                at,
                format!("`sheet.order` names `{name}` twice"),
                "named before",
                "name each column once",
            );
            continue;
        }
        columns.order.push(name);
    }
    columns.new_columns = sheet.new_columns.as_ref().and_then(|at| new_columns(reader, at)).unwrap_or_default();
    columns
}

fn read_kind(reader: &mut ValueReader<'_>, name: &str, at: &Located<String>) -> Option<ColumnType> {
    let text = reader.read_text(at)?;
    let kind = ColumnType::parse(&text);
    if kind.is_none() {
        let words = ColumnType::WORDS.map(|(word, _)| word);
        let help = match find_closest_word(&text, words.into_iter()) {
            Some(suggestion) => format!("did you mean \"{suggestion}\"?"),
            None => format!("the types are {}", words.join(", ")),
        };
        reader.add_problem_at(at, format!("column `{name}` has an unknown type"), "unknown type", &help);
    }
    kind
}

/// Returns the format of a column's values; `None` if the job sets none.
fn read_column_format(
    reader: &mut ValueReader<'_>,
    name: &str,
    kind: Option<ColumnType>,
    says: &ColumnDeclaration,
) -> Option<ColumnFormat> {
    let format = says.format.as_ref().and_then(|at| format(reader, name, kind, at));
    let timezone = says.timezone.as_ref().and_then(|at| {
        if kind != Some(ColumnType::DateTime) {
            let message = format!("column `{name}` has a time zone, but is not of type datetime");
            reader.add_problem_at(
                at,
                message,
                "not for this type",
                "only a datetime is shown in a zone: set type = \"datetime\"",
            );
            return None;
        }
        reader.read_zone(at, &format!("the time zone of column `{name}`")).map(|(_, zone)| zone)
    });
    (format.is_some() || timezone.is_some()).then(|| ColumnFormat { format: format.map(Into::into), timezone })
}

/// Returns how the source writes a column's values; `None` if the job sets nothing.
fn read_input_form(
    reader: &mut ValueReader<'_>,
    name: &str,
    kind: Option<ColumnType>,
    says: &ColumnDeclaration,
) -> Option<InputForm> {
    let decimal = says.decimal.as_ref().and_then(|at| read_decimal(reader, name, kind, at));
    let pattern = says.input.as_ref().and_then(|at| read_pattern(reader, name, kind, at));
    (decimal.is_some() || pattern.is_some()).then_some(InputForm { decimal, pattern })
}

fn read_decimal(
    reader: &mut ValueReader<'_>,
    name: &str,
    kind: Option<ColumnType>,
    at: &Located<String>,
) -> Option<DecimalMark> {
    if kind != Some(ColumnType::Number) {
        let message = format!("column `{name}` has a decimal mark, but holds no numbers");
        reader.add_problem_at(at, message, "not for this type", "name its type: type = \"number\"");
        return None;
    }
    let word = reader.read_text(at)?;
    let found = DecimalMark::WORDS.iter().find(|(known, _)| *known == word).map(|(_, mark)| *mark);
    if found.is_none() {
        let help = "write decimal = \",\" for 1.234,56, or decimal = \".\" for 1,234.56";
        let message = format!("the decimal mark of column `{name}` is {word:?}, which is neither a point nor a comma");
        reader.add_problem_at(at, message, "not a decimal mark", help);
    }
    found
}

fn read_pattern(
    reader: &mut ValueReader<'_>,
    name: &str,
    kind: Option<ColumnType>,
    at: &Located<String>,
) -> Option<String> {
    let is_moment = kind == Some(ColumnType::DateTime);
    if !is_moment && kind != Some(ColumnType::Date) {
        let message = format!("column `{name}` has an input pattern, but holds no dates or times");
        reader.add_problem_at(at, message, "not for this type", "name its type: date or datetime");
        return None;
    }
    let pattern = reader.read_non_empty(at, &format!("the input pattern of column `{name}`"))?;
    if let Err(why) = check_pattern(&pattern, is_moment) {
        let example = if is_moment { "%d.%m.%Y %H:%M for 31.12.2026 08:00" } else { "%d.%m.%Y for 31.12.2026" };
        let message = format!(
            "the input pattern of column `{name}` reads no {}: {why}",
            if is_moment { "date and time" } else { "date" }
        );
        reader.add_problem_at(at, message, "not a pattern", &format!("write it as in strftime: {example}"));
        return None;
    }
    Some(pattern)
}

fn format(reader: &mut ValueReader<'_>, name: &str, kind: Option<ColumnType>, at: &Located<String>) -> Option<String> {
    let takes = [ColumnType::Number, ColumnType::Date, ColumnType::DateTime, ColumnType::Duration];
    if !kind.is_some_and(|kind| takes.contains(&kind)) {
        let message = format!("column `{name}` has a format, but holds no numbers, dates, times or durations");
        reader.add_problem_at(at, message, "not for this type", "name its type: number, date, datetime or duration");
        return None;
    }
    let pattern = reader.read_non_empty(at, &format!("the format of column `{name}`"))?;
    if pattern.chars().count() > MAX_FORMAT_CHARS || pattern.chars().any(char::is_control) {
        let message = format!("the format of column `{name}` has to be one line of at most 250 characters");
        reader.add_problem_at(
            at,
            message,
            "not a format",
            "a format is written as in a spreadsheet, such as #,##0.00 or dd.mm.yyyy",
        );
        return None;
    }
    if let Err(why) = check_format(&pattern, kind.unwrap_or_default()) {
        let help = "a format is written as in a spreadsheet, such as #,##0.00 or dd.mm.yyyy";
        reader.add_problem_at(at, format!("the format of column `{name}` {why}"), "not a format", help);
        return None;
    }
    Some(pattern)
}

fn new_columns(reader: &mut ValueReader<'_>, at: &Located<String>) -> Option<NewColumns> {
    let word = reader.read_text(at)?;
    let found = NewColumns::WORDS.iter().find(|(known, _)| *known == word).map(|(_, policy)| *policy);
    if found.is_none() {
        let suggestion = find_closest_word(&word, NewColumns::WORDS.iter().map(|(word, _)| *word));
        let help = suggestion.map_or("the words are add, ignore and refuse".to_owned(), |suggestion| {
            format!("did you mean \"{suggestion}\"?")
        });
        reader.add_problem_at(at, "`sheet.new_columns` is not a policy", "unknown word", &help);
    }
    found
}
