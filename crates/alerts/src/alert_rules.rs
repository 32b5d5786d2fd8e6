//! What a job file may set about alerts, checked.

use crate::quiet_hours::QuietHours;
use crate::routing::Route;

/// An hour and a day in milliseconds.
pub(crate) const HOUR_MS: u64 = 3_600_000;
const DAY_MS: u64 = 24 * HOUR_MS;

/// When a job reports, and to whom.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertRules {
    /// Bad runs in a row before the first message.
    pub after: u32,
    /// Good runs in a row before the message that it is over.
    pub recover_after: u32,
    /// The time until the first reminder, in milliseconds; `None` for no reminders.
    pub remind_ms: Option<u64>,
    /// Records of one run that may fail; `None` for any number.
    pub failed_items: Option<FailedItems>,
    /// Retries for each record read, above which a run is reported; `None` for any number.
    pub retries_per_record: Option<f64>,
    /// Messages in any hour; the rest is held back, and reported in one message later.
    pub most_per_hour: u32,
    /// When warnings wait.
    pub quiet_hours: Option<QuietHours>,
    /// The channels, in the order of the job file.
    pub routes: Vec<Route>,
    /// Who hears of a problem that lasts.
    pub escalation: Vec<EscalationLevel>,
}

/// How many failed records of a run are reported.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum FailedItems {
    /// From this number on.
    Count(u64),
    /// From this share of the records read on, from 0 to 1.
    Share(f64),
}

/// One level of the escalation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EscalationLevel {
    /// When the problem has lasted long enough.
    pub after: EscalationDelay,
    /// The channel that gets a message then.
    pub to: String,
}

/// How long a problem may last before it is escalated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EscalationDelay {
    /// So many bad runs in a row.
    Failures(u32),
    /// So many milliseconds.
    Time(u64),
}

impl Default for AlertRules {
    fn default() -> Self {
        Self {
            after: 1,
            recover_after: 1,
            remind_ms: Some(4 * HOUR_MS),
            failed_items: Some(FailedItems::Count(1)),
            retries_per_record: None,
            most_per_hour: 10,
            quiet_hours: None,
            routes: Vec::new(),
            escalation: Vec::new(),
        }
    }
}

impl AlertRules {
    /// Returns the time from a message to the next reminder, after so many reminders: the first one
    /// as set, then a day.
    pub fn reminder_ms(&self, reminders: u32) -> Option<u64> {
        self.remind_ms.map(|first| if reminders == 0 { first } else { first.max(DAY_MS) })
    }
}

impl FailedItems {
    /// Returns whether `failed` of `read` records are too many.
    #[expect(clippy::cast_precision_loss, reason = "counts of a run are far below 2^53")]
    pub fn are_too_many(self, failed: u64, read: u64) -> bool {
        match self {
            _ if failed == 0 => false,
            Self::Count(most) => failed >= most,
            Self::Share(share) => failed as f64 >= share * read.max(1) as f64,
        }
    }
}
