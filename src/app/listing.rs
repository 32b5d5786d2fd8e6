//! What a job remembers, read whole, for whoever is to change it. Nothing is written.
//!
//! In scope: the way to it. Out of scope: what is changed (`maintain`), and how that comes to the sheet (`app::job`).

use std::sync::Arc;

use crate::app::error::AppError;
use crate::app::sheet::Sheet;
use crate::app::view::existing;
use crate::config::settings::Settings;
use crate::port::chance::Chance;
use crate::port::clock::Clock;
use crate::store::listing::Listing;
use crate::store::sheets::SheetsStore;

/// Reads Processed row by row, and Failures if asked, with the state that belongs to them.
pub async fn listing(
    settings: &Settings,
    failures: bool,
    clock: Arc<dyn Clock>,
    chance: Arc<dyn Chance>,
) -> Result<Listing, AppError> {
    let Sheet { sheets, id } = existing(settings, &clock, &chance)?;
    let store =
        SheetsStore::new(sheets, id, &settings.job, &settings.tab, clock).keeping(settings.mode, settings.again);
    store.listing(failures).await?.ok_or(AppError::NeverRan)
}
