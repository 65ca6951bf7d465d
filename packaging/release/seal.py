"""The sums of a release's files, and the signature of the sums."""
import re
import subprocess

import bill
from contents import problem

SUMS, SIGNATURE = "SHA256SUMS", "SHA256SUMS.minisig"


class Refused(Exception):
    """The folder cannot be sealed or verified. The message says why."""


def names(folder):
    """Returns the names in the folder, in the order of their bytes. Nothing but files is in a release."""
    found = sorted(folder.iterdir(), key=lambda path: path.name.encode())
    for path in found:
        if path.is_symlink() or not path.is_file():
            raise Refused(f"{path.name} is no regular file")
    return [path.name for path in found]


def comment(version):
    """Returns what the signature says that it is for. It is signed, too, so that an older release does not pass for this one."""
    return f"lily-session {version}"


def minisign(*arguments):
    try:
        return subprocess.run(["minisign", *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise Refused("minisign is not installed: scripts/bootstrap release installs it on Debian") from None


def write(folder, version, seconds, parts, toolchain, key):
    """Adds the bill of materials, the sums and, if there is a key, the signature."""
    added = (bill.name_of(version), SUMS, SIGNATURE)
    there = [name for name in names(folder) if name not in added]
    for name in there:
        if (wrong := problem(folder / name, version)) is not None:
            raise Refused(f"{name} {wrong}")
    for name in added:
        (folder / name).unlink(missing_ok=True)
    bill.write(folder, version, seconds, {name: bill.sha256(folder / name) for name in there}, parts, toolchain)
    (folder / SUMS).write_text("".join(f"{bill.sha256(folder / name)}  {name}\n" for name in names(folder)))
    if key is not None:
        done = minisign("-S", "-s", key, "-t", comment(version), "-x", folder / SIGNATURE, "-m", folder / SUMS)
        if done.returncode != 0:
            raise Refused(f"minisign cannot sign with {key}: {(done.stdout + done.stderr).strip()}")


def signature_problem(folder, version, key):
    done = minisign("-V", "-Q", "-p", key, "-x", folder / SIGNATURE, "-m", folder / SUMS)
    if done.returncode != 0:
        return f"{SUMS} is not signed by {key}: {' '.join((done.stdout + done.stderr).split())}"
    if done.stdout.rstrip("\n") != comment(version):
        return f"the signature is for {done.stdout.strip()}, not {comment(version)}"
    return None


def read_sums(folder):
    """Returns {name: digest}."""
    sums = {}
    for line in (folder / SUMS).read_text().splitlines():
        found = re.fullmatch(r"([0-9a-f]{64})  ([A-Za-z0-9][A-Za-z0-9._+~-]*)", line)
        if found is None or found[2] in sums:
            raise Refused(f"{SUMS} has a line that is no sum of a file, or is there twice: {line!r}")
        sums[found[2]] = found[1]
    return sums


def problems(folder, version, key):
    """Returns what is wrong with the release. Nothing is read of a file whose sum is not signed."""
    there = set(names(folder))
    for name in (SUMS, SIGNATURE):
        if name not in there:
            return [f"{name} is missing"]
    if (wrong := signature_problem(folder, version, key)) is not None:
        return [wrong]
    sums = read_sums(folder)
    there -= {SUMS, SIGNATURE}
    found = [f"{name} is missing" for name in sorted(sums.keys() - there)]
    found += [f"{name} is not in {SUMS}" for name in sorted(there - sums.keys())]
    digests = {name: bill.sha256(folder / name) for name in sorted(there & sums.keys())}
    found += [f"{name} has another sum than {SUMS} says" for name in digests if digests[name] != sums[name]]
    if found:
        return found

    listed = {name: digest for name, digest in digests.items() if name != bill.name_of(version)}
    for name in listed:
        if (wrong := problem(folder / name, version)) is not None:
            found.append(f"{name} {wrong}")
    if f"lily-session-{version}.tar.gz" not in listed:
        found.append(f"the source, lily-session-{version}.tar.gz, is missing")
    return found + bill.problems(folder, version, listed)
