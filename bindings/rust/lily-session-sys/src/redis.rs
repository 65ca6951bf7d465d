//! `lily_session_redis.h`

use crate::{lily_session_status, lily_session_storage};
use std::os::raw::{c_char, c_void};

pub const LILY_SESSION_REDIS_LAZY: i32 = 1;

#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct lily_session_redis_options {
    pub size: usize,
    pub url: *const c_char,
    pub timeout_ms: i64,
    pub idle_ms: i64,
    pub durability: i32,
    pub replicas: i32,
    pub flags: i32,
    pub clock: Option<unsafe extern "C" fn(context: *mut c_void) -> i64>,
    pub context: *mut c_void,
    pub ca_file: *const c_char,
    pub certificate_file: *const c_char,
    pub key_file: *const c_char,
}

init! { lily_session_redis_options }

extern "C" {
    pub fn lily_session_redis_open(
        options: *const lily_session_redis_options,
        out_storage: *mut *mut lily_session_storage,
    ) -> lily_session_status;
}
