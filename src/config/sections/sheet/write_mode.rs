//! How rows are written, and when a done key is processed again.
//!
//! In scope: `sheet.mode` and `item.order`. Out of scope: their meaning
//! (`ledger::items::write_mode`).

use crate::config::syntax::closest_word::find_closest_word;
use crate::config::syntax::raw::{ItemSection, SheetSection};
use crate::config::value_reader::ValueReader;
use crate::ledger::items::write_mode::{ReprocessPolicy, WriteMode};

/// Reads how rows are written: appended, unless the job says otherwise.
pub(crate) fn read_mode(reader: &mut ValueReader<'_>, sheet: &SheetSection) -> Option<WriteMode> {
    let Some(at) = &sheet.mode else { return Some(WriteMode::Append) };
    let word = reader.read_text(at)?;
    if let Some(mode) = WriteMode::parse(&word) {
        return Some(mode);
    }
    if word == "mirror" {
        let help = "rows can be appended, or kept one a key: mode = \"upsert\"";
        reader.add_problem_at(at, "mode `mirror` is not built yet", "known, but not built yet", help);
        return None;
    }
    let suggestion = find_closest_word(&word, WriteMode::WORDS.iter().map(|(word, _)| *word));
    let help = suggestion
        .map_or("the modes are append and upsert".to_owned(), |suggestion| format!("did you mean \"{suggestion}\"?"));
    reader.add_problem_at(at, "`sheet.mode` is not a write mode", "unknown mode", &help);
    None
}

/// Returns when a done key is processed again: by the mode, unless only newer versions count.
pub(crate) fn read_reprocess_policy(
    reader: &mut ValueReader<'_>,
    item: Option<&ItemSection>,
    mode: WriteMode,
) -> Option<ReprocessPolicy> {
    let of_mode = if mode == WriteMode::Upsert { ReprocessPolicy::OnChange } else { ReprocessPolicy::EachVersion };
    let Some(at) = item.and_then(|item| item.order.as_ref()) else { return Some(of_mode) };
    let word = reader.read_text(at)?;
    match ReprocessPolicy::WORDS.iter().find(|(known, _)| *known == word) {
        Some((_, ReprocessPolicy::OnNewer)) if item.is_some_and(|item| item.version.is_none()) => {
            let help = "name a version, such as version = \".updated\", or leave the order out";
            reader.add_problem_at(at, "`item.order` is set, but `item` names no version", "an order of what?", help);
            None
        }
        Some((_, ReprocessPolicy::OnNewer)) => Some(ReprocessPolicy::OnNewer),
        Some(_) => Some(of_mode),
        None => {
            let suggestion = find_closest_word(&word, ReprocessPolicy::WORDS.iter().map(|(word, _)| *word));
            let help = suggestion.map_or("the orders are any and newer".to_owned(), |suggestion| {
                format!("did you mean \"{suggestion}\"?")
            });
            reader.add_problem_at(at, "`item.order` is not an order", "unknown order", &help);
            None
        }
    }
}
