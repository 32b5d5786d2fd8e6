//! Functions that take one of several values.
//!
//! In scope: `IF`, `IFS`, `IFERROR`, `IFNA`, `SWITCH`, `CHOOSE`. The value may be a whole range.
//! Out of scope: reading arguments (`args`), other logic (`dispatch`).
//!
//! All arguments were evaluated before; their order decides which of them is taken.

use crate::formula::args::{Args, to_count};
use crate::formula::matrix::Operand;
use crate::grid::value::{EvalResult, Scalar, compare};

/// Calls one of these functions.
pub(crate) fn choose(name: &str, args: &Args<'_>) -> EvalResult<Operand> {
    let taken = |at: usize| args.0.get(at).cloned();
    let or_blank = |at: usize| taken(at).unwrap_or(Operand::Single(Scalar::Blank));
    match name {
        "IF" => {
            let holds = args.read_bool(0)?;
            match taken(if holds { 1 } else { 2 }) {
                Some(value) => Ok(value),
                None if holds => Err("#N/A"),
                None => Ok(Operand::Single(Scalar::Bool(false))),
            }
        }
        "IFERROR" | "IFNA" => {
            let value = args.0.first().ok_or("#N/A")?;
            let is_replaced = match value.first() {
                Scalar::Error("#N/A") => true,
                Scalar::Error(_) => name == "IFERROR",
                _ => false,
            };
            Ok(if is_replaced && value.extent() == (1, 1) { or_blank(1) } else { value.clone() })
        }
        "IFS" => {
            for at in (0..args.len()).step_by(2) {
                if args.read_bool(at)? {
                    return taken(at + 1).ok_or("#N/A");
                }
            }
            Err("#N/A")
        }
        "SWITCH" => {
            let wanted = args.value(0)?;
            let cases = args.len().saturating_sub(1) / 2;
            for case in 0..cases {
                if compare(&wanted, &args.value(1 + case * 2)?)? == 1 {
                    return taken(2 + case * 2).ok_or("#N/A");
                }
            }
            // One argument more than pairs is the value for everything else.
            if cases > 0 && args.len() == 2 + cases * 2 { taken(1 + cases * 2).ok_or("#N/A") } else { Err("#N/A") }
        }
        _ => {
            let at = to_count(args.number(0)?);
            if at == 0 { Err("#NUM!") } else { taken(at).ok_or("#NUM!") }
        }
    }
}
