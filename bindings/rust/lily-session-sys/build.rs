//! Finds liblily_session, and with the feature `redis` liblily_session_redis, in `LILY_SESSION_LIB_DIR`, or otherwise with the program `pkg-config`. This script runs the program instead of
//! using the crate of the same name, so that this crate has no dependencies.

use std::env;
use std::process::{exit, Command};

/// The versions that fit. Before 1.0 a new minor version may be incompatible.
const VERSIONS: [&str; 2] = ["lily_session >= 0.1", "lily_session < 0.2"];
const REDIS_VERSIONS: [&str; 2] = ["lily_session_redis >= 0.1", "lily_session_redis < 0.2"];

fn main() {
    for variable in
        ["LILY_SESSION_LIB_DIR", "PKG_CONFIG", "PKG_CONFIG_PATH", "PKG_CONFIG_LIBDIR", "PKG_CONFIG_SYSROOT_DIR"]
    {
        println!("cargo:rerun-if-env-changed={variable}");
    }
    // docs.rs does not have the library, and links nothing.
    if env::var_os("DOCS_RS").is_some() {
        return;
    }
    let with_redis = env::var_os("CARGO_FEATURE_REDIS").is_some();
    if let Some(folder) = env::var_os("LILY_SESSION_LIB_DIR") {
        search_in(
            folder
                .to_str()
                .unwrap_or_else(|| fail("lily-session-sys: LILY_SESSION_LIB_DIR is not UTF-8")),
        );
        link_with("lily_session");
        if with_redis {
            link_with("lily_session_redis");
        }
        return;
    }
    let mut flags = pkg_config(&VERSIONS).unwrap_or_else(|reason| {
        fail(&format!(
            "liblily_session 0.1 was not found: {reason}. Install it (`make install`), or set LILY_SESSION_LIB_DIR to the \
             folder that has it."
        ))
    });
    if with_redis {
        flags = pkg_config(&REDIS_VERSIONS).unwrap_or_else(|reason| {
            fail(&format!(
                "liblily_session_redis 0.1, which the feature `redis` needs, was not found: {reason}. Install it \
                 (`make redis install-redis`), or set LILY_SESSION_LIB_DIR to the folder that has it."
            ))
        });
    }
    for flag in flags.split_whitespace() {
        if let Some(folder) = flag.strip_prefix("-L") {
            search_in(folder);
        } else if let Some(library) = flag.strip_prefix("-l") {
            link_with(library);
        }
    }
}

/// Returns the flags that pkg-config prints for the linker, or the reason why it prints none.
fn pkg_config(versions: &[&str]) -> Result<String, String> {
    let is_cross = env::var("HOST") != env::var("TARGET");
    if is_cross && env::var_os("PKG_CONFIG").is_none() && env::var_os("PKG_CONFIG_SYSROOT_DIR").is_none() {
        return Err("this is a cross build, and neither PKG_CONFIG nor PKG_CONFIG_SYSROOT_DIR is set".into());
    }
    let program = env::var_os("PKG_CONFIG").unwrap_or_else(|| "pkg-config".into());
    let output = Command::new(&program)
        // Without this, pkg-config leaves out the system's own folders, which the linker may not search.
        .env("PKG_CONFIG_ALLOW_SYSTEM_LIBS", "1")
        .args(["--print-errors", "--libs"])
        .args(versions)
        .output()
        .map_err(|error| format!("cannot run {}: {error}", program.to_string_lossy()))?;
    if output.status.success() {
        return String::from_utf8(output.stdout).map_err(|_| "the path of its folder is not UTF-8".into());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(said
        .lines()
        .next()
        .unwrap_or("pkg-config failed without a message")
        .trim_end_matches('.')
        .to_string())
}

fn search_in(folder: &str) {
    println!("cargo:rustc-link-search=native={folder}");
    println!("cargo:libdir={folder}");
}

fn link_with(library: &str) {
    println!("cargo:rustc-link-lib=dylib={library}");
}

fn fail(why: &str) -> ! {
    eprintln!("{why}");
    exit(1)
}
