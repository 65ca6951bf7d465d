"""Reads the files of a release as far as it takes to say what is in them: programs of ELF, and archives of ar, tar, zip and RPM."""
import io
import lzma
import struct
import tarfile
import zipfile

MACHINES = {62: "amd64", 183: "arm64", 243: "riscv64"}  # e_machine of ELF


class Damaged(Exception):
    """A file is not what its name says. The message says what is wrong with it."""


# What is thrown by the readers of Python, when a file is damaged.
ERRORS = (Damaged, tarfile.TarError, zipfile.BadZipFile, lzma.LZMAError, EOFError, KeyError, OSError, UnicodeDecodeError, ValueError, struct.error)


def elf_machine(data):
    """Returns Debian's name of the machine that this program or library is for, or None if it is no ELF file."""
    if data[:4] != b"\x7fELF" or len(data) < 20:
        return None
    number = struct.unpack_from("<H", data, 18)[0]
    return MACHINES.get(number, f"machine {number}")


def elf_libc(data):
    """Returns "glibc" or "musl", by the C library that a shared library asks for, or None. The names are in its table of strings: that of musl is the one
    that distributions give it, or musl's own."""
    return "glibc" if b"\0libc.so.6\0" in data else "musl" if b"\0libc.musl-" in data or b"\0libc.so\0" in data else None


def ar_members(data):
    """Returns [(name, content)] of an ar archive."""
    if data[:8] != b"!<arch>\n":
        raise Damaged("is no ar archive")
    members, at = [], 8
    while at + 60 <= len(data):
        size = int(data[at + 48:at + 58])
        members.append((data[at:at + 16].decode().rstrip(" /"), data[at + 60:at + 60 + size]))
        at += 60 + size + size % 2
    return members


class Tree:
    """The files of a tar or zip archive, which are in one folder."""

    def __init__(self, path):
        self.files = {}
        if tarfile.is_tarfile(path):
            with tarfile.open(path) as archive:
                self.files = {member.name: archive.extractfile(member).read() for member in archive if member.isfile()}
        else:
            with zipfile.ZipFile(path) as archive:
                self.files = {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}

    def require_folder(self, name):
        other = sorted(file for file in self.files if not file.startswith(f"{name}/"))
        if other or not self.files:
            raise Damaged(f"does not unpack into the folder {name}" + (f", but has {other[0]}" if other else ""))

    def text(self, name):
        if name not in self.files:
            raise Damaged(f"has no {name}")
        return self.files[name].decode()


def deb_fields(data):
    """Returns the fields of a Debian package's control file."""
    for name, content in ar_members(data):
        if name.startswith("control.tar"):
            with tarfile.open(fileobj=io.BytesIO(content)) as control:
                lines = control.extractfile("./control").read().decode().splitlines()
            return dict(line.split(": ", 1) for line in lines if ": " in line and line[0] != " ")
    raise Damaged("has no control file")


def rpm_fields(data):
    """Returns the name, the version, the release and the machine that an RPM package says it has."""
    if data[:4] != b"\xed\xab\xee\xdb":
        raise Damaged("is no RPM package")
    source = struct.unpack_from(">H", data, 6)[0] == 1
    # The signature, whose length is rounded up to 8, comes before the header.
    entries, size = struct.unpack_from(">II", data, 96 + 8)
    at = 96 + 16 + entries * 16 + size
    at += -at % 8
    if data[at:at + 3] != b"\x8e\xad\xe8":
        raise Damaged("has no header")
    entries, size = struct.unpack_from(">II", data, at + 8)
    strings, found = at + 16 + entries * 16, {}
    for number in range(entries):
        tag, _, offset, _ = struct.unpack_from(">IIII", data, at + 16 + number * 16)
        if tag in (1000, 1001, 1002, 1022):
            found[tag] = data[strings + offset:data.index(b"\0", strings + offset)].decode()
    return found[1000], found[1001], found[1002], "src" if source else found[1022]
