"""Tests where build_native.py looks for the library, and its messages if it finds none."""
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

BINDING = Path(__file__).resolve().parents[1]
TREE = BINDING.parents[1]


@pytest.fixture
def alone(tmp_path: Path) -> Path:
    """Copies the script to a place outside of a source tree, as in a source distribution."""
    place = tmp_path / "one/two/three"
    place.mkdir(parents=True)
    (place / "build_native.py").write_text((BINDING / "build_native.py").read_text())
    return place


def build(place: Path, **environment: object) -> "subprocess.CompletedProcess[str]":
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("LILY_SESSION_", "PKG_CONFIG"))}
    return subprocess.run(
        [sys.executable, "-B", "-c", "import build_native; print(build_native.path, build_native.flags)"], cwd=place,
        env={**inherited, **{name: str(value) for name, value in environment.items()}}, capture_output=True, text=True,
    )  # fmt: skip


def test_the_source_trees_own() -> None:
    done = build(BINDING)
    assert done.stdout.startswith(str(TREE / "include/lily_session.h"))
    assert f"'runtime_library_dirs': ['{(TREE / 'build/lib').resolve()}']" in done.stdout


def test_pkg_config(alone: Path) -> None:
    (alone / "lily_session.pc").write_text(
        f"includedir={TREE}/include\nName: lily_session\nDescription: -\nVersion: 0\nLibs: -L/its/lib -llily_session\nCflags: -I${{includedir}}\n"
    )
    done = build(alone, PKG_CONFIG_PATH=alone)
    assert done.stdout.startswith(f"{TREE}/include/lily_session.h"), done.stderr
    assert f"-I{TREE}/include" in done.stdout and "'library_dirs': ['/its/lib'], 'runtime_library_dirs': ['/its/lib']" in done.stdout
    # What the system searches anyway is not remembered, nor is a folder of the machine that builds for another one.
    done = build(alone, PKG_CONFIG_PATH=alone, PKG_CONFIG_SYSTEM_LIBRARY_PATH="/its/lib")
    assert "'library_dirs': [], 'runtime_library_dirs': []" in done.stdout, done.stderr
    tree = alone / "target" / TREE.relative_to("/")
    tree.parent.mkdir(parents=True)
    tree.symlink_to(TREE)
    done = build(alone, PKG_CONFIG_PATH=alone, PKG_CONFIG_SYSROOT_DIR=alone / "target")
    assert "/its/lib']}" in done.stdout and "runtime_library_dirs" not in done.stdout, done.stderr


def test_an_installed_module_finds_a_library_that_the_system_does_not(tmp_path: Path) -> None:
    """Does what a user does who cannot write to /usr, with a source distribution and a library in a prefix of their own."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("LILY_SESSION_", "PKG_CONFIG", "LD_", "MAKE", "PYTHON"))}
    prefix, source, target = (tmp_path / name for name in ("prefix", "source", "target"))
    make = ["make", "-C", str(TREE), "--no-print-directory", "install", f"PREFIX={prefix}", "DESTDIR=", f"LIBDIR={prefix}/lib",
            f"INCLUDEDIR={prefix}/include"]  # fmt: skip
    shutil.copytree(BINDING, source, ignore=shutil.ignore_patterns("build", "tests", "*.egg-info"))
    pip = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-deps", "--target", str(target), str(source)]
    for command in (make, pip):
        done = subprocess.run(command, env={**inherited, "PKG_CONFIG_PATH": f"{prefix}/lib/pkgconfig"}, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    program = f"""
import sys
sys.path.insert(0, {str(target)!r})
import lily_session
lily_session.Storage.memory()["key"] = 1
print(lily_session.__file__)
print(*{{line.split()[-1] for line in open("/proc/self/maps") if "/liblily_session" in line}})
"""
    done = subprocess.run([sys.executable, "-c", program], env=inherited, capture_output=True, text=True)
    module, library = done.stdout.splitlines() or [done.stderr, ""]
    assert Path(module).is_relative_to(target) and Path(library).is_relative_to(prefix), done.stdout + done.stderr


def test_by_name(alone: Path) -> None:
    done = build(alone, LILY_SESSION_INCLUDE_DIR=TREE / "include", LILY_SESSION_LIBDIR="/its/lib")
    assert done.stdout.startswith(f"{TREE}/include/lily_session.h"), done.stderr
    assert "'runtime_library_dirs': ['/its/lib']" in done.stdout


def test_what_is_missing_is_said(alone: Path) -> None:
    for environment, says in (
        ({"PKG_CONFIG_LIBDIR": alone}, "the library was not found, and there is no building it"),
        ({"PKG_CONFIG": alone / "none"}, "the library was not found, and there is no building it"),
        ({"LILY_SESSION_LIBDIR": "/its/lib"}, "set both"),
        ({"LILY_SESSION_INCLUDE_DIR": alone, "LILY_SESSION_LIBDIR": "/its/lib"}, f"there is no {alone}/lily_session.h"),
    ):
        done = build(alone, **environment)
        assert done.returncode == 1 and done.stderr.startswith("lily-session: ") and says in done.stderr
