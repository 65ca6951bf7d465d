"""The `world` steps of the reference: what others do to the journal, its folder and this process."""
from .storage import Entry


def entries_of(pairs):
    return {("", key): Entry(text) for key, text in pairs}


class Outside:
    """A part of the Reference, which has the place, the handles and the sessions."""

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
            return False  # not every handle could tell a file that is then begun in place from the one before
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
        """Replaces the journal by one of another origin, with these entries."""
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
        """Returns True if each journal that is used still has its handle, which can sync it."""
        used = {handle.root for handle in self.handles.values()} | {session.handle.root for session in self.sessions.values()}
        return used <= set(self.handles.values())

    def look_everywhere(self):
        """Makes each handle sync and look, because no rule says when a handle notices a folder that was moved."""
        for name, handle in self.handles.items():
            if handle.root is handle:
                self.do_sync(name)
        self.find_out()

    def find_out(self):
        """Makes each handle look before the world changes, so that it opens a rewritten file and learns of a clear. Otherwise no rule would
        say which handles know of these."""
        self.found_out = True
        for name, handle in self.handles.items():
            if handle.root is handle:
                self.do_get(name, "x")

    @property
    def scripted(self):
        """Returns True if a callback will make steps."""
        return any(host.scripts for host in self.hosts)

    def world_full(self, place, full):
        """Lets the file not grow from here on. A limit of file sizes stands for a full disk (S6). No clear is made meanwhile, because it may
        make room."""
        if full and (place.file is None or not place.file.writable or self.sweeps or self.scripted):
            return False  # no rule says which of the two limits is met first; callbacks make no steps meanwhile
        place.full = bool(full)

    def world_starve(self, place, starved):
        """Takes all descriptors from the process. The file must be gone, so that the process cannot make it again."""
        if starved and (place.file is not None or place.emptied or not place.folder or self.scripted):
            return False
        place.starved = bool(starved)

    def world_other(self, place):
        """Makes another file in the folder. While the journal exists, no descriptor reports it."""
        if not place.folder or not place.writable or place.file is None:
            return False

    def world_header(self, place):
        """Makes both copies of the header zeros. The lines that agree tell what it was (S4)."""
        if place.file is None or not place.file.writable or not self.all_open:
            return False
        self.find_out()
        place.file.headless = self.had_lost_header = True
        place.file.keeps_damage = place.file.keeps_damage or not place.file.removed  # a removal comes after the header

    # ---- another process, which writes as docs/format.md says

    def foreign(self, place):
        """Returns True if the other process can write."""
        return place.file is not None and place.file.writable and not place.file.headless

    def world_write(self, place, items):
        """Writes one line. An item without text removes its key."""
        if not self.foreign(place) or place.file.newer:
            return False
        place.file.apply([("", key, None if text is None else Entry(text, after and max(1, self.now + after), version))
                          for key, text, after, version in items])

    def world_clear(self, place):
        if not self.foreign(place) or place.file.newer:
            return False
        place.file.clear("")

    def world_damage(self, place):
        """Writes a line whose check fails."""
        if not self.foreign(place):
            return False
        place.file.damaged += 1
        place.file.keeps_damage = self.had_damage = True

    def world_cut(self, place):
        """Cuts off all lines except the header. Nothing is stored then, and the clears since the header was written are forgotten."""
        if not self.foreign(place) or not self.all_open:
            return False
        self.find_out()
        place.file.cut()
        self.find_out()

    def world_torn(self, place):
        """Writes a line without an end, as a writer does that is killed."""
        if not self.foreign(place):
            return False

    def world_newer(self, place):
        """Writes a line of a newer format."""
        if not self.foreign(place) or self.sweeps:
            return False  # no rule says which of the two refuses first
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
