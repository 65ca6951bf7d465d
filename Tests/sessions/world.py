"""Does to a journal's file and folder what others may do."""
import fcntl
import os
import shutil

import limits
import api  # noqa: F401: its folder of Python modules has the writer of the format
from journalfile import HEADERS, NO_CHECK
from journal import Writer, read, remove_item, set_item


def change(path, what, *arguments):
    globals()["_" + what](path, *arguments)


def _delete(path):
    os.unlink(path)


def _empty(path):
    os.truncate(path, 0)


def _cut(path):
    os.truncate(path, HEADERS)


def _folder_rights(path, writable):
    os.chmod(os.path.dirname(path), 0o700 if writable else 0o500)


def _file_rights(path, writable):
    os.chmod(path, 0o600 if writable else 0o400)


def _put(path, data):
    """Renames a file with these bytes over the path."""
    new = path + b".new"
    with open(new, "wb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(data)
    os.rename(new, path)


def _saved(path):
    return os.path.dirname(os.path.dirname(path)) + b"/saved"


def _save(path):
    shutil.copyfile(path, _saved(path))


def _restore(path):
    with open(_saved(path), "rb") as file:
        _put(path, file.read())


def _exchange(path, entries):
    writer = Writer()
    for key, text in entries:
        writer.set(key.encode(), text.encode())
    _put(path, writer.bytes())


def _move_folder(path, entries):
    folder = os.path.dirname(path)
    number = sum(name.startswith(b"moved") for name in os.listdir(os.path.dirname(folder)))
    os.rename(folder, os.path.dirname(folder) + b"/moved%d" % number)
    _make_folder(path)
    if entries is not None:
        _exchange(path, entries)


def _append(path, make):
    """Makes a writer that goes on where the file ends, and appends what `make` adds to it."""
    with open(path, "r+b", buffering=0) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        data = file.read()
        whole = data[:data.rfind(b"\n") + 1]
        os.ftruncate(file.fileno(), len(whole))
        state = read(whole)
        writer = Writer(state.salt, state.generation)
        writer.sequence = state.sequence
        make(writer)
        os.lseek(file.fileno(), 0, os.SEEK_END)
        file.write(b"".join(writer.lines))


def _item(key, text, deadline, version):
    return remove_item(key.encode()) if text is None else set_item(key.encode(), text.encode(), deadline, version)


def _write(path, items):
    if len(items) == 1:
        _append(path, lambda writer: writer.raw(_item(*items[0])))
    else:
        _append(path, lambda writer: writer.batch(*(_item(*item) for item in items)))


def _clear(path):
    _append(path, lambda writer: writer.clear(generation=b"%016x" % (int(writer.generation, 16) + 1)))


def _damage(path):
    def make(writer):
        writer.set(b"lily_session_a", b"1")
        writer.lines[-1] = NO_CHECK + writer.lines[-1][len(NO_CHECK):]
    _append(path, make)


def _header(path):
    with open(path, "r+b", buffering=0) as file:
        file.write(bytes(140))


def _torn(path):
    def make(writer):
        writer.set(b"lily_session_a", b"1")
        writer.lines[-1] = writer.lines[-1][:20]
    _append(path, make)


def _newer(path):
    _append(path, lambda writer: writer.raw(b'"future",1'))


def _full(path, full):
    limits.file_size(os.stat(path).st_size if full else limits.ROOMY)


def _other(path):
    with open(os.path.dirname(path) + b"/log", "ab") as file:
        file.write(b"a line\n")


def _remove_folder(path):
    shutil.rmtree(os.path.dirname(path))


def _make_folder(path):
    os.mkdir(os.path.dirname(path), 0o700)
