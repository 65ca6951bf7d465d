// The page has examples of serde, which are tests.
#![cfg_attr(feature = "serde", doc = include_str!("../README.md"))]
#![cfg_attr(not(feature = "serde"), doc = "Chosen fields of a program's model survive a restart.")]
#![deny(missing_docs)]
#![deny(unsafe_op_in_unsafe_fn)]
// What clippy 1.63 says of std's own thread_local!.
#![allow(clippy::declare_interior_mutable_const)]

use lily_session_sys as sys;

mod backend;
mod border;
mod config;
mod error;
mod event;
mod field;
mod field_type;
mod options;
mod persistence;
mod runtime;
mod status;
mod storage;
mod time;
mod value;

pub use backend::{Backend, Change, Entry};
pub use config::Config;
pub use error::{BoxError, Error, Outcome, Result};
pub use event::{Event, EventKind, FieldState, Stored};
pub use field::{Access, Dynamic, Field, Typed};
pub use field_type::FieldType;
pub use options::{Durability, Quota, StorageOptions};
pub use persistence::Persistence;
pub use runtime::{Runtime, Session};
pub use status::Status;
pub use storage::{clear_default, Info, Item, Storage, Watch};
pub use value::{Json, Types, Value};

/// The version of the library that runs: `major.minor.patch`.
pub fn version() -> &'static str {
    // SAFETY: a static string.
    unsafe { border::text(sys::lily_session_version()) }.unwrap_or_default()
}
