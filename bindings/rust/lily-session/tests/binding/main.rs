//! The tests of the binding in one program, with a module for each part of the crate.

mod backend;
mod cases;
mod fields;
mod map;
mod modify;
mod panics;
mod release;
mod runtime;
#[cfg(feature = "serde")]
mod serde;
mod storage;
mod support;
