//! Tests of the rules over sequences of runs, and of the limits of channels.

mod limits;
mod sequences;
