//! The verdict on changes, approvals and the stored form.

use proptest::prelude::*;

use super::*;

fn set(keys: std::ops::Range<u64>) -> ChangeSet {
    let mut set = ChangeSet::default();
    keys.for_each(|key| set.add(ChangeHash::new(Fingerprint(key, 1), 7)));
    set
}

const LIMIT: ChangeLimit = ChangeLimit { rows: Some(10), share: Some(10.0) };

fn question(changes: ChangeSet) -> HoldInput<'static> {
    HoldInput {
        changes,
        keys: 200,
        violations: &[],
        limit: Some(LIMIT),
        earlier: None,
        request: "",
        approval: Approval::None,
        run: "r2",
    }
}

fn expect_held(question: &HoldInput<'_>) -> HeldPlan {
    match decide_hold(question) {
        HoldVerdict::Held(plan, _) => plan,
        other => panic!("not held: {other:?}"),
    }
}

#[test]
fn a_run_is_held_only_beyond_both_bounds() {
    for (changes, keys, is_over) in [(11, 100, true), (10, 20, false), (11, 110, false), (11, 109, true), (0, 0, false)]
    {
        assert_eq!(LIMIT.is_exceeded(changes, keys), is_over, "{changes} of {keys}");
    }
    let rows = ChangeLimit { rows: Some(0), share: None };
    assert!(rows.is_exceeded(1, 1_000_000) && !rows.is_exceeded(0, 10));
    assert!(!ChangeLimit::default().is_exceeded(10, 10));
    assert_eq!(LIMIT.to_string(), "10 rows and 10 %");
}

#[test]
fn what_is_no_share_is_refused() {
    assert_eq!(ChangeLimit::parse_share("2.5 %"), Some(2.5));
    for text in ["", "10", "%", "-1%", "101%", "NaN%"] {
        assert_eq!(ChangeLimit::parse_share(text), None, "{text}");
    }
}

#[test]
fn a_missed_expectation_holds_changes_without_a_limit() {
    let violations = ["read 3, expected at least 20".to_owned()];
    let one = HoldInput { limit: None, violations: &violations, ..question(set(0..1)) };
    let HoldVerdict::Held(plan, reasons) = decide_hold(&one) else { panic!("it is held") };
    assert_eq!((plan.left.changes, reasons), (1, violations.to_vec()));
    let none = HoldInput { changes: ChangeSet::default(), ..one };
    assert_eq!(decide_hold(&none), HoldVerdict::NotHeld, "new rows alone are never held");
}

#[test]
fn a_tick_approves_the_plan_that_it_came_after() {
    let plan = expect_held(&question(set(0..50)));
    let ticked = HoldInput { earlier: Some(&plan), request: "TRUE", ..question(set(0..50)) };
    assert!(matches!(decide_hold(&ticked), HoldVerdict::Approved(plan) if plan.is_approved));
    let other = HoldInput { changes: set(0..51), ..ticked };
    let anew = expect_held(&other);
    assert_eq!((anew.since.as_str(), anew.answered.as_str()), ("r2", "TRUE"));
    let left_over = HoldInput { earlier: Some(&anew), ..other };
    assert_eq!(expect_held(&left_over).code(), anew.code(), "the tick came before this plan");
    let cleared = HoldInput { request: "", ..left_over };
    let cleared = expect_held(&cleared);
    assert!(matches!(decide_hold(&HoldInput { earlier: Some(&cleared), ..left_over }), HoldVerdict::Approved(_)));
}

#[test]
fn a_text_that_is_no_yes_approves_nothing_and_is_answered() {
    let plan = expect_held(&question(set(0..50)));
    let answer = |request: &'static str| {
        let asked = HoldInput { earlier: Some(&plan), request, ..question(set(0..50)) };
        let HoldVerdict::Held(_, reasons) = decide_hold(&asked) else { panic!("{request} approves it") };
        reasons.get(1).cloned().unwrap_or_default()
    };
    for text in ["never", "not yet", "#NAME?", "?", "soon"] {
        let expected =
            format!("\"{text}\" in approve is not understood, and approves nothing: tick it, or write the code");
        assert_eq!(answer(text), expected);
    }
    assert_eq!(answer("bcdfgh"), "\"bcdfgh\" in approve is the code of other changes");
    assert_eq!(answer(""), "");
    let left_over = HoldInput { request: "TRUE", ..question(set(0..50)) };
    let HoldVerdict::Held(_, reasons) = decide_hold(&left_over) else { panic!("the tick came before the plan") };
    assert_eq!(reasons[1], "\"TRUE\" in approve was there before these changes were held");
    for yes in ["yes, Ada", "OK", "x"] {
        let asked = HoldInput { earlier: Some(&plan), request: yes, ..question(set(0..50)) };
        assert!(matches!(decide_hold(&asked), HoldVerdict::Approved(_)), "{yes}");
    }
}

#[test]
fn a_code_approves_its_own_plan_and_no_other() {
    let plan = expect_held(&question(set(0..50)));
    let code = plan.code().to_string().to_uppercase();
    let typed = HoldInput { earlier: Some(&plan), request: &code, ..question(set(0..50)) };
    assert!(matches!(decide_hold(&typed), HoldVerdict::Approved(_)));
    let other = expect_held(&HoldInput { run: "r3", ..question(set(0..50)) });
    assert_ne!(other.code(), plan.code(), "the same changes, held once more later");
    let stale = HeldPlan { answered: code.clone(), ..other };
    expect_held(&HoldInput { earlier: Some(&stale), request: &code, ..question(set(0..50)) });
    let typed_late = HeldPlan { answered: String::new(), ..stale.clone() };
    expect_held(&HoldInput { earlier: Some(&typed_late), request: &code, ..question(set(0..50)) });
    let of_plan = |code| Approval::OfPlan(code);
    let flagged = HoldInput { approval: of_plan(plan.code()), earlier: Some(&plan), ..question(set(0..50)) };
    assert!(matches!(decide_hold(&flagged), HoldVerdict::Approved(_)));
    expect_held(&HoldInput { approval: of_plan(stale.code()), ..flagged });
    assert!(matches!(
        decide_hold(&HoldInput { approval: Approval::OfAll, ..question(set(0..50)) }),
        HoldVerdict::Approved(_)
    ));
}

#[test]
fn an_approved_plan_goes_on_with_what_is_left_of_it() {
    let mut plan = HeldPlan { is_approved: true, ..expect_held(&question(set(0..50))) };
    plan.left.remove(ChangeHash::new(Fingerprint(0, 1), 7));
    let rest = HoldInput { earlier: Some(&plan), ..question(set(1..50)) };
    assert!(matches!(decide_hold(&rest), HoldVerdict::Approved(_)));
    expect_held(&HoldInput { changes: set(1..51), ..rest });
}

#[test]
fn a_plan_reads_back_as_it_was_written() {
    let plan = HeldPlan { answered: "TRUE".into(), ..expect_held(&question(set(0..50))) };
    assert_eq!(HeldPlan::read(&plan.text()), Some(plan));
    for text in ["", "{", "{\"changes\":1}"] {
        assert_eq!(HeldPlan::read(text), None, "{text}");
    }
}

proptest! {
    #[test]
    fn the_order_of_changes_does_not_matter(order in Just((0..12_u64).collect::<Vec<_>>()).prop_shuffle(), gone in 0..12_u64) {
        let mut shuffled = ChangeSet::default();
        for key in order {
            shuffled.add(ChangeHash::new(Fingerprint(key, 1), 7));
        }
        prop_assert_eq!(shuffled, set(0..12));
        shuffled.remove(ChangeHash::new(Fingerprint(gone, 1), 7));
        let mut rest = set(0..gone);
        (gone + 1..12).for_each(|key| rest.add(ChangeHash::new(Fingerprint(key, 1), 7)));
        prop_assert_eq!(shuffled, rest);
    }

    #[test]
    fn any_text_is_read_without_a_panic(text in ".{0,60}") {
        let _ = (HeldPlan::read(&text), HeldCode::parse(&text), ChangeLimit::parse_share(&text));
    }
}
