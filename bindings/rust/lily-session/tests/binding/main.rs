//! The tests of the binding in one program, with a module for each part of the crate.

mod backend;
mod cases;
#[cfg(all(feature = "derive", feature = "serde"))]
mod derive;
mod errors;
mod events;
mod fields;
mod map;
mod modify;
mod panics;
#[cfg(feature = "redis")]
mod redis;
mod release;
mod runtime;
#[cfg(feature = "serde")]
mod serde;
#[cfg(feature = "serde")]
mod serde_values;
mod storage;
mod support;
