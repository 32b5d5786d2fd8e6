//! Loading a job from its spreadsheet.
//!
//! | question | file |
//! |---|---|
//! | Which calls does a load make, and until when does it repeat them? | `loader` |
//! | Which tab is which, and how do its cells become a snapshot? | `snapshot_assembly` |
//! | What is the standing of a job, without its keys? | `job_standing` |
//! | How is the tab Jobs read? | `jobs_tab` |
//! | How are long tabs read? | `paging` |
//! | What if the job has never run here? | `first_load` |
//! | Which keys did earlier spreadsheets process? | `predecessors` |
//! | Where is a renamed column found, by its mark? | `column_lookup` |
//! | What if the header row was pushed down, or holds dates and numbers? | `header_check` |
//! | What if rows of `Processed` were deleted? | `missing_keys` |
//! | What if people edit the tabs during each read? | `unstable_tabs` |
//! | How is the data tab read again in the middle of a run? | `reread`, `read_below` |
//! | With which commit did each run begin? | `first_commits` |

pub mod first_commits;
pub mod loader;
mod snapshot_assembly;
mod jobs_tab;
pub mod job_standing;
pub mod paging;
pub mod predecessors;
pub mod header_check;
pub(crate) mod column_lookup;
pub(crate) mod first_load;
pub mod unstable_tabs;
pub(crate) mod missing_keys;
pub mod reread;
pub(crate) mod read_below;
