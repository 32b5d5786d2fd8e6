//! The order and the pages of Drive's `files.list`.
//!
//! In scope: `orderBy`, `pageSize`, `pageToken`, parameters that name other drives.
//! Out of scope: which files match (`file_query`).

use std::cmp::Ordering;

use data_encoding::BASE64URL_NOPAD;

use crate::api::call::QueryParams;
use crate::drive::error::DriveError;
use crate::drive::file_query::FileFacts;
use crate::error::ApiError;
use crate::schema::enums::TextParams;

/// The files of a page, unless the caller asks for another number.
const PAGE: usize = 100;
/// The most files of a page.
const PAGE_LIMIT: usize = 1000;

/// Which part of the matching files is returned, and in which order.
#[derive(Debug, PartialEq)]
pub(crate) struct FileListOrder {
    keys: Vec<(SortKey, bool)>,
    start: usize,
    size: usize,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum SortKey {
    Name,
    Created,
    Modified,
    /// A property in which the files of the emulator do not differ.
    Same,
}

impl FileListOrder {
    /// Reads the parameters. Refuses what would not be obeyed.
    pub(crate) fn read(query: &QueryParams) -> Result<Self, DriveError> {
        let drives = ["corpora", "driveId", "teamDriveId", "spaces", "corpus"];
        for name in drives {
            let value = query.word(name).unwrap_or_default();
            if !matches!(value, "" | "user" | "allDrives" | "drive" | "domain")
                || (name == "corpora" && value == "drive")
            {
                let message = format!("This emulator has no shared drives and no other spaces ({name}={value}).");
                return Err(ApiError::unimplemented(message).into());
            }
        }
        let number = |name: &'static str| match query.word(name).filter(|text| !text.is_empty()) {
            None => Ok(None),
            Some(text) => text.parse::<usize>().map(Some).map_err(|_| DriveError::InvalidValue(name)),
        };
        let size = number("pageSize")?.unwrap_or(PAGE);
        if size == 0 {
            return Err(DriveError::InvalidValue("pageSize"));
        }
        let keys = query.word("orderBy").unwrap_or_default().split(',').map(str::trim).filter(|key| !key.is_empty());
        Ok(Self {
            keys: keys.map(sort_key).collect::<Result<_, _>>()?,
            start: query.word("pageToken").filter(|token| !token.is_empty()).map_or(Ok(0), parse_page_token)?,
            size: size.min(PAGE_LIMIT),
        })
    }

    /// Returns the files of the page, and the token of the next page.
    pub(crate) fn cut_page<T>(&self, mut files: Vec<(FileFacts, T)>) -> (Vec<T>, Option<String>) {
        files.sort_by(|(one, _), (other, _)| self.compare(one, other));
        let end = self.start.saturating_add(self.size);
        let next = (end < files.len()).then(|| BASE64URL_NOPAD.encode(format!("{TOKEN}{end}").as_bytes()));
        (files.into_iter().skip(self.start).take(self.size).map(|(_, file)| file).collect(), next)
    }

    fn compare(&self, one: &FileFacts, other: &FileFacts) -> Ordering {
        let by_key = |(key, descending): &(SortKey, bool)| {
            let order = match key {
                SortKey::Name => one.name.to_lowercase().cmp(&other.name.to_lowercase()),
                SortKey::Created => one.created_ms.cmp(&other.created_ms),
                SortKey::Modified => one.modified_ms.cmp(&other.modified_ms),
                SortKey::Same => Ordering::Equal,
            };
            if *descending { order.reverse() } else { order }
        };
        self.keys.iter().map(by_key).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
    }
}

/// Beginning of the text in a page token.
const TOKEN: &str = "page after ";

fn parse_page_token(token: &str) -> Result<usize, DriveError> {
    let text = BASE64URL_NOPAD.decode(token.as_bytes()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let start = text.as_deref().and_then(|text| text.strip_prefix(TOKEN)?.parse().ok());
    start.ok_or(DriveError::InvalidValue("pageToken"))
}

fn sort_key(text: &str) -> Result<(SortKey, bool), DriveError> {
    let (name, descending) = match text.split_once(' ') {
        Some((name, "desc")) => (name, true),
        None => (text, false),
        Some(_) => return Err(DriveError::InvalidValue("orderBy")),
    };
    let key = match name {
        "name" | "name_natural" => SortKey::Name,
        "createdTime" => SortKey::Created,
        "modifiedTime" | "modifiedByMeTime" | "recency" => SortKey::Modified,
        "folder" | "starred" | "quotaBytesUsed" => SortKey::Same,
        "sharedWithMeTime" | "viewedByMeTime" => {
            return Err(ApiError::unimplemented(format!("This emulator does not sort files by {name}.")).into());
        }
        _ => return Err(DriveError::InvalidValue("orderBy")),
    };
    Ok((key, descending))
}
