//! The capability probe of the guard: its batches, and what the responses prove. Pure.
//!
//! Out of scope: its calls (`store::spreadsheet::capability`).

use crate::ledger::leases::head::HeadId;
use crate::store::guard::guard_kind::GuardSupport;
use crate::store::guard::head_guard::{BatchStep, StateLocation, derive_tab_id_from_head};

/// Returns the two probe batches, which the service must refuse. One deletes a named range that
/// never existed, the other writes to a tab that never existed. `salt` yields unused ids.
pub fn make_probe_batches(location: &StateLocation, salt: u64) -> [Vec<BatchStep>; 2] {
    let never = HeadId { commit: location.head.commit, nonce: salt };
    let gone = BatchStep::AssertTab { tab: derive_tab_id_from_head(never) };
    let touch = BatchStep::AssertTab { tab: location.tab };
    [vec![BatchStep::DeleteRange { id: never.to_string() }, touch.clone()], vec![touch, gone]]
}

/// The result of the probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GuardProbeResult {
    /// Use this guard.
    Guard(GuardSupport),
    /// The service applied a stale batch: no guard works, so nothing may be written.
    NoGuard,
}

/// Evaluates the probe: were a missing named range and a missing tab refused, and did the service
/// keep the id that the client chose?
pub fn evaluate_probe(
    location: &StateLocation,
    is_missing_name_refused: bool,
    is_missing_tab_refused: bool,
) -> GuardProbeResult {
    let ours = location.range_id.as_deref() == Some(location.head.to_string().as_str());
    match (is_missing_tab_refused, is_missing_name_refused && ours) {
        (false, _) => GuardProbeResult::NoGuard,
        (true, true) => GuardProbeResult::Guard(GuardSupport::Name),
        (true, false) => GuardProbeResult::Guard(GuardSupport::Title),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::leases::lease::Fence;
    use crate::store::guard::guard_kind::GuardKind;

    const H0: HeadId = HeadId { commit: 0, nonce: 11 };

    #[test]
    fn the_name_is_proved_only_by_the_expected_refusals() {
        let ours = StateLocation {
            tab: 11,
            title: "sheetkeep j #1".into(),
            fence: Fence(1),
            head: H0,
            guard_kind: GuardKind::Title,
            range_id: Some(H0.to_string()),
        };
        let other = StateLocation { range_id: Some("s1".into()), ..ours.clone() };
        let table = [
            (&ours, true, true, GuardProbeResult::Guard(GuardSupport::Name)),
            (&ours, false, true, GuardProbeResult::Guard(GuardSupport::Title)),
            (&other, true, true, GuardProbeResult::Guard(GuardSupport::Title)),
            (&ours, true, false, GuardProbeResult::NoGuard),
        ];
        for (location, name, tab, proved) in table {
            assert_eq!(evaluate_probe(location, name, tab), proved);
        }
        let [first, second] = make_probe_batches(&ours, 99);
        assert!(
            first.contains(&BatchStep::AssertTab { tab: 11 }) && second.contains(&BatchStep::AssertTab { tab: 11 })
        );
    }
}
