//! Job files as a whole: their settings, the precedence of flag, environment and file, and all
//! errors.
use futures_util::future::FutureExt;
use std::path::Path;
use std::sync::Arc;

use secrecy::ExposeSecret;

use crate::clock::Clock;
use crate::config::external::environment::Environment;
use crate::config::external::flags::Overrides;
use crate::config::external::names::{API_URL, CREDENTIALS_JSON, CREDENTIALS_PATH, SPREADSHEET};
use crate::config::problem::ConfigError;
use crate::config::sections::limits::CommitSettings;
use crate::config::sections::records::source::Format;
use crate::config::sections::sheet::target::SheetTarget;
use crate::config::settings::{Settings, load, read};
use crate::ledger::items::write_mode::WriteMode;
use crate::port::step::KeyFinder;
use crate::retry::RetryPolicy;
use crate::schedule::job_schedule::{MisfirePolicy, OverlapPolicy};
use crate::source::bytes::input::Input;
use crate::system::SystemClock;

const QUAKES: &str = include_str!("../../fixtures/quakes.toml");

fn read_with(text: &str, flags: &Overrides, environment: &Environment) -> Result<Settings, ConfigError> {
    read(Path::new("jobs/quakes.toml"), text, flags, environment)
}

fn settings(environment: &Environment) -> Settings {
    read_with(QUAKES, &Overrides::default(), environment).expect("a valid job")
}

fn problems(text: &str) -> Vec<String> {
    let environment = Environment::from_pairs(&[("TAB_NAME", "T")], &[]);
    read_with(text, &Overrides::default(), &environment).map(|_| ()).expect_err("problems").format_lines()
}

#[test]
fn the_fixture_says_what_it_means() {
    let settings = settings(&Environment::from_pairs(&[("HOME", "/home/a")], &[]));
    assert_eq!((settings.job.as_str(), settings.tab.as_str(), settings.mode), ("quakes", "Quakes", WriteMode::Append));
    assert_eq!(settings.source.input, Input::File("jobs/usgs-all-week.geojson".into()));
    assert!(matches!(&settings.source.format, Format::Json { items } if items.source() == ".features[]"));
    assert_eq!(settings.target, SheetTarget::Embedded { file: "jobs/quakes.sheet".into() });
    assert_eq!(settings.state_dir, Some("/home/a/.local/state/sheetkeep".into()));
    assert_eq!(settings.commit, CommitSettings { every_ms: 2_000, max_rows: 10_000 });
    assert_eq!((settings.lease_ttl_ms, settings.retry), (300_000, RetryPolicy::default()));
    assert_eq!(
        settings.columns.types.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
        ["time", "magnitude", "url"]
    );
    assert_eq!(settings.api_url, "https://sheets.googleapis.com/");
    let (key_finder, record) = (settings.make_key_finder(), serde_json::json!({"id": "a"}));
    let (key, _) = key_finder.identify(&record).now_or_never().expect("found here").expect("a key");
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    assert_eq!((key.as_str(), settings.make_steps(&clock).len(), settings.step_expressions().len()), ("a", 1, 1));
}

#[test]
fn a_flag_wins_over_the_environment_which_wins_over_the_file() {
    let text = QUAKES.replace("mode = \"append\"", "mode = \"append\"\nspreadsheet = \"in-file\"");
    let target = |flags: &Overrides, environment: &Environment| {
        read_with(&text, flags, environment).expect("a valid job").target
    };
    let google = |id: &str| SheetTarget::Google { id: id.into() };
    let (none, set) = (Environment::default(), Environment::from_pairs(&[(SPREADSHEET, "in-env")], &[]));
    let flags = Overrides { spreadsheet: Some("in-flag".into()), ..Overrides::default() };
    assert_eq!(target(&Overrides::default(), &none), google("in-file"));
    assert_eq!(target(&Overrides::default(), &set), google("in-env"));
    assert_eq!(target(&flags, &set), google("in-flag"));
    let flags = Overrides { file: Some("x.sheet".into()), ..Overrides::default() };
    assert_eq!(target(&flags, &set), SheetTarget::Embedded { file: "x.sheet".into() });
    let flags = Overrides { input: Some("-".into()), ..Overrides::default() };
    assert_eq!(read_with(QUAKES, &flags, &none).expect("a valid job").source.input, Input::Stdin);
}

#[test]
fn credentials_are_taken_from_one_place_and_never_printed() {
    let one = settings(&Environment::from_pairs(&[], &[(CREDENTIALS_PATH, "key.json"), (SPREADSHEET, "x")]));
    assert_eq!(one.credentials.path, Some("jobs/key.json".into()));
    let two = settings(&Environment::from_pairs(
        &[(CREDENTIALS_JSON, "{\"hush\": 1}"), (SPREADSHEET, "x"), ("HOME", "/h")],
        &[],
    ));
    assert_eq!(two.credentials.inline.as_ref().map(|s| s.expose_secret().len()), Some(11));
    assert_eq!(two.credentials.well_known, Some("/h/.config/gcloud/application_default_credentials.json".into()));
    assert!(!format!("{two:?}").contains("hush"));
    let both = Environment::from_pairs(&[(CREDENTIALS_JSON, "{}")], &[(CREDENTIALS_PATH, "key.json")]);
    let error = read_with(QUAKES, &Overrides::default(), &both).expect_err("both are set").format_lines().join("\n");
    assert!(error.contains("are set, but exclude each other") && error.contains("the first is in .env"), "{error}");
    let json = Environment::from_pairs(&[(CREDENTIALS_PATH, "{\"hush\": 1}")], &[]);
    let error = read_with(QUAKES, &Overrides::default(), &json).expect_err("no path").format_lines().join("\n");
    assert!(error.contains("holds JSON") && !error.contains("hush"), "{error}");
}

#[test]
fn an_api_root_without_a_spreadsheet_is_an_error() {
    let alone = Environment::from_pairs(&[(API_URL, "http://127.0.0.1:1")], &[]);
    assert!(read_with(QUAKES, &Overrides::default(), &alone).is_err());
    let named = Environment::from_pairs(&[(API_URL, "http://127.0.0.1:1"), (SPREADSHEET, "x")], &[]);
    assert_eq!(settings(&named).api_url, "http://127.0.0.1:1/");
    let far = Environment::from_pairs(&[(API_URL, "http://example.org"), (SPREADSHEET, "x")], &[]);
    assert!(read_with(QUAKES, &Overrides::default(), &far).is_err());
}

#[test]
fn a_job_says_how_many_calls_a_minute_it_may_make() {
    let environment = Environment::default();
    let of = |more: &str| read_with(&format!("{QUAKES}\n{more}"), &Overrides::default(), &environment);
    let pacing = of("").expect("a valid job").pacing;
    assert_eq!((pacing.reads_per_minute, pacing.writes_per_minute), (Some(50), Some(50)));
    let pacing = of("[quota]\nwrites_per_minute = 300").expect("a valid job").pacing;
    assert_eq!((pacing.reads_per_minute, pacing.writes_per_minute), (Some(50), Some(300)));
    for wrong in ["writes_per_minute = 0", "reads_per_minute = -1", "per_minute = 50"] {
        assert!(of(&format!("[quota]\n{wrong}")).is_err(), "{wrong}");
    }
}

#[test]
fn a_job_says_how_it_appears_in_the_tab_jobs() {
    let environment = Environment::default();
    let of = |before: &str, after: &str| {
        read_with(&format!("{before}\n{QUAKES}\n{after}"), &Overrides::default(), &environment)
    };
    let view = of("", "").expect("a valid job").jobs.expect("a row by default");
    assert_eq!((view.recalculates, view.owner), (true, None));
    let view = of("owner = 'Ada'", "[jobs]\nrecalculate = false").expect("a valid job").jobs.expect("a row");
    assert_eq!((view.recalculates, view.owner.as_deref()), (false, Some("Ada")));
    assert_eq!(of("", "[jobs]\ntab = false").expect("a valid job").jobs, None);
    assert!(of("owner = ''", "").is_err() && of("", "[jobs]\nrow = true").is_err());
}

#[test]
fn all_problems_are_reported_together_with_their_lines() {
    let text = "name = 'a/b'\nschedule = { cron = '0 9 * *', timezone = 'Europe/Berln' }\n[source]\njson = 'x'\n\
                items = '.a ||'\ndelimiter = ','\n[item]\nkey = '.id | frobnicate'\n[[step]]\nmap = '''\n{id,\n  t: }'''\n\
                [sheet]\ntab = 'Runs'\nmode = 'mirror'\ncolumns = { t = 'datetme' }\ntimezone = '${ZONE}'\n[commit]\nevery = '2 parsecs'\n\
                [lease]\nttl = '10ms'\n[retry]\nattempts = 0\ncap = '1s'\n";
    let found = problems(text);
    for (line, part) in [
        ("1:8", "`name` holds a character"),
        ("2:21", "schedule.cron: \"0 9 * *\" has 4 fields, and five are needed"),
        ("2:43", "did you mean Europe/Berlin?"),
        ("5:13", "`source.items` is not a valid jq expression: expected the end of the expression, found `||`"),
        ("6:13", "`source.delimiter` goes with csv, and this source is json"),
        ("8:14", "there is no filter `frobnicate/0`"),
        ("12:6", "`step.map` is not a valid jq expression: expected term, found `}`"),
        ("14:7", "title of one of the tool's own tabs"),
        ("15:8", "mode `mirror` is not built yet"),
        ("16:17", "did you mean \"datetime\"?"),
        ("17:13", "ZONE is not set"),
        ("19:9", "commit.every is not a length of time"),
        ("21:7", "lease.ttl has to be between 1s and 24h"),
        ("23:12", "retry.attempts has to be between 1 and 100"),
        ("24:7", "retry.cap has to be between 64s and 1h"),
    ] {
        let start = format!("jobs/quakes.toml:{line}: ");
        assert!(found.iter().any(|p| p.starts_with(&start) && p.contains(part)), "{line} {part} in {found:#?}");
    }
    assert_eq!(found.len(), 15, "{found:#?}");
}

#[test]
fn names_in_braces_are_replaced_in_values_only() {
    let text =
        "# ${NO_SUCH}\nname = 'a'\n[source]\ncsv = 'x.csv'\n[item]\nkey = '.id'\n[sheet]\ntab = '${TAB_NAME} $${x}'\n";
    let environment = Environment::from_pairs(&[("TAB_NAME", "T")], &[]);
    let settings = read_with(text, &Overrides::default(), &environment).expect("a valid job");
    assert_eq!(settings.tab, "T ${x}");
    let found = problems(&text.replace("TAB_NAME", "TAB_NMAE"));
    assert!(found[0].contains("TAB_NMAE is not set") && found[0].contains("did you mean TAB_NAME?"), "{found:?}");
}

#[test]
fn a_job_has_one_source_and_planned_ones_are_named() {
    let with = |source: &str| format!("name = 'a'\n[source]\n{source}\n[item]\nkey = '.id'\n[sheet]\ntab = 'T'\n");
    for (source, part) in [
        ("", "`source` names no source"),
        ("csv = 'a'\njsonl = 'b'", "`source` names `csv` and `jsonl`, and a job has one"),
        ("http = 'https://example.org'", "`http` is not built yet"),
        ("csv = 'a'\ndelimiter = ';;'", "has to be one ASCII character"),
        ("csv = ' '", "the source's path is empty"),
    ] {
        let found = problems(&with(source));
        assert!(found.len() == 1 && found[0].contains(part), "{part} in {found:?}");
    }
}

#[test]
fn what_is_not_toml_is_reported_at_its_line() {
    let found = problems("name = 'a'\n[source\ncsv = \n");
    assert!(
        found.iter().all(|p| p.contains("this is not valid TOML")) && found[0].starts_with("jobs/quakes.toml:2:"),
        "{found:?}"
    );
}

#[test]
fn a_job_file_that_is_not_there_is_missing() {
    let error = load(Path::new("no/such/job.toml"), &Overrides::default()).expect_err("it is not there");
    assert!(error.is_missing() && error.format_lines()[0].contains("was not found"));
    let folder = load(Path::new("src"), &Overrides::default()).expect_err("a folder");
    assert!(!folder.is_missing());
}

#[test]
fn the_metadata_server_is_used_if_named_and_on_cloud_run() {
    let host = |real: &[(&str, &str)]| settings(&Environment::from_pairs(real, &[])).credentials.metadata_host;
    assert_eq!(host(&[("HOME", "/home/a")]), None);
    assert_eq!(host(&[("K_SERVICE", "sync")]).as_deref(), Some("metadata.google.internal"));
    assert_eq!(host(&[("CLOUD_RUN_JOB", "sync")]).as_deref(), Some("metadata.google.internal"));
    assert_eq!(host(&[("K_SERVICE", "sync"), ("GCE_METADATA_HOST", "10.0.0.1")]).as_deref(), Some("10.0.0.1"));
}

#[test]
fn what_was_filled_in_is_not_quoted_by_an_error_about_jq() {
    let text = QUAKES.replace("key = \".id\"", "key = \". ${SECRET}\"");
    let environment = Environment::from_pairs(&[("SECRET", "hunter two")], &[]);
    let message = read_with(&text, &Overrides::default(), &environment).expect_err("no jq").format_lines().concat();
    assert!(message.contains("filled in") && !message.contains("hunter") && !message.contains("two"), "{message}");
}

#[test]
fn a_schedule_is_read_with_its_policies() {
    let read = |schedule: &str| {
        let text = QUAKES.replace("schedule = {", &format!("schedule = {{ {schedule}\n# {{"));
        read_with(&text, &Overrides::default(), &Environment::default())
            .expect("a valid job")
            .schedule
            .expect("a schedule")
    };
    let plain = read("cron = '0 9 * * 1-5', timezone = 'Europe/Berlin' }");
    assert_eq!((plain.misfire, plain.overlap), (MisfirePolicy::RunOnce, OverlapPolicy::Skip));
    assert_eq!((plain.misfire_grace_ms, plain.pause_after, plain.delay_ms), (3_600_000, 5, 0));
    let full = read(
        "cron = 'every 15m', timezone = 'UTC', misfire = 'run_all(3)', misfire_grace = '2h', overlap = 'queue', \
         jitter = '10m', blackout = ['2026-12-24..2027-01-02', '2026-05-01'], pause_after = 0 }",
    );
    assert_eq!((full.misfire, full.overlap), (MisfirePolicy::RunAll { max: 3 }, OverlapPolicy::Queue));
    assert_eq!((full.misfire_grace_ms, full.pause_after), (7_200_000, 0));
    assert!(full.delay_ms < 600_000);
    assert_eq!(full.blackout.to_string(), "2026-12-24..2027-01-02, 2026-05-01");
    let ready =
        read("ready_by = '09:00', timezone = 'Europe/Berlin', weekdays = '1-5', not_before = '06:00', margin = '5m' }");
    let deadline = ready.ready_by.expect("a deadline");
    assert_eq!((deadline.margin_ms, deadline.not_before.map(jiff::civil::Time::hour)), (300_000, Some(6)));
    assert_eq!(ready.recurrence.to_text(), "0 9 * * 1-5");
}

#[test]
fn a_wrong_schedule_is_refused_with_its_line_and_advice() {
    let cases = [
        ("cron = '0 9 30 2 *', timezone = 'UTC'", "never comes"),
        ("cron = '0 0 9 * * *', timezone = 'UTC'", "write \"0 9 * * *\""),
        ("cron = '0 9 * * *', timezone = 'CET'", "write Europe/Berlin"),
        ("cron = '0 9 * * *', timezone = '+01:00'", "is an offset"),
        ("cron = '0 9 * * *'", "timezone"),
        ("timezone = 'UTC'", "neither cron nor ready_by"),
        ("cron = '0 9 * * *', ready_by = '09:00', timezone = 'UTC'", "remove one of the two"),
        ("cron = '0 9 * * *', margin = '5m', timezone = 'UTC'", "goes with ready_by"),
        ("ready_by = '9am', timezone = 'UTC'", "is not a valid time of day"),
        ("ready_by = '09:00', not_before = '09:00', timezone = 'UTC'", "the deadline itself"),
        ("ready_by = '09:00', jitter = '5m', timezone = 'UTC'", "goes with cron"),
        ("ready_by = '09:00', weekdays = '1-9', timezone = 'UTC'", "is not a valid weekday"),
        ("cron = '@daily', timezone = 'UTC', misfire = 'run_all'", "run_all(N)"),
        ("cron = '@daily', timezone = 'UTC', overlap = 'replace'", "set overlap in [lease]"),
        ("cron = '@daily', timezone = 'UTC', blackout = ['24.12.2026']", "write a date as 2026-12-24"),
        ("cron = '@daily', timezone = 'UTC', jitter = '2h'", "between 0s and 1h"),
    ];
    for (schedule, expected) in cases {
        let text = QUAKES.replace("schedule = {", &format!("schedule = {{ {schedule} }}\n# {{"));
        let found = problems(&text);
        assert_eq!(found.len(), 1, "{schedule}: {found:?}");
        assert!(found[0].starts_with("jobs/quakes.toml:8:") && found[0].contains(expected), "{schedule}: {found:?}");
    }
}
