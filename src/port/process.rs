//! The processes of this machine.

use crate::ledger::leases::process_id::ProcessId;

/// The process list of this machine.
pub trait Processes: Send + Sync {
    /// Returns this process; `None` if the system does not provide it.
    fn own_process(&self) -> Option<ProcessId>;

    /// Returns when the process with this number started, in ticks since the boot; `None` if it is
    /// not active.
    fn find_start(&self, number: u32) -> Option<u64>;
}
