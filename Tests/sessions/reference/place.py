"""The path of a journal: a folder, a file in it, and who may do what with them. The path counts, not what was opened (S21)."""
import copy
import itertools

import names as n

from .storage import Store

ENOENT, EACCES, EMFILE, EFBIG = 2, 13, 24, 27


class Place:
    def __init__(self):
        self.folder = True      # there is one
        self.writable = True    # files can be made, renamed and deleted in it
        self.file = None        # the journal at the path: a File
        self.emptied = False    # a file of 0 bytes is at the path
        self.saved = None       # a copy that was made of the file
        self.full = False       # the file may not grow
        self.starved = False    # no descriptor can be had

    @property
    def hampered(self):
        """Whether something keeps the file from being rewritten."""
        return not self.writable or self.full or self.file is not None and (self.file.newer or not self.file.writable)

    def make(self, before=None):
        """A new file; (status, errno) where it cannot be made. `before`: the store whose generation goes on. The folder is never made anew."""
        if not self.folder:
            return n.NOT_FOUND, ENOENT
        if self.starved:
            return n.IO, EMFILE
        if not self.writable and not self.emptied:
            return n.PERMISSION, EACCES
        self.file, self.emptied = File(before), False
        return n.OK, 0

    # ---- what is done to it by others

    def delete(self):
        self.unlink()
        self.emptied = False

    def empty(self):
        self.unlink()
        self.emptied = True

    def save(self):
        self.saved = copy.deepcopy(self.file)

    def restore(self):
        """The copy is renamed over the file."""
        self.delete()
        self.file = copy.deepcopy(self.saved)
        self.file.linked = self.file.writable = True

    def exchange(self, entries):
        """A journal of another origin is renamed over the file."""
        self.delete()
        self.file = File()
        self.file.entries = entries

    def move_folder(self, entries):
        """The folder is moved away, with the file in it; another one is made, with a journal of another origin or without one."""
        self.file, self.emptied, self.writable = None, False, True
        if entries is not None:
            self.exchange(entries)

    def unlink(self):
        if self.file is not None:
            self.file.linked = False
            self.file = None


_generations = itertools.count(1_000_000, 1_000_000)
FAR = 1_000  # more clears than a case has


def fresh_generation():
    """One that no other file has: at random, where a journal begins."""
    return next(_generations)


class File(Store):
    """A journal's file."""

    def __init__(self, before=None):
        super().__init__(*((before.cleared, before.origin) if before else (fresh_generation(), fresh_generation())))
        self.begun = self.cleared  # the generation that its header has
        self.linked = True      # a name leads to it
        self.damaged = 0        # lines that were skipped, until it is rewritten
        self.headless = False   # no copy of its header is right
        self.newer = False      # it has a line of a newer format
        self.writable = True    # it may be opened for writing

    def cut(self):
        self.entries, self.generations, self.cleared = {}, {}, self.begun
        self.damaged, self.newer, self.removed = 0, False, False

    def rewritten(self):
        super().rewritten()
        self.begun = self.cleared
        self.damaged, self.headless, self.writable = 0, False, True


class Opened:
    """What a handle has open of a place, and what it makes of it: shared by its scopes."""

    def __init__(self, place, file, writes, gone=None):
        self.place, self.file = place, file
        self.headless = file.headless  # when it was opened
        self.found_damage = file.damaged > 0 or file.headless
        self.writes = writes    # its descriptor is one to write with
        self.gone = gone        # nothing is there: the store that is left, empty

    @property
    def store(self):
        return self.gone or self.file

    @property
    def at_path(self):
        """Whether the path names what is open."""
        return self.gone is None and self.place.file is self.file

    def look(self, anew):
        """Looks the path up: where that is called for, and where no name leads to the file any more."""
        if not anew and self.gone is None and self.file.linked:
            return
        found = self.place.file
        if found is not None:
            if found is not self.file or self.gone is not None:
                self.writes, self.headless = found.writable, found.headless
            self.file, self.gone = found, None
        elif self.gone is None:
            # Deleted: as after a clear (S21). All handles go on from the same generation, which no file has had.
            self.gone = Store(self.file.cleared + FAR, self.file.origin + FAR)

    def cannot_write(self):
        """(status, errno). What is missing is made anew, what may be written again is opened for it."""
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
        """Whether no other file can take its place."""
        return not self.place.writable

    def cannot_rewrite(self):
        """(status, errno): why the file cannot be written anew."""
        if self.file.newer:
            return n.NEWER, 0
        return (n.OK, 0) if self.place.writable else (n.PERMISSION, EACCES)
