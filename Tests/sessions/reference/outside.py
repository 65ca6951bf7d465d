"""What others do to the journal, its folder and this process: the `world` steps, on the reference."""
from .place import fresh_generation
from .storage import Entry


def entries_of(pairs):
    return {("", key): Entry(text) for key, text in pairs}


class Outside:
    """A part of the reference: it has the place, the handles and the sessions."""

    def do_world(self, what, *arguments):
        if (self.place.full or self.place.starved) and what not in ("full", "starve"):
            return False
        return getattr(self, "world_" + what)(self.place, *arguments)

    def world_delete(self, place):
        if not place.folder or not place.writable or place.file is None and not place.emptied or not self.all_open:
            return False
        self.find_out()
        place.delete()

    def world_empty(self, place):
        if place.file is None or not place.file.writable or not place.writable or not self.all_open:
            return False  # a file that is then begun in place is not told from the one before by all
        self.find_out()
        place.empty()

    def world_folder_rights(self, place, writable):
        if not place.folder or place.emptied:
            return False
        place.writable = bool(writable)

    def world_file_rights(self, place, writable):
        if place.file is None or not self.all_open:
            return False
        self.find_out()
        place.file.writable = bool(writable)

    def world_save(self, place):
        if place.file is None:
            return False
        place.save()

    def world_restore(self, place):
        if place.saved is None or not place.folder or not place.writable:
            return False
        place.restore()

    def world_exchange(self, place, entries):
        """A journal of another origin, with these entries, is put in the place of this one."""
        if not place.folder or not place.writable:
            return False
        place.exchange(entries_of(entries))

    def world_move_folder(self, place, entries):
        if not place.folder or not self.all_open:
            return False
        self.find_out()
        place.move_folder(None if entries is None else entries_of(entries))
        self.look_everywhere()

    @property
    def all_open(self):
        """Whether each journal that is used has its handle, with which it can be synced."""
        used = {handle.root for handle in self.handles.values()} | {session.handle.root for session in self.sessions.values()}
        return used <= set(self.handles.values())

    def look_everywhere(self):
        """When a handle notices a folder that was moved is open: each syncs, and then it has."""
        for name, handle in self.handles.items():
            if handle.root is handle:
                self.do_sync(name)
        self.find_out()

    def find_out(self):
        """Each handle looks before the world changes: it opens what was rewritten, and reads what was cleared. Which handles had done that
        would be open."""
        self.found_out = True
        for name, handle in self.handles.items():
            if handle.root is handle:
                self.do_get(name, "x")

    @property
    def scripted(self):
        """Whether a callback is to make steps."""
        return any(host.scripts for host in self.hosts)

    def world_full(self, place, full):
        """From here on the file may not grow: a limit on the size of files, in place of a full disk (S6). No clear is made meanwhile: it may make room."""
        if full and (place.file is None or not place.file.writable or self.sweeps or self.scripted):
            return False  # which of the two limits is met first is open; callbacks make no steps meanwhile
        place.full = bool(full)

    def world_starve(self, place, starved):
        """The file is gone, and from here on the process has no descriptor left to make it with."""
        if starved and (place.file is not None or place.emptied or not place.folder or self.scripted):
            return False
        place.starved = bool(starved)

    def world_other(self, place):
        """Another file in the folder: no descriptor tells of it, while the journal is there."""
        if not place.folder or not place.writable or place.file is None:
            return False

    def world_header(self, place):
        """Both copies of the header become zeros. The lines that agree say what it was (S4)."""
        if place.file is None or not place.file.writable or not self.all_open:
            return False
        self.find_out()
        place.file.headless = True

    # Another process, which knows docs/format.md.

    def foreign(self, place):
        """Whether it can write."""
        return place.file is not None and place.file.writable and not place.file.headless

    def world_write(self, place, items):
        """One line of it; an item without text removes its key."""
        if not self.foreign(place) or place.file.newer:
            return False
        place.file.apply([("", key, None if text is None else Entry(text, after and max(1, self.now + after), version))
                          for key, text, after, version in items])

    def world_clear(self, place):
        if not self.foreign(place) or place.file.newer:
            return False
        place.file.clear("")
        place.file.cleared = fresh_generation()

    def world_damage(self, place):
        """A line whose check fails."""
        if not self.foreign(place):
            return False
        place.file.damaged += 1

    def world_cut(self, place):
        """All lines but the header are cut off: nothing is stored, and clears since it was written are forgotten."""
        if not self.foreign(place) or not self.all_open:
            return False
        self.find_out()
        place.file.cut()
        self.find_out()

    def world_torn(self, place):
        """A line that has no end, of a writer that was killed."""
        if not self.foreign(place):
            return False

    def world_newer(self, place):
        """A line of a newer format."""
        if not self.foreign(place) or self.sweeps:
            return False  # which of the two refuses first is open
        place.file.newer = True

    def world_remove_folder(self, place):
        if not place.folder or not place.writable or not self.all_open:
            return False
        self.find_out()
        place.delete()
        place.folder = False

    def world_make_folder(self, place):
        if place.folder:
            return False
        place.folder = True
