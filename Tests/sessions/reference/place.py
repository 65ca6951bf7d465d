"""The path of a journal: a folder, a file in it, and their rights. What the path names counts, not what was opened (S21)."""
import copy
import itertools

import names as n

from .storage import Store

ENOENT, EACCES, EMFILE, EFBIG = 2, 13, 24, 27


class Place:
    def __init__(self):
        self.folder = True      # the folder exists
        self.writable = True    # the folder may be written: files can be made, renamed and deleted in it
        self.file = None        # the journal at the path: a File
        self.emptied = False    # a file of 0 bytes is at the path
        self.perhaps_begun = False  # … and a sync since may have begun it anew
        self.saved = None       # a copy that was made of the file
        self.full = False       # the file may not grow
        self.starved = False    # the process has no free descriptor

    @property
    def hampered(self):
        """Returns True if something keeps the file from being rewritten."""
        return not self.writable or self.full or self.file is not None and (self.file.newer or not self.file.writable)

    def make(self, before=None):
        """Makes a new file. Returns (status, errno). `before` is the store whose generation goes on. A folder is never made again."""
        if not self.folder:
            return n.NOT_FOUND, ENOENT
        if self.starved:
            return n.IO, EMFILE
        if not self.writable and not self.emptied:
            return n.PERMISSION, EACCES
        self.file, self.emptied = File(before), False
        return n.OK, 0

    # ---- what others do to it

    def delete(self):
        self.unlink()
        self.emptied = False

    def empty(self):
        self.unlink()
        self.emptied, self.perhaps_begun = True, False

    def save(self):
        self.saved = copy.deepcopy(self.file)

    def restore(self):
        """Renames the copy over the file."""
        self.delete()
        self.file = copy.deepcopy(self.saved)
        self.file.linked = self.file.writable = True

    def exchange(self, entries):
        """Renames a journal of another origin over the file."""
        self.delete()
        self.file = File()
        self.file.entries = entries

    def move_folder(self, entries):
        """Moves the folder away, with the file in it, and makes another one, with a journal of another origin or without one."""
        self.file, self.emptied, self.writable = None, False, True
        if entries is not None:
            self.exchange(entries)

    def unlink(self):
        if self.file is not None:
            self.file.linked = False
            self.file = None


_generations = itertools.count(1_000_000, 1_000_000)
FAR = 1_000  # a case has fewer clears than this


def fresh_generation():
    """Returns a generation that no other file has, as a new journal chooses one at random."""
    return next(_generations)


class File(Store):
    """The file of a journal."""

    def __init__(self, before=None):
        super().__init__(*((before.cleared, before.origin) if before else (fresh_generation(), fresh_generation())))
        self.begun = self.cleared  # the generation that its header has
        self.linked = True      # the file still has a name
        self.damaged = 0        # how many lines were skipped since it was rewritten
        self.keeps_damage = False  # a damaged line has come after the last removal, and may have any key
        self.headless = False   # no copy of its header is right
        self.newer = False      # it has a line of a newer format
        self.writable = True    # the file may be opened for writing

    def cut(self):
        self.entries, self.generations, self.cleared = {}, {}, self.begun
        self.damaged, self.newer, self.removed, self.keeps_damage = 0, False, False, False

    def apply(self, changes):
        super().apply(changes)
        if any(entry is None for _, _, entry in changes):
            self.keeps_damage = False

    def clear(self, scope):
        super().clear(scope)
        self.keeps_damage = False

    def rewritten(self):
        super().rewritten()
        self.begun = self.cleared
        self.damaged, self.headless, self.writable, self.keeps_damage = 0, False, True, False


class Opened:
    """What a handle has open, and what it knows of it. Its scopes share this."""

    def __init__(self, place, file, writes, gone=None):
        self.place, self.file = place, file
        self.headless = file.headless  # no copy of the header was right when the file was opened
        self.found_damage = file.damaged > 0 or file.headless
        self.writes = writes    # the descriptor is open for writing
        self.gone = gone        # the empty store that is left if the path names no file; otherwise None

    @property
    def store(self):
        return self.gone or self.file

    @property
    def at_path(self):
        """Returns True if the path names what is open."""
        return self.gone is None and self.place.file is self.file

    def look(self, anew):
        """Looks the path up if `anew`, or if the file no longer has a name."""
        if not anew and self.gone is None and self.file.linked:
            return
        found = self.place.file
        if found is not None:
            if found is not self.file or self.gone is not None:
                self.writes, self.headless = found.writable, found.headless
            self.file, self.gone = found, None
        elif self.gone is None:
            # A deleted file counts as cleared (S21). All handles go on from the same generation, which no file has had.
            self.gone = Store(self.file.cleared + FAR, self.file.origin + FAR)

    def cannot_write(self):
        """Returns (status, errno). Makes a missing file, and opens a file that may be written again for writing."""
        self.look(False)
        if self.gone is not None:
            status, system_error = self.place.make(self.gone)
            if status:
                return status, system_error
            self.file, self.gone, self.writes = self.place.file, None, True
        if not self.writes:
            if not self.file.writable:
                return n.PERMISSION, EACCES
            self.writes = True
        if self.file.newer:
            return n.NEWER, 0
        return (n.NO_SPACE, EFBIG) if self.place.full else (n.OK, 0)

    def cannot_write_anew(self):
        """Returns True if no other file can take the place of this one."""
        return not self.place.writable

    def cannot_rewrite(self):
        """Returns (status, errno): why the file cannot be rewritten, or OK."""
        if self.file.newer:
            return n.NEWER, 0
        return (n.OK, 0) if self.place.writable else (n.PERMISSION, EACCES)
