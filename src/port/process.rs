//! The processes of this machine.

use crate::ledger::lease::process_id::ProcessId;

/// What may be known of processes on this machine.
pub trait Processes: Send + Sync {
    /// This very process; none where the system does not say.
    fn own(&self) -> Option<ProcessId>;

    /// When the process of this number began, in ticks since the boot; none where there is none, or it has ended.
    fn started(&self, number: u32) -> Option<u64>;
}
