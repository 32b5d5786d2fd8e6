//! The contract of a store, and of runs over the emulator.
//!
//! | question | file |
//! |---|---|
//! | What does every store promise? | `suite` |
//! | On what is a store tested? | `store_fixture`, `emulator_fixture`, `memory_fixture`, … |
//! | How does a test write commits one by one? | `commit_writer` |
//! | What if people edit between two commits of a run? | `edits_between_commits` |
//! | What if people edit between two runs? | `edits_between_runs` |
//! | What if they edit columns, or records have new fields? | `column_edits`, `new_fields` |
//! | What if calls fail? | `runs_under_faults` |
//! | How many calls does a run need, and what if a tab has several pages? | `call_costs`, `long_tabs` |
//! | Does the probe report how the service behaves? | `probing` |

mod call_costs;
mod column_edits;
mod commit_writer;
mod edits_between_commits;
mod edits_between_runs;
pub mod emulator_fixture;
pub mod live_fixture;
mod long_tabs;
pub mod memory_fixture;
mod new_fields;
mod probing;
mod runs_under_faults;
pub mod store_fixture;
pub mod suite;
