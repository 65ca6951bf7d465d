//! The binding's tests, in one program: a module for each thing that the crate has.

mod backend;
mod cases;
mod fields;
mod panics;
mod release;
mod runtime;
#[cfg(feature = "serde")]
mod serde;
mod storage;
mod support;
