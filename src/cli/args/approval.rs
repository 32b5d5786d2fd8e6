//! The value of `--approve`.

use crate::ledger::runs::held_changes::{Approval, HeldCode};

/// Parses the code of held changes; without one, everything is approved.
pub fn parse_approval(text: &str) -> Result<Approval, String> {
    if text.is_empty() {
        return Ok(Approval::OfAll);
    }
    let code = HeldCode::parse(text).map(Approval::OfPlan);
    code.ok_or_else(|| "a code has six letters without vowels, as the last run named it".to_owned())
}
