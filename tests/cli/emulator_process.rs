//! `sheetkeep emulate` in a process of its own, and a plain HTTP client that reads through it.
//!
//! The client knows sockets, JSON and RS256, and nothing of the product: what it finds on a sheet
//! is there.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use data_encoding::{BASE64, BASE64URL_NOPAD};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::{Value, json};

use crate::temp_project::{CommandOutput, TempProject, run_to_end};

/// The id of the spreadsheet in an embedded file.
pub const EMBEDDED: &str = "embedded";

/// The file with the standard error of an emulator that is heard.
const STDERR_FILE: &str = "emulator.err";

/// An emulator; gone when it is dropped.
pub struct EmulatorProcess {
    process: Child,
    /// Its root, as it said it.
    pub url: String,
    /// The credentials file that it wrote.
    pub credentials: PathBuf,
}

/// A plain HTTP client of one spreadsheet.
pub struct ApiClient {
    /// The emulator that serves it.
    pub emulator: EmulatorProcess,
    token: String,
    id: &'static str,
}

impl EmulatorProcess {
    /// Starts one in a folder and waits until it says that it listens.
    pub fn start(project: &TempProject, args: &[&str]) -> Self {
        Self::start_with(project, args, Stdio::null())
    }

    /// The same, with its standard error in a file of the folder.
    pub fn start_with_stderr_file(project: &TempProject, args: &[&str]) -> Self {
        let file = std::fs::File::create(project.path(STDERR_FILE)).expect("a file");
        Self::start_with(project, args, file.into())
    }

    /// Ends it, and returns what it said on standard error.
    pub fn stop_and_read_stderr(mut self, project: &TempProject) -> String {
        let stopped = Command::new("kill").arg(self.process.id().to_string()).status();
        assert!(stopped.expect("kill can be run").success());
        self.process.wait().expect("it is our child");
        project.read(STDERR_FILE)
    }

    fn start_with(project: &TempProject, args: &[&str], heard: Stdio) -> Self {
        let credentials = project.path("emulator-key.json");
        let mut command = project.command(&["emulate", "--credentials", &credentials.to_string_lossy()]);
        let mut process =
            command.args(args).stdout(Stdio::piped()).stderr(heard).spawn().expect("the binary can be run");
        let mut url = String::new();
        let out = process.stdout.as_mut().expect("it is a pipe");
        BufReader::new(out).read_line(&mut url).expect("it says where it listens");
        assert!(url.starts_with("http://127.0.0.1:"), "{url}");
        Self { process, url: url.trim().to_owned(), credentials }
    }

    /// What it counted so far.
    pub fn stats(&self) -> Value {
        let (status, counts) = call_api(&self.url, "GET /_emulator/stats", &[], "");
        assert_eq!(status, 200);
        counts
    }

    /// Counts anew.
    pub fn reset_stats(&self) {
        assert_eq!(call_api(&self.url, "POST /_emulator/stats:reset", &[], "").0, 200);
    }

    /// The binary with this emulator for its service.
    pub fn command(&self, project: &TempProject, id: &str, args: &[&str]) -> Command {
        let mut command = project.command(args);
        command
            .env("SHEETKEEP_API_URL", &self.url)
            .env("SHEETKEEP_SPREADSHEET_ID", id)
            .env("GOOGLE_APPLICATION_CREDENTIALS", &self.credentials);
        command
    }

    /// Has these faults to come.
    pub fn inject_faults(&self, faults: &str) {
        assert_eq!(call_api(&self.url, "POST /_emulator/faults", &[], faults).0, 200);
    }

    /// What the owner of a spreadsheet does, whose protections keep others out.
    pub fn edit_as_owner(&self, id: &str, body: &Value) {
        let request = format!("POST /_emulator/hands?spreadsheet={id}");
        let (status, answer) = call_api(&self.url, &request, &["Content-Type: application/json"], &body.to_string());
        assert_eq!(status, 200, "{answer}");
    }

    /// Makes another spreadsheet: its id.
    pub fn create_spreadsheet(&self, title: &str) -> String {
        let headers = [&*format!("Authorization: Bearer {}", self.token()), "Content-Type: application/json"];
        let body = json!({"properties": {"title": title}}).to_string();
        let (status, made) = call_api(&self.url, "POST /v4/spreadsheets", &headers, &body);
        assert_eq!(status, 200, "{made}");
        made["spreadsheetId"].as_str().expect("an id").to_owned()
    }

    /// From now on it takes calls and answers none.
    pub fn suspend(&self) {
        let stopped = Command::new("kill").args(["-STOP", &self.process.id().to_string()]).status();
        assert!(stopped.expect("kill can be run").success());
    }

    /// It answers again, also the calls that it took meanwhile.
    pub fn resume(&self) {
        let resumed = Command::new("kill").args(["-CONT", &self.process.id().to_string()]).status();
        assert!(resumed.expect("kill can be run").success());
    }

    /// Runs it to its end.
    pub fn run(&self, project: &TempProject, id: &str, args: &[&str]) -> CommandOutput {
        run_to_end(self.command(project, id, args))
    }

    /// Its exit code, once it has ended by itself.
    pub fn wait_for_end(&mut self) -> Option<i32> {
        self.process.wait().expect("it is our child").code()
    }

    /// A token for the holder of the credentials file, asked for as Google's documentation says.
    pub fn token(&self) -> String {
        let file = std::fs::read_to_string(&self.credentials).expect("it wrote a credentials file");
        let file: Value = serde_json::from_str(&file).expect("the credentials are JSON");
        let now = read_time(&self.url);
        let header = json!({"alg": "RS256", "typ": "JWT", "kid": file["private_key_id"]});
        let claims = json!({"iss": file["client_email"], "aud": file["token_uri"], "iat": now, "exp": now + 3_600,
            "scope": "https://www.googleapis.com/auth/spreadsheets"});
        let encoded = |part: &Value| BASE64URL_NOPAD.encode(part.to_string().as_bytes());
        let message = format!("{}.{}", encoded(&header), encoded(&claims));
        let signature = sign(file["private_key"].as_str().expect("a key"), message.as_bytes());
        let form = format!(
            "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion={message}.{}",
            BASE64URL_NOPAD.encode(&signature)
        );
        let kind = "Content-Type: application/x-www-form-urlencoded";
        let (status, granted) = call_api(&self.url, "POST /token", &[kind], &form);
        assert_eq!(status, 200, "{granted}");
        granted["access_token"].as_str().expect("a token").to_owned()
    }
}

impl Drop for EmulatorProcess {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl ApiClient {
    /// The spreadsheet in an embedded file of this folder.
    pub fn of_file(project: &TempProject, file: &str) -> Self {
        Self::of(EmulatorProcess::start(project, &["--file", file]), EMBEDDED)
    }

    /// A spreadsheet of an emulator that runs.
    pub fn of(emulator: EmulatorProcess, id: &'static str) -> Self {
        let token = emulator.token();
        Self { emulator, token, id }
    }

    fn get(&self, below: &str) -> Value {
        let bearer = format!("Authorization: Bearer {}", self.token);
        let (status, body) =
            call_api(&self.emulator.url, &format!("GET /v4/spreadsheets/{}{below}", self.id), &[&bearer], "");
        assert_eq!(status, 200, "{below}: {body}");
        body
    }

    /// What a person does: a batch of these requests.
    pub fn edit_sheet(&self, requests: &Value) {
        let (status, body) = self.send_batch(requests);
        assert_eq!(status, 200, "{body}");
    }

    /// How a batch of these requests is answered.
    pub fn send_batch(&self, requests: &Value) -> (u16, Value) {
        let bearer = format!("Authorization: Bearer {}", self.token);
        let (request, body) = (format!("POST /v4/spreadsheets/{}:batchUpdate", self.id), json!({"requests": requests}));
        let kind = "Content-Type: application/json";
        call_api(&self.emulator.url, &request, &[&bearer, kind], &body.to_string())
    }

    /// Moves the file into the trash of Drive, or out of it.
    pub fn set_trashed(&self, trashed: bool) {
        let bearer = format!("Authorization: Bearer {}", self.token);
        let request = format!("PATCH /drive/v3/files/{}", self.id);
        let headers = [bearer.as_str(), "Content-Type: application/json"];
        let (status, answer) =
            call_api(&self.emulator.url, &request, &headers, &json!({"trashed": trashed}).to_string());
        assert_eq!(status, 200, "{answer}");
    }

    /// The id of a tab.
    pub fn tab_id(&self, title: &str) -> i64 {
        let read = self.get("?fields=sheets.properties(sheetId,title)");
        let mut sheets = read["sheets"].as_array().expect("sheets").iter().map(|sheet| &sheet["properties"]);
        let found = sheets.find(|sheet| sheet["title"] == title).expect("the tab is there");
        found["sheetId"].as_i64().unwrap_or(0)
    }

    /// The notes of a tab: row and column, from 0, and the words.
    pub fn cell_notes(&self, tab: &str) -> Vec<(usize, usize, String)> {
        let range = utf8_percent_encode(&format!("'{tab}'"), NON_ALPHANUMERIC).to_string();
        let read = self.get(&format!("?ranges={range}&fields=sheets.data.rowData.values.note"));
        let rows = read["sheets"][0]["data"][0]["rowData"].as_array().map(Vec::as_slice).unwrap_or_default();
        let cells = |row: &Value| row["values"].as_array().cloned().unwrap_or_default();
        let all = rows.iter().enumerate().flat_map(|(at, row)| {
            cells(row).into_iter().enumerate().map(move |(column, cell)| (at, column, cell["note"].clone()))
        });
        all.filter_map(|(row, column, note)| Some((row, column, note.as_str()?.to_owned()))).collect()
    }

    /// The titles of all tabs, hidden ones too.
    pub fn tabs(&self) -> Vec<String> {
        let read = self.get("?fields=sheets.properties.title");
        let sheets = read["sheets"].as_array().expect("sheets");
        sheets.iter().map(|sheet| value_text(&sheet["properties"]["title"])).collect()
    }

    /// The rows of a tab below its header row, as values.
    pub fn rows(&self, tab: &str) -> Vec<Vec<Value>> {
        self.all_rows(tab).split_off(1)
    }

    /// The rows of a tab, its header row first.
    pub fn all_rows(&self, tab: &str) -> Vec<Vec<Value>> {
        let range = utf8_percent_encode(&format!("'{tab}'"), NON_ALPHANUMERIC).to_string();
        let read = self.get(&format!("/values/{range}?valueRenderOption=UNFORMATTED_VALUE"));
        let rows = read["values"].as_array().expect("rows");
        rows.iter().map(|row| row.as_array().expect("cells").clone()).collect()
    }

    /// One column of a tab, as texts.
    pub fn column(&self, tab: &str, name: &str) -> Vec<String> {
        let mut rows = self.all_rows(tab);
        let body = rows.split_off(1);
        let at = rows[0].iter().position(|title| title == name).expect("the column is there");
        body.iter().map(|row| row.get(at).map(value_text).unwrap_or_default()).collect()
    }

    /// What was entered into the cells of a tab, below its header row: `{"stringValue": …}`,
    /// `{"numberValue": …}`.
    pub fn entered_values(&self, tab: &str) -> Vec<Vec<Value>> {
        let range = utf8_percent_encode(&format!("'{tab}'"), NON_ALPHANUMERIC).to_string();
        let read = self.get(&format!("?ranges={range}&fields=sheets.data.rowData.values.userEnteredValue"));
        let rows = read["sheets"][0]["data"][0]["rowData"].as_array().map(Vec::as_slice).unwrap_or_default();
        let cells = |row: &Value| -> Vec<Value> {
            let cells = row["values"].as_array().map(Vec::as_slice).unwrap_or_default();
            cells.iter().map(|cell| cell["userEnteredValue"].clone()).collect()
        };
        rows.iter().skip(1).map(cells).filter(|row| row.iter().any(|cell| !cell.is_null())).collect()
    }
}

fn value_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn sign(pem: &str, message: &[u8]) -> Vec<u8> {
    let text: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    let key = RsaKeyPair::from_pkcs8(&BASE64.decode(text.as_bytes()).expect("base64")).expect("an RSA key");
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).expect("it signs");
    signature
}

/// The emulator's own time, in seconds, from the `Date` of an answer; a test has no clock.
fn read_time(url: &str) -> u64 {
    let (head, _) = exchange_http(url, "GET /_emulator/stats", &[], "");
    let date = head.lines().find_map(|line| line.strip_prefix("date: ")).expect("answers are dated");
    let moment = httpdate::parse_http_date(date.trim()).expect("a date");
    moment.duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs()
}

pub fn call_api(url: &str, request: &str, headers: &[&str], body: &str) -> (u16, Value) {
    let (head, body) = exchange_http(url, request, headers, body);
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status line");
    (status, serde_json::from_str(&body).unwrap_or(Value::Null))
}

/// One exchange in HTTP/1.0, so that a body ends where the connection does.
pub fn exchange_http(url: &str, request: &str, headers: &[&str], body: &str) -> (String, String) {
    let address = url.strip_prefix("http://").expect("plain HTTP");
    let mut stream = TcpStream::connect(address).expect("the emulator listens");
    stream.set_read_timeout(Some(Duration::from_mins(1))).expect("a socket has a timeout");
    let mut text = format!("{request} HTTP/1.0\r\nHost: {address}\r\nContent-Length: {}\r\n", body.len());
    text.extend(headers.iter().flat_map(|header| [*header, "\r\n"]));
    text.extend(["\r\n", body]);
    stream.write_all(text.as_bytes()).expect("the emulator reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("the emulator answers in UTF-8");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    (head.to_owned(), body.to_owned())
}
