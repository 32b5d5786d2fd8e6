use clap::CommandFactory;

use crate::cli::args::jobs::maintenance::RepairChoice;
use crate::telemetry::logs::log_format::LogFormat;

use super::*;

fn parse_line(line: &str) -> Result<Args, CommandLineText> {
    parse(line.split_whitespace().map(OsString::from), false)
}

#[test]
fn the_grammar_is_sound() {
    Args::command().debug_assert();
}

#[test]
fn a_run_has_defaults_that_need_nothing_but_the_job_file() {
    let args = parse_line("sheetkeep run quakes.toml").expect("valid");
    let CliCommand::Run(run) = args.command else { unreachable!("it is a run") };
    assert_eq!(run.job.job, PathBuf::from("quakes.toml"));
    assert_eq!((run.fail_on, run.quiet, run.job.sheet.spreadsheet, run.input), (FailOn::Partial, false, None, None));
}

#[test]
fn every_flag_of_a_run_is_read() {
    let line = "sheetkeep -vv --color never --log-format json run q.toml --spreadsheet 1A --state-dir /s --accept-changes --json \
                --take-over --fail-on any --input -";
    let args = parse_line(line).expect("valid");
    assert_eq!(
        (args.verbose, args.color, args.log_format),
        (2, ColorChoice::Never, Some(LogFormatChoice::Fixed(LogFormat::Json)))
    );
    assert!(args.wants_json());
    let CliCommand::Run(run) = args.command else { unreachable!("it is a run") };
    assert_eq!((run.accept_changes, run.take_over, run.fail_on), (true, true, FailOn::Any));
    assert_eq!(run.input, Some(PathBuf::from("-")));
}

#[test]
fn former_names_of_flags_are_read_and_hidden() {
    let args = parse_line("sheetkeep run q.toml --adopt --steal").expect("valid");
    let CliCommand::Run(run) = args.command else { unreachable!("it is a run") };
    assert_eq!((run.accept_changes, run.take_over), (true, true));
    let args = parse_line("sheetkeep prune q.toml --keys --forget").expect("valid");
    let CliCommand::Prune(prune) = args.command else { unreachable!("it is a prune") };
    assert!(prune.delete_yielded);
    for (name, choice) in [
        ("forget", RepairChoice::Reprocess),
        ("reprocess", RepairChoice::Reprocess),
        ("adopt", RepairChoice::Accept),
        ("accept", RepairChoice::Accept),
    ] {
        let args = parse_line(&format!("sheetkeep fsck q.toml --repair={name}")).expect("valid");
        let CliCommand::Fsck(fsck) = args.command else { unreachable!("it is a check") };
        assert_eq!(fsck.repair, Some(choice), "{name}");
    }
    for command in ["run", "prune", "fsck"] {
        let help = parse_line(&format!("sheetkeep {command} --help")).expect_err("help is not a run").text;
        for name in ["steal", "adopt", "forget"] {
            assert!(!help.contains(name), "{command}: {name}");
        }
    }
}

#[test]
fn help_texts_are_short_lines_without_a_full_stop() {
    fn check(command: &clap::Command) {
        let about = command.get_about().map(ToString::to_string);
        let helps = command.get_arguments().filter(|arg| !arg.is_hide_set()).filter_map(clap::Arg::get_help);
        for help in about.into_iter().chain(helps.map(ToString::to_string)) {
            let is_program = help.starts_with("Runs a job over items");
            assert!(is_program || (help.chars().count() <= 80 && !help.ends_with('.')), "{help}");
        }
        command.get_subcommands().for_each(check);
    }
    check(&Args::command());
}

#[cfg(feature = "emulator")]
#[test]
fn every_flag_of_the_emulator_is_read() {
    use crate::cli::args::emulate::{CallerIds, MissingId, QuotaChoice, ValidationChoice};

    let line = "sheetkeep emulate --port 0 --file f.sheet --spreadsheet-id 1A --credentials c.json --quota google \
                --latency 300ms --fault 503:0.1 --fault lost --seed 7 --missing-id ignore --validate snapshot --caller-ids ignore";
    let CliCommand::Emulate(args) = parse_line(line).expect("valid").command else {
        unreachable!("it is the emulator")
    };
    assert_eq!((args.latency, args.seed), (Some(Duration::from_millis(300)), Some(7)));
    assert_eq!(args.fault, ["503:0.1", "lost"]);
    assert_eq!(
        (args.missing_id, args.validate, args.caller_ids, args.quota),
        (MissingId::Ignore, ValidationChoice::Snapshot, CallerIds::Ignore, Some(QuotaChoice::Google))
    );
}

#[test]
fn mistakes_end_with_2_and_say_what_was_meant() {
    let reply = parse_line("sheetkeep rum q.toml").expect_err("no such command");
    assert_eq!(reply.exit, Exit::Usage);
    assert!(reply.text.contains("'run'"), "{}", reply.text);
    for line in [
        "sheetkeep run",
        "sheetkeep run q.toml --spreadsheet 1A --embedded f",
        "sheetkeep emulate --file f --latency soon",
    ] {
        assert_eq!(parse_line(line).expect_err(line).exit, Exit::Usage);
    }
}

#[test]
fn help_leads_with_examples_and_ends_with_the_exit_codes() {
    let reply = parse_line("sheetkeep --help").expect_err("help is not a run");
    assert_eq!(reply.exit, Exit::Ok);
    insta::assert_snapshot!(reply.text);
}
