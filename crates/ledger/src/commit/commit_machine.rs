//! Decides the steps of one commit until its outcome is known. A machine without I/O.
//!
//! In scope: send, read the head, send the identical batch again, redraft, give up; every bound of
//! it.
//! Out of scope: the calls themselves (`runner::commit::commit_driver`), and the content of a
//! commit (`ledger::commit::changes`).

use crate::commit::changes::{CommitPart, CommitResult};
use crate::commit::commit_resolution::{HeadStatus, InDoubtDrafts, Resolution};
use crate::leases::head::HeadId;

/// Maximum number of times that one batch is sent.
pub const MAX_SENDS: u32 = 6;
/// Number of times that one batch with items is sent before its content is suspected.
pub const SUSPICIOUS_SENDS: u32 = 3;
/// Reads of the head for one commit.
pub const MAX_HEAD_READS: u32 = 24;
/// Reads that must find the head unchanged after a refusal by the guard, before the commit is
/// redrafted.
const MAX_UNCHANGED_READS: u32 = 2;
/// Delay between two reads after a refusal, in milliseconds.
const REREAD_DELAY_MS: u64 = 2_000;
/// Delay before the second send, in milliseconds. It doubles with every send, up to a minute.
const RESEND_DELAY_MS: u64 = 1_000;

/// What the driver does next.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum CommitStep {
    /// Send the batch; every send has identical bytes.
    Send {
        /// Delay before the send, in milliseconds.
        after_ms: u64,
    },
    /// Read the head.
    ReadHead {
        /// Delay before the read, in milliseconds.
        after_ms: u64,
    },
    /// The outcome is known, or can't be determined within the bounds.
    End(CommitEnd),
}

/// How a commit ended.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum CommitEnd {
    /// The draft with this id was applied.
    Applied(HeadId),
    /// Nothing was applied, and the head does not move: draft the same content with a new id.
    Redraft,
    /// Another commit was applied first: load, and draft what is missing.
    Reload,
    /// A part other than the guard was refused: nothing was applied.
    Refused(CommitPart),
    /// Too large for one batch: nothing was applied.
    TooLarge,
    /// Another run has taken over.
    Fenced,
    /// The head is missing.
    HeadMissing,
    /// No send of it was executed, not even in part.
    NotExecuted,
    /// The store has no working guard.
    NoWorkingGuard,
    /// Every response was lost, and the head never moved: the service may be down, or may fail on the
    /// content. The draft stays in doubt.
    NoResponse,
    /// The service did not answer clearly within all bounds; the draft stays in doubt.
    OutcomeUnknown,
}

/// The state machine of one drafted commit.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CommitMachine {
    sends: u32,
    head_reads: u32,
    unchanged_reads: u32,
    was_not_initialized: bool,
    has_items: bool,
    last_result: LastResult,
}

/// The last response, as far as it affects how a head read is interpreted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum LastResult {
    /// No response yet, or it was lost: the batch may have been applied.
    ResponseLost,
    RefusedByGuard,
    NotApplied(CommitEnd),
}

impl CommitMachine {
    /// Returns the machine for a commit that was not sent yet, and its first step.
    pub fn begin() -> (Self, CommitStep) {
        let fresh = Self {
            sends: 1,
            head_reads: 0,
            unchanged_reads: 0,
            was_not_initialized: false,
            has_items: false,
            last_result: LastResult::ResponseLost,
        };
        (fresh, CommitStep::Send { after_ms: 0 })
    }

    /// Like `begin`, for a commit with items: if it stays unanswered, its items are suspected after
    /// a few sends.
    pub fn begin_with_items() -> (Self, CommitStep) {
        let (fresh, first) = Self::begin();
        (Self { has_items: true, ..fresh }, first)
    }

    /// Takes the response to a send, or its loss, and returns the next step.
    pub fn on_result(&mut self, id: HeadId, result: &CommitResult) -> CommitStep {
        match result {
            CommitResult::Applied => CommitStep::End(CommitEnd::Applied(id)),
            CommitResult::Refused { part: CommitPart::Guard, .. } => self.read_head_after(LastResult::RefusedByGuard),
            CommitResult::ResponseLost { .. } => self.read_head_after(LastResult::ResponseLost),
            CommitResult::Refused { part, .. } => self.check_earlier_sends(CommitEnd::Refused(*part)),
            CommitResult::TooLarge => self.check_earlier_sends(CommitEnd::TooLarge),
            CommitResult::NotExecuted { .. } => self.check_earlier_sends(CommitEnd::NotExecuted),
            CommitResult::NoWorkingGuard { .. } => CommitStep::End(CommitEnd::NoWorkingGuard),
        }
    }

    /// This send applied nothing, but an earlier send of the same batch may have: then the head has
    /// to be read.
    fn check_earlier_sends(&mut self, end: CommitEnd) -> CommitStep {
        if self.sends > 1 { self.read_head_after(LastResult::NotApplied(end)) } else { CommitStep::End(end) }
    }

    fn read_head_after(&mut self, answer: LastResult) -> CommitStep {
        self.last_result = answer;
        self.read_head(0)
    }

    /// Takes the result of a head read and returns the next step.
    pub fn on_head_status(&mut self, drafted: &InDoubtDrafts, status: HeadStatus) -> CommitStep {
        match drafted.resolve(status) {
            Resolution::Applied(id) => CommitStep::End(CommitEnd::Applied(id)),
            Resolution::Stale => self.read_head(REREAD_DELAY_MS),
            Resolution::ConcurrentCommit => CommitStep::End(CommitEnd::Reload),
            Resolution::Fenced => CommitStep::End(CommitEnd::Fenced),
            // A read from before the job's first commit looks like a wiped spreadsheet.
            Resolution::HeadMissing if status == HeadStatus::NotInitialized && !self.was_not_initialized => {
                self.was_not_initialized = true;
                self.read_head(REREAD_DELAY_MS)
            }
            Resolution::HeadMissing => CommitStep::End(CommitEnd::HeadMissing),
            Resolution::NotApplied => match &self.last_result {
                LastResult::ResponseLost => self.send_again(),
                LastResult::RefusedByGuard => self.resolve_unchanged_refusal(),
                // An earlier send of this batch may still be under way, so it may yet be executed.
                LastResult::NotApplied(CommitEnd::NotExecuted) => CommitStep::End(CommitEnd::OutcomeUnknown),
                LastResult::NotApplied(end) => CommitStep::End(end.clone()),
            },
        }
    }

    fn resolve_unchanged_refusal(&mut self) -> CommitStep {
        self.unchanged_reads += 1;
        if self.unchanged_reads >= MAX_UNCHANGED_READS {
            return CommitStep::End(CommitEnd::Redraft);
        }
        self.read_head(REREAD_DELAY_MS)
    }

    fn send_again(&mut self) -> CommitStep {
        if self.has_items && self.sends >= SUSPICIOUS_SENDS {
            return CommitStep::End(CommitEnd::NoResponse);
        }
        if self.sends >= MAX_SENDS {
            return CommitStep::End(CommitEnd::OutcomeUnknown);
        }
        let after_ms = (RESEND_DELAY_MS << (self.sends - 1)).min(60_000);
        self.sends += 1;
        CommitStep::Send { after_ms }
    }

    fn read_head(&mut self, after_ms: u64) -> CommitStep {
        if self.head_reads >= MAX_HEAD_READS {
            return CommitStep::End(CommitEnd::OutcomeUnknown);
        }
        self.head_reads += 1;
        CommitStep::ReadHead { after_ms }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::leases::lease::Fence;

    const BASE: HeadId = HeadId { commit: 4, nonce: 1 };
    const MINE: HeadId = HeadId { commit: 5, nonce: 2 };

    fn make_draft() -> InDoubtDrafts {
        let mut drafted = InDoubtDrafts::new(Some(BASE), Fence(2));
        drafted.record(MINE, Fence(2));
        drafted
    }

    fn show_head(head: HeadId) -> HeadStatus {
        HeadStatus::At { head, fence: Fence(2) }
    }

    fn lose_response() -> CommitResult {
        CommitResult::ResponseLost { why: "reset".into() }
    }

    fn refuse_part(part: CommitPart) -> CommitResult {
        CommitResult::Refused { part, why: "no".into() }
    }

    #[test]
    fn a_lost_commit_that_the_head_shows_is_never_sent_again() {
        let (mut machine, _) = CommitMachine::begin();
        assert_eq!(machine.on_result(MINE, &lose_response()), CommitStep::ReadHead { after_ms: 0 });
        assert_eq!(machine.on_head_status(&make_draft(), show_head(MINE)), CommitStep::End(CommitEnd::Applied(MINE)));
    }

    #[test]
    fn a_lost_commit_is_sent_again_a_bounded_number_of_times() {
        let (mut machine, _) = CommitMachine::begin();
        for _ in 1..MAX_SENDS {
            assert!(matches!(machine.on_result(MINE, &lose_response()), CommitStep::ReadHead { .. }));
            assert!(matches!(machine.on_head_status(&make_draft(), show_head(BASE)), CommitStep::Send { .. }));
        }
        machine.on_result(MINE, &lose_response());
        assert_eq!(machine.on_head_status(&make_draft(), show_head(BASE)), CommitStep::End(CommitEnd::OutcomeUnknown));
    }

    #[test]
    fn unanswered_items_are_suspected_after_three_sends() {
        let (mut machine, _) = CommitMachine::begin_with_items();
        for _ in 1..SUSPICIOUS_SENDS {
            machine.on_result(MINE, &lose_response());
            assert!(matches!(machine.on_head_status(&make_draft(), show_head(BASE)), CommitStep::Send { .. }));
        }
        machine.on_result(MINE, &lose_response());
        assert_eq!(machine.on_head_status(&make_draft(), show_head(BASE)), CommitStep::End(CommitEnd::NoResponse));
    }

    #[test]
    fn a_refusal_by_the_guard_is_judged_and_not_taken_for_fenced() {
        let (mut machine, _) = CommitMachine::begin();
        machine.on_result(MINE, &lose_response());
        machine.on_head_status(&make_draft(), show_head(BASE));
        assert_eq!(machine.on_result(MINE, &refuse_part(CommitPart::Guard)), CommitStep::ReadHead { after_ms: 0 });
        assert_eq!(machine.on_head_status(&make_draft(), show_head(MINE)), CommitStep::End(CommitEnd::Applied(MINE)));
    }

    #[test]
    fn a_guard_refusal_at_an_unmoved_head_is_redrafted() {
        let (mut machine, _) = CommitMachine::begin();
        machine.on_result(MINE, &refuse_part(CommitPart::Guard));
        assert_eq!(machine.on_head_status(&make_draft(), show_head(BASE)), CommitStep::ReadHead { after_ms: 2_000 });
        assert_eq!(machine.on_head_status(&make_draft(), show_head(BASE)), CommitStep::End(CommitEnd::Redraft));
    }

    #[test]
    fn a_refused_content_ends_it_unless_a_send_is_in_doubt() {
        let (mut machine, _) = CommitMachine::begin();
        assert_eq!(
            machine.on_result(MINE, &refuse_part(CommitPart::Content)),
            CommitStep::End(CommitEnd::Refused(CommitPart::Content))
        );
        let (mut machine, _) = CommitMachine::begin();
        machine.on_result(MINE, &lose_response());
        machine.on_head_status(&make_draft(), show_head(BASE));
        assert!(matches!(machine.on_result(MINE, &refuse_part(CommitPart::Content)), CommitStep::ReadHead { .. }));
    }

    #[test]
    fn a_missing_head_ends_at_once_and_a_missing_job_after_two() {
        let (mut machine, _) = CommitMachine::begin();
        machine.on_result(MINE, &lose_response());
        assert_eq!(
            machine.clone().on_head_status(&make_draft(), HeadStatus::Missing),
            CommitStep::End(CommitEnd::HeadMissing)
        );
        assert_eq!(
            machine.on_head_status(&make_draft(), HeadStatus::NotInitialized),
            CommitStep::ReadHead { after_ms: 2_000 }
        );
        assert_eq!(
            machine.clone().on_head_status(&make_draft(), show_head(MINE)),
            CommitStep::End(CommitEnd::Applied(MINE))
        );
        assert_eq!(
            machine.on_head_status(&make_draft(), HeadStatus::NotInitialized),
            CommitStep::End(CommitEnd::HeadMissing)
        );
    }

    #[test]
    fn a_send_not_executed_after_a_lost_one_leaves_doubt() {
        let not_executed = CommitResult::NotExecuted {
            fault: sheetkeep_base::fault::Fault::Throttled,
            is_proxy_error: false,
            why: "429".into(),
        };
        let (mut machine, _) = CommitMachine::begin();
        assert_eq!(machine.on_result(MINE, &not_executed), CommitStep::End(CommitEnd::NotExecuted));
        let (mut machine, _) = CommitMachine::begin();
        machine.on_result(MINE, &lose_response());
        machine.on_head_status(&make_draft(), show_head(BASE));
        assert!(matches!(machine.on_result(MINE, &not_executed), CommitStep::ReadHead { .. }));
        assert_eq!(machine.on_head_status(&make_draft(), show_head(BASE)), CommitStep::End(CommitEnd::OutcomeUnknown));
    }

    proptest! {
        #[test]
        fn invariant_7_every_settlement_ends(answers in prop::collection::vec(0_u8..6, 200)) {
            let (mut machine, mut next) = CommitMachine::begin();
            let mut turns = 0;
            for answer in answers {
                next = match next {
                    CommitStep::Send { .. } => machine.on_result(MINE, &[lose_response(), refuse_part(CommitPart::Guard), CommitResult::TooLarge][usize::from(answer % 3)]),
                    CommitStep::ReadHead { .. } => machine.on_head_status(&make_draft(), [show_head(BASE), show_head(HeadId { commit: 3, nonce: 9 })][usize::from(answer % 2)]),
                    CommitStep::End(_) => break,
                };
                turns += 1;
            }
            prop_assert!(matches!(next, CommitStep::End(_)), "still going after {turns} turns");
        }
    }
}
