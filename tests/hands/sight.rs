//! The data tab as the exam sees it at one moment: rows and columns by their stamps, formulas without letters.
//!
//! The exam has to know each row and column wherever it goes. A stamp is a note of a person's: `row 7` in her column `mine`, `column 3` at
//! a header. Notes move with their cells, and no job writes any.

use serde_json::Value;

use crate::front::View;

/// A row that was seen.
pub struct Line {
    /// Its stamp, if it has one.
    pub stamp: Option<u32>,
    /// What was entered, by position; of formulas, references are stamps of columns.
    pub entered: Vec<String>,
    /// What people see.
    pub shown: Vec<String>,
}

/// The whole tab.
pub struct Sight {
    pub view: View,
    /// The stamp of each column.
    pub columns: Vec<Option<u32>>,
    /// All rows, the header first.
    pub lines: Vec<Line>,
}

impl Sight {
    pub fn of(view: View) -> Self {
        let stamped = |row: usize, column: usize, word: &str| -> Option<u32> {
            view.note(row, column).strip_prefix(word)?.trim().parse().ok()
        };
        let columns: Vec<_> = (0..view.width()).map(|column| stamped(0, column, "column ")).collect();
        let width = view.rows.iter().map(Vec::len).max().unwrap_or(0);
        let lines = (0..view.rows.len()).map(|row| Line {
            stamp: (0..columns.len()).find_map(|column| stamped(row, column, "row ")).filter(|_| row > 0),
            entered: (0..width).map(|column| followed(&view.text(row, column), row, &columns)).collect(),
            shown: (0..width).map(|column| shown(&view, row, column)).collect(),
        });
        let lines = lines.collect();
        Self { view, columns, lines }
    }

    /// Rows down to the last one in which something was entered.
    pub fn depth(&self) -> usize {
        self.lines.iter().rposition(|line| line.entered.iter().any(|text| !text.is_empty())).map_or(0, |last| last + 1)
    }

    /// Its header, and rows that are known, one a line.
    pub fn text(&self) -> String {
        let known = self.lines.iter().enumerate().filter(|(at, line)| *at == 0 || line.stamp.is_some());
        let lines = known.map(|(at, line)| format!("    {} {:?} {:?}", at + 1, line.stamp, line.entered));
        lines.collect::<Vec<_>>().join("\n")
    }

    /// Where a column is.
    pub fn column(&self, stamp: u32) -> Option<usize> {
        self.columns.iter().position(|there| *there == Some(stamp))
    }

    /// Where a row is.
    pub fn row(&self, stamp: u32) -> Option<usize> {
        self.lines.iter().position(|line| line.stamp == Some(stamp))
    }

    /// What was entered where a row and a column meet.
    pub fn entered(&self, row: usize, column: usize) -> &str {
        self.lines.get(row).and_then(|line| line.entered.get(column)).map_or("", String::as_str)
    }

    pub fn shown(&self, row: usize, column: usize) -> &str {
        self.lines.get(row).and_then(|line| line.shown.get(column)).map_or("", String::as_str)
    }
}

fn shown(view: &View, row: usize, column: usize) -> String {
    let cell = view.rows.get(row).and_then(|row| row.get(column)).unwrap_or(&Value::Null);
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
pub fn letters(column: usize) -> String {
    let mut left = column + 1;
    let mut text = String::new();
    while left > 0 {
        let letter = u8::try_from((left - 1) % 26).unwrap_or(0);
        text.insert(0, char::from(b'A' + letter));
        left = (left - 1) / 26;
    }
    text
}

fn number_of(letters: &str) -> usize {
    letters.bytes().fold(0, |number, letter| number * 26 + usize::from(letter - b'A') + 1)
}

/// A formula whose references say which columns they mean: `{3}.` is column 3 of the formula's own row, `{3}` in a header is that column.
fn followed(text: &str, row: usize, columns: &[Option<u32>]) -> String {
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
            let column = number_of(name).checked_sub(1).and_then(|at| columns.get(at).copied().flatten());
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
pub fn rows_of(formula: &str) -> Option<(usize, usize)> {
    let number = |text: &str| -> Option<usize> {
        let text = text.trim_start_matches(|letter: char| letter.is_ascii_uppercase());
        text[..text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len())].parse().ok()
    };
    let (from, to) = formula[formula.find('&')? + 1..].split_once(':')?;
    Some((number(from)?, number(to)?))
}
