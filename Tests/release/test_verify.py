"""Checks that scripts/verify-release finds each way of tampering with a release, by someone who does not have the key, and each mistake of
someone who has it."""
import json
import subprocess
import sys

import pytest
from conftest import OLDER, ROOT, VERSION, ar, crate, deb, docs, in_folder, prebuilt, rpm, seal_with, source, tarball, target, wheel

import bill
import seal

SOURCE = f"lily-session-{VERSION}.tar.gz"
TARGET = f"lily-session-{VERSION}-amd64-glibc.tar.gz"
BILL = bill.name_of(VERSION)


def sum_up(folder):
    """Writes the sums anew, as someone without the key can."""
    there = [name for name in seal.names(folder) if name not in (seal.SUMS, seal.SIGNATURE)]
    (folder / seal.SUMS).write_text("".join(f"{bill.sha256(folder / name)}  {name}\n" for name in there))


def change_bill(folder, change):
    text = json.loads((folder / BILL).read_text())
    change(text)
    (folder / BILL).write_text(json.dumps(text))


def test_a_release_is_in_order(release, problems):
    assert problems(release) == ""


def test_the_same_release_has_the_same_bytes(release, keys):
    before = {path.name: path.read_bytes() for path in release.iterdir()}
    seal_with(keys.ours, release)
    assert {path.name: path.read_bytes() for path in release.iterdir()} == before


@pytest.mark.parametrize("name", [SOURCE, TARGET, BILL, seal.SUMS, seal.SIGNATURE])
def test_a_flipped_bit_is_found(release, problems, name):
    content = bytearray((release / name).read_bytes())
    content[len(content) // 2] ^= 1
    (release / name).write_bytes(content)
    assert ("is not signed" if name in (seal.SUMS, seal.SIGNATURE) else f"{name} has another sum") in problems(release)


def test_another_key_is_found(release, keys, problems):
    seal_with(keys.other, release)
    assert "is not signed" in problems(release)


def test_swapped_sums_are_found(release, problems):
    lines = (release / seal.SUMS).read_text().splitlines()
    (first, one), (second, other) = (line.split("  ") for line in lines[:2])
    (release / seal.SUMS).write_text("\n".join([f"{second}  {one}", f"{first}  {other}", *lines[2:]]) + "\n")
    assert "is not signed" in problems(release)


def test_swapped_files_are_found(release, problems):
    one, other = release / TARGET, release / f"lily-session-{VERSION}-arm64-glibc.tar.gz"
    content = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(content)
    assert f"{TARGET} has another sum" in problems(release)


def test_an_older_release_is_found(older, problems):
    assert f"the signature is for lily-session {OLDER}, not lily-session {VERSION}" in problems(older)


def test_a_renamed_older_release_is_found(older, problems):
    for path in list(older.iterdir()):
        path.rename(older / path.name.replace(OLDER, VERSION))
    (older / seal.SUMS).write_text((older / seal.SUMS).read_text().replace(OLDER, VERSION))
    assert "is not signed" in problems(older)


@pytest.mark.parametrize("name", [f"lily-session-more-{VERSION}.crate", f"lily-session-{VERSION}-riscv64-glibc.tar.gz", "notes.txt", ".hidden"])
def test_an_added_file_is_found(release, problems, name):
    (release / name).write_bytes(b"something")
    assert f"{name} is not in {seal.SUMS}" in problems(release)
    sum_up(release)
    assert "is not signed" in problems(release)


@pytest.mark.parametrize("name", [SOURCE, TARGET, BILL, seal.SUMS, seal.SIGNATURE])
def test_a_missing_file_is_found(release, problems, name):
    (release / name).unlink()
    assert problems(release) == f"{name} is missing"


def test_a_wrong_target_is_found(release, problems):
    (release / TARGET).write_bytes(target(VERSION, "amd64", "glibc", contained=("arm64", "glibc")))
    assert f"{TARGET} has another sum" in problems(release)
    sum_up(release)
    assert "is not signed" in problems(release)


def test_a_changed_bill_is_found(release, problems):
    change_bill(release, lambda text: text["metadata"]["tools"].clear())
    assert f"{BILL} has another sum" in problems(release)
    sum_up(release)
    assert "is not signed" in problems(release)


@pytest.mark.parametrize("make", [lambda path: path.mkdir(), lambda path: path.symlink_to("/etc/passwd")])
def test_what_is_no_file_is_found(release, problems, make):
    make(release / "more")
    with pytest.raises(seal.Refused, match="more is no regular file"):
        problems(release)


# What someone who has the key may have mixed up: the name of a file, and what is in it.
TAG = "cp39-abi3-manylinux_2_28_x86_64"
PREBUILT = f"lily-session-prebuilt-{VERSION}.crate"
MISTAKES = {
    "an older source": (SOURCE, source(OLDER), f"does not unpack into the folder lily-session-{VERSION}"),
    "an older source in a renamed folder": (SOURCE, tarball(in_folder(f"lily-session-{VERSION}", {"Makefile": f"VERSION := {OLDER}\n"})),
                                            f"has the version {OLDER}, not {VERSION}"),
    "a source with a file outside": (SOURCE, tarball({f"lily-session-{VERSION}/Makefile": b"", "etc/passwd": b""}), "but has etc/passwd"),
    "another machine": (TARGET, target(VERSION, "amd64", "glibc", contained=("riscv64", "glibc")),
                        "has a library for riscv64-glibc, not amd64-glibc"),
    "another C library": (TARGET, target(VERSION, "amd64", "glibc", contained=("amd64", "musl")), "has a library for amd64-musl, not amd64-glibc"),
    "another target": (TARGET, target(VERSION, "arm64", "musl"), "does not unpack into the folder"),
    "an older target": (TARGET, target(OLDER, "amd64", "glibc"), "does not unpack into the folder"),
    "a deb for another machine": (f"liblily-session0_{VERSION}-1_amd64.deb", deb(VERSION, "arm64"), "has the machine arm64, not amd64"),
    "an older deb": (f"liblily-session0_{VERSION}-1_amd64.deb", deb(OLDER, "amd64"), f"has the version {OLDER}, not {VERSION}"),
    "an RPM for another machine": (f"lily-session-libs-{VERSION}-1.x86_64.rpm", rpm(VERSION, "aarch64"), ".aarch64, not "),
    "an older RPM": (f"lily-session-libs-{VERSION}-1.x86_64.rpm", rpm(OLDER, "x86_64"), f"-{OLDER}-1.x86_64, not "),
    "an older wheel": (f"lily_session-{VERSION}-{TAG}.whl", wheel(OLDER, TAG, "amd64", "glibc"), "has no lily_session-"),
    "a wheel for another machine": (f"lily_session-{VERSION}-{TAG}.whl", wheel(VERSION, TAG, "arm64", "glibc"), "for arm64, not amd64"),
    "a wheel for another C library": (f"lily_session-{VERSION}-{TAG}.whl", wheel(VERSION, TAG, "amd64", "musl"), "for musl, not glibc"),
    "a wheel with another tag": (f"lily_session-{VERSION}-{TAG}.whl", wheel(VERSION, "cp39-abi3-linux_x86_64", "amd64", "glibc"), "has the tags"),
    "an older sdist": (f"lily_session-{VERSION}.tar.gz", tarball({f"lily_session-{OLDER}/PKG-INFO": b""}), "does not unpack into the folder"),
    "another crate": (f"lily-session-sys-{VERSION}.crate", tarball({f"lily-session-{VERSION}/Cargo.toml": b""}), "does not unpack into the folder"),
    "an older crate in a renamed folder": (f"lily-session-sys-{VERSION}.crate", tarball(in_folder(f"lily-session-sys-{VERSION}", {
        "Cargo.toml": f'name = "lily-session-sys"\nversion = "{OLDER}"\n'})), f"has the version {OLDER}, not {VERSION}"),
    "a prebuilt library for another machine": (PREBUILT, prebuilt(VERSION, machine="amd64"), "for amd64, not arm64"),
    "a prebuilt library with another sum": (PREBUILT, prebuilt(VERSION, summed=b"another"), "has other libraries than its SHA256SUMS says"),
    "a crate without its libraries": (PREBUILT, crate(VERSION, "lily-session-prebuilt"), "has no library"),
    "older documentation": (f"lily-session-{VERSION}-docs.tar.gz", docs(VERSION, written=OLDER), f"has the version {OLDER}, not {VERSION}"),
    "a damaged tarball": (TARGET, b"\x1f\x8b damaged", "cannot be read"),
    "a damaged deb": (f"liblily-session0_{VERSION}-1_amd64.deb", ar([("debian-binary", b"2.0\n")]), "has no control file"),
    "a file of an older version": (f"lily-session-{OLDER}.tar.gz", source(OLDER), f"is not of version {VERSION}"),
    "a file of no release": ("notes.txt", b"", "is nothing that a release has"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_found(release, keys, problems, mistake):
    """The release is not sealed, and if it were, it would be found."""
    name, content, expected = MISTAKES[mistake]
    (release / name).write_bytes(content)
    with pytest.raises(seal.Refused) as refused:
        seal_with(keys.ours, release)
    assert expected in str(refused.value) and name in str(refused.value)
    write_signed(release, keys)
    assert f"{name} " in problems(release) and expected in problems(release)


def write_signed(folder, keys):
    """Signs the folder as it is."""
    sum_up(folder)
    assert seal.minisign("-S", "-s", keys.ours, "-t", seal.comment(VERSION), "-x", folder / seal.SIGNATURE, "-m", folder / seal.SUMS).returncode == 0


BILLS = {
    "a file that is not listed": (lambda text: text["components"].pop(), "does not list"),
    "a file too many": (lambda text: text["components"].append({"type": "file", "name": "more", "hashes": []}), "lists more, which is not there"),
    "another sum": (lambda text: text["components"][-1]["hashes"][0].update(content="0" * 64), "has another SHA-256 of"),
    "another version": (lambda text: text["metadata"]["component"].update(version=OLDER), f"is of lily-session {OLDER}"),
    "another form": (lambda text: text.update(specVersion="1.4"), "is not in the form of CycloneDX 1.6"),
    "no product": (lambda text: text["metadata"].clear(), "is no bill of materials"),
}


@pytest.mark.parametrize("kind", BILLS)
def test_a_wrong_bill_is_found_though_signed(release, keys, problems, kind):
    change, expected = BILLS[kind]
    change_bill(release, change)
    write_signed(release, keys)
    assert expected in problems(release)


def test_a_release_without_its_source_is_found_though_signed(release, keys, problems):
    (release / SOURCE).unlink()
    seal_with(keys.ours, release)
    assert f"the source, {SOURCE}, is missing" in problems(release)


def run(*arguments):
    done = subprocess.run([sys.executable, ROOT / "scripts/verify-release", *map(str, arguments)], capture_output=True, text=True)
    return done.returncode, (done.stdout + done.stderr).strip()


def test_the_command_says_what_it_finds(release, keys):
    assert run("--key", keys.public, "--version", VERSION, release) == (0, f"{release} is the release {VERSION} of lily-session")
    (release / SOURCE).unlink()
    assert run("--key", keys.public, "--version", VERSION, release) == (1, f"{SOURCE} is missing")


def test_the_command_needs_a_key_and_a_folder(release, keys, tmp_path):
    assert run("--key", tmp_path / "none", release) == (1, f"verify-release: there is no {tmp_path / 'none'}: name the file with the public key by --key")
    code, text = run("--key", keys.public, release)  # the version is that of this checkout
    assert code == 1 and "the signature is for" in text
