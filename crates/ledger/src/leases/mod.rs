//! Who may commit, and the order of commits and rows.
//!
//! | question | file |
//! |---|---|
//! | What identifies a commit? | `head` |
//! | Which run is active now, and until when? | `lease` |
//! | Which process holds the lease? | `process_id` |
//! | Which of several rows is the later one? | `row_order` |

pub mod head;
pub mod lease;
pub mod process_id;
pub mod row_order;
