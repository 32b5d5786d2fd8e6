//! Sources of records: files and standard input, as CSV, JSON lines or JSON.
//!
//! In scope: reading with constant memory, separating a bad record from a broken source, the
//! position of every record. Out of scope: keys and versions (`step::identify`), processing a
//! record (`step`).
//!
//! | question | file |
//! |---|---|
//! | Where does a new source go? | beside these; `config::sections::source` opens it |
//! | How are bytes opened, and how are they read twice? | `input`, `placed_reader`, `spool`, `head` |
//! | How are records read on a thread and handed over? | `background_reader` |
//! | What if the input is of another format than configured? | `magic` |
//! | In which encoding is a text? | `encoding` |
//! | How is CSV read? | `csv` |
//! | Which delimiter does a CSV text have? | `delimiter` |
//! | Where do CSV rows and fields begin and end? | `csv_row_reader`, `damage` |
//! | How is an Excel workbook read? | `xlsx` |
//! | How are several files one source? | `file_series` |
//! | How are JSON lines read? | `jsonl` |
//! | How is a JSON document read? | `json`, `splitter` |
//! | How is one JSON text parsed? | `text` |
//! | How are only the key and version of a record read? | `skim` |

pub mod background_reader;
pub mod csv;
pub mod input;
pub mod json;
pub mod jsonl;
mod damage;
pub mod delimiter;
pub mod encoding;
pub mod file_series;
mod head;
mod magic;
mod csv_row_reader;
pub mod skim;
mod splitter;
mod placed_reader;
mod spool;
mod text;
pub mod xlsx;
