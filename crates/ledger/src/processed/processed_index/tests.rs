use sheetkeep_base::time::Timestamp;

use super::*;
use crate::items::failure::{ActionAnswer, Failure, FailureState, RequestedAction};

fn key(text: &str) -> Key {
    Key::new(text).expect("a valid key")
}

fn version(text: &str) -> Version {
    Version(text.into())
}

fn tried_once() -> PriorFailure {
    PriorFailure {
        attempts: 1,
        first_seen: Timestamp(0),
        last_seen: Timestamp(0),
        version: 0,
        error: Fingerprint::new("e"),
        state: FailureState::Open,
        is_in_doubt: false,
        requested: None,
        has_unknown_action: false,
        row: 2,
    }
}

fn make_index(rows: &[(&str, &str)]) -> ProcessedIndex {
    let rows = rows.iter().map(|(k, v)| (key(k).fingerprint(), version(v).hash())).collect();
    ProcessedIndex::new(ProcessedSet::from_rows(ReprocessPolicy::EachVersion, rows), HashMap::new())
}

#[test]
fn a_done_key_is_skipped_and_a_newer_version_is_not() {
    let mut book = make_index(&[("a", "1")]);
    assert_eq!(book.admit(&key("a"), &version("1")), Admission::Done);
    assert_eq!(book.admit(&key("a"), &version("2")), Admission::Changed);
    assert_eq!(book.admit(&key("b"), &version("")), Admission::New);
}

#[test]
fn invariant_1_every_version_of_a_key_is_admitted_once() {
    let mut book = make_index(&[("a", "1"), ("a", "2")]);
    for done in ["1", "2", "1"] {
        assert_eq!(book.admit(&key("a"), &version(done)), Admission::Done);
    }
    for (word, admission) in [("3", Admission::Changed), ("4", Admission::Changed), ("3", Admission::Repeated)] {
        assert_eq!(book.admit(&key("a"), &version(word)), admission);
        book.on_done(&key("a"), &version(word));
    }
}

#[test]
fn where_the_last_version_counts_an_earlier_one_may_come_back() {
    let row = |v: &str| (key("a").fingerprint(), version(v).hash());
    let mut book = ProcessedIndex::new(
        ProcessedSet::from_rows(ReprocessPolicy::OnChange, vec![row("2"), row("1"), row("2")]),
        HashMap::new(),
    );
    assert_eq!((book.count_keys(), book.admit(&key("a"), &version("2"))), (1, Admission::Done));
    for back in ["1", "2", "1"] {
        assert_eq!(book.admit(&key("a"), &version(back)), Admission::Changed, "{back}");
        assert_eq!(book.admit(&key("a"), &version(back)), Admission::Repeated, "{back}");
        book.on_done(&key("a"), &version(back));
        assert_eq!(book.admit(&key("a"), &version(back)), Admission::Done, "{back}");
    }
    assert_eq!(book.count_keys(), 1);
}

#[test]
fn where_the_newest_version_counts_an_older_one_is_passed_over() {
    let row = |v: &str| (key("a").fingerprint(), ReprocessPolicy::OnNewer.version_hash(&version(v)));
    let mut book = ProcessedIndex::new(
        ProcessedSet::from_rows(ReprocessPolicy::OnNewer, vec![row("10"), row("9")]),
        HashMap::new(),
    );
    for old in ["9", "10", "9.5"] {
        assert_eq!(book.admit(&key("a"), &version(old)), Admission::Done, "{old}");
    }
    assert_eq!(book.admit(&key("a"), &version("11")), Admission::Changed);
    book.on_done(&key("a"), &version("11"));
    assert_eq!(book.admit(&key("a"), &version("10.5")), Admission::Done);
    assert_eq!(book.admit(&key("b"), &version("1")), Admission::New);
    book.on_done(&key("b"), &version("1"));
    assert_eq!(book.count_keys(), 2);
}

#[test]
fn a_key_twice_in_one_run_is_taken_once() {
    let mut book = make_index(&[]);
    assert_eq!(book.admit(&key("a"), &version("")), Admission::New);
    assert_eq!(book.admit(&key("a"), &version("")), Admission::Repeated);
    book.on_done(&key("a"), &version(""));
    assert_eq!(book.admit(&key("a"), &version("")), Admission::Repeated);
    assert_eq!(book.admit(&key("b"), &version("")), Admission::New);
    book.on_failed(
        &key("b"),
        PriorFailure {
            attempts: 1,
            first_seen: Timestamp(0),
            last_seen: Timestamp(0),
            version: version("").hash(),
            error: Fingerprint::new("e"),
            ..tried_once()
        },
        true,
    );
    assert_eq!(book.admit(&key("b"), &version("")), Admission::Repeated);
}

#[test]
fn a_done_key_whose_newer_version_failed_is_still_open() {
    let tried = PriorFailure {
        attempts: 1,
        first_seen: Timestamp(1),
        version: version("2").hash(),
        error: Fingerprint::new("e"),
        ..tried_once()
    };
    let done =
        ProcessedSet::from_rows(ReprocessPolicy::EachVersion, vec![(key("a").fingerprint(), version("1").hash())]);
    let mut book = ProcessedIndex::new(done.clone(), HashMap::from([(key("a").fingerprint(), tried)]));
    assert_eq!((book.open_failures(), book.admit(&key("a"), &version("2"))), (1, Admission::Retry(tried)));
    let closed = PriorFailure { version: version("1").hash(), ..tried };
    assert_eq!(ProcessedIndex::new(done, HashMap::from([(key("a").fingerprint(), closed)])).open_failures(), 0);
}

#[test]
fn a_failure_that_works_at_last_is_recovered_once() {
    let tried = PriorFailure {
        attempts: 2,
        first_seen: Timestamp(1),
        version: version("").hash(),
        error: Fingerprint::new("e"),
        ..tried_once()
    };
    let failures = HashMap::from([(key("a").fingerprint(), tried)]);
    let mut book = ProcessedIndex::new(ProcessedSet::default(), failures);
    assert_eq!(book.admit(&key("a"), &version("")), Admission::Retry(tried));
    book.on_done(&key("a"), &version(""));
    book.on_failure_closed(&key("a"));
    assert_eq!(book.open_failures(), 0);
}

#[test]
fn a_forgotten_row_takes_back_what_was_done_before_it() {
    let row = |v: &str| (key("a").fingerprint(), version(v).hash());
    let done = vec![row("1"), row("2"), row("2"), row("1")];
    let set = ProcessedSet::with_revoked(ReprocessPolicy::OnChange, done, vec![row("1"), row("2")]);
    assert!(
        set.has(key("a").fingerprint(), version("1").hash()) && !set.has(key("a").fingerprint(), version("2").hash())
    );
}

#[test]
fn an_answer_is_written_only_while_its_failure_waits_for_it() {
    let waits = PriorFailure { has_unknown_action: true, version: version("1").hash(), ..tried_once() };
    let answer = Failure {
        key: key("a"),
        version: version("1"),
        step: "s".to_owned(),
        error: "e".to_owned(),
        attempts: 1,
        first_seen: Timestamp(0),
        last_seen: Timestamp(9),
        run: "r".to_owned(),
        order: None,
        state: FailureState::Open,
        answered: Some(ActionAnswer::NotUnderstood),
        position: String::new(),
        payload: Vec::new(),
        has_whole_record: false,
    };
    let needs_row = |prior: Option<PriorFailure>| {
        let failures = prior.map(|prior| (key("a").fingerprint(), prior)).into_iter().collect();
        !ProcessedIndex::new(ProcessedSet::default(), failures).has_row_of(&answer, waits.error)
    };
    assert!(needs_row(Some(waits)));
    // Another run has closed it, answered it, or recorded something else meanwhile; a person has
    // written an action.
    assert!(!needs_row(None));
    assert!(!needs_row(Some(PriorFailure { has_unknown_action: false, ..waits })));
    assert!(!needs_row(Some(PriorFailure { error: Fingerprint::new("other"), ..waits })));
    assert!(!needs_row(Some(PriorFailure { state: FailureState::Exhausted, ..waits })));
    assert!(!needs_row(Some(PriorFailure { requested: Some(RequestedAction::Skip), ..waits })));
}

#[test]
fn an_answer_that_waits_for_a_commit_survives_a_reload() {
    let asked = PriorFailure { has_unknown_action: true, ..tried_once() };
    let loaded = |prior: PriorFailure| {
        let set = ProcessedSet::from_rows(ReprocessPolicy::EachVersion, Vec::new());
        ProcessedIndex::new(set, HashMap::from([(key("a").fingerprint(), prior)]))
    };
    let after_reload = |fresh: PriorFailure| {
        let mut book = loaded(asked);
        book.on_answered(&key("a"), 4, Timestamp(9));
        book.rebase(loaded(fresh));
        let prior = book.prior_failure(&key("a")).expect("its failure");
        (prior.awaits_answer(), prior.attempts)
    };
    assert_eq!(after_reload(asked), (false, 4), "it is answered once, with the attempts of its answer");
    assert_eq!(after_reload(PriorFailure { attempts: 7, ..asked }), (false, 7));
    assert_eq!(after_reload(PriorFailure { row: 5, ..asked }), (true, 1), "a text in another row is another question");
    assert_eq!(after_reload(PriorFailure { has_unknown_action: false, attempts: 5, ..asked }), (false, 5));
}

#[test]
fn texts_of_versions_are_those_that_are_done() {
    let (at, set) = (key("a").fingerprint(), ReprocessPolicy::EachVersion);
    let row = |text: &str| (at, version(text).hash());
    let texts = HashMap::from([(at, vec!["1".to_owned(), "2".to_owned()])]);
    let done =
        ProcessedSet::with_revoked(set, vec![row("1"), row("2")], vec![row("1")]).with_version_texts(Some(texts));
    let mut book = ProcessedIndex::new(done, HashMap::new());
    assert_eq!(book.done_texts(&key("a")).collect::<Vec<_>>(), ["2"], "the other was revoked");
    assert_eq!(book.done_texts(&key("b")).count(), 0);
    book.admit(&key("b"), &version("7"));
    book.on_done(&key("b"), &version("7"));
    assert_eq!(book.done_texts(&key("b")).collect::<Vec<_>>(), ["7"], "this run has done it");
    assert_eq!(make_index(&[("a", "1")]).done_texts(&key("a")).count(), 0, "only their hashes are kept");
}

#[test]
fn a_changed_record_of_an_exhausted_failure_is_a_change() {
    let of = version("2");
    let rest = PriorFailure { version: of.hash(), state: FailureState::Exhausted, ..tried_once() };
    let set =
        ProcessedSet::from_rows(ReprocessPolicy::EachVersion, vec![(key("a").fingerprint(), version("1").hash())]);
    let mut book = ProcessedIndex::new(set, HashMap::from([(key("a").fingerprint(), rest)]));
    book.with_known_records(vec![(key("a").fingerprint(), "before".to_owned())]);
    let change = |book: &ProcessedIndex, record: &str| book.change_to_record(&key("a"), &of, || record.to_owned());
    assert_eq!((book.change_to(&key("a"), &of), change(&book, "before")), (None, None), "it rests");
    assert_eq!(change(&book, "corrected"), Some(book.hash_change(&key("a"), &of)));
    assert!(matches!(book.admit_record(&key("a"), &of, || "corrected".to_owned()), Admission::Retry(_)));
}
