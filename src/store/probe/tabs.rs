//! Questions about tabs: their ids and titles, and whether one that is gone refuses a batch.
//!
//! In scope: those. Out of scope: asking again (`store::probe::asking`).

use crate::google::body::{Batch, Request};
use crate::google::cell::Cell;
use crate::store::guard::Op;
use crate::store::probe::desk::{Desk, Sent, Tab, Unanswered};
use crate::store::probe::question::Outcome;

type Answer = Result<(Outcome, String), Unanswered>;

/// Adds the tab that the probe stands on, with an id of our own.
pub async fn caller_id(desk: &Desk) -> Answer {
    let tab = desk.new_tab();
    let Sent::Applied(answer) = desk.send(Batch::new(vec![tab.add()])).await.map(refusal_is_unclear)?? else {
        return Err(Unanswered::Unclear("it was refused".to_owned()));
    };
    let Some(id) = answer.added_tab(0) else {
        return Err(Unanswered::Unclear("the answer does not tell the new tab's id".to_owned()));
    };
    let kept = id == tab.id;
    desk.stand_on(Tab { id, ..tab });
    Ok((Outcome::of(kept), if kept { "it was kept" } else { "another id was given" }.to_owned()))
}

fn refusal_is_unclear(sent: Sent) -> Result<Sent, Unanswered> {
    match sent {
        Sent::Refused(refusal) => Err(Unanswered::Unclear(format!("a new tab was refused: {}", refusal.message))),
        applied @ Sent::Applied(_) => Ok(applied),
    }
}

/// Touches a tab that never was, after a cell of one that is there.
pub async fn missing(desk: &Desk) -> Answer {
    let never = Op::Touch { tab: desk.scratch.number() };
    whole_batch_refused(desk, never.request(), true).await
}

/// Sends a batch of one harmless write and one request that has to be refused, and looks whether the write was done all the same.
pub async fn whole_batch_refused(desk: &Desk, refused: Option<Request>, write_first: bool) -> Answer {
    let (home, row) = (desk.home()?, desk.row());
    let mut requests: Vec<Request> =
        refused.into_iter().chain([home.write(row, 0, Cell::text("not to be seen"))]).collect();
    if write_first {
        requests.reverse();
    }
    let refusal = match desk.send(Batch::new(requests)).await? {
        Sent::Applied(_) => return Ok((Outcome::NotHeld, "the batch was applied".to_owned())),
        Sent::Refused(refusal) => refusal,
    };
    // Read within a write, which no read can be older than.
    let area = format!("{}!A{}", crate::grid::quoted(&home.title), row + 1);
    let after = Batch::new(vec![home.write(row, 1, Cell::text("after"))]).reading_back(vec![area]);
    let Sent::Applied(answer) = desk.send(after).await? else {
        return Err(Unanswered::Unclear(format!("refused ({}), and the cell could not be looked at", refusal.message)));
    };
    match answer.entered(0, 0) {
        Some("") => Ok((Outcome::Held, refusal.message)),
        Some(_) => Ok((Outcome::NotHeld, format!("{}; and yet the rest of the batch was written", refusal.message))),
        None => Err(Unanswered::Unclear(format!("refused ({}), and the answer shows no cell", refusal.message))),
    }
}

/// Adds a tab under the id of the one that is there.
pub async fn taken_id(desk: &Desk) -> Answer {
    let tab = Tab { id: desk.home()?.id, title: desk.scratch.title() };
    refused(desk, vec![tab.add()], 0).await
}

/// Adds a tab under the title of the one that is there.
pub async fn taken_title(desk: &Desk) -> Answer {
    let tab = Tab { id: desk.scratch.number(), title: desk.home()?.title.clone() };
    refused(desk, vec![tab.add()], 0).await
}

/// The same title in capitals, which is that of no tab of a job.
pub async fn title_case(desk: &Desk) -> Answer {
    // The twin is deleted in the same batch, since nobody would know it as a probe's.
    let tab = Tab { id: desk.scratch.number(), title: desk.home()?.title.to_uppercase() };
    refused(desk, vec![tab.add(), Request::DeleteSheet { sheet_id: tab.id }], 0).await
}

/// Deletes a tab and adds another one under its title, in one batch.
pub async fn one_by_one(desk: &Desk) -> Answer {
    let old = desk.new_tab();
    desk.prepare(vec![old.add()]).await?;
    let new = Tab { id: desk.scratch.number(), title: old.title };
    match desk.send(Batch::new(vec![Request::DeleteSheet { sheet_id: old.id }, new.add()])).await? {
        Sent::Applied(_) => Ok((Outcome::Held, "a title was free again within the batch".to_owned())),
        Sent::Refused(refusal) => Ok((Outcome::NotHeld, refusal.message)),
    }
}

/// Whether this request of a batch is refused, which it has to be.
pub async fn refused(desk: &Desk, requests: Vec<Request>, at: usize) -> Answer {
    match desk.send(Batch::new(requests)).await? {
        Sent::Applied(_) => Ok((Outcome::NotHeld, "it was taken".to_owned())),
        Sent::Refused(refusal) if refusal.request.is_none_or(|request| request == at) => {
            Ok((Outcome::Held, refusal.message))
        }
        Sent::Refused(refusal) => Err(Unanswered::Unclear(refusal.message)),
    }
}
