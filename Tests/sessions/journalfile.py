"""Reads a journal quickly: its entries with deadlines and versions, and its lines (docs/format.md).

It reads only what was added since its last look, and does not verify the checks of the lines, as the library does.
"""
import json
import os
import re

HEADERS = 140
NO_CHECK = b'["00000000"'  # the beginning of the damaged lines that the tests make
_ITEM = re.compile(r'"(set|remove)",("(?:[^"\\]|\\.)*")')
_END = re.compile(r",(\d+)(?:,(\d+))?")
_SCOPE = re.compile("\0([^\0]{1,64})\0(.*)", re.DOTALL)
_value = json.JSONDecoder().raw_decode


def scope_and_key(key):
    match = _SCOPE.fullmatch(key)
    return (match[1], match[2]) if match else ("", key)


class JournalFile:
    def __init__(self, path):
        self.path = path
        self._forget()
        self.inode = None
        self.size = 0
        self.rewritten = self.appeared = self.empty = False
        self.cut = False  # True: the file is shorter than at the last look

    def _forget(self):
        self.offset, self.lines, self.clears, self.removes, self.entries, self.names = HEADERS, 0, 0, False, {}, []

    def look(self):
        """Reads on. Sets `rewritten` to True if this is another file than at the last look."""
        try:
            file = os.open(self.path, os.O_RDONLY)
        except (FileNotFoundError, NotADirectoryError):
            self.rewritten, self.appeared = self.inode is not None and not self.empty, False
            self.empty = self.cut = False
            self._forget()
            self.inode, self.size = None, 0
            return
        try:
            stat = os.fstat(file)
            self.cut, self.size = stat.st_size < self.size, stat.st_size
            self.appeared = self.inode is None or self.empty
            self.rewritten = stat.st_ino != self.inode and not self.appeared
            self.empty = stat.st_size < HEADERS
            if self.empty:  # its creation was cut short, or somebody emptied it
                self.rewritten, self.appeared = self.inode is not None and self.offset > 0, False
                self._forget()
                self.inode, self.offset, self.names = stat.st_ino, 0, []
                return
            if stat.st_ino != self.inode or stat.st_size < self.offset or self.offset == 0:
                self._forget()
                self.inode = stat.st_ino
            self.names = []
            data = os.pread(file, stat.st_size - self.offset, self.offset)
        finally:
            os.close(file)
        whole = data.rfind(b"\n") + 1
        self.offset += whole
        for line in data[:whole].splitlines():
            if not line.startswith(NO_CHECK):
                self._apply(line.decode())

    def _apply(self, line):
        self.lines += 1
        operation = line.index(",", 12) + 1
        name = line[operation + 1:line.index('"', operation + 1)]
        self.names.append(name)
        self.removes = self.removes or name == "clear"
        if name in ("set", "remove"):
            self._item(line, operation)
        elif name == "batch":
            at = line.index("[", operation)
            while line[at] in "[,":
                at = self._item(line, at + 1 + (line[at] == "[" and line[at + 1] == "[" or line[at] == ",")) + 1
        elif name == "clear":
            prefix, at = _value(line, operation + 8)
            for key in [key for key in self.entries if key.startswith(prefix)]:
                del self.entries[key]
            scope = prefix[:prefix.rfind("\0") + 1]
            self.clears += not scope
            if scope:
                self.entries[scope] = line[at + 1:-1], 0, 0

    def _item(self, line, at):
        """Applies the item at `at`; returns the offset after it."""
        match = _ITEM.match(line, at)
        key = json.loads(match[2])
        if match[1] == "remove":
            self.removes = True
            self.entries.pop(key, None)
            return match.end()
        start = match.end() + 1
        end = _value(line, start)[1]
        rest = _END.match(line, end)
        self.entries[key] = line[start:end], int(rest[1]), int(rest[2] or 0)
        return rest.end()

    def stored(self):
        """Returns {(scope, key): (text, deadline, version)}, without the generations of scopes."""
        found = {}
        for whole, entry in self.entries.items():
            scope, key = scope_and_key(whole)
            if key:
                found[scope, key] = entry
        return found
