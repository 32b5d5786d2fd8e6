//! The query `q` of Drive's `files.list`.
//!
//! In scope: the grammar, and whether a file matches.
//! Out of scope: words and signs (`query_tokens`), which files exist (`files`).
//!
//! Source: "Search query terms and operators" of the Drive API guide. A term that the emulator
//! cannot decide is refused, never skipped.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::drive::query_tokens::{QueryToken, split_into_tokens};
use crate::error::ApiError;

/// The deepest nesting of a query.
const DEPTH_LIMIT: usize = 64;

/// What a query may ask of a file.
#[derive(Debug, Clone)]
pub(crate) struct FileFacts {
    pub name: String,
    pub mime_type: &'static str,
    pub is_trashed: bool,
    /// Every name of the folder that holds the file.
    pub parents: Vec<String>,
    /// Every name of the account that owns the file.
    pub owners: Vec<String>,
    /// In milliseconds since 1970-01-01T00:00:00Z.
    pub created_ms: i64,
    pub modified_ms: i64,
}

/// A parsed query.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum FileQuery {
    /// Every file: the query is empty.
    Everything,
    All(Vec<FileQuery>),
    Any(Vec<FileQuery>),
    Not(Box<FileQuery>),
    Text {
        field: TextField,
        operator: TextOperator,
        value: String,
    },
    Trashed(bool),
    /// A property that no file of the emulator has: starred, or shared with the caller.
    OfNoFile(bool),
    InParents(String),
    InOwners(String),
    Time {
        is_created: bool,
        operator: TimeOperator,
        ms: i64,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TextField {
    Name,
    MimeType,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TextOperator {
    Is,
    IsNot,
    Contains,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TimeOperator {
    Is,
    IsNot,
    Before,
    Until,
    After,
    From,
}

/// Why a query is refused.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum BadFileQuery {
    /// Drive answers 400 `Invalid Value` for it.
    Invalid,
    /// Drive knows the term, and the emulator does not.
    Unsupported(String),
}

impl BadFileQuery {
    /// Returns the error for a term that the emulator does not know; `None` for an invalid query.
    pub(crate) fn unsupported(&self) -> Option<ApiError> {
        let Self::Unsupported(term) = self else { return None };
        Some(ApiError::unimplemented(format!("This emulator does not search files by {term}.")))
    }
}

impl FileQuery {
    /// Parses the text of `q`.
    pub(crate) fn parse(text: &str) -> Result<Self, BadFileQuery> {
        let tokens = split_into_tokens(text).ok_or(BadFileQuery::Invalid)?;
        if tokens.is_empty() {
            return Ok(Self::Everything);
        }
        let mut reader = QueryReader { tokens: &tokens, at: 0 };
        let query = reader.parse_any(0)?;
        if reader.at == tokens.len() { Ok(query) } else { Err(BadFileQuery::Invalid) }
    }

    /// Returns whether the file matches.
    pub(crate) fn matches(&self, file: &FileFacts) -> bool {
        match self {
            Self::Everything => true,
            Self::All(all) => all.iter().all(|query| query.matches(file)),
            Self::Any(any) => any.iter().any(|query| query.matches(file)),
            Self::Not(query) => !query.matches(file),
            Self::Text { field, operator, value } => {
                let text = match field {
                    TextField::Name => &file.name,
                    TextField::MimeType => file.mime_type,
                };
                match operator {
                    TextOperator::Is => text == value,
                    TextOperator::IsNot => text != value,
                    TextOperator::Contains if *field == TextField::Name => has_word_with(text, value),
                    TextOperator::Contains => text.contains(value.as_str()),
                }
            }
            Self::Trashed(wanted) => file.is_trashed == *wanted,
            Self::OfNoFile(wanted) => !wanted,
            Self::InParents(id) => file.parents.contains(id),
            Self::InOwners(account) => file.owners.contains(account),
            Self::Time { is_created, operator, ms } => {
                let own = if *is_created { file.created_ms } else { file.modified_ms };
                match operator {
                    TimeOperator::Is => own == *ms,
                    TimeOperator::IsNot => own != *ms,
                    TimeOperator::Before => own < *ms,
                    TimeOperator::Until => own <= *ms,
                    TimeOperator::After => own > *ms,
                    TimeOperator::From => own >= *ms,
                }
            }
        }
    }
}

/// Returns whether a word of the name begins with the text. Drive compares beginnings of words.
fn has_word_with(name: &str, beginning: &str) -> bool {
    let (name, beginning) = (name.to_lowercase(), beginning.to_lowercase());
    name.match_indices(&beginning).any(|(at, _)| !name[..at].ends_with(char::is_alphanumeric))
}

struct QueryReader<'a> {
    tokens: &'a [QueryToken],
    at: usize,
}

impl QueryReader<'_> {
    fn take_token(&mut self, is_wanted: impl Fn(&QueryToken) -> bool) -> bool {
        let found = self.tokens.get(self.at).is_some_and(is_wanted);
        self.at += usize::from(found);
        found
    }

    fn take_word(&mut self, wanted: &str) -> bool {
        self.take_token(|token| matches!(token, QueryToken::Word(word) if word.eq_ignore_ascii_case(wanted)))
    }

    fn parse_any(&mut self, depth: usize) -> Result<FileQuery, BadFileQuery> {
        let mut all = vec![self.parse_all(depth)?];
        while self.take_word("or") {
            all.push(self.parse_all(depth)?);
        }
        Ok(if all.len() == 1 { all.swap_remove(0) } else { FileQuery::Any(all) })
    }

    fn parse_all(&mut self, depth: usize) -> Result<FileQuery, BadFileQuery> {
        let mut all = vec![self.parse_one(depth)?];
        while self.take_word("and") {
            all.push(self.parse_one(depth)?);
        }
        Ok(if all.len() == 1 { all.swap_remove(0) } else { FileQuery::All(all) })
    }

    fn parse_one(&mut self, depth: usize) -> Result<FileQuery, BadFileQuery> {
        if depth >= DEPTH_LIMIT {
            return Err(BadFileQuery::Invalid);
        }
        if self.take_word("not") {
            return Ok(FileQuery::Not(Box::new(self.parse_one(depth + 1)?)));
        }
        if self.take_token(|token| *token == QueryToken::Sign("(")) {
            let inner = self.parse_any(depth + 1)?;
            let closed = self.take_token(|token| *token == QueryToken::Sign(")"));
            return if closed { Ok(inner) } else { Err(BadFileQuery::Invalid) };
        }
        let first = self.tokens.get(self.at).ok_or(BadFileQuery::Invalid)?;
        self.at += 1;
        match first {
            QueryToken::Quoted(value) => self.parse_membership(value),
            QueryToken::Word(field) => self.parse_comparison(field),
            QueryToken::Sign(_) => Err(BadFileQuery::Invalid),
        }
    }

    /// Reads what follows a text in quotes: `in parents`.
    fn parse_membership(&mut self, value: &str) -> Result<FileQuery, BadFileQuery> {
        let is_in = self.take_word("in");
        let Some(QueryToken::Word(collection)) = self.tokens.get(self.at).filter(|_| is_in) else {
            return Err(BadFileQuery::Invalid);
        };
        self.at += 1;
        match collection.as_str() {
            "parents" => Ok(FileQuery::InParents(value.to_owned())),
            "owners" => Ok(FileQuery::InOwners(value.to_owned())),
            "writers" | "readers" => Err(BadFileQuery::Unsupported(format!("`in {collection}`"))),
            _ => Err(BadFileQuery::Invalid),
        }
    }

    /// Reads what follows the name of a field: `= 'x'`, `contains 'x'`, or nothing for a boolean.
    fn parse_comparison(&mut self, field: &str) -> Result<FileQuery, BadFileQuery> {
        match field {
            "name" | "title" => self.parse_text(TextField::Name),
            "mimeType" => self.parse_text(TextField::MimeType),
            "trashed" => self.take_boolean().map(FileQuery::Trashed),
            "starred" | "sharedWithMe" => self.take_boolean().map(FileQuery::OfNoFile),
            "createdTime" => self.parse_time(true),
            "modifiedTime" => self.parse_time(false),
            "fullText"
            | "properties"
            | "appProperties"
            | "viewedByMeTime"
            | "visibility"
            | "memberCount"
            | "organizerCount"
            | "hidden"
            | "labels"
            | "shortcutDetails.targetId"
            | "sharedWithMeTime" => Err(BadFileQuery::Unsupported(format!("`{field}`"))),
            _ => Err(BadFileQuery::Invalid),
        }
    }

    fn take_value(&mut self) -> Result<String, BadFileQuery> {
        let Some(QueryToken::Quoted(value)) = self.tokens.get(self.at) else { return Err(BadFileQuery::Invalid) };
        self.at += 1;
        Ok(value.clone())
    }

    fn parse_text(&mut self, field: TextField) -> Result<FileQuery, BadFileQuery> {
        let operator = match self.tokens.get(self.at) {
            Some(QueryToken::Sign("=")) => TextOperator::Is,
            Some(QueryToken::Sign("!=")) => TextOperator::IsNot,
            Some(QueryToken::Word(word)) if word == "contains" => TextOperator::Contains,
            _ => return Err(BadFileQuery::Invalid),
        };
        self.at += 1;
        Ok(FileQuery::Text { field, operator, value: self.take_value()? })
    }

    fn take_boolean(&mut self) -> Result<bool, BadFileQuery> {
        let operator = match self.tokens.get(self.at) {
            Some(QueryToken::Sign(sign @ ("=" | "!="))) => *sign,
            _ => return Ok(true),
        };
        self.at += 1;
        let value = match (self.take_word("true"), self.take_word("false")) {
            (true, _) => true,
            (_, true) => false,
            _ => return Err(BadFileQuery::Invalid),
        };
        Ok(value == (operator == "="))
    }

    fn parse_time(&mut self, is_created: bool) -> Result<FileQuery, BadFileQuery> {
        let operator = match self.tokens.get(self.at) {
            Some(QueryToken::Sign("=")) => TimeOperator::Is,
            Some(QueryToken::Sign("!=")) => TimeOperator::IsNot,
            Some(QueryToken::Sign("<")) => TimeOperator::Before,
            Some(QueryToken::Sign("<=")) => TimeOperator::Until,
            Some(QueryToken::Sign(">")) => TimeOperator::After,
            Some(QueryToken::Sign(">=")) => TimeOperator::From,
            _ => return Err(BadFileQuery::Invalid),
        };
        self.at += 1;
        let text = self.take_value()?;
        // Without an offset the time is in UTC (same guide).
        let utc = || text.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp());
        let time = text.parse::<Timestamp>().ok().or_else(utc).ok_or(BadFileQuery::Invalid)?;
        Ok(FileQuery::Time { is_created, operator, ms: time.as_millisecond() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> FileFacts {
        FileFacts {
            name: "it's My_budget 2026".to_owned(),
            mime_type: "application/vnd.google-apps.spreadsheet",
            is_trashed: false,
            parents: vec!["root".to_owned(), "0A".to_owned()],
            owners: vec!["me".to_owned()],
            created_ms: 1_000,
            modified_ms: 1_338_811_200_000,
        }
    }

    #[test]
    fn every_term_of_a_query_decides() {
        for (q, found) in [
            ("", true),
            ("name = 'it\\'s My_budget 2026'", true),
            ("name != \"x\"", true),
            ("name contains 'BUDGET' and not name contains 'udget'", true),
            ("name contains 'my_b' and name contains '2026'", true),
            ("mimeType = 'application/vnd.google-apps.folder'", false),
            ("mimeType contains 'spreadsheet' and trashed = false", true),
            ("mimeType='application/vnd.google-apps.spreadsheet' and trashed=true", false),
            ("trashed", false),
            ("trashed != true", true),
            ("not trashed", true),
            ("'root' in parents", true),
            ("'0A' in parents and not '0B' in parents", true),
            ("'other' in parents", false),
            ("'me' in owners", true),
            ("starred = true", false),
            ("sharedWithMe", false),
            ("sharedWithMe = false", true),
            ("name = 'x' or name contains 'it'", true),
            ("(name = 'x' or name = 'y') and trashed = false", false),
            ("name = 'x' and trashed = true or trashed = false", true),
            ("modifiedTime = '2012-06-04T12:00:00'", true),
            ("modifiedTime > '2012-06-04T14:00:01+02:00'", false),
            ("modifiedTime >= '2012-06-04T12:00:00Z' and createdTime < '1970-01-02T00:00:00'", true),
        ] {
            assert_eq!(FileQuery::parse(q).map(|query| query.matches(&file())), Ok(found), "{q}");
        }
    }

    #[test]
    fn a_query_that_cannot_be_obeyed_is_refused() {
        for q in [
            "nonsense",
            "name",
            "name = x",
            "name = 'x",
            "name < 'x'",
            "name = 'x' and",
            "(trashed = false",
            "trashed = maybe",
            "'x' in",
            "'x' parents",
            "modifiedTime > 'yesterday'",
            "trashed = false trashed = true",
            "= 'x'",
        ] {
            assert_eq!(FileQuery::parse(q), Err(BadFileQuery::Invalid), "{q}");
        }
        let deep = format!("{}trashed{}", "(".repeat(9_000), ")".repeat(9_000));
        assert_eq!(FileQuery::parse(&deep), Err(BadFileQuery::Invalid));
        for q in ["fullText contains 'x'", "appProperties has {key='a' and value='b'}", "'a' in writers"] {
            assert!(matches!(FileQuery::parse(q), Err(BadFileQuery::Unsupported(_))), "{q}");
        }
        let unsupported = FileQuery::parse("fullText contains 'x'").unwrap_err().unsupported().unwrap();
        assert_eq!(unsupported.message, "This emulator does not search files by `fullText`.");
    }
}
