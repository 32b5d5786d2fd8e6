//! The stored form of a timestamp: milliseconds since 1970.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sheetkeep_base::time::Timestamp;

/// Writes a timestamp.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
pub(crate) fn serialize<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    at.0.serialize(serializer)
}

/// Reads a timestamp.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    i64::deserialize(deserializer).map(Timestamp)
}
