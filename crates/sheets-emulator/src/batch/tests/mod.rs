//! Tests of batches: the rules one by one, recorded responses, visible effects, a model.

mod calls;
mod clients;
mod objects_and_filters;
mod conditional_formats;
mod formula_oracle;
mod formulas;
mod jobs_tab;
mod killed_writers;
mod model;
mod paste_text;
mod recalculation;
mod recorded;
mod rules;
mod visible_effects;
