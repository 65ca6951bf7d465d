"""Knows where the file of a scope is, and reads the scopes of a store at both places, with the second reader."""
import time

import journal

PLAIN = b"abcdefghijklmnopqrstuvwxyz0123456789-._~"


def file_of(store, name):
    """Returns the path of a scope's file."""
    spelled = "".join(chr(b) if b in PLAIN and not (at == 0 and b == 0x2E) else f"%{b:02X}" for at, b in enumerate(name))
    return store.with_name(store.name + ".d") / f"{journal.crc32c(name) >> 24:02x}" / f"{spelled}.jsonl"


def name_of(path):
    """Returns the scope that has this file."""
    spelled, name = path.name.removesuffix(".jsonl").encode(), b""
    while spelled:
        length = 3 if spelled.startswith(b"%") else 1
        name += bytes.fromhex(spelled[1:3].decode()) if length == 3 else spelled[:1]
        spelled = spelled[length:]
    return name


def make(store, scopes):
    """Makes the files of scopes: {name: the bytes of the file}."""
    for name, data in scopes.items():
        path = file_of(store, name)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.write_bytes(data)


def inside(store):
    """Returns {scope: {key: Entry}} of what is in the store's own file, without what has expired. The store itself is the scope b""."""
    found = {}
    for key, entry in journal.read(store.read_bytes()).entries.items():
        scope = journal.scope_of(key)
        if scope != key and not 0 < entry.deadline <= time.time() * 1000:
            found.setdefault(scope[1:-1], {})[key[len(scope):]] = entry
    return found


def in_files(store):
    """Returns {scope: {key: Entry}} of what is in the scopes' files."""
    found = {}
    for path in store.parent.glob(store.name + ".d/??/*.jsonl"):
        name = name_of(path)
        assert path == file_of(store, name)
        if entries := inside(path).get(b""):
            found[name] = entries
    return found
