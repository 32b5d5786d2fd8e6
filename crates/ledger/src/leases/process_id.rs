//! The process that holds a lease, so that a copy of a state directory is distinguished from its
//! original.
//!
//! In scope: the identity as stored on the sheet, and whether two are of one machine. Out of scope:
//! reading it (`port::process`).
//!
//! ```text
//!  process 4711 started at 123456 ticks of boot 3f2c…-…-…, process namespace 4026531836
//! ```
//!
//! The boot id is new at every start of a kernel, so two machines with copied disks have different
//! ones. Containers of one machine share it, but not the namespace. A process number may be reused;
//! together with its start tick it is unique.

use std::fmt;
use std::str::FromStr;

/// A process, unique among all processes of all machines at all times.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ProcessId {
    /// The id of the machine's present boot.
    pub boot: String,
    /// The process namespace of the number.
    pub namespace: String,
    /// The process number.
    pub number: u32,
    /// Its start time, in ticks since the boot.
    pub started: u64,
}

impl ProcessId {
    /// True if the other process is, or was, visible to this one.
    pub fn can_see(&self, other: &Self) -> bool {
        !self.boot.is_empty() && self.boot == other.boot && self.namespace == other.namespace
    }
}

impl fmt::Display for ProcessId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { boot, namespace, number, started } = self;
        write!(f, "process {number} started at {started} ticks of boot {boot}, process namespace {namespace}")
    }
}

/// The error for a text that is not a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProcessIdError;

impl FromStr for ProcessId {
    type Err = ProcessIdError;

    fn from_str(text: &str) -> Result<Self, ProcessIdError> {
        let parts = || {
            let (number, rest) = text.strip_prefix("process ")?.split_once(" started at ")?;
            let (started, rest) = rest.split_once(" ticks of boot ")?;
            let (boot, namespace) = rest.split_once(", process namespace ")?;
            let (number, started) = (number.parse().ok()?, started.parse().ok()?);
            Some(Self { boot: boot.to_owned(), namespace: namespace.to_owned(), number, started })
        };
        parts().ok_or(ProcessIdError)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn process(boot: &str, namespace: &str, number: u32, started: u64) -> ProcessId {
        ProcessId { boot: boot.into(), namespace: namespace.into(), number, started }
    }

    proptest! {
        #[test]
        fn a_process_is_read_back_as_it_was_written(number in any::<u32>(), started in any::<u64>(), boot in "[0-9a-f-]{0,36}") {
            let one = process(&boot, "4026531836", number, started);
            prop_assert_eq!(one.to_string().parse(), Ok(one));
        }

        #[test]
        fn no_text_makes_the_reading_of_a_process_fail_hard(text in ".{0,80}") {
            let _process_or_not = text.parse::<ProcessId>();
        }
    }

    #[test]
    fn a_process_sees_those_of_its_own_boot_and_namespace_only() {
        let me = process("b1", "n1", 1, 10);
        assert!(me.can_see(&process("b1", "n1", 2, 20)));
        assert!(!me.can_see(&process("b2", "n1", 1, 10)) && !me.can_see(&process("b1", "n2", 1, 10)));
        assert!(!process("", "n1", 1, 1).can_see(&process("", "n1", 2, 2)), "where nothing is known, nothing is seen");
    }
}
