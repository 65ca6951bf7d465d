// The README has examples that need these features, and that the tests run.
#![cfg_attr(all(feature = "serde", feature = "derive"), doc = include_str!("../README.md"))]
#![cfg_attr(
    not(all(feature = "serde", feature = "derive")),
    doc = "Saves selected fields of your program's state and restores them at the next start."
)]
#![deny(missing_docs)]
#![deny(unsafe_op_in_unsafe_fn)]
// clippy 1.63 has this lint for std's own thread_local!.
#![allow(clippy::declare_interior_mutable_const)]

use lily_session_sys as sys;

mod backend;
mod border;
mod config;
#[cfg(feature = "serde")]
mod encoding;
mod error;
mod event;
mod field;
mod field_type;
mod map;
mod modify;
#[cfg(feature = "serde")]
mod names;
mod open;
mod options;
mod persistence;
#[cfg(feature = "redis")]
mod redis;
mod refusal;
mod runtime;
mod status;
mod storage;
#[cfg(feature = "serde")]
mod storage_serde;
mod time;
mod value;

pub use backend::{Backend, Change, Entry};
pub use config::Config;
pub use error::{BoxError, Error, Outcome, Result};
pub use event::{Event, EventKind, FieldChange, FieldState, OwnedEvent, Stored};
pub use field::{Access, ByValue, Dynamic, Field, Typed};
pub use field_type::FieldType;
#[cfg(feature = "derive")]
pub use lily_session_derive::Persist;
pub use map::{Map, MapType};
pub use open::open;
pub use options::{Durability, Quota, StorageOptions};
#[cfg(feature = "derive")]
pub use persistence::Persist;
pub use persistence::Persistence;
#[cfg(feature = "redis")]
pub use redis::RedisOptions;
pub use runtime::{Runtime, Session};
pub use status::Status;
pub use storage::{clear_default, Info, Item, Storage, Watch};
pub use value::{Json, Types, Value};

/// Returns the version of the library that runs, as `major.minor.patch`.
pub fn version() -> &'static str {
    // SAFETY: the library returns a static string.
    unsafe { border::c_text(sys::lily_session_version()) }.unwrap_or_default()
}
