//! This crate declares the functions, structs and constants of `lily_session.h` as they are in C.
//!
//! With the feature `redis` it declares those of `lily_session_redis.h`, too, and is linked with that library.
//!
//! The header documents them. This crate only repeats the declarations, and a test compares them with the header by a C compiler.
//! Programs should use the crate `lily-session`, which is safe and built on this one.

#![allow(non_camel_case_types)]
#![warn(missing_debug_implementations)]

use std::marker::{PhantomData, PhantomPinned};
use std::os::raw::{c_char, c_int, c_void};

macro_rules! handles {
    ($($(#[$about:meta])* $name:ident;)*) => {$(
        $(#[$about])*
        #[repr(C)]
        #[derive(Debug)]
        pub struct $name {
            _opaque: [u8; 0],
            // These make the type neither Send nor Sync nor Unpin. It is used behind pointers only.
            _marker: PhantomData<(*mut u8, PhantomPinned)>,
        }
    )*};
}

handles! {
    /// A durable map of keys to JSON text.
    lily_session_storage;
    /// An ordered list of fields.
    lily_session_persistence;
    /// A model and its update function.
    lily_session_runtime;
    /// One attachment of fields to a runtime.
    lily_session;
}

// ------------------------------------------------------------------- statuses

pub type lily_session_status = i32;

pub const LILY_SESSION_OK: lily_session_status = 0;
pub const LILY_SESSION_ERROR_INVALID_ARGUMENT: lily_session_status = -1;
pub const LILY_SESSION_ERROR_DUPLICATE_KEY: lily_session_status = -2;
pub const LILY_SESSION_ERROR_NOT_FOUND: lily_session_status = -3;
pub const LILY_SESSION_ERROR_REENTRANT: lily_session_status = -4;
pub const LILY_SESSION_ERROR_UNSUPPORTED: lily_session_status = -5;
pub const LILY_SESSION_ERROR_FORKED: lily_session_status = -6;
pub const LILY_SESSION_ERROR_DECODE: lily_session_status = -10;
pub const LILY_SESSION_ERROR_ENCODE: lily_session_status = -11;
pub const LILY_SESSION_ERROR_CALLBACK: lily_session_status = -12;
pub const LILY_SESSION_ERROR_UPDATE: lily_session_status = -13;
pub const LILY_SESSION_ERROR_NEWER: lily_session_status = -14;
pub const LILY_SESSION_ERROR_IO: lily_session_status = -20;
pub const LILY_SESSION_ERROR_NO_SPACE: lily_session_status = -21;
pub const LILY_SESSION_ERROR_NOT_DURABLE: lily_session_status = -22;
pub const LILY_SESSION_ERROR_PERMISSION: lily_session_status = -23;
pub const LILY_SESSION_ERROR_REFUSED: lily_session_status = -24;
pub const LILY_SESSION_ERROR_CORRUPT: lily_session_status = -25;
pub const LILY_SESSION_ERROR_QUOTA: lily_session_status = -26;
pub const LILY_SESSION_ERROR_BUSY: lily_session_status = -27;

// -------------------------------------------------------------------- storage

pub const LILY_SESSION_DURABILITY_PROCESS: i32 = 0;
pub const LILY_SESSION_DURABILITY_POWER: i32 = 1;

pub const LILY_SESSION_READ_ONLY: i32 = 1;
pub const LILY_SESSION_STRICT: i32 = 2;
pub const LILY_SESSION_EXCLUSIVE: i32 = 4;
pub const LILY_SESSION_SCOPE_FILES: i32 = 8;
pub const LILY_SESSION_NO_SYNC: i32 = 16;

#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct lily_session_storage_options {
    pub size: usize,
    pub durability: i32,
    pub flags: i32,
    pub application: *const c_char,
    pub quota_bytes: i64,
    pub clock: Option<unsafe extern "C" fn(context: *mut c_void) -> i64>,
    pub context: *mut c_void,
}

#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct lily_session_entry {
    pub key: *const c_char,
    pub json: *const c_char,
    pub length: usize,
    pub expires_at_ms: i64,
    pub version: u32,
}

pub type lily_session_scope_fn =
    Option<unsafe extern "C" fn(context: *mut c_void, scope: *const c_char) -> lily_session_status>;

pub type lily_session_entry_fn =
    Option<unsafe extern "C" fn(context: *mut c_void, entry: *const lily_session_entry) -> lily_session_status>;

pub type lily_session_loaded_fn = Option<
    unsafe extern "C" fn(visitor: *mut c_void, place: usize, entry: *const lily_session_entry) -> lily_session_status,
>;

#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct lily_session_backend {
    pub size: usize,
    pub context: *mut c_void,
    pub release: Option<unsafe extern "C" fn(context: *mut c_void)>,
    pub read: Option<
        unsafe extern "C" fn(
            context: *mut c_void,
            key: *const c_char,
            out_entry: *mut lily_session_entry,
        ) -> lily_session_status,
    >,
    pub write: Option<
        unsafe extern "C" fn(
            context: *mut c_void,
            entries: *const lily_session_entry,
            count: usize,
            prefix: *const c_char,
            generation: u64,
        ) -> lily_session_status,
    >,
    pub clear: Option<unsafe extern "C" fn(context: *mut c_void, prefix: *const c_char) -> lily_session_status>,
    pub generation: Option<
        unsafe extern "C" fn(
            context: *mut c_void,
            prefix: *const c_char,
            out_generation: *mut u64,
        ) -> lily_session_status,
    >,
    pub each: Option<
        unsafe extern "C" fn(
            context: *mut c_void,
            prefix: *const c_char,
            visit: lily_session_entry_fn,
            visitor: *mut c_void,
        ) -> lily_session_status,
    >,
    pub sync: Option<unsafe extern "C" fn(context: *mut c_void) -> lily_session_status>,
    pub fd: Option<unsafe extern "C" fn(context: *mut c_void) -> c_int>,
    pub close: Option<unsafe extern "C" fn(context: *mut c_void)>,
    pub renew:
        Option<unsafe extern "C" fn(context: *mut c_void, entry: *const lily_session_entry) -> lily_session_status>,
    pub replace: Option<
        unsafe extern "C" fn(
            context: *mut c_void,
            stored: *const lily_session_entry,
            entry: *const lily_session_entry,
            prefix: *const c_char,
            generation: u64,
        ) -> lily_session_status,
    >,
    pub scopes: Option<
        unsafe extern "C" fn(
            context: *mut c_void,
            visit: lily_session_scope_fn,
            visitor: *mut c_void,
        ) -> lily_session_status,
    >,
    pub load: Option<
        unsafe extern "C" fn(
            context: *mut c_void,
            prefix: *const c_char,
            keys: *const *const c_char,
            count: usize,
            out_generation: *mut u64,
            visit: lily_session_loaded_fn,
            visitor: *mut c_void,
        ) -> lily_session_status,
    >,
    pub each_unscoped: Option<
        unsafe extern "C" fn(
            context: *mut c_void,
            prefix: *const c_char,
            visit: lily_session_entry_fn,
            visitor: *mut c_void,
        ) -> lily_session_status,
    >,
    pub usage: Option<
        unsafe extern "C" fn(context: *mut c_void, out_entries: *mut i64, out_bytes: *mut i64) -> lily_session_status,
    >,
    pub prefix_fd: Option<unsafe extern "C" fn(context: *mut c_void, prefix: *const c_char) -> c_int>,
    pub identity: Option<unsafe extern "C" fn(context: *mut c_void) -> *const c_char>,
    pub notice: Option<unsafe extern "C" fn(context: *mut c_void) -> lily_session_status>,
}

pub type lily_session_item_fn = Option<
    unsafe extern "C" fn(
        context: *mut c_void,
        key: *const c_char,
        json: *const c_char,
        length: usize,
        expires_at_ms: i64,
    ) -> lily_session_status,
>;

#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct lily_session_info {
    pub size: usize,
    pub path: *const c_char,
    pub entries: i64,
    pub live_bytes: i64,
    pub quota_bytes: i64,
    pub file_bytes: i64,
    pub damaged_lines: i64,
    pub last_compaction_ms: i64,
    pub durability: i32,
    pub owes_sync: i32,
    pub directory_is_open: i32,
}

// --------------------------------------------------------------------- fields

pub const LILY_SESSION_NULL: i32 = 1;
pub const LILY_SESSION_BOOL: i32 = 2;
pub const LILY_SESSION_INT: i32 = 4;
pub const LILY_SESSION_REAL: i32 = 8;
pub const LILY_SESSION_STRING: i32 = 16;
pub const LILY_SESSION_JSON: i32 = 32;

#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct lily_session_text {
    pub bytes: *const c_char,
    pub length: usize,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub union lily_session_value_as {
    pub boolean: bool,
    pub integer: i64,
    pub real: f64,
    pub text: lily_session_text,
}

impl std::fmt::Debug for lily_session_value_as {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("lily_session_value_as")
    }
}

#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct lily_session_value {
    pub r#type: i32,
    pub r#as: lily_session_value_as,
}

pub type lily_session_modify_fn = Option<
    unsafe extern "C" fn(
        context: *mut c_void,
        stored: *const lily_session_value,
        out_value: *mut lily_session_value,
    ) -> lily_session_status,
>;

pub type lily_session_get_fn = Option<
    unsafe extern "C" fn(
        context: *mut c_void,
        session: *const c_void,
        out_value: *mut lily_session_value,
    ) -> lily_session_status,
>;

pub type lily_session_set_fn = Option<
    unsafe extern "C" fn(
        context: *mut c_void,
        session: *mut c_void,
        value: *const lily_session_value,
    ) -> lily_session_status,
>;

pub type lily_session_migrate_fn = Option<
    unsafe extern "C" fn(
        context: *mut c_void,
        stored_version: u32,
        stored: *const lily_session_value,
        out_value: *mut lily_session_value,
    ) -> lily_session_status,
>;

pub type lily_session_resize_fn =
    Option<unsafe extern "C" fn(context: *mut c_void, memory: *mut c_void, size: usize) -> *mut c_void>;

pub const LILY_SESSION_MEMBER_NONE: i32 = 0;
pub const LILY_SESSION_MEMBER_BOOL: i32 = 1;
pub const LILY_SESSION_MEMBER_INT32: i32 = 2;
pub const LILY_SESSION_MEMBER_INT64: i32 = 3;
pub const LILY_SESSION_MEMBER_DOUBLE: i32 = 4;
pub const LILY_SESSION_MEMBER_CHARS: i32 = 5;
pub const LILY_SESSION_MEMBER_STRING: i32 = 6;
pub const LILY_SESSION_MEMBER_INT8: i32 = 7;
pub const LILY_SESSION_MEMBER_INT16: i32 = 8;
pub const LILY_SESSION_MEMBER_UINT8: i32 = 9;
pub const LILY_SESSION_MEMBER_UINT16: i32 = 10;
pub const LILY_SESSION_MEMBER_UINT32: i32 = 11;
pub const LILY_SESSION_MEMBER_FLOAT: i32 = 12;
pub const LILY_SESSION_MEMBER_ENUM: i32 = 13;
pub const LILY_SESSION_MEMBER_STRUCT: i32 = 14;

pub const LILY_SESSION_SHAPE_ONE: i32 = 0;
pub const LILY_SESSION_SHAPE_OPTIONAL: i32 = 1;
pub const LILY_SESSION_SHAPE_POINTER: i32 = 2;
pub const LILY_SESSION_SHAPE_ARRAY: i32 = 3;
pub const LILY_SESSION_SHAPE_LIST: i32 = 4;
pub const LILY_SESSION_SHAPE_GROWING: i32 = 5;

#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct lily_session_field {
    pub size: usize,
    pub key: *const c_char,
    pub types: i32,
    pub get: lily_session_get_fn,
    pub set: lily_session_set_fn,
    pub context: *mut c_void,
    pub release: Option<unsafe extern "C" fn(context: *mut c_void)>,
    pub expires_after_ms: i64,
    pub version: u32,
    pub migrate: lily_session_migrate_fn,
    pub former_keys: *const *const c_char,
    pub member_type: i32,
    pub member_offset: usize,
    pub member_size: usize,
    pub member_shape: i32,
    pub member_value_size: usize,
    pub member_beside_offset: usize,
    pub member_beside_size: usize,
    pub member_names: *const *const c_char,
    pub member_fields: *const lily_session_field,
    pub member_field_count: usize,
    pub member_resize: lily_session_resize_fn,
}

pub type lily_session_map_visit_fn = Option<
    unsafe extern "C" fn(
        visitor: *mut c_void,
        id: *const c_char,
        value: *const lily_session_value,
    ) -> lily_session_status,
>;

pub type lily_session_map_each_fn = Option<
    unsafe extern "C" fn(
        context: *mut c_void,
        session: *const c_void,
        visit: lily_session_map_visit_fn,
        visitor: *mut c_void,
    ) -> lily_session_status,
>;

pub type lily_session_map_set_fn = Option<
    unsafe extern "C" fn(
        context: *mut c_void,
        session: *mut c_void,
        id: *const c_char,
        value: *const lily_session_value,
    ) -> lily_session_status,
>;

#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct lily_session_map {
    pub size: usize,
    pub prefix: *const c_char,
    pub types: i32,
    pub each: lily_session_map_each_fn,
    pub set: lily_session_map_set_fn,
    pub context: *mut c_void,
    pub release: Option<unsafe extern "C" fn(context: *mut c_void)>,
    pub expires_after_ms: i64,
    pub version: u32,
    pub migrate: lily_session_migrate_fn,
}

// -------------------------------------------------------------------- runtime

pub type lily_session_update_fn =
    Option<unsafe extern "C" fn(context: *mut c_void, model: *mut c_void, message: *const c_void) -> *mut c_void>;

// -------------------------------------------------------------------- session

pub const LILY_SESSION_EVENT_REJECTED: i32 = 1;
pub const LILY_SESSION_EVENT_NEWER: i32 = 2;
pub const LILY_SESSION_EVENT_FIELD_FAILED: i32 = 3;
pub const LILY_SESSION_EVENT_WRITE_FAILED: i32 = 4;
pub const LILY_SESSION_EVENT_DAMAGED: i32 = 5;
pub const LILY_SESSION_EVENT_DIRECTORY: i32 = 6;
pub const LILY_SESSION_EVENT_CHANGED: i32 = 7;
pub const LILY_SESSION_EVENT_REMOVED: i32 = 8;
pub const LILY_SESSION_EVENT_EXPIRED: i32 = 9;
pub const LILY_SESSION_EVENT_CLEARED: i32 = 10;
pub const LILY_SESSION_EVENT_NOT_DURABLE: i32 = 11;
pub const LILY_SESSION_EVENT_NOT_REWRITTEN: i32 = 12;
pub const LILY_SESSION_EVENT_NOTICE: i32 = 13;

#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct lily_session_event {
    pub size: usize,
    pub kind: i32,
    pub status: lily_session_status,
    pub system_error: i32,
    pub key: *const c_char,
}

#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct lily_session_config {
    pub size: usize,
    pub storage: *mut lily_session_storage,
    pub get: Option<unsafe extern "C" fn(context: *mut c_void, model: *mut c_void) -> *mut c_void>,
    pub set:
        Option<unsafe extern "C" fn(context: *mut c_void, model: *mut c_void, session: *mut c_void) -> *mut c_void>,
    pub revision: Option<unsafe extern "C" fn(context: *mut c_void, session: *const c_void) -> u64>,
    pub on_event: Option<unsafe extern "C" fn(context: *mut c_void, event: *const lily_session_event)>,
    pub context: *mut c_void,
    pub release: Option<unsafe extern "C" fn(context: *mut c_void)>,
}

pub const LILY_SESSION_STATE_ABSENT: i32 = 0;
pub const LILY_SESSION_STATE_LOADED: i32 = 1;
pub const LILY_SESSION_STATE_REJECTED: i32 = 2;
pub const LILY_SESSION_STATE_EXPIRED: i32 = 3;
pub const LILY_SESSION_STATE_MIGRATED: i32 = 4;
pub const LILY_SESSION_STATE_NEWER: i32 = 5;
pub const LILY_SESSION_STATE_DIRTY: i32 = 256;

// ------------------------------------------------------------ initial structs

macro_rules! init {
    ($($name:ident)*) => {$(
        impl Default for $name {
            /// Returns what the header's `_INIT` macro makes: the size is set, and everything else is zero or NULL.
            fn default() -> Self {
                // SAFETY: the struct has integers, pointers and optional functions, all of which may be zero.
                let zero: Self = unsafe { std::mem::zeroed() };
                Self { size: std::mem::size_of::<Self>(), ..zero }
            }
        }
    )*};
}

init! {
    lily_session_storage_options lily_session_backend lily_session_info lily_session_field lily_session_map lily_session_config
}

// ---------------------------------------------------------------------- redis

#[cfg(feature = "redis")]
mod redis;
#[cfg(feature = "redis")]
pub use redis::*;

// ------------------------------------------------------------------ functions

extern "C" {
    pub fn lily_session_version() -> *const c_char;
    pub fn lily_session_status_name(status: lily_session_status) -> *const c_char;
    pub fn lily_session_last_error() -> *const c_char;
    pub fn lily_session_last_system_error() -> i32;
    pub fn lily_session_free(memory: *mut c_void);

    pub fn lily_session_value_set_null(out_value: *mut lily_session_value);
    pub fn lily_session_value_set_bool(out_value: *mut lily_session_value, boolean: bool);
    pub fn lily_session_value_set_int(out_value: *mut lily_session_value, integer: i64);
    pub fn lily_session_value_set_real(out_value: *mut lily_session_value, real: f64);
    pub fn lily_session_value_set_string(out_value: *mut lily_session_value, bytes: *const c_char, length: usize);
    pub fn lily_session_value_set_json(out_value: *mut lily_session_value, bytes: *const c_char, length: usize);
    pub fn lily_session_value_get_bool(value: *const lily_session_value) -> bool;
    pub fn lily_session_value_get_int(value: *const lily_session_value) -> i64;
    pub fn lily_session_value_get_real(value: *const lily_session_value) -> f64;
    pub fn lily_session_value_get_string(value: *const lily_session_value, out_length: *mut usize) -> *const c_char;
    pub fn lily_session_value_get_json(value: *const lily_session_value, out_length: *mut usize) -> *const c_char;
    pub fn lily_session_storage_open(
        path: *const c_char,
        options: *const lily_session_storage_options,
        out_storage: *mut *mut lily_session_storage,
    ) -> lily_session_status;
    pub fn lily_session_storage_open_memory(
        options: *const lily_session_storage_options,
        out_storage: *mut *mut lily_session_storage,
    ) -> lily_session_status;
    pub fn lily_session_storage_scoped(
        parent: *mut lily_session_storage,
        scope: *const c_char,
        out_storage: *mut *mut lily_session_storage,
    ) -> lily_session_status;
    pub fn lily_session_storage_scopes(
        storage: *mut lily_session_storage,
        visit: lily_session_scope_fn,
        context: *mut c_void,
    ) -> lily_session_status;
    pub fn lily_session_storage_sweep(
        storage: *mut lily_session_storage,
        limit: usize,
        out_removed: *mut usize,
    ) -> lily_session_status;
    pub fn lily_session_storage_open_backend(
        backend: *const lily_session_backend,
        options: *const lily_session_storage_options,
        out_storage: *mut *mut lily_session_storage,
    ) -> lily_session_status;
    pub fn lily_session_backend_fail(
        status: lily_session_status,
        reason: *const c_char,
        system_error: c_int,
    ) -> lily_session_status;
    pub fn lily_session_backend_tell_generation(generation: u64);
    pub fn lily_session_storage_close(storage: *mut lily_session_storage);
    pub fn lily_session_storage_path(storage: *const lily_session_storage) -> *const c_char;
    pub fn lily_session_storage_get(
        storage: *mut lily_session_storage,
        key: *const c_char,
        out_json: *mut *mut c_char,
        out_length: *mut usize,
    ) -> lily_session_status;
    pub fn lily_session_storage_set(
        storage: *mut lily_session_storage,
        key: *const c_char,
        json: *const c_char,
        length: usize,
        expires_at_ms: i64,
    ) -> lily_session_status;
    pub fn lily_session_storage_remove(storage: *mut lily_session_storage, key: *const c_char) -> lily_session_status;
    pub fn lily_session_storage_write(
        storage: *mut lily_session_storage,
        entries: *const lily_session_entry,
        count: usize,
    ) -> lily_session_status;
    pub fn lily_session_storage_modify(
        storage: *mut lily_session_storage,
        key: *const c_char,
        modify: lily_session_modify_fn,
        context: *mut c_void,
    ) -> lily_session_status;
    pub fn lily_session_storage_each(
        storage: *mut lily_session_storage,
        prefix: *const c_char,
        visit: lily_session_item_fn,
        context: *mut c_void,
    ) -> lily_session_status;
    pub fn lily_session_storage_sync(storage: *mut lily_session_storage) -> lily_session_status;
    pub fn lily_session_storage_fd(storage: *mut lily_session_storage) -> c_int;
    pub fn lily_session_storage_info(
        storage: *mut lily_session_storage,
        out_info: *mut lily_session_info,
    ) -> lily_session_status;

    pub fn lily_session_persistence_new() -> *mut lily_session_persistence;
    pub fn lily_session_persistence_free(persistence: *mut lily_session_persistence);
    pub fn lily_session_field_add(
        persistence: *mut lily_session_persistence,
        field: *const lily_session_field,
    ) -> lily_session_status;
    pub fn lily_session_fields_add(
        persistence: *mut lily_session_persistence,
        fields: *const lily_session_field,
        count: usize,
    ) -> lily_session_status;
    pub fn lily_session_map_add(
        persistence: *mut lily_session_persistence,
        map: *const lily_session_map,
    ) -> lily_session_status;

    pub fn lily_session_runtime_new(
        model: *mut c_void,
        update: lily_session_update_fn,
        context: *mut c_void,
        out_runtime: *mut *mut lily_session_runtime,
    ) -> lily_session_status;
    pub fn lily_session_runtime_dispatch(
        runtime: *mut lily_session_runtime,
        message: *const c_void,
    ) -> lily_session_status;
    pub fn lily_session_runtime_model(runtime: *const lily_session_runtime) -> *mut c_void;
    pub fn lily_session_runtime_set_model(
        runtime: *mut lily_session_runtime,
        model: *mut c_void,
    ) -> lily_session_status;
    pub fn lily_session_runtime_persist(runtime: *mut lily_session_runtime) -> lily_session_status;
    pub fn lily_session_runtime_refresh(runtime: *mut lily_session_runtime) -> lily_session_status;
    pub fn lily_session_runtime_next_expiry(runtime: *mut lily_session_runtime) -> i64;
    pub fn lily_session_runtime_free(runtime: *mut lily_session_runtime);

    pub fn lily_session_attach(
        runtime: *mut lily_session_runtime,
        persistence: *const lily_session_persistence,
        config: *const lily_session_config,
        out_session: *mut *mut lily_session,
    ) -> lily_session_status;
    pub fn lily_session_open(
        application: *const c_char,
        model: *mut c_void,
        fields: *const lily_session_field,
        count: usize,
        out_session: *mut *mut lily_session,
    ) -> lily_session_status;
    pub fn lily_session_close(session: *mut lily_session);
    pub fn lily_session_persist(session: *mut lily_session) -> lily_session_status;
    pub fn lily_session_flush(session: *mut lily_session) -> lily_session_status;
    pub fn lily_session_refresh(session: *mut lily_session) -> lily_session_status;
    pub fn lily_session_mark(session: *mut lily_session, key: *const c_char) -> lily_session_status;
    pub fn lily_session_touch(session: *mut lily_session, key: *const c_char) -> lily_session_status;
    pub fn lily_session_modify(
        session: *mut lily_session,
        key: *const c_char,
        modify: lily_session_modify_fn,
        context: *mut c_void,
    ) -> lily_session_status;
    pub fn lily_session_reset(session: *mut lily_session, key: *const c_char) -> lily_session_status;
    pub fn lily_session_next_expiry(session: *mut lily_session) -> i64;
    pub fn lily_session_field_state(
        session: *mut lily_session,
        key: *const c_char,
        out_state: *mut i32,
    ) -> lily_session_status;
    pub fn lily_session_detach(session: *mut lily_session);
    pub fn lily_session_abandon(session: *mut lily_session);
    pub fn lily_session_clear(storage: *mut lily_session_storage) -> lily_session_status;
}
