//! Finds out whether the compiler knows `#[diagnostic::on_unimplemented]`, which Rust has since 1.78.

use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-check-cfg=cfg(has_diagnostics)");
    if minor_version().map_or(false, |minor| minor >= 78) {
        println!("cargo:rustc-cfg=has_diagnostics");
    }
}

/// Returns the second number of the compiler's version, which begins like `rustc 1.78.0`.
fn minor_version() -> Option<u32> {
    let told = Command::new(std::env::var_os("RUSTC")?).arg("--version").output().ok()?;
    let told = String::from_utf8(told.stdout).ok()?;
    told.strip_prefix("rustc 1.")?.split('.').next()?.parse().ok()
}
