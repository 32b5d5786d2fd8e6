//! A tab as a table, for `sheetkeep show`.
//!
//! In scope: the last rows of a tab, as a table of the terminal's width, as tab-separated text, or
//! as JSON. Out of scope: reading the tab.

use comfy_table::{
    Attribute, Cell, CellAlignment, ContentArrangement, ContentLineStyle, LineStyle, Row, Table, TableStyle,
};
use serde::Serialize;

use crate::cli::format::{format_count, format_number};
use crate::cli::output::destination::Spreadsheet;
use crate::cli::output::json::{SCHEMA_VERSION, format_json_line};
use crate::cli::streams::control_characters::make_visible;
use crate::cli::streams::terminal::Terminal;

/// Least width of a column while others can be omitted: an id, a timestamp or a short text fits.
const MIN_COLUMN_WIDTH: usize = 24;
/// Blanks and rules between two columns.
const COLUMN_GAP: usize = 3;

/// Some rows of a tab, as the sheet shows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TabRows {
    /// The tab's title.
    pub tab: String,
    /// The header row.
    pub header: Vec<String>,
    /// The rows; short ones end in empty cells.
    pub rows: Vec<Vec<String>>,
    /// The number of the first row, from 1, without the header.
    pub first: u64,
    /// The number of rows in the tab, without the header; `None` if it can't be read.
    pub total: Option<u64>,
    /// The spreadsheet of the tab.
    pub spreadsheet: Spreadsheet,
}

/// Columns ruled as in a spreadsheet, rows close together.
const RULED_STYLE: TableStyle = TableStyle::new()
    .header_lines(ContentLineStyle::none().junction('│'))
    .header_separator(LineStyle::none().fill('─').junction('┼'))
    .content_lines(ContentLineStyle::none().junction('│'))
    .bottom_border(LineStyle::none().fill('─').junction('┴'));

#[derive(Serialize)]
struct TabDocument<'a> {
    schema_version: u32,
    tab: &'a str,
    columns: &'a [String],
    rows: &'a [Vec<String>],
    first: u64,
    total: Option<u64>,
    spreadsheet: &'a Spreadsheet,
}

/// Writes `tab` to standard output: JSON on request, a table on a terminal, tab-separated text
/// elsewhere. The spreadsheet's name follows; for tab-separated text it goes to standard error.
pub fn show(tab: &TabRows, terminal: &Terminal, wants_json: bool) {
    let out = terminal.stdout();
    let place = format!("  in {}\n", tab.spreadsheet);
    if wants_json {
        out.put(&format_json(tab));
    } else if tab.total.is_none() {
        out.put(&format!("{}: unknown\n{place}", make_visible(&tab.tab)));
    } else if out.is_terminal() {
        out.put(&(format_table(tab, out.width(), out.has_colour()) + &place));
    } else if out.put(&format_tab_separated(tab)) {
        terminal.stderr().put(&place);
    }
}

/// Returns one JSON document; cells are texts as the sheet shows them.
pub fn format_json(tab: &TabRows) -> String {
    format_json_line(&TabDocument {
        schema_version: SCHEMA_VERSION,
        tab: &tab.tab,
        columns: &tab.header,
        rows: &tab.rows,
        first: tab.first,
        total: tab.total,
        spreadsheet: &tab.spreadsheet,
    })
}

/// Returns header and rows, with tabs between cells. Tabs, line breaks and backslashes in a cell
/// become `\t`, `\n`, `\r` and `\\`.
pub fn format_tab_separated(tab: &TabRows) -> String {
    let mut out = String::new();
    for row in std::iter::once(&tab.header).chain(&tab.rows) {
        let width = tab.header.len().max(row.len());
        let cells: Vec<String> = (0..width).map(|at| escape_cell(row.get(at).map_or("", String::as_str))).collect();
        out.push_str(&cells.join("\t"));
        out.push('\n');
    }
    out
}

fn escape_cell(cell: &str) -> String {
    cell.replace('\\', r"\\").replace('\t', r"\t").replace('\n', r"\n").replace('\r', r"\r")
}

/// Returns a table of at most `width` terminal columns, and a line that names the rows shown.
pub fn format_table(tab: &TabRows, width: usize, has_colour: bool) -> String {
    let shown = choose_columns(tab, width);
    let mut table = Table::new();
    table
        .load_style(RULED_STYLE)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_truncation_indicator("…")
        .force_no_tty()
        .set_width(u16::try_from(width).unwrap_or(u16::MAX));
    if has_colour {
        table.enforce_styling();
    }
    let sides: Vec<CellAlignment> = shown.iter().map(|&at| choose_alignment(tab, at)).collect();
    let table_row = |cells: &[String]| -> Vec<Cell> {
        let texts = shown.iter().map(|&at| cells.get(at).map_or("", String::as_str));
        texts.zip(&sides).map(|(text, side)| Cell::new(make_visible(text)).set_alignment(*side)).collect()
    };
    table.set_header(table_row(&tab.header).into_iter().map(|cell| cell.add_attribute(Attribute::Bold)));
    for cells in &tab.rows {
        let mut row = Row::from(table_row(cells));
        row.max_height(1);
        table.add_row(row);
    }
    let lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    format!("{}\n{}\n", lines.join("\n"), format_footer(tab, &shown))
}

/// Returns the columns that fit this width: all, or those from the left once empty ones are
/// omitted.
fn choose_columns(tab: &TabRows, width: usize) -> Vec<usize> {
    let all: Vec<usize> = (0..tab.header.len()).collect();
    if count_fitting(tab, &all, width) == all.len() {
        return all;
    }
    let has_content = |at: usize| tab.rows.iter().filter_map(|row| row.get(at)).any(|cell| !cell.is_empty());
    let mut some: Vec<usize> = all.iter().copied().filter(|&at| has_content(at)).collect();
    if some.is_empty() {
        some = all;
    }
    let count = count_fitting(tab, &some, width).max(1);
    some.truncate(count);
    some
}

/// Returns how many of these columns, from the first, fit this width.
fn count_fitting(tab: &TabRows, columns: &[usize], width: usize) -> usize {
    let mut used = 0;
    let natural = columns.iter().map(|&at| {
        let cells = tab.rows.iter().filter_map(|row| row.get(at)).chain(tab.header.get(at));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0).clamp(1, MIN_COLUMN_WIDTH)
    });
    let fitting = natural.take_while(|least| {
        used += least + COLUMN_GAP;
        used <= width
    });
    fitting.count()
}

fn choose_alignment(tab: &TabRows, at: usize) -> CellAlignment {
    if is_numeric(tab, at) { CellAlignment::Right } else { CellAlignment::Left }
}

fn is_numeric(tab: &TabRows, at: usize) -> bool {
    let mut cells = tab.rows.iter().filter_map(|row| row.get(at)).filter(|cell| !cell.is_empty()).peekable();
    cells.peek().is_some() && cells.all(|cell| cell.replace(',', "").parse::<f64>().is_ok_and(f64::is_finite))
}

fn format_footer(tab: &TabRows, shown: &[usize]) -> String {
    let title = make_visible(&tab.tab);
    let length = u64::try_from(tab.rows.len()).unwrap_or(u64::MAX);
    let total = tab.total.unwrap_or(length);
    let rows = match length {
        0 => format!("{title}: no rows"),
        n if n == total => format!("{title}: {}", format_count(n, "row")),
        n => format!(
            "{title}: rows {}–{} of {}",
            format_number(tab.first),
            format_number(tab.first + n - 1),
            format_number(total)
        ),
    };
    let hidden = tab.header.iter().enumerate().filter(|(at, _)| !shown.contains(at));
    let left_out: Vec<_> = hidden.map(|(_, name)| make_visible(name)).collect();
    if left_out.is_empty() {
        return rows;
    }
    let columns = format_count(u64::try_from(left_out.len()).unwrap_or(u64::MAX), "more column");
    format!("{rows} · {columns}: {}", left_out.join(", "))
}

#[cfg(test)]
mod tests {
    use crate::cli::output::fixtures;

    use super::*;

    fn quakes() -> TabRows {
        let row = |cells: [&str; 4]| cells.map(str::to_owned).to_vec();
        TabRows {
            tab: "Quakes".into(),
            header: row(["id", "time", "magnitude", "place"]),
            rows: vec![
                row([
                    "us1000chhc",
                    "2018-02-07 00:31:28",
                    "4.6",
                    "17 km NNE of Hualien City, Taiwan, a long way from anywhere",
                ]),
                row(["ak18223050", "2018-02-07 01:01:36", "12.5", "82 km\tW of Kobuk\nAlaska"]),
                vec!["nc72965236".into()],
            ],
            first: 1_705,
            total: Some(1_707),
            spreadsheet: fixtures::make_place().spreadsheet,
        }
    }

    #[test]
    fn a_table_fits_the_terminal_and_cuts_long_cells() {
        let text = format_table(&quakes(), 80, false);
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        insta::assert_snapshot!(text, @r"
         id         │ time                │ magnitude │ place
        ────────────┼─────────────────────┼───────────┼────────────────────────────
         us1000chhc │ 2018-02-07 00:31:28 │       4.6 │ 17 km NNE of Hualien City…
         ak18223050 │ 2018-02-07 01:01:36 │      12.5 │ 82 km␉W of Kobuk⏎Alaska
         nc72965236 │                     │           │
        ────────────┴─────────────────────┴───────────┴────────────────────────────
        Quakes: rows 1,705–1,707 of 1,707
        ");
    }

    #[test]
    fn columns_that_can_not_be_read_are_left_out_and_named() {
        let mut wide = quakes();
        for n in 0..20 {
            wide.header.push(format!("column {n}"));
        }
        let text = format_table(&wide, 60, false);
        assert!(
            text.lines().filter(|line| !line.contains("more columns")).all(|line| line.chars().count() <= 60),
            "{text}"
        );
        assert!(text.contains("more columns:") && text.contains("column 19"), "{text}");
    }

    #[test]
    fn an_empty_tab_says_so() {
        let empty = TabRows { rows: Vec::new(), first: 1, total: Some(0), ..quakes() };
        assert!(format_table(&empty, 80, false).ends_with("Quakes: no rows\n"));
        let bare = TabRows { header: Vec::new(), ..empty };
        assert!(format_table(&bare, 80, false).contains("no rows"));
    }

    #[test]
    fn a_pipe_gets_tab_separated_text() {
        let (terminal, captured) = fixtures::make_pipes();
        show(&quakes(), &terminal, false);
        insta::assert_snapshot!(captured.captured_out().replace('\t', "→"), @r"
        id→time→magnitude→place
        us1000chhc→2018-02-07 00:31:28→4.6→17 km NNE of Hualien City, Taiwan, a long way from anywhere
        ak18223050→2018-02-07 01:01:36→12.5→82 km\tW of Kobuk\nAlaska
        nc72965236→→→
        ");
        assert_eq!(captured.captured_err(), "  in local file fixtures/quakes.sheet, because no spreadsheet is set\n");
    }

    #[test]
    fn a_machine_gets_json() {
        insta::assert_snapshot!(format_json(&quakes()).trim_end(), @r#"{"schema_version":2,"tab":"Quakes","columns":["id","time","magnitude","place"],"rows":[["us1000chhc","2018-02-07 00:31:28","4.6","17 km NNE of Hualien City, Taiwan, a long way from anywhere"],["ak18223050","2018-02-07 01:01:36","12.5","82 km\tW of Kobuk\nAlaska"],["nc72965236"]],"first":1705,"total":1707,"spreadsheet":{"kind":"embedded","file":"fixtures/quakes.sheet","because":"no spreadsheet is set"}}"#);
    }

    #[test]
    fn colour_dresses_the_header() {
        assert!(format_table(&quakes(), 80, true).contains("\u{1b}[1m"));
    }

    #[test]
    fn where_not_all_fits_empty_columns_are_left_out_first() {
        let texts = |cells: &[&str]| cells.iter().map(|&cell| cell.to_owned()).collect::<Vec<_>>();
        let runs = TabRows {
            tab: "Runs".into(),
            header: texts(&["run", "scheduled_for", "status"]),
            rows: vec![texts(&["20180207-012613-00abc", "", "succeeded"])],
            first: 1,
            total: Some(1),
            spreadsheet: fixtures::make_place().spreadsheet,
        };
        let narrow = format_table(&runs, 40, false);
        assert!(narrow.contains("succeeded") && narrow.ends_with("1 more column: scheduled_for\n"), "{narrow}");
        assert!(format_table(&runs, 80, false).contains("│ scheduled_for"));
    }
}
