//! Every declaration of this crate against the header: C is generated from what rustc knows of the declarations, and a C
//! compiler compares.

use lily_session_sys::*;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::mem::{align_of, size_of, MaybeUninit};
use std::os::raw::{c_char, c_void};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Returns the name of a Rust type in C. It distinguishes `*const T` from `*mut T`, too.
trait InC {
    fn in_c() -> String;
}

macro_rules! names {
    ($($rust:ty => $c:literal)*) => {$(impl InC for $rust { fn in_c() -> String { $c.into() } })*};
}

macro_rules! same_name {
    ($($name:ident)*) => {$(impl InC for $name { fn in_c() -> String { stringify!($name).into() } })*};
}

// c_char is i8 or u8, which the header does not use otherwise. int is int32_t on every system that has this library.
names! { () => "void" c_void => "void" c_char => "char" bool => "bool" i32 => "int32_t" u32 => "uint32_t" i64 => "int64_t" u64 => "uint64_t" usize => "size_t" f64 => "double" }
same_name! {
    lily_session lily_session_storage lily_session_persistence lily_session_runtime lily_session_storage_options lily_session_entry
    lily_session_backend lily_session_info lily_session_value lily_session_field lily_session_map lily_session_event lily_session_config
}

#[cfg(feature = "redis")]
same_name! { lily_session_redis_options }

impl<T: InC> InC for *const T {
    fn in_c() -> String {
        format!("__typeof__({} const) *", T::in_c())
    }
}

impl<T: InC> InC for *mut T {
    fn in_c() -> String {
        format!("__typeof__({}) *", T::in_c())
    }
}

macro_rules! functions {
    ($($argument:ident)*) => {
        impl<R: InC, $($argument: InC),*> InC for unsafe extern "C" fn($($argument),*) -> R {
            fn in_c() -> String {
                let arguments: Vec<String> = vec![$($argument::in_c()),*];
                let arguments = if arguments.is_empty() { "void".into() } else { arguments.join(", ") };
                format!("__typeof__({} ({arguments}))", R::in_c())
            }
        }
        impl<R: InC, $($argument: InC),*> InC for Option<unsafe extern "C" fn($($argument),*) -> R> {
            fn in_c() -> String {
                format!("{} *", <unsafe extern "C" fn($($argument),*) -> R>::in_c())
            }
        }
    };
}
functions! {}
functions! { A }
functions! { A B }
functions! { A B C }
functions! { A B C D }
functions! { A B C D E }
functions! { A B C D E F G }

fn type_of<T: InC>(_: *const T) -> String {
    T::in_c()
}

fn declaration<F: InC>(_: F) -> String {
    F::in_c()
}

/// The generated C source, in which the C compiler checks the facts of a struct.
struct Source(String);

impl Source {
    fn holds(&mut self, what: &str) {
        writeln!(self.0, "_Static_assert({what}, {what:?});").unwrap();
    }
}

/// Compares size, alignment, and each member's offset, size and type. The pattern has no `..`: a member cannot be left out.
macro_rules! layout {
    ($source:expr, $name:ident { $($member:ident $(as $c:literal)?),* $(,)? }) => {
        layout!($source, $name as stringify!($name), { $($member $(as $c)?),* });
        #[allow(dead_code, unused_variables)]
        fn complete(value: $name) {
            let $name { $($member),* } = value;
        }
    };
    ($source:expr, $name:ty as $in_c:expr, { $($member:ident $(as $c:literal)?),* }) => {
        let value = MaybeUninit::<$name>::uninit();
        let start = value.as_ptr();
        $source.holds(&format!("sizeof({}) == {}", $in_c, size_of::<$name>()));
        $source.holds(&format!("_Alignof({}) == {}", $in_c, align_of::<$name>()));
        $(
            #[allow(unused_mut, unused_assignments)]
            let mut name = stringify!($member).trim_start_matches("r#");
            $(name = $c;)?
            // SAFETY: only addresses are taken.
            let member = unsafe { std::ptr::addr_of!((*start).$member) };
            $source.holds(&format!("offsetof({}, {name}) == {}", $in_c, member as usize - start as usize));
            compare(&mut $source, $in_c, name, member);
        )*
    };
}

/// Compares a member whose type has a name.
fn compare<T: Member>(source: &mut Source, of: &str, name: &str, member: *const T) {
    source.holds(&format!("sizeof((({of} *)0)->{name}) == {}", size_of::<T>()));
    if let Some(c) = T::named(member) {
        source.holds(&format!("__builtin_types_compatible_p(__typeof__((({of} *)0)->{name}), {c})"));
    }
}

trait Member: Sized {
    fn named(this: *const Self) -> Option<String>;
}

impl<T: InC> Member for T {
    fn named(this: *const Self) -> Option<String> {
        Some(type_of(this))
    }
}

// These two types have no names in C.
impl Member for lily_session_value_as {
    fn named(_: *const Self) -> Option<String> {
        None
    }
}
impl Member for lily_session_text {
    fn named(_: *const Self) -> Option<String> {
        None
    }
}

fn layouts(source: &mut Source) {
    macro_rules! all {
        ($($name:ident { $($member:ident),* $(,)? })*) => {$({ layout!(*source, $name { $($member),* }); })*};
    }
    all! {
        lily_session_storage_options { size, durability, flags, application, quota_bytes, clock, context }
        lily_session_entry { key, json, length, expires_at_ms, version }
        lily_session_backend { size, context, release, read, write, clear, generation, each, sync, fd, close, renew, replace, scopes, load, each_unscoped, usage, prefix_fd,
            identity, notice }
        lily_session_info {
            size, path, entries, live_bytes, quota_bytes, file_bytes, damaged_lines, last_compaction_ms, durability, owes_sync,
            directory_is_open,
        }
        lily_session_value { r#type, r#as }
        lily_session_field {
            size, key, types, get, set, context, release, expires_after_ms, version, migrate, former_keys, member_type, member_offset,
            member_size, member_shape, member_value_size, member_beside_offset, member_beside_size, member_names, member_fields,
            member_field_count, member_resize,
        }
        lily_session_map { size, prefix, types, each, set, context, release, expires_after_ms, version, migrate }
        lily_session_event { size, kind, status, system_error, key }
        lily_session_config { size, storage, get, set, revision, on_event, context, release }
    }
    #[cfg(feature = "redis")]
    all! {
        lily_session_redis_options {
            size, url, timeout_ms, idle_ms, durability, replicas, flags, clock, context, ca_file, certificate_file, key_file,
        }
    }
    let union = "__typeof__(((lily_session_value *)0)->as)";
    layout!(*source, lily_session_value_as as union, { boolean, integer, real, text });
    let text = "__typeof__(((lily_session_value *)0)->as.text)";
    layout!(*source, lily_session_text as text, { bytes, length });
}

macro_rules! constants {
    ($source:expr, $names:expr; $($name:ident)*) => {$(
        $source.holds(&format!("{} == {}", stringify!($name), $name));
        $names.insert(stringify!($name).to_string());
    )*};
}

fn constants(source: &mut Source) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    constants! { source, names;
        LILY_SESSION_OK LILY_SESSION_ERROR_INVALID_ARGUMENT LILY_SESSION_ERROR_DUPLICATE_KEY LILY_SESSION_ERROR_NOT_FOUND
        LILY_SESSION_ERROR_REENTRANT LILY_SESSION_ERROR_UNSUPPORTED LILY_SESSION_ERROR_FORKED LILY_SESSION_ERROR_DECODE
        LILY_SESSION_ERROR_ENCODE LILY_SESSION_ERROR_CALLBACK LILY_SESSION_ERROR_UPDATE LILY_SESSION_ERROR_NEWER LILY_SESSION_ERROR_IO
        LILY_SESSION_ERROR_NO_SPACE LILY_SESSION_ERROR_NOT_DURABLE LILY_SESSION_ERROR_PERMISSION LILY_SESSION_ERROR_REFUSED
        LILY_SESSION_ERROR_CORRUPT LILY_SESSION_ERROR_QUOTA LILY_SESSION_ERROR_BUSY
        LILY_SESSION_DURABILITY_PROCESS LILY_SESSION_DURABILITY_POWER LILY_SESSION_READ_ONLY LILY_SESSION_STRICT
        LILY_SESSION_EXCLUSIVE LILY_SESSION_SCOPE_FILES LILY_SESSION_NO_SYNC
        LILY_SESSION_NULL LILY_SESSION_BOOL LILY_SESSION_INT LILY_SESSION_REAL LILY_SESSION_STRING LILY_SESSION_JSON
        LILY_SESSION_MEMBER_NONE LILY_SESSION_MEMBER_BOOL LILY_SESSION_MEMBER_INT32 LILY_SESSION_MEMBER_INT64 LILY_SESSION_MEMBER_DOUBLE
        LILY_SESSION_MEMBER_CHARS LILY_SESSION_MEMBER_STRING LILY_SESSION_MEMBER_INT8 LILY_SESSION_MEMBER_INT16 LILY_SESSION_MEMBER_UINT8
        LILY_SESSION_MEMBER_UINT16 LILY_SESSION_MEMBER_UINT32 LILY_SESSION_MEMBER_FLOAT LILY_SESSION_MEMBER_ENUM LILY_SESSION_MEMBER_STRUCT
        LILY_SESSION_SHAPE_ONE LILY_SESSION_SHAPE_OPTIONAL LILY_SESSION_SHAPE_POINTER LILY_SESSION_SHAPE_ARRAY LILY_SESSION_SHAPE_LIST
        LILY_SESSION_SHAPE_GROWING
        LILY_SESSION_EVENT_REJECTED LILY_SESSION_EVENT_NEWER LILY_SESSION_EVENT_FIELD_FAILED LILY_SESSION_EVENT_WRITE_FAILED
        LILY_SESSION_EVENT_DAMAGED LILY_SESSION_EVENT_DIRECTORY LILY_SESSION_EVENT_CHANGED LILY_SESSION_EVENT_REMOVED
        LILY_SESSION_EVENT_EXPIRED LILY_SESSION_EVENT_CLEARED LILY_SESSION_EVENT_NOT_DURABLE
        LILY_SESSION_EVENT_NOT_REWRITTEN LILY_SESSION_EVENT_NOTICE
        LILY_SESSION_STATE_ABSENT LILY_SESSION_STATE_LOADED LILY_SESSION_STATE_REJECTED LILY_SESSION_STATE_EXPIRED
        LILY_SESSION_STATE_MIGRATED LILY_SESSION_STATE_NEWER LILY_SESSION_STATE_DIRTY
    }
    #[cfg(feature = "redis")]
    constants! { source, names; LILY_SESSION_REDIS_LAZY }
    names
}

macro_rules! functions_declared {
    ($source:expr, $names:expr; $($name:ident($($argument:tt)*))*) => {$(
        // The function is converted to a pointer, whose type has a name in C.
        let pointer: unsafe extern "C" fn($($argument)*) -> _ = $name;
        writeln!($source.0, "extern {} {};", declaration(pointer), stringify!($name)).unwrap();
        $names.insert(stringify!($name).to_string());
    )*};
}

fn functions(source: &mut Source) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    functions_declared! { source, names;
        lily_session_version() lily_session_status_name(_) lily_session_last_error() lily_session_last_system_error() lily_session_free(_)
        lily_session_value_set_null(_) lily_session_value_set_bool(_, _) lily_session_value_set_int(_, _)
        lily_session_value_set_real(_, _) lily_session_value_set_string(_, _, _) lily_session_value_set_json(_, _, _)
        lily_session_value_get_bool(_) lily_session_value_get_int(_) lily_session_value_get_real(_)
        lily_session_value_get_string(_, _) lily_session_value_get_json(_, _)
        lily_session_storage_open(_, _, _) lily_session_storage_open_memory(_, _) lily_session_storage_scoped(_, _, _)
        lily_session_storage_scopes(_, _, _) lily_session_storage_sweep(_, _, _)
        lily_session_storage_open_backend(_, _, _) lily_session_backend_fail(_, _, _)
        lily_session_backend_tell_generation(_) lily_session_storage_close(_) lily_session_storage_path(_)
        lily_session_storage_get(_, _, _, _) lily_session_storage_set(_, _, _, _, _) lily_session_storage_remove(_, _)
        lily_session_storage_write(_, _, _) lily_session_storage_modify(_, _, _, _)
        lily_session_storage_each(_, _, _, _) lily_session_storage_sync(_) lily_session_storage_fd(_) lily_session_storage_info(_, _)
        lily_session_persistence_new() lily_session_persistence_free(_) lily_session_field_add(_, _)
        lily_session_fields_add(_, _, _) lily_session_map_add(_, _)
        lily_session_runtime_new(_, _, _, _) lily_session_runtime_dispatch(_, _) lily_session_runtime_model(_)
        lily_session_runtime_set_model(_, _) lily_session_runtime_persist(_) lily_session_runtime_refresh(_)
        lily_session_runtime_next_expiry(_) lily_session_runtime_free(_) lily_session_open(_, _, _, _, _) lily_session_close(_)
        lily_session_attach(_, _, _, _) lily_session_persist(_) lily_session_flush(_) lily_session_refresh(_) lily_session_mark(_, _)
        lily_session_touch(_, _) lily_session_modify(_, _, _, _) lily_session_reset(_, _) lily_session_next_expiry(_) lily_session_field_state(_, _, _) lily_session_detach(_) lily_session_abandon(_)
        lily_session_clear(_)
    }
    #[cfg(feature = "redis")]
    functions_declared! { source, names; lily_session_redis_open(_, _) }
    names
}

const HEADERS: &[&str] =
    if cfg!(feature = "redis") { &["lily_session.h", "lily_session_redis.h"] } else { &["lily_session.h"] };

/// Returns the folder of the headers.
fn include() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../include")
}

/// Returns the lines that include the headers.
fn first() -> String {
    HEADERS.iter().map(|name| format!("#include <{name}>\n")).collect()
}

/// Returns the words of the header without its comments.
fn words(text: &str) -> Vec<String> {
    let mut code = String::new();
    let mut rest = text;
    while let Some((before, comment)) = rest.split_once("/*") {
        code += before;
        rest = comment.split_once("*/").expect("a comment has an end").1;
    }
    code += rest;
    let spaced: String = code
        .chars()
        .map(|c| if c.is_alphanumeric() || c == '_' { c.to_string() } else { format!(" {c} ") })
        .collect();
    spaced.split_whitespace().map(str::to_string).collect()
}

fn compiles(folder: &Path, source: &str) -> Result<(), String> {
    std::fs::create_dir_all(folder).unwrap();
    let file = folder.join("declarations.c");
    std::fs::write(&file, source).unwrap();
    let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
    let output = Command::new(compiler)
        .args(["-std=c11", "-fsyntax-only", "-Wall", "-Werror", "-I"])
        .arg(include())
        .arg(&file)
        .output()
        .expect("a C compiler runs");
    if output.status.success() {
        Ok(())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into())
    }
}

#[test]
fn declarations_are_the_headers() {
    let mut source = Source(first());
    layouts(&mut source);
    let constants = constants(&mut source);
    let functions = functions(&mut source);
    compiles(&Path::new(env!("CARGO_TARGET_TMPDIR")).join("header"), &source.0)
        .unwrap_or_else(|error| panic!("{error}"));

    // The headers do not have more of them.
    let texts: String = HEADERS
        .iter()
        .map(|name| std::fs::read_to_string(include().join(name)).unwrap())
        .collect();
    let words = words(&texts);
    let mut declared = (BTreeSet::new(), BTreeSet::new());
    for three in words.windows(3) {
        if three[0].starts_with("LILY_SESSION_") && three[1] == "=" {
            declared.0.insert(three[0].clone());
        }
        // A name before ( is that of a function, unless it is the result of a pointer to a function. One that ends with an underscore is
        // the header's own.
        let is_function = three[0].starts_with("lily_session_") && !three[0].ends_with('_');
        if is_function && three[1] == "(" && three[2] != "*" {
            declared.1.insert(three[0].clone());
        }
    }
    assert_eq!(constants, declared.0);
    assert_eq!(functions, declared.1);
    assert!(constants.len() > 50 && functions.len() > 30);
}

/// Checks that the compiler would notice a wrong offset, type, constant or argument.
#[test]
fn differences_are_noticed() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("differences");
    for (number, wrong) in [
        "_Static_assert(offsetof(lily_session_field, set) == 0, \"\");".to_string(),
        "_Static_assert(LILY_SESSION_ERROR_BUSY == -28, \"\");".to_string(),
        format!("extern {} lily_session_persist;", <unsafe extern "C" fn(*const lily_session) -> i32>::in_c()),
        format!("extern {} lily_session_persist;", <unsafe extern "C" fn(*mut lily_session) -> i64>::in_c()),
        format!(
            "extern {} lily_session_storage_path;",
            <unsafe extern "C" fn(*const lily_session_storage) -> *mut c_char>::in_c()
        ),
        format!(
            "_Static_assert(__builtin_types_compatible_p(__typeof__(((lily_session_config *)0)->revision), {}), \"\");",
            <Option<unsafe extern "C" fn(*mut c_void, *mut c_void) -> u64>>::in_c()
        ),
    ]
    .iter()
    .enumerate()
    {
        let folder = folder.join(number.to_string());
        assert!(compiles(&folder, &format!("{}{wrong}\n", first())).is_err(), "{wrong}");
    }
}

/// Checks that the library that runs is the one whose header was compared.
#[test]
fn version_is_the_libraries() {
    // SAFETY: a static string.
    let version = unsafe { std::ffi::CStr::from_ptr(lily_session_version()) };
    assert_eq!(version.to_str().unwrap(), env!("CARGO_PKG_VERSION"));
}
