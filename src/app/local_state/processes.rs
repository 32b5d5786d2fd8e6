//! The processes of this machine, from Linux's `/proc`.
//!
//! In scope: this process's identity, and whether another process is alive. Out of scope: the
//! consequences (`ledger::leases::lease`). Without `/proc` nothing is known, and a dead run's lease
//! has to expire.

use std::fs;

use crate::ledger::leases::process_id::ProcessId;
use crate::port::process::Processes;

/// The processes in `/proc`.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemProcesses;

impl Processes for SystemProcesses {
    fn own_process(&self) -> Option<ProcessId> {
        let number = std::process::id();
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?.trim().to_owned();
        // A link such as `pid:[4026531836]`.
        let namespace = fs::read_link("/proc/self/ns/pid").ok()?.to_string_lossy().into_owned();
        let namespace = namespace.trim_start_matches("pid:[").trim_end_matches(']').to_owned();
        Some(ProcessId { boot, namespace, number, started: self.find_start(number)? })
    }

    fn find_start(&self, number: u32) -> Option<u64> {
        parse_start_time(&fs::read_to_string(format!("/proc/{number}/stat")).ok()?)
    }
}

/// Returns the start time of a process from its line in `/proc` (proc(5)); `None` for a zombie. The
/// name, in the second field, may contain blanks and parentheses.
fn parse_start_time(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace();
    let state = fields.next()?;
    // The 22nd field; two come before the end of the name, and the state is already read.
    let started = fields.nth(18)?.parse().ok()?;
    (!matches!(state, "Z" | "X")).then_some(started)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_alive_and_its_identity_stays() {
        let own = SystemProcesses.own_process().expect("Linux tells");
        assert_eq!(Some(own.started), SystemProcesses.find_start(own.number));
        assert_eq!(SystemProcesses.own_process(), Some(own.clone()));
        assert!(own.boot.len() == 36 && own.namespace.parse::<u64>().is_ok(), "{own}");
    }

    #[test]
    fn a_process_whatever_its_name_has_a_start_unless_it_has_ended() {
        let line = |state: &str| format!("7 (a) b) {state} 1 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 4242 1 2");
        assert_eq!(
            [parse_start_time(&line("S")), parse_start_time(&line("Z")), parse_start_time("")],
            [Some(4242), None, None]
        );
    }
}
