//! The kinds of faults that a call can meet, and what each is to the emulator.

use sheetkeep::emulator::{FaultAction, FaultRule};
use sheetkeep::rng::Rng;

/// A fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallFault {
    /// 429, 500 or 503: not applied.
    Fails(u16),
    /// 500 or 503, and applied.
    AppliedFails(u16),
    Reset,
    AppliedReset,
    Hang,
    AppliedHang,
    /// A page instead of an answer.
    Page(u16),
    AppliedPage(u16),
    Truncated,
    Empty,
    /// The service rejects content: with 400 by the number of its request, or it fails at it.
    Refuses(u16),
    /// Lost, and it arrives after so many other commits; 0: after the next takeover, or when all is
    /// quiet.
    Late(u32),
}

/// Later than any run lasts.
const AFTER_EVERY_RUN: u32 = 1_000_000;

impl CallFault {
    /// One of all kinds that can meet a call.
    pub fn draw(rng: &dyn Rng, is_write: bool) -> Self {
        let page = [200, 502, 503][usize::try_from(rng.next_u64() % 3).expect("few")];
        match rng.next_u64() % if is_write { 18 } else { 12 } {
            0 => Self::Fails(429),
            1 => Self::Fails(500),
            2 => Self::Fails(503),
            3 => Self::AppliedFails(503),
            4 => Self::Reset,
            5 => Self::AppliedReset,
            6 => Self::Hang,
            7 => Self::AppliedHang,
            8 => Self::Page(page),
            9 => Self::AppliedPage(page),
            10 => Self::Truncated,
            11 => Self::Empty,
            late => Self::Late(u32::try_from(late - 12).expect("few")),
        }
    }

    /// Whether the call is carried out at once.
    pub fn is_applied_at_once(self) -> bool {
        match self {
            Self::Fails(_) | Self::Refuses(_) | Self::Reset | Self::Hang | Self::Page(_) | Self::Late(_) => false,
            Self::AppliedFails(_)
            | Self::AppliedReset
            | Self::AppliedHang
            | Self::AppliedPage(_)
            | Self::Truncated
            | Self::Empty => true,
        }
    }

    /// The emulator's word for it; it hangs by itself no longer than a call does.
    pub fn fault_rule(self) -> Option<FaultRule> {
        let (action, status, after) = match self {
            Self::Refuses(400) => (FaultAction::Refuse, 400, 1),
            Self::Fails(status) | Self::Refuses(status) => (FaultAction::Fail, status, 1),
            Self::AppliedFails(status) => (FaultAction::AppliedFail, status, 1),
            Self::Reset => (FaultAction::Reset, 503, 1),
            Self::AppliedReset => (FaultAction::AppliedReset, 503, 1),
            Self::Page(status) => (FaultAction::Html, status, 1),
            Self::AppliedPage(status) => (FaultAction::AppliedHtml, status, 1),
            Self::Truncated => (FaultAction::AppliedTruncate, 503, 1),
            Self::Empty => (FaultAction::AppliedEmpty, 503, 1),
            Self::Late(0) => (FaultAction::Late, 503, AFTER_EVERY_RUN),
            Self::Late(after) => (FaultAction::Late, 503, after),
            Self::Hang | Self::AppliedHang => return None,
        };
        Some(FaultRule { action, status, after, ..FaultRule::default() })
    }

    /// What the evidence calls it.
    pub fn label(self) -> String {
        match self {
            Self::Fails(status) => status.to_string(),
            Self::Refuses(status) => format!("poison, answered {status}"),
            Self::AppliedFails(status) => format!("applied but {status}"),
            Self::Reset => "reset before applying".to_owned(),
            Self::AppliedReset => "reset after applying".to_owned(),
            Self::Hang => "hang before applying".to_owned(),
            Self::AppliedHang => "hang after applying".to_owned(),
            Self::Page(_) => "HTML body".to_owned(),
            Self::AppliedPage(_) => "applied but HTML body".to_owned(),
            Self::Truncated => "truncated body".to_owned(),
            Self::Empty => "empty body".to_owned(),
            Self::Late(0) => "late, after a takeover".to_owned(),
            Self::Late(1) => "late, after 1 commit".to_owned(),
            Self::Late(commits) => format!("late, after {commits} commits"),
        }
    }
}
