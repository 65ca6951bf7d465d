//! Finds liblily_session, and with the feature `redis` liblily_session_redis, in `LILY_SESSION_LIB_DIR`, or otherwise with the program `pkg-config`. If there
//! is none, the feature `prebuilt` has a static one. This script runs the program instead of using the crate of the same name, so that this crate has no
//! dependencies but that feature's. It says in `cargo build -vv` which library it takes.

use std::env;
use std::process::{exit, Command};

/// The versions that fit. Before 1.0 a new minor version may be incompatible.
const VERSIONS: [&str; 2] = ["lily_session >= 0.1", "lily_session < 0.2"];
const REDIS_VERSIONS: [&str; 2] = ["lily_session_redis >= 0.1", "lily_session_redis < 0.2"];

fn main() {
    for variable in [
        "LILY_SESSION_LIB_DIR",
        "LILY_SESSION_STATIC",
        "PKG_CONFIG",
        "PKG_CONFIG_PATH",
        "PKG_CONFIG_LIBDIR",
        "PKG_CONFIG_SYSROOT_DIR",
    ] {
        println!("cargo:rerun-if-env-changed={variable}");
    }
    // docs.rs does not have the library, and links nothing.
    if env::var_os("DOCS_RS").is_some() {
        return;
    }
    let with_redis = env::var_os("CARGO_FEATURE_REDIS").is_some();
    let is_static = env::var_os("LILY_SESSION_STATIC").map_or(false, |value| !value.is_empty() && value != "0");
    if is_static && with_redis {
        fail("lily-session-sys: the feature `redis` needs the shared library, so LILY_SESSION_STATIC cannot be set with it");
    }
    if let Some(folder) = env::var_os("LILY_SESSION_LIB_DIR") {
        let folder = folder
            .to_str()
            .unwrap_or_else(|| fail("lily-session-sys: LILY_SESSION_LIB_DIR is not UTF-8"));
        search_in(folder);
        link_with("lily_session", is_static);
        if is_static {
            link_with("jansson", false);
        }
        if with_redis {
            link_with("lily_session_redis", false);
        }
        println!("lily-session-sys: links the library in {folder}, which LILY_SESSION_LIB_DIR names");
        return;
    }
    match pkg_config(&VERSIONS, is_static) {
        Ok(found) if !with_redis => link_as(&found, is_static),
        Ok(_) => match pkg_config(&REDIS_VERSIONS, false) {
            Ok(found) => link_as(&found, false),
            Err(reason) => fail(&format!(
                "liblily_session_redis 0.1, which the feature `redis` needs, was not found: {reason}. Install it \
                 (`make redis install-redis`), or set LILY_SESSION_LIB_DIR to the folder that has it."
            )),
        },
        Err(reason) => {
            let linked = if with_redis {
                Err("The feature `prebuilt` has no library for Redis".into())
            } else {
                link_prebuilt()
            };
            linked.unwrap_or_else(|instead: String| {
                fail(&format!(
                    "liblily_session 0.1 was not found: {reason}. Install it (`make install`), or set LILY_SESSION_LIB_DIR to \
                     the folder that has it. {instead}."
                ))
            })
        }
    }
}

/// What pkg-config says of a library.
struct Found {
    version: String,
    flags: String,
}

/// Returns what pkg-config prints for the linker, or the reason why it prints nothing.
fn pkg_config(versions: &[&str], is_static: bool) -> Result<Found, String> {
    let is_cross = env::var("HOST") != env::var("TARGET");
    if is_cross && env::var_os("PKG_CONFIG").is_none() && env::var_os("PKG_CONFIG_SYSROOT_DIR").is_none() {
        return Err("this is a cross build, and neither PKG_CONFIG nor PKG_CONFIG_SYSROOT_DIR is set".into());
    }
    let program = env::var_os("PKG_CONFIG").unwrap_or_else(|| "pkg-config".into());
    let ask = |arguments: &[&str]| {
        let output = Command::new(&program)
            // Without this, pkg-config leaves out the system's own folders, which the linker may not search.
            .env("PKG_CONFIG_ALLOW_SYSTEM_LIBS", "1")
            .args(arguments)
            .output()
            .map_err(|error| format!("cannot run {}: {error}", program.to_string_lossy()))?;
        if output.status.success() {
            return String::from_utf8(output.stdout).map_err(|_| "the path of its folder is not UTF-8".to_string());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let reason = said.lines().next().unwrap_or("pkg-config failed without a message");
        Err(reason.trim_end_matches('.').to_string())
    };
    let kind: &[&str] = if is_static { &["--static"] } else { &[] };
    let flags = ask(&[&["--print-errors", "--libs"], kind, versions].concat())?;
    let name = versions[0].split(' ').next().unwrap_or_default();
    Ok(Found { version: ask(&["--modversion", name])?.trim().to_string(), flags })
}

fn link_as(found: &Found, is_static: bool) {
    for flag in found.flags.split_whitespace() {
        if let Some(folder) = flag.strip_prefix("-L") {
            search_in(folder);
        } else if let Some(library) = flag.strip_prefix("-l") {
            link_with(library, is_static && library == "lily_session");
        }
    }
    let kind = if is_static { "static" } else { "shared" };
    println!("lily-session-sys: links the {kind} library {} that pkg-config found", found.version);
}

/// Links the library of the crate lily-session-prebuilt, or returns a sentence, without its full stop, that says why it does not.
#[cfg(feature = "prebuilt")]
fn link_prebuilt() -> Result<(), String> {
    let of = |name: &str| env::var(format!("CARGO_CFG_TARGET_{name}")).unwrap_or_default();
    if of("OS") != "linux" || of("POINTER_WIDTH") != "64" || of("ENDIAN") != "little" {
        return Err("The feature `prebuilt` has no library for this machine".into());
    }
    let target = lily_session_prebuilt::Target { arch: &of("ARCH"), env: &of("ENV") };
    let folder = lily_session_prebuilt::folder(&target)
        .map_err(|reason| format!("The feature `prebuilt` has no library for it: {reason}"))?;
    let folder = folder
        .to_str()
        .ok_or("The feature `prebuilt` is in a folder whose path is not UTF-8")?;
    println!("cargo:rerun-if-changed={folder}");
    search_in(folder);
    link_with(lily_session_prebuilt::NAME, true);
    println!("lily-session-sys: links the static library of lily-session-prebuilt, because no other one was found");
    Ok(())
}

#[cfg(not(feature = "prebuilt"))]
fn link_prebuilt() -> Result<(), String> {
    Err("Or use the feature `prebuilt`, which brings a static library for Linux".into())
}

fn search_in(folder: &str) {
    println!("cargo:rustc-link-search=native={folder}");
    println!("cargo:libdir={folder}");
}

fn link_with(library: &str, is_static: bool) {
    println!("cargo:rustc-link-lib={}={library}", if is_static { "static" } else { "dylib" });
}

fn fail(why: &str) -> ! {
    eprintln!("{why}");
    exit(1)
}
