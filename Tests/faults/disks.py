"""Mounts file systems for tests, if this process may do that, in a mount namespace of its own.

As a program, it mounts a file system and runs a command with its path added, so that nothing stays mounted:

    python3 disks.py tmpfs:64k -- command…
"""
import ctypes
import functools
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
CLONE_NEWNS, MS_REC, MS_PRIVATE = 0x20000, 0x4000, 1 << 18
MAKERS = {"ext4": ["mkfs.ext4", "-q", "-F"], "xfs": ["mkfs.xfs", "-q", "-f"], "btrfs": ["mkfs.btrfs", "-q", "-f"]}
SIZES = {"ext4": 64, "xfs": 320, "btrfs": 128}  # MiB; each needs at least this
SKIP = 77
EXTRA = ":/usr/sbin:/sbin"


def _mount(*arguments):
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True)
    if done.returncode:
        raise OSError(done.stderr.strip())


def mount(kind, folder):
    """Mounts tmpfs:<size>, overlay, ext4, xfs or btrfs. Returns its folder, or raises OSError if it cannot be mounted."""
    where = folder / "mounted"
    where.mkdir()
    if kind.startswith("tmpfs"):
        _mount("-t", "tmpfs", "-o", f"size={kind.partition(':')[2] or '64m'}", "none", str(where))
    elif kind == "overlay":
        # The upper folder must not be on an overlay, and the disk of a container is one.
        base = folder / "base"
        base.mkdir()
        _mount("-t", "tmpfs", "none", str(base))
        for name in ("lower", "upper", "work"):
            (base / name).mkdir()
        _mount("-t", "overlay", "-o", f"lowerdir={base}/lower,upperdir={base}/upper,workdir={base}/work", "none", str(where))
    else:
        maker = shutil.which(MAKERS[kind][0], path=os.environ["PATH"] + EXTRA)
        if not maker:
            raise OSError(f"there is no {MAKERS[kind][0]}")
        image = folder / "image"
        with image.open("wb") as file:
            file.truncate(SIZES[kind] << 20)
        subprocess.run([maker, *MAKERS[kind][1:], image], check=True, stdout=subprocess.DEVNULL)
        _mount("-o", "loop", "-t", kind, str(image), str(where))
    os.chmod(where, 0o700)
    return where


@functools.cache
def unsharing():
    """Returns the command that makes a namespace to mount in, or None if this process cannot have one. Other users than root need a user
    namespace for it."""
    for prefix in ([], ["unshare", "-Urm", "--"]):
        if subprocess.run([*prefix, sys.executable, HERE / "disks.py", "tmpfs:64k", "--", "true"], capture_output=True).returncode == 0:
            return prefix
    return None


def run(kind, command):
    """Runs the command with the path of such a disk added. Returns (exit status, output), or (None, why) if there is no such disk."""
    prefix = unsharing()
    if prefix is None:
        return None, "this user may mount nothing"
    done = subprocess.run([*prefix, sys.executable, HERE / "disks.py", kind, "--", *map(str, command)], capture_output=True, text=True)
    if done.returncode == SKIP:
        return None, done.stderr.strip()
    return done.returncode, done.stdout + done.stderr


def main():
    kind, _, *command = sys.argv[1:]
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS) or libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None):
        sys.exit(SKIP)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="lily-disk-"))
    try:
        where = None
        try:
            where = mount(kind, folder)
        except OSError as failure:
            print(f"{kind}: {failure}", file=sys.stderr)
            sys.exit(SKIP)
        sys.exit(subprocess.run([*command, str(where)]).returncode)
    finally:
        for name in ("mounted", "base"):
            subprocess.run(["umount", "-q", folder / name], stderr=subprocess.DEVNULL)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
