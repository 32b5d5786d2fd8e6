//! The mutations of the model: deliberate errors that the search has to find, and what all runners
//! of one exploration share.

/// A deliberate error, each of which must lead to a doubled or lost key, or to another broken
/// invariant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mutation {
    NoGuard,
    NameNotAdded,
    NameNotProbed,
    HeadAfterData,
    HeadNotCompared,
    ChecksumNotCompared,
    IdTwice,
    ForgetsInDoubtId,
    InitOnMissing,
}

/// The configuration that all runners of one exploration share.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    pub mutation: Option<Mutation>,
    /// The keys that the source yields, one bit each.
    pub keys: u8,
    /// Whether the first commit of a job already carries a key.
    pub first_commit_has_key: bool,
}

impl Rules {
    pub fn has_mutation(self, mutation: Mutation) -> bool {
        self.mutation == Some(mutation)
    }
}
