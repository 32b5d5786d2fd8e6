//! What batches are held to: the rules one by one, recorded answers, what is shown after them, a model.

mod clients;
mod drawn;
mod formulas;
mod killed_writers;
mod model;
mod poured;
mod recorded;
mod rules;
mod shown;
