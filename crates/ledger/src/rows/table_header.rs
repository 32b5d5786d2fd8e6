//! The columns of a data tab, and the one that carries the key.
//!
//! In scope: choosing the key column, checking it in every row, admitting new columns.
//! Out of scope: positions of columns in the tab (the store finds them by header text).

use std::collections::{BTreeSet, HashSet};

use crate::grid::{Cell, Row};
use crate::items::key::Key;
use crate::values::coerce::format_float;
use crate::values::columns::{MAX_COLUMNS, NewColumns, ValueRejection, quote_name, trim_header};
use crate::values::json_path::MemberPath;

/// Maximum number of ignored fields that are named.
const MAX_IGNORED: usize = 20;

/// The column that is added in front if the output does not contain the key.
pub const ADDED_KEY_COLUMN: &str = "_key";

/// The column that carries the key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum KeyColumn {
    /// This column of the output.
    Named(String),
    /// `_key`, added in front of the output's columns.
    Added,
}

impl KeyColumn {
    /// Returns the column's header text.
    pub fn name(&self) -> &str {
        match self {
            Self::Named(name) => name,
            Self::Added => ADDED_KEY_COLUMN,
        }
    }
}

/// Returns the column of `row`, the job's first output, that carries `key`. It is the last segment
/// of the key expression, if that column holds the key as text; otherwise `_key` is added. So `.id`
/// or `.properties.code` find `id` and `code`.
pub fn choose_key_column(expression: &str, row: &Row, key: &Key) -> KeyColumn {
    let path = MemberPath::parse(expression).unwrap_or_default();
    match path.members().last().map(|name| trim_header(name)) {
        Some(name) if row.get(name).and_then(comparable_text).as_deref() == Some(key.as_str()) => {
            KeyColumn::Named(name.to_owned())
        }
        _ => KeyColumn::Added,
    }
}

/// Returns the row with the key in its column; rejects a row whose key column differs from the
/// record's key.
pub(crate) fn with_key(mut row: Row, key: &Key, column: &KeyColumn) -> Result<Row, ValueRejection> {
    let found = row.get(column.name()).map(|cell| comparable_text(cell).unwrap_or_default());
    match (column, found) {
        (_, Some(text)) if text == key.as_str() => Ok(row),
        (KeyColumn::Added, None) => {
            row.cells.insert(0, (ADDED_KEY_COLUMN.into(), Cell::text(key.as_str())));
            Ok(row)
        }
        (_, None) => Err(ValueRejection(format!(
            "the output has no column {}, which carries the key; make the step yield it",
            quote_name(column.name())
        ))),
        (_, Some(text)) => Err(ValueRejection(format!(
            "column {} carries the key, but holds {} where the record's key is {}",
            quote_name(column.name()),
            quote_name(&text),
            quote_name(key.as_str())
        ))),
    }
}

/// Returns a cell's text, if it can be compared with a key.
fn comparable_text(cell: &Cell) -> Option<String> {
    match cell {
        Cell::Text(text) => Some(text.clone()),
        Cell::Number(number) => Some(format_float(*number)),
        _ => None,
    }
}

/// The header of a data tab, as this run maintains it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Header {
    tab: String,
    columns: Vec<String>,
    known: HashSet<String>,
    is_open: bool,
    policy: NewColumns,
    /// Number of columns at the end that the tab does not have yet.
    pending: usize,
    /// Columns that users deleted; their values are left out.
    deleted: HashSet<String>,
    /// True if the tab did not exist at the start of the run.
    was_open: bool,
    /// Columns that were added to a tab that existed before.
    added: BTreeSet<String>,
    /// Fields that were left out because the tab has no column for them.
    ignored: BTreeSet<String>,
    /// Headers of two columns, neither of which is the job's so far.
    duplicate: HashSet<String>,
}

impl Header {
    /// Creates the header of a tab that does not exist yet: these columns first, then others in
    /// order of appearance.
    pub fn open(tab: impl Into<String>, first: &[String]) -> Self {
        Self { is_open: true, was_open: true, ..Self::from_existing(tab, first.to_vec()) }
    }

    /// Creates the header of an existing tab.
    pub fn from_existing(tab: impl Into<String>, columns: Vec<String>) -> Self {
        let mut known = HashSet::new();
        let doubled = columns.iter().filter(|name| !known.insert((*name).clone())).cloned().collect();
        Self { tab: tab.into(), known, columns, duplicate: doubled, ..Self::default() }
    }

    /// Sets the policy for fields without a column, and the columns that users deleted.
    #[must_use]
    pub fn with(mut self, policy: NewColumns, gone: &[String]) -> Self {
        (self.policy, self.deleted) = (policy, gone.iter().cloned().collect());
        self
    }

    /// Returns the columns from left to right; those that the tab does not have yet come last.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Returns the columns that the tab does not have yet.
    pub fn missing_columns(&self) -> &[String] {
        self.columns.get(self.columns.len().saturating_sub(self.pending)..).unwrap_or_default()
    }

    /// Returns the fields that were left out.
    pub fn ignored_fields(&self) -> impl Iterator<Item = &str> {
        self.ignored.iter().map(String::as_str)
    }

    /// Returns the columns that rows added to a tab that existed before.
    pub fn added_columns(&self) -> impl Iterator<Item = &str> {
        self.added.iter().map(String::as_str)
    }

    /// True if new columns are admitted because the tab does not exist yet.
    pub fn is_open(&self) -> bool {
        self.is_open
    }

    /// Notes that the header row was written: the tab exists.
    pub fn close(&mut self) {
        self.is_open = false;
    }

    /// Notes that these columns were added to the tab.
    pub fn on_columns_added(&mut self, columns: &[String]) {
        self.pending = self.pending.saturating_sub(columns.len());
    }

    /// Handles a column of queued rows that the tab has lost: adds or ignores it. Returns false if
    /// neither is allowed.
    pub fn restore_column(&mut self, name: &str) -> bool {
        if self.known.contains(name) || self.deleted.contains(name) {
            return true;
        }
        let adds = self.is_open || self.policy == NewColumns::Add;
        if adds {
            self.add(name);
        }
        adds
    }

    /// Checks that the tab has every column of `row`, or applies the policy. `key` is the column
    /// that carries the key, which is never left out. A rejected row changes nothing.
    pub fn admit(&mut self, row: &mut Row, key: &str) -> Result<(), ValueRejection> {
        row.cells.retain(|(name, _)| !self.deleted.contains(name));
        if let Some((name, _)) = row.cells.iter().find(|(name, _)| self.duplicate.contains(name)) {
            let (tab, name) = (&self.tab, quote_name(name));
            return Err(ValueRejection(format!("tab {tab} has two columns named {name}: rename one of them")));
        }
        let new: Vec<String> =
            row.cells.iter().map(|(name, _)| name).filter(|name| !self.known.contains(*name)).cloned().collect();
        let Some(first) = new.first() else { return Ok(()) };
        match self.policy {
            _ if self.is_open => {}
            NewColumns::Add => {}
            NewColumns::Ignore if new.iter().any(|name| name == key) => {
                let (tab, key) = (&self.tab, quote_name(key));
                return Err(ValueRejection(format!(
                    "tab {tab} has no column {key}, which carries the key: add it to the header row"
                )));
            }
            NewColumns::Ignore => {
                row.cells.retain(|(name, _)| self.known.contains(name));
                self.ignored.extend(new.into_iter().take(MAX_IGNORED.saturating_sub(self.ignored.len())));
                return Ok(());
            }
            NewColumns::Refuse => {
                return Err(ValueRejection(format!(
                    "the output has a column {} which tab {} does not have; add it to the header row, drop it in the step, or say \
                     new_columns = \"add\" or \"ignore\"",
                    quote_name(first),
                    self.tab
                )));
            }
        }
        if self.columns.len() + new.len() > MAX_COLUMNS {
            return Err(ValueRejection(format!("tab {} would have more than 18,278 columns", self.tab)));
        }
        if !self.was_open {
            self.added.extend(new.iter().cloned());
        }
        for name in &new {
            self.add(name);
        }
        Ok(())
    }

    fn add(&mut self, name: &str) {
        self.known.insert(name.to_owned());
        self.columns.push(name.to_owned());
        self.pending += usize::from(!self.is_open);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Key {
        Key::new(text).expect("a valid key")
    }

    fn row(cells: &[(&str, Cell)]) -> Row {
        Row { cells: cells.iter().map(|(name, cell)| ((*name).to_owned(), cell.clone())).collect() }
    }

    #[test]
    fn the_column_that_holds_the_key_carries_it() {
        let output = row(&[("id", Cell::text("0042")), ("n", Cell::Number(42.0))]);
        assert_eq!(choose_key_column(".id", &output, &key("0042")), KeyColumn::Named("id".into()));
        assert_eq!(choose_key_column(".n", &output, &key("42")), KeyColumn::Named("n".into()));
        for (expression, text) in [(".n", "0042"), (".code", "0042"), (".id|tostring", "0042")] {
            assert_eq!(choose_key_column(expression, &output, &key(text)), KeyColumn::Added, "{expression}");
        }
    }

    #[test]
    fn a_row_gets_its_key_and_one_with_another_key_is_rejected() {
        let plain = row(&[("a", Cell::Bool(true))]);
        let added = with_key(plain.clone(), &key("k"), &KeyColumn::Added).expect("the key is added");
        assert_eq!(added.cells[0], ("_key".to_owned(), Cell::text("k")));
        let named = KeyColumn::Named("a".into());
        let why = with_key(row(&[("a", Cell::text("other"))]), &key("k"), &named).expect_err("another key");
        assert_eq!(
            why.to_string(),
            "column \"a\" carries the key, but holds \"other\" where the record's key is \"k\""
        );
        assert!(with_key(row(&[("b", Cell::text("k"))]), &key("k"), &named).is_err());
    }

    #[test]
    fn an_open_header_starts_with_the_named_columns() {
        let mut header = Header::open("Quakes", &["z".to_owned()]);
        header.admit(&mut row(&[("b", Cell::Empty), ("a", Cell::Empty)]), "a").expect("an open header takes it");
        header.admit(&mut row(&[("a", Cell::Empty), ("x", Cell::Empty)]), "a").expect("an open header takes it");
        assert_eq!(header.columns(), ["z", "b", "a", "x"]);
        header.close();
        assert!(header.missing_columns().is_empty());
    }

    #[test]
    fn a_field_without_a_column_follows_the_policy() {
        let closed = |policy| Header::from_existing("Quakes", vec!["a".into(), "x".into()]).with(policy, &[]);
        let fields = || row(&[("a", Cell::Empty), ("y", Cell::Bool(true))]);
        let (mut adding, mut taken) = (closed(NewColumns::Add), fields());
        adding.admit(&mut taken, "a").expect("a column is added");
        assert_eq!(
            (taken.cells.len(), adding.missing_columns(), adding.columns().len()),
            (2, &["y".to_owned()][..], 3)
        );
        adding.on_columns_added(&["y".to_owned()]);
        assert!(adding.missing_columns().is_empty());
        let (mut ignoring, mut taken) = (closed(NewColumns::Ignore), fields());
        ignoring.admit(&mut taken, "a").expect("the field is left out");
        assert_eq!((taken.cells.len(), ignoring.ignored_fields().collect::<Vec<_>>()), (1, vec!["y"]));
        let why = closed(NewColumns::Refuse).admit(&mut fields(), "a").expect_err("the field is refused");
        assert!(why.to_string().starts_with("the output has a column \"y\" which tab Quakes does not have"), "{why}");
    }

    #[test]
    fn the_keys_column_is_never_left_out() {
        let mut header = Header::from_existing("Quakes", vec!["n".into()]).with(NewColumns::Ignore, &[]);
        let mut taken = row(&[("id", Cell::text("k")), ("n", Cell::Bool(true))]);
        let why = header.admit(&mut taken, "id").expect_err("it has to be there");
        assert_eq!(why.to_string(), "tab Quakes has no column \"id\", which carries the key: add it to the header row");
        assert_eq!(taken.cells.len(), 2);
    }

    #[test]
    fn a_header_over_two_user_columns_rejects_only_who_names_it() {
        let mut header = Header::from_existing("Q", ["id", "note", "note"].map(String::from).to_vec());
        header.admit(&mut row(&[("id", Cell::text("k"))]), "id").expect("it names neither");
        let why = header.admit(&mut row(&[("id", Cell::text("k")), ("note", Cell::Empty)]), "id").expect_err("which?");
        assert_eq!(why.to_string(), "tab Q has two columns named \"note\": rename one of them");
    }

    #[test]
    fn a_value_for_a_deleted_column_is_left_out_by_every_policy() {
        let mut header = Header::from_existing("Q", vec!["a".into()]).with(NewColumns::Refuse, &["b".into()]);
        let mut taken = row(&[("a", Cell::Empty), ("b", Cell::Bool(true))]);
        header.admit(&mut taken, "a").expect("it is not missed");
        assert_eq!((taken.cells.len(), header.restore_column("b"), header.restore_column("c")), (1, true, false));
    }
}
