//! Makes stages that are done open again, for `--force` and `--from`.
//!
//! In scope: which keys, and the run that revokes them. Out of scope: the rows (`maintain::reset`).

use std::sync::Arc;

use crate::app::error::AppError;
use crate::app::inspect::listing::{at_home, listing};
use crate::app::job::{RunRequest, run};
use crate::clock::Clock;
use crate::config::settings::Settings;
use crate::ledger::items::key::Key;
use crate::ledger::runs::run::Trigger;
use crate::maintain::reset::plan_reset_of;
use crate::rng::Rng;
use crate::runner::input::input_queue::RetryScope;
use crate::runner::run_config::PreparedChanges;
use crate::runner::shutdown::Stop;
use crate::store::scan::scanner::ScanScope;

/// What started the run, in Runs.
const TRIGGER: &str = "force";

/// Revokes what is done of these keys, and closes their failures. Nothing is written if there is
/// nothing of them, or if another run is active.
pub async fn revoke(
    settings: &Settings,
    keys: &[Key],
    host: &str,
    clock: &Arc<dyn Clock>,
    chance: &Arc<dyn Rng>,
) -> Result<(), AppError> {
    let wanted = ScanScope { failures: true, earlier: true, ..ScanScope::default() };
    let known = match listing(settings, wanted, Arc::clone(clock), Arc::clone(chance)).await {
        Ok(known) => known,
        Err(AppError::NeverRan) => return Ok(()),
        Err(error) => return Err(error),
    };
    at_home(&known)?;
    let settled = plan_reset_of(&known, settings.again, clock.now(), |key| keys.contains(key)).settled;
    if settled.is_empty() {
        return Ok(());
    }
    let request = RunRequest {
        retrying: RetryScope::None,
        changes: Some(PreparedChanges { from: Some(known.snapshot.head), settled }),
        trigger: Trigger { kind: TRIGGER.to_owned(), ..Trigger::default() },
        host: host.to_owned(),
        ..RunRequest::default()
    };
    let (clock, chance) = (Arc::clone(clock), Arc::clone(chance));
    Box::pin(run(settings, request, clock, chance, Arc::new(|_| {}), Stop::default())).await.map(drop)
}
