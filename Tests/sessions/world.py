"""What others do to a journal's file and folder."""
import os
import shutil

import api  # noqa: F401: its folder of Python modules has the writer of the format
from journal import Writer


def change(path, what, *arguments):
    globals()["_" + what](path, *arguments)


def _delete(path):
    os.unlink(path)


def _empty(path):
    os.truncate(path, 0)


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


def _remove_folder(path):
    shutil.rmtree(os.path.dirname(path))


def _make_folder(path):
    os.mkdir(os.path.dirname(path), 0o700)
