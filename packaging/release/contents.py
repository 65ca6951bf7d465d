"""What each file of a release is, by its name, and whether it contains that: its version, its machine and its C library."""
import hashlib
import re

from archives import ERRORS, Damaged, Tree, ar_members, deb_fields, elf_libc, elf_machine, rpm_fields

# The names of the machines in the platforms of Python.
ELSEWHERE = {"x86_64": "amd64", "aarch64": "arm64", "riscv64": "riscv64"}


def equal(what, found, expected):
    if found != expected:
        raise Damaged(f"has {what} {found}, not {expected}")


def one(pattern, text, what):
    """Returns what the pattern finds in the text."""
    found = re.search(pattern, text, re.MULTILINE)
    if found is None:
        raise Damaged(f"does not say {what}")
    return found[1]


def check_machines(files, machine, libc):
    """Checks each program and each library in the files. `machine` is None if there must not be one."""
    for name, data in sorted(files.items()):
        parts = [data] if data[:4] == b"\x7fELF" else [part for _, part in ar_members(data)] if data[:8] == b"!<arch>\n" else []
        for part in parts:
            if (found := elf_machine(part)) is not None and found != machine:
                raise Damaged(f"has {name} for {found}, not {machine or 'any machine'}")
            if libc and (found := elf_libc(part)) not in (None, libc):
                raise Damaged(f"has {name} for {found}, not {libc}")


def check_source(path, version):
    tree = Tree(path)
    folder = f"lily-session-{version}"
    tree.require_folder(folder)
    equal("the version", one(r"^VERSION *:= *(.*)$", tree.text(f"{folder}/Makefile"), "its version"), version)


def check_target(path, version, machine, libc):
    tree = Tree(path)
    folder = f"lily-session-{version}-{machine}-{libc}"
    tree.require_folder(folder)
    equal("the version", one(r'^#define LILY_SESSION_VERSION "([^"]*)"', tree.text(f"{folder}/include/lily_session.h"), "its version"), version)
    equal("the version of pkg-config", one("^Version: (.*)$", tree.text(f"{folder}/lib/pkgconfig/lily_session.pc"), "its version"), version)
    library = tree.files.get(f"{folder}/lib/liblily_session.so.{version}")
    if library is None:
        raise Damaged(f"has no lib/liblily_session.so.{version}")
    equal("a library for", f"{elf_machine(library)}-{elf_libc(library)}", f"{machine}-{libc}")
    check_machines(tree.files, machine, libc)


def check_deb(path, version, package, machine):
    fields = deb_fields(path.read_bytes())
    equal("the name", fields["Package"], package)
    equal("the version", fields["Version"].rsplit("-", 1)[0], version)
    equal("the machine", fields["Architecture"], machine)


def check_rpm(path, version, release, package, machine):
    name, found, its_release, its_machine = rpm_fields(path.read_bytes())
    equal("the name, version and machine", f"{name}-{found}-{its_release}.{its_machine}", f"{package}-{version}-{release}.{machine}")


def check_wheel(path, version, tag, platform):
    tree = Tree(path)
    information = f"lily_session-{version}.dist-info"
    equal("the version", one("^Version: (.*)$", tree.text(f"{information}/METADATA"), "its version"), version)
    # A wheel for several platforms has their names in its own, separated by dots, and a line for each.
    interpreter = tag[:-len(platform)]
    tags = re.findall("^Tag: (.*)$", tree.text(f"{information}/WHEEL"), re.MULTILINE)
    equal("the tags", " ".join(sorted(tags)), " ".join(sorted(interpreter + each for each in platform.split("."))))
    machine = next((ours for theirs, ours in ELSEWHERE.items() if platform.endswith(f"_{theirs}")), None)
    check_machines(tree.files, machine, "musl" if "musllinux" in platform else "glibc")


def check_sdist(path, version):
    tree = Tree(path)
    folder = f"lily_session-{version}"
    tree.require_folder(folder)
    equal("the version", one("^Version: (.*)$", tree.text(f"{folder}/PKG-INFO"), "its version"), version)


def check_crate(path, version, name):
    tree = Tree(path)
    folder = f"{name}-{version}"
    tree.require_folder(folder)
    manifest = tree.text(f"{folder}/Cargo.toml")
    equal("the name", one('^name = "(.*)"$', manifest, "its name"), name)
    equal("the version", one('^version = "(.*)"$', manifest, "its version"), version)
    if name == "lily-session-prebuilt":
        check_prebuilt(tree.files, f"{folder}/lib/")


def check_prebuilt(files, top):
    """Checks the libraries of the crate that has some: each is for its folder's machine, and has the sum that the build of a program asks for."""
    libraries = {name[len(top):]: data for name, data in files.items() if name.startswith(top) and name.endswith(".a")}
    if not libraries:
        raise Damaged("has no library")
    for name, data in libraries.items():
        check_machines({name: data}, ELSEWHERE.get(name.split("-")[0]), None)
    sums = "".join(f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in sorted(libraries.items()))
    if files.get(f"{top}SHA256SUMS") != sums.encode():
        raise Damaged("has other libraries than its SHA256SUMS says")


def check_docs(path, version):
    tree = Tree(path)
    folder = f"lily-session-{version}-docs"
    tree.require_folder(folder)
    equal("the version", one(r"<title>lily-session ([^<]*)</title>", tree.text(f"{folder}/index.html"), "its version"), version)


VERSION = r"(?P<version>\d+\.\d+\.\d+)"
KINDS = [(re.compile(pattern), check) for pattern, check in [
    (rf"lily-session-{VERSION}\.tar\.gz", check_source),
    (rf"lily-session-{VERSION}-(?P<machine>amd64|arm64|riscv64)-(?P<libc>glibc|musl)\.tar\.gz", check_target),
    (rf"lily-session-{VERSION}-docs\.tar\.gz", check_docs),
    (rf"(?P<package>[a-z0-9-]+)_{VERSION}-[0-9]+_(?P<machine>amd64|arm64|riscv64|all)\.deb", check_deb),
    (rf"(?P<package>[a-z0-9-]+?)-{VERSION}-(?P<release>[0-9a-z.]+)\.(?P<machine>x86_64|aarch64|riscv64|noarch|src)\.rpm", check_rpm),
    (rf"lily_session-{VERSION}-(?P<tag>[a-z0-9]+-[a-z0-9]+-(?P<platform>[a-z0-9_.]+))\.whl", check_wheel),
    (rf"lily_session-{VERSION}\.tar\.gz", check_sdist),
    (rf"(?P<name>lily-session(-[a-z]+)?)-{VERSION}\.crate", check_crate),
]]


def problem(path, version):
    """Returns what is wrong with a file of the release of this version, or None."""
    for pattern, check in KINDS:
        if (found := pattern.fullmatch(path.name)) is None:
            continue
        parts = found.groupdict()
        if parts.pop("version") != version:
            return f"is not of version {version}"
        try:
            check(path, version, **parts)
        except ERRORS as error:
            return str(error) if isinstance(error, Damaged) else f"cannot be read: {error}"
        return None
    return "is nothing that a release has"
