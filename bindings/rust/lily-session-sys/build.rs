//! Finds liblily_session: in `LILY_SESSION_LIB_DIR`, else by the program `pkg-config`. Running that program rather than
//! using the crate of that name keeps this crate free of dependencies.

use std::env;
use std::process::{exit, Command};

/// Before 1.0 a new minor version may break.
const VERSIONS: [&str; 2] = ["lily_session >= 0.1", "lily_session < 0.2"];

fn main() {
    for variable in
        ["LILY_SESSION_LIB_DIR", "PKG_CONFIG", "PKG_CONFIG_PATH", "PKG_CONFIG_LIBDIR", "PKG_CONFIG_SYSROOT_DIR"]
    {
        println!("cargo:rerun-if-env-changed={variable}");
    }
    // docs.rs has no library, and links nothing.
    if env::var_os("DOCS_RS").is_some() {
        return;
    }
    if let Some(folder) = env::var_os("LILY_SESSION_LIB_DIR") {
        search(folder.to_str().unwrap_or_else(|| fail("LILY_SESSION_LIB_DIR is not UTF-8")));
        link("lily_session");
        return;
    }
    let flags = pkg_config().unwrap_or_else(|reason| {
        fail(&format!(
            "liblily_session 0.1 was not found: {reason}. Install it (`make install`), or have LILY_SESSION_LIB_DIR name \
             the folder it is in."
        ))
    });
    for flag in flags.split_whitespace() {
        if let Some(folder) = flag.strip_prefix("-L") {
            search(folder);
        } else if let Some(library) = flag.strip_prefix("-l") {
            link(library);
        }
    }
}

/// What pkg-config says is to be linked, folders and libraries.
fn pkg_config() -> Result<String, String> {
    let is_cross = env::var("HOST") != env::var("TARGET");
    if is_cross && env::var_os("PKG_CONFIG").is_none() && env::var_os("PKG_CONFIG_SYSROOT_DIR").is_none() {
        return Err("this is a cross build, and neither PKG_CONFIG nor PKG_CONFIG_SYSROOT_DIR is set".into());
    }
    let program = env::var_os("PKG_CONFIG").unwrap_or_else(|| "pkg-config".into());
    let output = Command::new(&program)
        // Without this it leaves out the system's own folders, which the linker may not search.
        .env("PKG_CONFIG_ALLOW_SYSTEM_LIBS", "1")
        .args(["--print-errors", "--libs"])
        .args(VERSIONS)
        .output()
        .map_err(|error| format!("{} does not run: {error}", program.to_string_lossy()))?;
    if output.status.success() {
        return String::from_utf8(output.stdout).map_err(|_| "its folder is not UTF-8".into());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(said
        .lines()
        .next()
        .unwrap_or("pkg-config says no more")
        .trim_end_matches('.')
        .to_string())
}

fn search(folder: &str) {
    println!("cargo:rustc-link-search=native={folder}");
    println!("cargo:libdir={folder}");
}

fn link(library: &str) {
    println!("cargo:rustc-link-lib=dylib={library}");
}

fn fail(why: &str) -> ! {
    eprintln!("{why}");
    exit(1)
}
