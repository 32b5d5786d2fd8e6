//! The rules: the exactly-once protocol as pure code.
//!
//! In scope: what a key, an entry, a run, a lease, a snapshot and a commit are, and every decision about them.
//! Out of scope: time, chance and the network, all of which are handed in; and how a store writes things down.
//!
//! # Words
//!
//! *item* what the source yields · *key* what makes two items the same one · *version* what makes it worth processing again ·
//! *step* what is done with an item · *output* what steps make of it: rows for tabs · *run* one pass over the source ·
//! *attempt* one try of one item · *failure* an item that could not be processed, kept with its payload · *commit* one atomic
//! batch · *head* the one mark that each commit replaces · *guard* "only if the head is still mine" · *fence* the number of the
//! lease term, which only grows · *lease* who is running now: courtesy, not safety · *snapshot* the state as read ·
//! *blemish* what people's hands left odd in a tab · *cursor* where the source was, as a low-water mark.
//!
//! # The chain
//!
//! ```text
//!            commit            commit            claim (fence + 1)
//!  head 0 ─────────▶ head 1 ─────────▶ head 2 ═══════════════▶ head 3 …
//!    every commit names the head it was made from; the store applies it only if that head still stands,
//!    together with everything it carries: rows, keys, failures, the run and the state that names the new head
//! ```
//!
//! # The life of a commit
//!
//! ```text
//!  draft ──▶ send ──▶ applied ────────────────────────────────────────────▶ next draft
//!              │ └──▶ refused elsewhere ──▶ nothing was applied: the caller mends it
//!              │ lost, or refused by the guard
//!              ▼
//!            look at the head ──▶ a draft of mine ──▶ applied after all
//!              ▲   │  ├─▶ a lower number ────────────▶ a stale read: look again
//!              └───┘  ├─▶ the head it was made from ─▶ not applied yet: send the identical batch again
//!                     ├─▶ foreign, same fence ───────▶ reload, draft what is not there
//!                     ├─▶ a higher fence ────────────▶ fenced: stop, change nothing
//!                     └─▶ absent ────────────────────▶ corrupt: stop, never begin anew
//! ```
//!
//! # Invariants, each with a test of its number
//!
//! 1. A key becomes done at most once per version, in the batch that carries its rows.
//! 2. No batch leaves without the head that it was made from.
//! 3. After a lost answer nothing new is drafted before a judgement.
//! 4. The fence never decreases; the head is never absent once it was there.
//! 5. Nothing is drafted after the trust window.
//! 6. Decoding never fails: it yields a snapshot and blemishes; a blocking blemish stops the run.
//! 7. Every loop, queue and batch has a named bound.
//! 8. The cursor never passes an item that is not settled.
//! 9. Nothing is written by position without a witness.

pub mod lease;
pub mod columns;
pub mod item;
pub mod run;
pub mod rows;
pub mod processed;
pub mod state;
pub mod commit;
