//! The client against a scripted server within the process, on a paused clock.
//!
//! In scope: what goes out, when, how often, and what each kind of answer comes to. Out of scope: what a spreadsheet does with it.

mod credentials;
mod echo;
mod key;
mod lean;
mod network;
mod reads;
mod stub;
mod tokens;
mod writes;
