//! The rules: the exactly-once protocol as pure code.
//!
//! In scope: keys, items, runs, leases, snapshots and commits, and every decision about them.
//! Out of scope: clock, randomness and network (callers pass their values in), and the format that
//! a store writes.
//!
//! | question | folder |
//! |---|---|
//! | Which run may commit: the head, the lease, the fencing token? | `leases` |
//! | How do JSON values become typed cells; how do versions compare? | `values` |
//! | What is a cell, and what is a row? | `grid` |
//! | What is a record's key and version; what is a failure? | `items` |
//! | What does a run count and report; what does its journal hold? | `runs` |
//! | How do the columns and rows of the tabs look? | `rows` |
//! | Which keys are done; which item is admitted? | `processed` |
//! | What does the state tab hold; how is a load checked? | `state` |
//! | How is a commit drafted, sent and resolved? | `commit` |
//!
//! The words are those of `docs/glossary.md`.
//!
//! # The chain
//!
//! ```text
//!            commit            commit            claim (fence + 1)
//!  head 0 ─────────▶ head 1 ─────────▶ head 2 ═══════════════▶ head 3 …
//!    every commit names the head that it was drafted from; the store applies it only if that is still
//!    the head, with all that it carries: rows, keys, failures, the run, and the state with the new head
//! ```
//!
//! # The life of a commit
//!
//! ```text
//!  draft ──▶ send ──▶ applied ──────────────────────────────────────────▶ next draft
//!              │ └──▶ other part refused ──▶ nothing applied: the caller handles it
//!              │ response lost, or refused by the guard
//!              ▼
//!          read the head ──▶ a draft of this run ──▶ applied after all
//!              ▲   │  ├─▶ a lower number ──────────▶ stale read: read again
//!              └───┘  ├─▶ the head it came from ───▶ not applied yet: send the identical batch again
//!                     ├─▶ another, no higher fence ▶ reload, draft what is missing
//!                     ├─▶ a higher fence ──────────▶ fenced: stop, change nothing
//!                     └─▶ absent ──────────────────▶ head missing: stop, never start over
//! ```
//!
//! # Invariants
//!
//! Invariants 1 to 8 each have a test with the number in its name; `tests/hands.rs` and
//! `tests/maintenance/prune.rs` test the ninth.
//!
//! 1. A key becomes done at most once per version, in the batch that carries its rows.
//! 2. Every batch names the head that it was drafted from.
//! 3. After a lost response, nothing new is drafted until the commit is resolved.
//! 4. The fence never decreases. Once there is a head, there is always a head.
//! 5. After the lease validity window, a run reads the head before it drafts new results. A repair,
//!    half of a batch that is too large and the release of the lease need no read. The store applies
//!    them only under the head that they name.
//! 6. Decoding never fails: it returns a snapshot and anomalies. A blocking anomaly stops the run.
//! 7. Every loop, queue and batch has a named bound.
//! 8. The low watermark never passes an item that is not settled.
//! 9. Every write by position has an undo record.

pub mod leases;
pub mod values;
pub mod grid;
pub mod items;
pub mod runs;
pub mod rows;
pub mod processed;
pub mod state;
pub mod commit;
