//! What came out of a drill.
//!
//! In scope: the counts as data. Out of scope: the output for people and machines (`cli`).

/// What came out of one seed, or of one scenario.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct DrillOutcome {
    /// What happened, in order: one sentence each.
    pub moments: Vec<String>,
    /// Runs that were started.
    pub runs: u64,
    /// Runs that were killed.
    pub kills: u64,
    /// Calls that were to be answered with 429.
    pub throttled_calls: u64,
    /// Responses that were lost after their commit was applied.
    pub lost_replies: u64,
    /// Runs of the second machine.
    pub second_runs: u64,
    /// Times that a person sorted the data tab.
    pub sorts: u64,
    /// Rows that are on the sheet too often.
    pub doubled: u64,
    /// Rows that are missing on the sheet.
    pub lost: u64,
    /// Rows with another content than in the undisturbed run: a step reads the clock, or draws
    /// random numbers.
    pub changed: u64,
    /// Files of stages that are missing, incomplete, or not those of the undisturbed run.
    pub wrong_files: u64,
    /// Items of at-most-once steps whose result was lost: they are failures, left to a person.
    pub in_doubt: u64,
    /// How often each step ran, in the order of the job.
    pub steps: Vec<StepRuns>,
    /// The error that kept the job from recovering, if one did.
    pub error: Option<String>,
}

impl DrillOutcome {
    /// Returns true if every row is on the sheet as often as in the undisturbed run. Every file of
    /// a stage must also be there as a whole.
    pub fn is_exact(&self) -> bool {
        self.error.is_none() && self.doubled == 0 && self.lost == 0 && self.wrong_files == 0
    }
}

/// How often a step ran.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct StepRuns {
    /// The step's name.
    pub step: String,
    /// True if it may change something outside the sheet.
    pub is_outside: bool,
    /// Calls of the step.
    pub runs: u64,
    /// Items that it was called for.
    pub items: u64,
    /// Items for which it was called more often than in the undisturbed run.
    pub repeated_items: u64,
    /// The largest number of calls for one item beyond those of the undisturbed run.
    pub most_repeats: u64,
    /// One of the items with that many, by its key.
    pub example: Option<String>,
}
