//! The data tab at one moment: rows and columns by their stamps, formulas without letters.
//!
//! The model has to know each row and column wherever it goes. A stamp is a note of a person's:
//! `row 7` in her column `mine`, `column 3` at a header. Notes move with their cells, and no job
//! writes any.

use serde_json::Value;

use crate::emulator_proxy::data_tab::DataTab;

/// A row that was seen.
pub struct RowSnapshot {
    /// Its stamp, if it has one.
    pub stamp: Option<u32>,
    /// What was entered, by position; of formulas, references are stamps of columns.
    pub entered_texts: Vec<String>,
    /// What people see.
    pub shown_texts: Vec<String>,
}

/// The whole tab.
pub struct TabSnapshot {
    pub data_tab: DataTab,
    /// The stamp of each column.
    pub columns: Vec<Option<u32>>,
    /// All rows, the header first.
    pub rows: Vec<RowSnapshot>,
}

impl TabSnapshot {
    pub fn from_data_tab(data_tab: DataTab) -> Self {
        let stamped = |row: usize, column: usize, word: &str| -> Option<u32> {
            data_tab.note(row, column).strip_prefix(word)?.trim().parse().ok()
        };
        let columns: Vec<_> = (0..data_tab.width()).map(|column| stamped(0, column, "column ")).collect();
        let width = data_tab.rows.iter().map(Vec::len).max().unwrap_or(0);
        let rows = (0..data_tab.rows.len()).map(|row| RowSnapshot {
            stamp: (0..columns.len()).find_map(|column| stamped(row, column, "row ")).filter(|_| row > 0),
            entered_texts: (0..width)
                .map(|column| resolve_references(&data_tab.text(row, column), row, &columns))
                .collect(),
            shown_texts: (0..width).map(|column| shown_text(&data_tab, row, column)).collect(),
        });
        let rows = rows.collect();
        Self { data_tab, columns, rows }
    }

    /// Rows down to the last one in which something was entered.
    pub fn filled_height(&self) -> usize {
        self.rows
            .iter()
            .rposition(|row_snapshot| row_snapshot.entered_texts.iter().any(|text| !text.is_empty()))
            .map_or(0, |last| last + 1)
    }

    /// Its header, and rows that are known, one a line.
    pub fn text(&self) -> String {
        let known = self.rows.iter().enumerate().filter(|(at, row_snapshot)| *at == 0 || row_snapshot.stamp.is_some());
        let lines = known.map(|(at, row_snapshot)| {
            format!("    {} {:?} {:?}", at + 1, row_snapshot.stamp, row_snapshot.entered_texts)
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    /// Where a column is.
    pub fn column(&self, stamp: u32) -> Option<usize> {
        self.columns.iter().position(|there| *there == Some(stamp))
    }

    /// Where a row is.
    pub fn row(&self, stamp: u32) -> Option<usize> {
        self.rows.iter().position(|row_snapshot| row_snapshot.stamp == Some(stamp))
    }

    /// What was entered where a row and a column meet.
    pub fn entered_text(&self, row: usize, column: usize) -> &str {
        self.rows.get(row).and_then(|row_snapshot| row_snapshot.entered_texts.get(column)).map_or("", String::as_str)
    }

    pub fn shown_text(&self, row: usize, column: usize) -> &str {
        self.rows.get(row).and_then(|row_snapshot| row_snapshot.shown_texts.get(column)).map_or("", String::as_str)
    }
}

fn shown_text(data_tab: &DataTab, row: usize, column: usize) -> String {
    let cell = data_tab.rows.get(row).and_then(|row| row.get(column)).unwrap_or(&Value::Null);
    match cell["effectiveValue"].as_object().and_then(|value| value.iter().next()) {
        Some((_, Value::String(text))) => text.clone(),
        Some((_, Value::Object(error))) => {
            format!("#{}", error.get("type").and_then(Value::as_str).unwrap_or("ERROR"))
        }
        Some((_, other)) => other.to_string(),
        None => String::new(),
    }
}

/// Letters of a column, from 0.
pub fn column_letters(column: usize) -> String {
    let mut left = column + 1;
    let mut text = String::new();
    while left > 0 {
        let letter = u8::try_from((left - 1) % 26).unwrap_or(0);
        text.insert(0, char::from(b'A' + letter));
        left = (left - 1) / 26;
    }
    text
}

fn column_number(column_letters: &str) -> usize {
    column_letters.bytes().fold(0, |number, letter| number * 26 + usize::from(letter - b'A') + 1)
}

/// A formula whose references say which columns they mean: `{3}.` is column 3 of the formula's own row, `{3}` in a header is that column.
fn resolve_references(text: &str, row: usize, columns: &[Option<u32>]) -> String {
    if !text.starts_with('=') {
        return text.to_owned();
    }
    let (mut out, mut is_quoted, mut rest) = (String::new(), false, text);
    while let Some(first) = rest.chars().next() {
        let run = rest.find(|letter: char| !letter.is_ascii_uppercase()).unwrap_or(rest.len());
        if is_quoted || run == 0 {
            is_quoted ^= first == '"';
            out.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        }
        let (name, after) = rest.split_at(run);
        let (digits, after) =
            after.split_at(after.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(after.len()));
        let is_range = out.ends_with(':') || after.starts_with(':');
        if (digits.is_empty() && !is_range) || after.starts_with('(') {
            out.push_str(name);
            out.push_str(digits);
        } else {
            let column = column_number(name).checked_sub(1).and_then(|at| columns.get(at).copied().flatten());
            out.push_str(&column.map_or_else(|| format!("{{?{name}}}"), |column| format!("{{{column}}}")));
            match digits.parse::<usize>() {
                Ok(number) if row > 0 && number == row + 1 => out.push('.'),
                Ok(number) if row > 0 => out.push_str(&number.to_string()),
                _ => {}
            }
        }
        rest = after;
    }
    out
}

/// The rows that a header's formula refers to, from 1.
pub fn referenced_rows(formula: &str) -> Option<(usize, usize)> {
    let parse_row = |text: &str| -> Option<usize> {
        let text = text.trim_start_matches(|letter: char| letter.is_ascii_uppercase());
        text[..text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len())].parse().ok()
    };
    let (from, to) = formula[formula.find('&')? + 1..].split_once(':')?;
    Some((parse_row(from)?, parse_row(to)?))
}
