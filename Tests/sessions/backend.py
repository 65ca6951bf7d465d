"""A host's backend over a Python dict. Each of its functions has a switch that makes it fail."""
import ctypes as c

import api
import callbacks
import names as n


def text_of(entry):
    """Returns the text of an entry that the library passes. Its NUL must be where the length says."""
    if len(entry.json) != entry.length:
        callbacks.failures.append(f"an entry of {entry.length} bytes ends with a NUL after {len(entry.json)}")
    return entry.json[:entry.length]


class Backend:
    """`store` is {"entries": {key: (json, deadline, version)}, "generations": {prefix: int}}. Several backends may share it."""

    def __init__(self, store, renews=False, replaces=False):
        self.entries = store.setdefault("entries", {})
        self.generations = store.setdefault("generations", {})
        self.failing = {}  # function -> the status that it returns
        self.released = 0
        self._kept = None
        self._callbacks = (api.RELEASE(self._release), api.READ(self._read), api.WRITE(self._write), api.CLEAR(self._clear),
                           api.GENERATION(self._generation), api.EACH(self._each), api.SYNC(self._sync),
                           api.RENEW(self._renew if renews else 0), api.REPLACE(self._replace if replaces else 0))
        release, read, write, clear, generation, each, sync, renew, replace = self._callbacks
        self.table = api.Backend(c.sizeof(api.Backend), None, release, read, write, clear, generation, each, sync, None, api.RELEASE(), renew, replace)

    def _release(self, _):
        self.released += 1

    def _fill(self, out, key):
        json, deadline, version = self.entries[key]
        self._kept = key, json
        out.contents.key, out.contents.json, out.contents.length = key, json, len(json)
        out.contents.expires_at_ms, out.contents.version = deadline, version

    def _read(self, _, key, out):
        if self.failing.get("read"):
            return self.failing["read"]
        if key not in self.entries:
            return n.NOT_FOUND
        self._fill(out, key)
        return n.OK

    def _write(self, _, entries, count, prefix, generation):
        status = self.failing.get("write", n.OK)
        if status not in (n.OK, n.NOT_DURABLE):
            return status
        if prefix is not None and generation != self.generations.get(prefix, 0):
            return n.NEWER
        for entry in entries[:count]:
            if entry.json is None:
                self.entries.pop(entry.key, None)
            else:
                self._put(entry)
        return status

    def _put(self, entry):
        self.entries[entry.key] = text_of(entry), entry.expires_at_ms, entry.version

    def _holds(self, key, entry):
        """Returns True if the key has an entry with this text and version or, where `entry` is NULL, none."""
        stored = self.entries.get(key)
        if not entry or stored is None:
            return not entry and stored is None
        return (stored[0], stored[2]) == (text_of(entry.contents), entry.contents.version)

    def _renew(self, _, entry):
        status = self.failing.get("write", n.OK)
        if status not in (n.OK, n.NOT_DURABLE):
            return status
        if not self._holds(entry.contents.key, entry):
            return n.NOT_FOUND
        self._put(entry.contents)
        return status

    def _replace(self, _, stored, entry, prefix, generation):
        status = self.failing.get("write", n.OK)
        if status not in (n.OK, n.NOT_DURABLE):
            return status if self._holds(entry.contents.key, stored) else n.NOT_FOUND  # what cannot be written can still be compared
        if prefix is not None and generation != self.generations.get(prefix, 0):
            return n.NEWER
        key = entry.contents.key
        if not self._holds(key, stored) or (stored and self.entries[key][1] != stored.contents.expires_at_ms):
            return n.NOT_FOUND
        self._put(entry.contents)
        return status

    def _clear(self, _, prefix):
        status = self.failing.get("clear", n.OK)
        if status not in (n.OK, n.NOT_DURABLE):
            return status
        for key in [key for key in self.entries if key.startswith(prefix)]:
            del self.entries[key]
        self.generations[prefix] = self.generations.get(prefix, 0) + 1
        return status

    def _generation(self, _, prefix, out):
        out[0] = self.generations.get(prefix, 0)
        return self.failing.get("generation", n.OK)

    def _each(self, _, prefix, visit, visitor):
        if self.failing.get("each"):
            return self.failing["each"]
        entry = api.Entry()
        for key in [key for key in self.entries if key.startswith(prefix or b"")]:
            self._fill(c.pointer(entry), key)
            status = visit(visitor, c.byref(entry))
            if status:
                return status
        return n.OK

    def _sync(self, _):
        return self.failing.get("sync", n.OK)
