//! Programs as steps.

use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::ledger::items::key::{Key, Version};
use crate::ledger::leases::lease::Fence;
use crate::system::SystemClock;
use crate::time::Timestamp;

fn context() -> StepContext {
    StepContext {
        key: Key::new("k").expect("a valid key"),
        version: Version("v".into()),
        idempotency_key: "sk1_x".into(),
        fence: Fence(3),
        attempt: 2,
        deadline: None,
        cancel: CancellationToken::new(),
    }
}

async fn shell(script: &str, timeout_ms: u64, context: &StepContext) -> Result<Vec<Value>, StepError> {
    let words = ["sh", "-c", script].map(str::to_owned).to_vec();
    let settings = CommandSettings { words, timeout_ms, folder: ".".into(), job: "j".into(), variables: Vec::new() };
    let step = CommandStep::new("notify", settings, Arc::new(SystemClock::new()));
    step.run(json!({"id": "k"}), context).await
}

#[tokio::test]
async fn a_program_gets_the_item_and_its_keys_and_its_values_go_on() {
    let script = r#"read -r item; echo "{\"got\": $item, \"key\": \"$SHEETKEEP_IDEMPOTENCY_KEY\", \"try\": $SHEETKEEP_ATTEMPT}"; echo 7"#;
    let made = shell(script, 60_000, &context()).await;
    assert_eq!(made, Ok(vec![json!({"got": {"id": "k"}, "key": "sk1_x", "try": 2}), json!(7)]));
    assert_eq!(shell("cat >/dev/null", 60_000, &context()).await, Ok(vec![json!({"id": "k"})]));
}

/// What a program finds on its standard input before it reads: the kind of file, its size, and
/// what is left to read.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_item_is_whole_before_its_program_starts() {
    let script = r#"printf '["%s", %s]' "$(stat -L -c %F /proc/self/fd/0)" "$(stat -L -c %s /proc/self/fd/0)"; wc -c"#;
    for size in [0, 1, 65_535, 65_536, 65_537, 3_000_000] {
        let words = ["sh", "-c", script].map(str::to_owned).to_vec();
        let settings =
            CommandSettings { words, timeout_ms: 60_000, folder: ".".into(), job: "j".into(), variables: Vec::new() };
        let step = CommandStep::new("notify", settings, Arc::new(SystemClock::new()));
        let made = step.run(json!("x".repeat(size)), &context()).await;
        // Two quotes and the line end.
        assert_eq!(made, Ok(vec![json!(["regular file", size + 3]), json!(size + 3)]));
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_program_has_its_three_streams_and_no_more() {
    let open = || std::fs::read_dir("/proc/self/fd").expect("a process").count();
    let script = "cd /proc/self/fd && set -- * && echo $#";
    let ours = shell(script, 60_000, &context()).await.expect("a count");
    let theirs = std::process::Command::new("sh").args(["-c", script]).output().expect("a shell");
    let usual: u64 = String::from_utf8_lossy(&theirs.stdout).trim().parse().expect("a count");
    assert_eq!(ours, [json!(usual)]);
    // Programs that leave the item unread do not keep it open in this process.
    let before = open();
    for _ in 0..50 {
        shell("exit 0", 60_000, &context()).await.expect("nothing to say");
    }
    assert!(open() < before + 50, "{before} {}", open());
}

#[tokio::test]
async fn the_exit_code_decides_and_the_last_stderr_line_is_reported() {
    let bad = shell("echo first >&2; echo no such customer >&2; exit 3", 60_000, &context()).await;
    assert_eq!(bad, Err(StepError::Rejected("sh ended with 3: no such customer".into())));
    let later = shell("exit 75", 60_000, &context()).await.expect_err("it asks for another try");
    assert!(later.fault().passes(), "{later}");
    let garbled = shell("echo nonsense", 60_000, &context()).await.expect_err("no JSON");
    assert!(garbled.to_string().contains("no JSON"), "{garbled}");
    let context = context();
    let missing = CommandSettings {
        words: vec!["./no-such".into()],
        timeout_ms: 1,
        folder: ".".into(),
        job: "j".into(),
        variables: Vec::new(),
    };
    let missing = CommandStep::new("x", missing, Arc::new(SystemClock::new())).run(json!(1), &context).await;
    assert!(missing.expect_err("nothing to start").to_string().contains("./no-such can't be started"));
}

/// A clock that never advances: every wait lasts for ever.
struct StoppedClock;

impl Clock for StoppedClock {
    fn now(&self) -> Timestamp {
        Timestamp(0)
    }

    fn monotonic_ms(&self) -> u64 {
        0
    }

    fn sleep(&self, _: Duration) -> BoxFuture<'static, ()> {
        Box::pin(std::future::pending())
    }
}

#[tokio::test]
async fn a_program_that_has_ended_is_not_waited_for() {
    for (script, made) in [("echo 7", json!(7)), ("exec >&- 2>&-; cat > /dev/null", json!({"id": "k"}))] {
        let words = ["sh", "-c", script].map(str::to_owned).to_vec();
        let settings =
            CommandSettings { words, timeout_ms: 1, folder: ".".into(), job: "j".into(), variables: Vec::new() };
        let step = CommandStep::new("notify", settings, Arc::new(StoppedClock));
        assert_eq!(step.run(json!({"id": "k"}), &context()).await, Ok(vec![made]));
    }
}

#[tokio::test]
async fn a_program_that_is_not_there_is_no_item_s_fault() {
    for (words, suffix) in [(["./no-such"], "No such file"), (["/"], "Permission denied")] {
        let words = words.map(str::to_owned).to_vec();
        let settings =
            CommandSettings { words, timeout_ms: 1, folder: ".".into(), job: "j".into(), variables: Vec::new() };
        let failed = CommandStep::new("x", settings, Arc::new(StoppedClock)).run(json!(1), &context()).await;
        let Err(StepError::Machine { error: machine_error, has_begun: false }) = failed else {
            unreachable!("{failed:?}")
        };
        assert!(
            machine_error.refused == MachineRefusal::Program && machine_error.why.contains(suffix),
            "{machine_error}"
        );
    }
}

#[tokio::test]
async fn a_key_that_no_environment_can_hold_is_that_item_s_failure() {
    let mut context = context();
    context.version = Version("v".repeat(200_000));
    let words = ["true".to_owned()].to_vec();
    let settings = CommandSettings { words, timeout_ms: 1, folder: ".".into(), job: "j".into(), variables: Vec::new() };
    let failed = CommandStep::new("x", settings, Arc::new(StoppedClock)).run(json!(1), &context).await;
    assert!(matches!(&failed, Err(StepError::Rejected(why)) if why.contains("too long")), "{failed:?}");
}

#[tokio::test]
async fn a_program_that_takes_too_long_is_stopped() {
    let slow = shell("exec sleep 600", 1, &context()).await.expect_err("too slow");
    assert!(slow.to_string().contains("was stopped after"), "{slow}");
    let context = context();
    context.cancel.cancel();
    assert_eq!(shell("exec sleep 600", 600_000, &context).await, Err(StepError::Cancelled));
}
