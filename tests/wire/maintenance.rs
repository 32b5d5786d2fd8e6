//! The requests of commands: prune, reset, reprocess, rollover.

use crate::fixture::{Guard, WireFixture};

use super::{assert_recorded, make_fixture_with_history, make_item};

#[tokio::test(start_paused = true)]
async fn the_requests_of_a_prune_are_frozen() {
    for guard in Guard::BOTH {
        let fixture = make_fixture_with_history(guard).await;
        fixture.proxy.start_recording();
        let prepared = fixture.find_prunable().await;
        fixture.delete_prepared(prepared).await;
        let text = assert_recorded("prune", &fixture);
        assert!(text.contains("deleteDimension"));
    }
}

/// A person sorts Processed between what a prune read and what it deletes.
#[tokio::test(start_paused = true)]
async fn the_requests_of_a_restored_row_are_frozen() {
    for guard in Guard::BOTH {
        let fixture = make_fixture_with_history(guard).await;
        let prepared = fixture.find_prunable().await;
        fixture.proxy.reverse_rows("Processed j").await;
        fixture.proxy.start_recording();
        fixture.delete_prepared(prepared).await;
        fixture.run(&[make_item("a", "2"), make_item("b", "1"), make_item("c", "1")]).await;
        let text = assert_recorded("restore", &fixture);
        assert!(text.contains("deleteDimension") && text.contains("copyPaste"));
    }
}

#[tokio::test(start_paused = true)]
async fn the_requests_of_a_reset_are_frozen() {
    for guard in Guard::BOTH {
        let fixture = make_fixture_with_history(guard).await;
        fixture.proxy.start_recording();
        fixture.reset().await;
        assert_recorded("reset", &fixture);
    }
}

#[tokio::test(start_paused = true)]
async fn the_requests_of_a_reprocess_are_frozen() {
    for guard in Guard::BOTH {
        let fixture = WireFixture::with_append(guard);
        let items = [make_item("a", "1"), make_item("b", "1")];
        fixture.run(&items).await;
        fixture.proxy.start_recording();
        fixture.force(&items).await;
        fixture.run(&items).await;
        assert_recorded("reprocess", &fixture);
    }
}

#[tokio::test(start_paused = true)]
async fn the_requests_of_a_rollover_are_frozen() {
    for guard in Guard::BOTH {
        let fixture = make_fixture_with_history(guard).await;
        let second = fixture.another_spreadsheet().await;
        fixture.proxy.start_recording();
        Box::pin(fixture.roll_over(&second)).await;
        fixture.run_at(&second, &[make_item("a", "2"), make_item("d", "1")]).await;
        assert_recorded("rollover", &fixture);
    }
}
