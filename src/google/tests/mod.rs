//! Tests of the client against a scripted server within the process, on a paused clock.
//!
//! In scope: what is sent, when, how often, and how each kind of response is classified. Out of
//! scope: what a spreadsheet does with it.

mod credentials;
mod echo;
mod key;
mod lean;
mod network;
mod reads;
mod stub;
mod tokens;
mod writes;
