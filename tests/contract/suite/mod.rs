//! The checks: what every store promises. Each gets a place on which its job never ran.
//!
//! | question | file |
//! |---|---|
//! | What does a commit write, which are refused, and who comes after whom? | `commits` |
//! | What if the answer or the request of a commit is lost? | `lost_commits` |
//! | What does a load find after commits? | `rows` |

mod commits;
mod lost_commits;
mod rows;

use futures_util::future::BoxFuture;
use sheetkeep::ledger::commit::changes::{CommitPart, CommitResult};
use sheetkeep::ledger::commit::commit_resolution::HeadStatus;
use sheetkeep::ledger::leases::head::HeadId;
use sheetkeep::ledger::state::snapshot::Snapshot;
use sheetkeep::port::store::Store;

use crate::contract::store_fixture::StoreFixture;

/// A check's name and the check.
pub type Check = (&'static str, for<'a> fn(&'a dyn StoreFixture) -> BoxFuture<'a, ()>);

macro_rules! checks {
    ($($module:ident::$name:ident),* $(,)?) => {
        [$((stringify!($name), |fixture| Box::pin($module::$name(fixture)))),*]
    };
}

/// All checks.
pub const ALL: [Check; 20] = checks![
    commits::nothing_loads_as_nothing,
    commits::one_commit_carries_rows_keys_failures_and_the_run,
    commits::a_commit_from_an_older_head_is_refused_and_changes_nothing,
    commits::the_identical_commit_is_applied_once_however_often_it_is_sent,
    commits::a_claim_fences_the_writer_of_an_older_term,
    commits::of_two_inits_one_wins,
    lost_commits::a_lost_answer_is_judged_by_a_look_at_the_head,
    lost_commits::a_lost_request_is_judged_by_a_look_at_the_head,
    lost_commits::an_init_whose_answer_was_lost_is_not_made_twice,
    rows::a_load_after_many_commits_is_what_was_written,
    commits::a_foreign_commit_between_is_noticed_and_built_upon,
    rows::versions_of_a_key_are_kept_apart,
    rows::a_version_is_done_as_often_as_it_was_not_taken_back,
    rows::rows_that_are_taken_out_are_gone_and_no_others,
    rows::a_failure_is_open_until_it_is_recovered,
    rows::a_text_that_is_no_action_is_unknown_until_it_is_answered,
    rows::a_column_comes_with_the_rows_that_need_it_and_only_once,
    commits::a_release_keeps_the_fence,
    rows::hard_texts_survive,
    commits::a_crashed_writer_leaves_everything_to_its_successor,
];

pub async fn load_snapshot(store: &dyn Store) -> Snapshot {
    store.load().await.expect("it can be read").snapshot.expect("the job exists")
}

pub async fn read_head(store: &dyn Store) -> HeadId {
    match store.read_head().await.expect("the head can be read") {
        HeadStatus::At { head, .. } => head,
        other => panic!("the head should be there, but the read says {other:?}"),
    }
}

pub fn is_refused_by_guard(reply: &CommitResult) -> bool {
    matches!(reply, CommitResult::Refused { part: CommitPart::Guard, .. })
}
