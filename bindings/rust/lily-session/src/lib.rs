// The README has examples that need serde, and that the tests run.
#![cfg_attr(feature = "serde", doc = include_str!("../README.md"))]
#![cfg_attr(
    not(feature = "serde"),
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
mod error;
mod event;
mod field;
mod field_type;
mod map;
mod modify;
mod open;
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
pub use map::{Map, MapType};
pub use open::open;
pub use options::{Durability, Quota, StorageOptions};
pub use persistence::Persistence;
pub use runtime::{Runtime, Session};
pub use status::Status;
pub use storage::{clear_default, Info, Item, Storage, Watch};
pub use value::{Json, Types, Value};

/// Returns the version of the library that runs, as `major.minor.patch`.
pub fn version() -> &'static str {
    // SAFETY: the library returns a static string.
    unsafe { border::c_text(sys::lily_session_version()) }.unwrap_or_default()
}
