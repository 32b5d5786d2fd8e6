//! A1 notation: how requests and responses name cells.
//!
//! In scope: parsing and printing of ranges, titles and columns; the sheet and cells of a text,
//! given the sheets.
//! Out of scope: cell contents, storage of sheets and named ranges.
//!
//! Source: "Google Sheets API Overview, A1 notation"; the printing rules are those of recorded
//! responses.

use std::fmt::Write;

/// The number of columns that have letters; `ZZZ` is the last.
pub(crate) const COLUMN_LIMIT: u32 = 18_278;

/// A block of cells with open ends. Rows and columns count from 0, ends are exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CellSpan {
    /// The first row; `None` starts at the top.
    pub start_row: Option<u32>,
    /// The row after the last; `None` reaches the bottom.
    pub end_row: Option<u32>,
    /// The first column; `None` starts at the left.
    pub start_column: Option<u32>,
    /// The column after the last; `None` reaches the right.
    pub end_column: Option<u32>,
}

/// What a text may refer to, before the sheets are looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum A1Reference {
    /// Cells of the sheet with this title, or of the first visible one.
    Cells {
        /// The title in front of `!`, unquoted.
        title: Option<String>,
        /// The cells, with open ends where the text names none, as in `A:A`.
        span: CellSpan,
    },
    /// A named range after the title of its sheet, as gspread sends it.
    NameOf {
        /// The title, unquoted.
        title: String,
        /// The name of the range, as written.
        name: String,
    },
    /// A quoted title: the whole sheet.
    Title(String),
    /// A bare word: a named range, or else the title of a sheet.
    Name(String),
}

/// The sheets and names of a spreadsheet.
pub(crate) trait SheetLookup {
    /// Identifies a sheet within the spreadsheet.
    type Tab: PartialEq;
    /// Returns the sheet with this title, regardless of case.
    fn find_titled(&self, title: &str) -> Option<Self::Tab>;
    /// Returns the first visible sheet.
    fn find_first_visible(&self) -> Option<Self::Tab>;
    /// Returns the sheet and cells of a named range.
    fn find_named(&self, name: &str) -> Option<(Self::Tab, CellSpan)>;
}

/// Returns the sheet and cells of `text`; `None` if Google answers `Unable to parse range`.
pub(crate) fn locate<T: SheetLookup>(text: &str, tabs: &T) -> Option<(T::Tab, CellSpan)> {
    match A1Reference::parse(text)? {
        A1Reference::Cells { title: Some(title), span } => Some((tabs.find_titled(&title)?, span)),
        A1Reference::Cells { title: None, span } => Some((tabs.find_first_visible()?, span)),
        A1Reference::NameOf { title, name } => {
            let tab = tabs.find_titled(&title)?;
            tabs.find_named(&name).filter(|(home, _)| *home == tab)
        }
        A1Reference::Title(title) => Some((tabs.find_titled(&title)?, CellSpan::default())),
        A1Reference::Name(name) => {
            tabs.find_named(&name).or_else(|| Some((tabs.find_titled(&name)?, CellSpan::default())))
        }
    }
}

impl A1Reference {
    /// Parses a range.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some((title, rest)) = parse_quoted_title(text) {
            return match rest.strip_prefix('!') {
                Some(cells) => Self::parse_after_title(title, cells),
                None => rest.is_empty().then_some(Self::Title(title)),
            };
        }
        if let Some((title, cells)) = text.rsplit_once('!') {
            return if title.is_empty() { None } else { Self::parse_after_title(title.to_owned(), cells) };
        }
        if let Some(span) = CellSpan::parse(text) {
            return Some(Self::Cells { title: None, span });
        }
        (!text.is_empty()).then(|| Self::Name(text.to_owned()))
    }

    /// Parses the part after `title!`.
    fn parse_after_title(title: String, text: &str) -> Option<Self> {
        match CellSpan::parse(text) {
            Some(span) => Some(Self::Cells { title: Some(title), span }),
            None if text.is_empty() => None,
            None => Some(Self::NameOf { title, name: text.to_owned() }),
        }
    }
}

/// Parses the quoted title at the start of `text`. Returns the unquoted title and the rest.
fn parse_quoted_title(text: &str) -> Option<(String, &str)> {
    let mut rest = text.strip_prefix('\'')?;
    let mut title = String::new();
    loop {
        let (before, after) = rest.split_once('\'')?;
        title.push_str(before);
        match after.strip_prefix('\'') {
            Some(more) => {
                title.push('\'');
                rest = more;
            }
            None => return Some((title, after)),
        }
    }
}

/// One side of a colon: a cell, a whole row or a whole column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct A1Corner {
    row: Option<u32>,
    column: Option<u32>,
}

impl A1Corner {
    fn parse(text: &str) -> Option<Self> {
        if let Some(corner) = Self::parse_r1c1(text) {
            return Some(corner);
        }
        let text = text.strip_prefix('$').unwrap_or(text);
        let letters = text.len() - text.trim_start_matches(|c: char| c.is_ascii_alphabetic()).len();
        let (column, row) = text.split_at(letters);
        let column = if column.is_empty() { None } else { Some(parse_column(column)?) };
        let row = match (column, row.strip_prefix('$')) {
            (Some(_), Some(digits)) => Some(parse_row(digits)?),
            _ if row.is_empty() => None,
            _ => Some(parse_row(row)?),
        };
        (row.is_some() || column.is_some()).then_some(Self { row, column })
    }

    fn parse_r1c1(text: &str) -> Option<Self> {
        let rest = text.strip_prefix(['R', 'r'])?;
        let at = rest.find(['C', 'c'])?;
        let (row, column) = (parse_row(&rest[..at])?, parse_row(&rest[at + 1..])?);
        (column < COLUMN_LIMIT).then_some(Self { row: Some(row), column: Some(column) })
    }
}

impl CellSpan {
    /// Returns the span of one cell.
    pub fn cell(row: u32, column: u32) -> Self {
        Self::block(row, row.saturating_add(1), column, column.saturating_add(1))
    }

    /// Returns a closed block; ends are exclusive.
    pub fn block(start_row: u32, end_row: u32, start_column: u32, end_column: u32) -> Self {
        Self {
            start_row: Some(start_row),
            end_row: Some(end_row),
            start_column: Some(start_column),
            end_column: Some(end_column),
        }
    }

    /// Parses `A1`, `A1:B2`, `A:A`, `1:2`, `A5:A`, `A1:1`, `R1C1:R2C2`, with or without `$`.
    pub fn parse(text: &str) -> Option<Self> {
        let Some((first, second)) = text.split_once(':') else {
            let corner = A1Corner::parse(text)?;
            return Some(Self::cell(corner.row?, corner.column?));
        };
        let (first, second) = (A1Corner::parse(first)?, A1Corner::parse(second)?);
        let (start_row, end_row) = order_ends(first.row, second.row);
        let (start_column, end_column) = order_ends(first.column, second.column);
        Some(Self { start_row, end_row, start_column, end_column })
    }

    /// Returns whether this is exactly one cell.
    pub fn is_cell(self) -> bool {
        let one = |start: Option<u32>, end: Option<u32>| matches!((start, end), (Some(s), Some(e)) if e == s + 1);
        one(self.start_row, self.end_row) && one(self.start_column, self.end_column)
    }

    /// Returns whether the span starts outside a grid of this size.
    pub fn starts_outside(self, rows: u32, columns: u32) -> bool {
        self.start_row.unwrap_or(0) >= rows || self.start_column.unwrap_or(0) >= columns
    }

    /// Returns whether the span reaches outside a grid of this size.
    pub fn leaves(self, rows: u32, columns: u32) -> bool {
        self.starts_outside(rows, columns)
            || self.end_row.is_some_and(|end| end > rows)
            || self.end_column.is_some_and(|end| end > columns)
    }

    /// Closes open ends at a grid of this size, and cuts what lies outside.
    #[must_use]
    pub fn close(self, rows: u32, columns: u32) -> Self {
        Self::block(
            self.start_row.unwrap_or(0).min(rows),
            self.end_row.unwrap_or(rows).min(rows),
            self.start_column.unwrap_or(0).min(columns),
            self.end_column.unwrap_or(columns).min(columns),
        )
    }

    /// Prints the cells without a title: `A1`, `A1:B2`, `A5:A`. A fully open span is an empty text.
    pub fn print(self) -> String {
        if self.is_cell() {
            return show_corner(self.start_row, self.start_column);
        }
        // A span that is open to the right and below is printed as `U:2`.
        if let (Some(_), Some(_), None, None) = (self.start_row, self.start_column, self.end_row, self.end_column) {
            return format!("{}:{}", show_corner(None, self.start_column), show_corner(self.start_row, None));
        }
        let first = match (self.start_row, self.start_column) {
            (None, None) => show_corner(self.end_row.map(|_| 0), self.end_column.map(|_| 0)),
            (row, column) => show_corner(row, column),
        };
        let last = show_corner(self.end_row.map(|e| e.saturating_sub(1)), self.end_column.map(|e| e.saturating_sub(1)));
        if first.is_empty() && last.is_empty() { String::new() } else { format!("{first}:{last}") }
    }

    /// Prints the cells with the sheet's title in front, as responses do; only the title for a
    /// whole sheet.
    pub fn print_with(self, title: &str) -> String {
        let cells = self.print();
        let title = quote_title(title);
        if cells.is_empty() { title } else { format!("{title}!{cells}") }
    }
}

fn order_ends(first: Option<u32>, second: Option<u32>) -> (Option<u32>, Option<u32>) {
    match (first, second) {
        (Some(a), Some(b)) => (Some(a.min(b)), Some(a.max(b).saturating_add(1))),
        (Some(a), None) | (None, Some(a)) => (Some(a), None),
        (None, None) => (None, None),
    }
}

fn show_corner(row: Option<u32>, column: Option<u32>) -> String {
    let mut text = column.map(print_column).unwrap_or_default();
    if let Some(row) = row {
        let _ = write!(text, "{}", u64::from(row) + 1);
    }
    text
}

/// Parses a row number, counted from 0; `None` for 0, signs and numbers beyond any grid.
fn parse_row(digits: &str) -> Option<u32> {
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    digits.parse::<u32>().ok().filter(|n| i32::try_from(*n).is_ok())?.checked_sub(1)
}

/// Parses column letters, counted from 0; `None` beyond `ZZZ`.
pub fn parse_column(letters: &str) -> Option<u32> {
    if letters.is_empty() || letters.len() > 3 || !letters.bytes().all(|b| b.is_ascii_alphabetic()) {
        return None;
    }
    let number = letters.bytes().fold(0, |n, b| n * 26 + u32::from(b.to_ascii_uppercase() - b'A') + 1);
    Some(number - 1)
}

/// Returns the letters of a column: 0 is `A`, 26 is `AA`.
pub(crate) fn print_column(index: u32) -> String {
    let mut rest = u64::from(index) + 1;
    let mut letters = Vec::new();
    while rest > 0 {
        let digit = u8::try_from((rest - 1) % 26).unwrap_or(0);
        letters.push(char::from(b'A' + digit));
        rest = (rest - 1) / 26;
    }
    letters.iter().rev().collect()
}

/// Returns a title for use in front of `!`: quoted only if needed, as in recorded responses.
pub fn quote_title(title: &str) -> String {
    let plain = title.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.'))
        && title.chars().next().is_some_and(|c| !c.is_numeric() && c != '.')
        && A1Corner::parse(title).is_none_or(|corner| corner.row.is_none() || corner.column.is_none());
    if plain { title.to_owned() } else { format!("'{}'", title.replace('\'', "''")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    struct Workbook;

    impl SheetLookup for Workbook {
        type Tab = &'static str;

        fn find_titled(&self, title: &str) -> Option<&'static str> {
            ["Sheet1", "D3", "it's", "🌵 one", "food.csv", "profiles-10.csv"]
                .into_iter()
                .find(|t| t.to_lowercase() == title.to_lowercase())
        }

        fn find_first_visible(&self) -> Option<&'static str> {
            Some("Sheet1")
        }

        fn find_named(&self, name: &str) -> Option<(&'static str, CellSpan)> {
            (name == "head").then(|| ("D3", CellSpan::cell(4, 1)))
        }
    }

    fn answer(text: &str) -> Option<String> {
        locate(text, &Workbook).map(|(title, span)| span.close(1000, 26).print_with(title))
    }

    #[test]
    fn ranges_come_back_as_google_recorded_them() {
        for (asked, answered) in [
            ("Sheet1!A1:B2", "Sheet1!A1:B2"),
            ("Sheet1!B2:A1", "Sheet1!A1:B2"),
            ("'Sheet1'!A1:1", "Sheet1!A1:Z1"),
            ("A1:C", "Sheet1!A1:C1000"),
            ("A5:A", "Sheet1!A5:A1000"),
            ("Sheet1!$A$1:$B$2", "Sheet1!A1:B2"),
            ("A:A", "Sheet1!A1:A1000"),
            ("1:2", "Sheet1!A1:Z2"),
            ("Sheet1", "Sheet1!A1:Z1000"),
            ("SHEET1", "Sheet1!A1:Z1000"),
            ("'D3'", "'D3'!A1:Z1000"),
            ("D3", "Sheet1!D3"),
            ("'it''s'!A1", "'it''s'!A1"),
            ("🌵 one!A:A", "'🌵 one'!A1:A1000"),
            ("'food.csv'!A1:Z1", "food.csv!A1:Z1"),
            ("'profiles-10.csv'!A1:Z1", "'profiles-10.csv'!A1:Z1"),
            ("head", "'D3'!B5"),
            ("'D3'!head", "'D3'!B5"),
            ("Sheet1!R1C1:R2C2", "Sheet1!A1:B2"),
            ("A999:B2000", "Sheet1!A999:B1000"),
        ] {
            assert_eq!(answer(asked).as_deref(), Some(answered), "{asked}");
        }
    }

    #[test]
    fn what_names_no_cells_is_refused() {
        for text in [
            "",
            "!",
            "!A1",
            "NOPE!A5:F15",
            "nope",
            "A0",
            "'Sheet1'!",
            "Sheet1!",
            "'open",
            "Sheet1!A1:B2:C3",
            "A1:",
            "Sheet1!head",
        ] {
            assert_eq!(answer(text), None, "{text}");
        }
    }

    #[test]
    fn open_ends_stay_open_when_printed() {
        for text in ["A1001:B", "A5:A", "C:D", "2:10", "A1", "A1:B2"] {
            assert_eq!(CellSpan::parse(text).map(CellSpan::print).as_deref(), Some(text));
        }
        assert_eq!(CellSpan::default().print_with("Sheet1"), "Sheet1");
    }

    proptest! {
        #[test]
        fn columns_read_back_as_they_were_written(index in 0..COLUMN_LIMIT) {
            prop_assert_eq!(parse_column(&print_column(index)), Some(index));
        }

        #[test]
        fn a_quoted_title_reads_back_whatever_it_holds(title in "\\PC{1,20}") {
            let text = format!("'{}'!A1", title.replace('\'', "''"));
            prop_assert_eq!(A1Reference::parse(&text), Some(A1Reference::Cells { title: Some(title), span: CellSpan::cell(0, 0) }));
        }

        #[test]
        fn no_text_makes_the_parser_fail(text in "\\PC{0,30}") {
            let _ = A1Reference::parse(&text);
        }
    }

    #[test]
    fn an_open_block_prints_as_what_reads_back() {
        let open = CellSpan::parse("U:2").expect("a range");
        assert_eq!((open.print(), CellSpan::parse("2:U")), ("U:2".to_owned(), Some(open)));
    }
}
