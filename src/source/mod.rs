//! Sources of records: files and standard input, as CSV, JSON lines, JSON or Excel workbooks.
//!
//! In scope: reading with constant memory, separating a bad record from a broken source, the
//! position of every record. Out of scope: keys and versions (`step::key_finder`), processing a
//! record (`step`).
//!
//! | question | file or folder |
//! |---|---|
//! | Where does a new source go? | beside these; `config::sections::records::source` opens it |
//! | How are bytes opened, unpacked, decoded, and read twice? | `bytes` |
//! | How are records read on a thread and handed over? | `background_reader` |
//! | How is CSV read? | `csv` |
//! | How are JSON lines and JSON documents read? | `json` |
//! | How is an Excel workbook read? | `xlsx` |
//! | How are several files one source? | `file_series` |
//! | What is there in place of a file that is not? | `nearby_files` |
//! | How are only the key and version of a record read? | `path_selection` |

pub mod background_reader;
pub mod bytes;
pub mod csv;
pub mod file_series;
pub mod json;
pub(crate) mod nearby_files;
pub mod path_selection;
pub mod xlsx;
