//! The static library of lily-session for Linux, which the build script of lily-session-sys links if no other one is found.

mod sha256;

use std::fs;
use std::path::{Path, PathBuf};

/// The name by which the linker finds the library in its folder.
pub const NAME: &str = "lily_session_bundled";

const SUMS: &str = "SHA256SUMS";

/// A machine and a C library of Linux, as Rust names them.
pub struct Target<'a> {
    /// `CARGO_CFG_TARGET_ARCH`
    pub arch: &'a str,
    /// `CARGO_CFG_TARGET_ENV`
    pub env: &'a str,
}

/// Returns the folder with the library for a target, after it has compared the library with its sum. The error is a sentence without its full stop.
pub fn folder(target: &Target) -> Result<PathBuf, String> {
    folder_in(&Path::new(env!("CARGO_MANIFEST_DIR")).join("lib"), target)
}

fn folder_in(libraries: &Path, target: &Target) -> Result<PathBuf, String> {
    let sums = fs::read_to_string(libraries.join(SUMS)).map_err(|error| {
        format!(
            "cannot read {}: {error} (only the published crate has the libraries, and a checkout does not)",
            libraries.join(SUMS).display()
        )
    })?;
    let name = format!("{}-{}/lib{NAME}.a", target.arch, target.env);
    let expected = sums
        .lines()
        .find_map(|line| line.split_once("  ").filter(|(_, file)| *file == name))
        .map(|(sum, _)| sum)
        .ok_or_else(|| format!("there is no library for {} with {} in it", target.arch, target.env))?;
    let path = libraries.join(&name);
    let library = fs::read(&path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    if sha256::hexadecimal(&library) != expected {
        return Err(format!("{} is damaged: its SHA-256 is not the one in {SUMS}", path.display()));
    }
    Ok(libraries.join(format!("{}-{}", target.arch, target.env)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGET: Target = Target { arch: "x86_64", env: "gnu" };

    /// Makes a folder with one library, whose sum is that of `summed`.
    fn libraries(name: &str, summed: &[u8]) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("lily-session-prebuilt-{name}-{}", std::process::id()));
        fs::create_dir_all(folder.join("x86_64-gnu")).unwrap();
        fs::write(folder.join("x86_64-gnu/liblily_session_bundled.a"), "a library").unwrap();
        let sum = sha256::hexadecimal(summed);
        fs::write(folder.join(SUMS), format!("{sum}  x86_64-gnu/liblily_session_bundled.a\n")).unwrap();
        folder
    }

    #[test]
    fn a_library_is_found_by_its_target() {
        let folder = libraries("found", b"a library");
        assert_eq!(folder_in(&folder, &TARGET), Ok(folder.join("x86_64-gnu")));
        let why = folder_in(&folder, &Target { arch: "x86_64", env: "musl" }).unwrap_err();
        assert!(why.contains("no library for x86_64 with musl"), "{why}");
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_damaged_library_is_refused() {
        let folder = libraries("damaged", b"another library");
        let why = folder_in(&folder, &TARGET).unwrap_err();
        assert!(why.contains("is damaged"), "{why}");
        fs::remove_file(folder.join("x86_64-gnu/liblily_session_bundled.a")).unwrap();
        assert!(folder_in(&folder, &TARGET).unwrap_err().contains("cannot read"));
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_checkout_says_that_it_has_no_libraries() {
        let why = folder_in(Path::new("/nonexistent"), &TARGET).unwrap_err();
        assert!(why.contains("only the published crate has the libraries"), "{why}");
    }
}
