"""Makes the extension module lily_session._native with cffi, from lily_session.h itself.

It looks for the library in this order:
  1. in the folders that LILY_SESSION_INCLUDE_DIR and LILY_SESSION_LIBDIR name;
  2. in the source tree around this folder, if the library has been built there (`make`);
  3. where pkg-config finds it.
The module remembers the folder (RUNPATH), so that importing it needs no further settings. It remembers none that pkg-config leaves out of
`--libs` because the system searches it anyway; PKG_CONFIG_SYSTEM_LIBRARY_PATH adds to those, for packages that are built in a folder of their
own. LD_LIBRARY_PATH goes before the folder that is remembered.
"""
import os
import re
import shlex
import subprocess
from pathlib import Path

from cffi import FFI

LIBRARY = "lily_session"
TREE = Path(__file__).resolve().parents[2]

# Types for the callbacks from C. One call into Python fills a row, from which the library reads all fields of a session.
PYTHON = """
typedef struct { lily_session_status status; lily_session_value value; } lily_py_cell;
typedef struct { void *session; lily_py_cell cells[]; } lily_py_row;
typedef struct { size_t column; void *field; } lily_py_field;
"""

CALLBACKS = """
lily_session_status lily_py_get(void *context, const void *row, lily_session_value *out_value);
extern "Python" {
  lily_session_status lily_py_set(void *context, void *row, const lily_session_value *value);
  lily_session_status lily_py_each(void *context, const void *row, lily_session_map_visit_fn visit, void *visitor);
  lily_session_status lily_py_set_entry(void *context, void *row, const char *id, const lily_session_value *value);
  lily_session_status lily_py_migrate(void *context, uint32_t version, const lily_session_value *stored, lily_session_value *out_value);
  lily_session_status lily_py_modify(void *context, const lily_session_value *stored, lily_session_value *out_value);

  void *lily_py_update(void *context, void *model, const void *message);
  void *lily_py_take_slice(void *context, void *model);
  void *lily_py_put_slice(void *context, void *model, void *row);
  uint64_t lily_py_revision(void *context, const void *row);
  void lily_py_event(void *context, const lily_session_event *event);
  void lily_py_ended(void *context);

  int64_t lily_py_clock(void *context);
  lily_session_status lily_py_item(void *context, const char *key, const char *json, size_t length, int64_t expires_at_ms);
  lily_session_status lily_py_scope(void *context, const char *scope);

  lily_session_status lily_py_backend_read(void *context, const char *key, lily_session_entry *out_entry);
  lily_session_status lily_py_backend_write(void *context, const lily_session_entry *entries, size_t count, const char *prefix, uint64_t generation);
  lily_session_status lily_py_backend_clear(void *context, const char *prefix);
  lily_session_status lily_py_backend_generation(void *context, const char *prefix, uint64_t *out_generation);
  lily_session_status lily_py_backend_each(void *context, const char *prefix, lily_session_entry_fn visit, void *visitor);
  lily_session_status lily_py_backend_sync(void *context);
  lily_session_status lily_py_backend_renew(void *context, const lily_session_entry *entry);
  lily_session_status lily_py_backend_replace(void *context, const lily_session_entry *stored, const lily_session_entry *entry, const char *prefix, uint64_t generation);
  lily_session_status lily_py_backend_scopes(void *context, lily_session_scope_fn visit, void *visitor);
  int lily_py_backend_fd(void *context);
  void lily_py_backend_close(void *context);
  void lily_py_backend_release(void *context);
}
"""

# A get callback in Python costs about 1 µs. This one in C only copies the cell.
GET = """
static lily_session_status lily_py_get(void *context, const void *row, lily_session_value *out_value) {
  const lily_py_cell *cell = ((const lily_py_row *)row)->cells + ((const lily_py_field *)context)->column;
  *out_value = cell->value;
  return cell->status;
}
"""


def pkg_config(*options: str) -> "list[str]":
    program = os.environ.get("PKG_CONFIG", "pkg-config")
    try:
        output = subprocess.run([program, *options, LIBRARY], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        raise SystemExit(
            "lily-session: the library was not found, and there is no building it from the source package. Take a wheel, which has the "
            "library inside: lily_session-*-cp39-abi3-manylinux_*_{x86_64,aarch64}.whl or …-musllinux_1_2_{x86_64,aarch64}.whl, for CPython 3.9 "
            "and newer, or with cp314-cp314t in place of cp39-abi3 for the free-threaded one. Or install the library, so that "
            f"`{program} {LIBRARY}` finds it; or set LILY_SESSION_INCLUDE_DIR and LILY_SESSION_LIBDIR."
        ) from None
    return shlex.split(output)


def find_library() -> "tuple[Path, dict[str, list[str]]]":
    """Returns the path of the header, and the settings for the compiler."""
    include, lib = os.environ.get("LILY_SESSION_INCLUDE_DIR"), os.environ.get("LILY_SESSION_LIBDIR")
    if include and lib:
        places = Path(include), Path(lib)
    elif include or lib:
        raise SystemExit("lily-session: set both LILY_SESSION_INCLUDE_DIR and LILY_SESSION_LIBDIR, or neither.")
    else:
        places = TREE / "include", TREE / "build/lib"
    header = places[0] / "lily_session.h"
    if include or (header.exists() and (places[1] / "liblily_session.so").exists()):
        if not header.exists():
            raise SystemExit(f"lily-session: LILY_SESSION_INCLUDE_DIR is wrong: there is no {header}.")
        folder = [str(places[1].resolve())]
        return header, {"include_dirs": [str(places[0])], "library_dirs": folder, "runtime_library_dirs": folder}
    flags = {"extra_compile_args": pkg_config("--cflags"), "extra_link_args": pkg_config("--libs-only-other")}
    flags["library_dirs"] = folder = [option[len("-L"):] for option in pkg_config("--libs-only-L")]
    if not os.environ.get("PKG_CONFIG_SYSROOT_DIR"):  # In a cross build it is a folder of the machine that builds.
        flags["runtime_library_dirs"] = folder
    return Path(*pkg_config("--variable=includedir")) / "lily_session.h", flags


def declarations(header: str) -> str:
    """Returns the header without the lines for the preprocessor, which cffi does not read."""
    header = re.sub(r"^#ifdef __cplusplus$.*?^#endif$", "", header, flags=re.M | re.S)
    return re.sub(r"^#(?:.*\\\n)*.*$", "", header, flags=re.M)


path, flags = find_library()
ffi = FFI()
ffi.cdef(declarations(path.read_text(encoding="utf-8")) + PYTHON + CALLBACKS)
ffi.cdef("#define LILY_SESSION_VERSION_MAJOR ...\n#define LILY_SESSION_VERSION_MINOR ...")
ffi.set_source("lily_session._native", "#include <lily_session.h>\n" + PYTHON + GET, libraries=[LIBRARY], **flags)
