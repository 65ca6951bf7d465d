"""Makes small releases, sealed by the code that seals the real ones, with keys of their own."""
import gzip
import hashlib
import io
import pathlib
import shutil
import struct
import subprocess
import sys
import tarfile
import zipfile

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(ROOT / "packaging/release"))
import seal  # noqa: E402

VERSION, OLDER = "2.3.4", "2.3.3"
MACHINES = {"amd64": 62, "arm64": 183, "riscv64": 243}


def library(machine, libc):
    """Returns the beginning of a shared library, as far as it is looked at."""
    return b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HH", 3, MACHINES[machine]) + {"glibc": b"\0libc.so.6\0", "musl": b"\0libc.so\0"}[libc]


def ar(members):
    return b"!<arch>\n" + b"".join(
        f"{name:<16}{0:<12}{0:<6}{0:<6}{'644':<8}{len(data):<10}`\n".encode() + data + b"\n" * (len(data) % 2) for name, data in members)


def tarball(files):
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="w", mtime=0) as zipped, tarfile.open(fileobj=zipped, mode="w") as archive:
        for name, data in sorted(files.items()):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return packed.getvalue()


def zipped(files):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return packed.getvalue()


def in_folder(folder, files):
    return {f"{folder}/{name}": data if isinstance(data, bytes) else data.encode() for name, data in files.items()}


def source(version):
    return tarball(in_folder(f"lily-session-{version}", {"Makefile": f"VERSION := {version}\n", "LICENSE": "MIT"}))


def target(version, machine, libc, contained=None):
    """Returns the tarball of a target. `contained` is the machine and the C library that are really in it."""
    of = contained or (machine, libc)
    return tarball(in_folder(f"lily-session-{version}-{machine}-{libc}", {
        "include/lily_session.h": f'#define LILY_SESSION_VERSION "{version}"\n', "lib/pkgconfig/lily_session.pc": f"Version: {version}\n",
        f"lib/liblily_session.so.{version}": library(*of), "lib/liblily_session.a": ar([("all.o/", library(*of))])}))


def deb(version, machine):
    control = f"Package: liblily-session0\nVersion: {version}-1\nArchitecture: {machine}\n".encode()
    return ar([("debian-binary", b"2.0\n"), ("control.tar.gz", tarball({"./control": control})), ("data.tar.gz", tarball({}))])


def rpm(version, machine):
    """Returns the head of an RPM package: the lead, an empty signature, and the header with four of its tags."""
    values = [(1000, "lily-session-libs"), (1001, version), (1002, "1"), (1022, machine)]
    strings, entries = b"", b""
    for tag, value in values:
        entries += struct.pack(">IIII", tag, 6, len(strings), 1)
        strings += value.encode() + b"\0"
    magic = b"\x8e\xad\xe8\x01" + bytes(4)
    return (b"\xed\xab\xee\xdb\x03\x00" + bytes(90) + magic + struct.pack(">II", 0, 0)
            + magic + struct.pack(">II", len(values), len(strings)) + entries + strings)


def wheel(version, tag, machine, libc):
    return zipped(in_folder(f"lily_session-{version}.dist-info", {
        "METADATA": f"Name: lily-session\nVersion: {version}\n", "WHEEL": f"Tag: {tag}\n"}) | {"lily_session/_native.abi3.so": library(machine, libc)})


def crate(version, name, files=None):
    manifest = f'[package]\nname = "{name}"\nversion = "{version}"\n'
    return tarball(in_folder(f"{name}-{version}", {"Cargo.toml": manifest, **(files or {})}))


def prebuilt(version, machine="arm64", summed=None):
    """Returns the crate with the libraries. `machine` is what its library for arm64 is really for, and `summed` what its sum is of."""
    library_of = ar([("bundled.o/", library(machine, "glibc"))])
    name = "aarch64-gnu/liblily_session_bundled.a"
    return crate(version, "lily-session-prebuilt", {
        f"lib/{name}": library_of, "lib/SHA256SUMS": f"{hashlib.sha256(summed or library_of).hexdigest()}  {name}\n"})


def docs(version, written=None):
    return tarball(in_folder(f"lily-session-{version}-docs", {"index.html": f"<title>lily-session {written or version}</title>"}))


def files_of(version):
    """Returns {name: content} of a small release, with a file of each kind."""
    tag = "cp39-abi3-manylinux_2_28_x86_64"
    return {
        f"lily-session-{version}.tar.gz": source(version),
        f"lily-session-{version}-amd64-glibc.tar.gz": target(version, "amd64", "glibc"),
        f"lily-session-{version}-arm64-glibc.tar.gz": target(version, "arm64", "glibc"),
        f"lily-session-{version}-arm64-musl.tar.gz": target(version, "arm64", "musl"),
        f"liblily-session0_{version}-1_amd64.deb": deb(version, "amd64"),
        f"lily-session-libs-{version}-1.x86_64.rpm": rpm(version, "x86_64"),
        f"lily_session-{version}-{tag}.whl": wheel(version, tag, "amd64", "glibc"),
        f"lily_session-{version}.tar.gz": tarball(in_folder(f"lily_session-{version}", {"PKG-INFO": f"Version: {version}\n"})),
        f"lily-session-sys-{version}.crate": crate(version, "lily-session-sys"),
        f"lily-session-prebuilt-{version}.crate": prebuilt(version),
        f"lily-session-{version}-docs.tar.gz": docs(version)}


def write(folder, files):
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)


def seal_with(key, folder, version=VERSION):
    seal.write(folder, version, 1_700_000_000, {"jansson": "2.14", "swift": "6.3.1"}, ("6.3.1", "0" * 64), key)


class Keys:
    """The keys of the project, and those of somebody else."""

    def __init__(self, folder):
        for name in ("ours", "other"):
            subprocess.run(["minisign", "-G", "-W", "-p", folder / f"{name}.pub", "-s", folder / f"{name}.key"], check=True, capture_output=True)
            setattr(self, name, folder / f"{name}.key")
        self.public = folder / "ours.pub"


@pytest.fixture(scope="session")
def keys(tmp_path_factory):
    return Keys(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="session")
def sealed(keys, tmp_path_factory):
    folder = tmp_path_factory.mktemp("sealed")
    for version in (VERSION, OLDER):
        write(folder / version, files_of(version))
        seal_with(keys.ours, folder / version, version)
    return folder


@pytest.fixture
def release(sealed, tmp_path):
    """A release in a folder of its own, which the test may change."""
    return pathlib.Path(shutil.copytree(sealed / VERSION, tmp_path / "release"))


@pytest.fixture
def older(sealed, tmp_path):
    return pathlib.Path(shutil.copytree(sealed / OLDER, tmp_path / "older"))


@pytest.fixture
def problems(keys):
    """Returns what is wrong with a folder, as one text."""
    return lambda folder: "\n".join(seal.problems(folder, VERSION, keys.public))
