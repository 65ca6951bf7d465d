"""The host of a session: its model, and its callbacks with switches that make them fail.

The reference and the driver have hosts of this same class, because the comparison is not about what the host does.
"""
import names as n
import values

BOOL, INT32, INT64, DOUBLE, CHARS, STRING = range(1, 7)
CHARS_SIZE = 8  # the size of a CHARS member, with the NUL


class Field:
    """A field as a case describes it: {"key": "a", "types": 4, "expires": 0, "version": 0, "migrate": 0, "former": []}. With "ids", this is a
    map whose prefix is "key", and each of the ids may have an entry. An entry is a field whose value may be missing."""

    def __init__(self, described, id=None):
        self.map = None if id is None else described["key"]
        self.key = described["key"] + (id or "")
        self.types = described["types"]
        self.expires = described.get("expires", 0)
        self.version = described.get("version", 0)
        self.migrate = bool(described.get("migrate"))
        self.former = tuple(described.get("former", ()))
        self.member = described.get("member", 0)  # a LILY_SESSION_MEMBER_…; if it is not 0, the field is bound without callbacks
        self.stored_key = n.PREFIX + self.key
        self.keys = (self.stored_key, *(n.PREFIX + key for key in self.former))
        self.default = values.of_case(described["default"] if id is None else described["default"].get(id, values.MISSING))

    def text_of(self, value):
        """Returns the JSON text of a value, or None if it has none."""
        return None if value == values.MISSING else values.text_of(value, self.types)

    def can_have(self, value):
        """Returns True if the value can be stored, or is that of an entry which is missing."""
        return value == values.MISSING or self.text_of(value) is not None


def fields_of(described):
    """Returns the fields of a list: one for each entry that a map may have."""
    return [Field(field, id) for field in described for id in field.get("ids", (None,))]


class Host:
    """If `slices`, the slice is a part of the model, which config's get takes out and set puts back; otherwise the model is the slice.
    If `revisions`, there is a revision callback, which counts the changes of the model."""

    def __init__(self, fields, slices, revisions, run):
        self.fields = {field.key: field for field in fields}
        self.map = next((field.map for field in fields if field.map), None)
        self.model = {field.key: field.default for field in fields}
        self.slice = self.model
        self.slices, self.revisions = slices, revisions
        self.counted = 0
        self.failing = {}   # (callback, key or None) -> what it returns instead of OK
        self.scripts = {}   # callback -> the steps that it runs once
        self.events = []
        self.released = 0
        self.ended = False  # True: the session has ended, and everything it reported has been compared
        self._run = run     # the function that runs steps inside a callback

    def called(self, callback):
        """Runs a callback's steps. Each callback begins with it."""
        steps = self.scripts.pop(callback, None)
        if steps:
            self._run(steps)

    def change(self, key, value):
        self.model[key] = value
        self.counted += 1
        if not self.slices:
            self.lay_out({key: value})

    # ---- the struct of the members, which only the driver's host has

    def lay_out(self, those):
        """Puts the members among these into the struct."""

    def read_back(self):
        """Takes the slice's members from the struct."""

    # ---- config's callbacks

    def take(self):
        """Returns the slice of a model, or None if the callback fails."""
        if self.slices:
            self.called("config.get")
            if ("config.get", None) in self.failing:
                return None
            self.slice = dict(self.model)
            self.lay_out(self.slice)
        return self.slice

    def put(self):
        """Puts the slice back into the model. Returns False if the callback fails."""
        self.called("config.set")
        if ("config.set", None) in self.failing:
            return False
        self.read_back()
        self.model = dict(self.slice)
        return True

    def revision(self):
        self.called("revision")
        return self.counted

    def event(self, kind, status, system_error, key):
        self.events.append((kind, status, system_error, key))
        self.called("event")

    # ---- the map's callback each

    def each(self, visit):
        """Calls visit(id, value) for each entry that the map has. Returns a status. If it fails, only the first entry was visited."""
        self.called("each")
        status = self.failing.get(("get", self.map), n.OK)
        there = [(key[len(self.map):], self.slice[key]) for key, field in self.fields.items() if field.map and self.slice[key] != values.MISSING]
        for id, value in there[:1] if status else there:
            visit(id, value)
        if ("twice", self.map) in self.failing and there:
            visit(*there[0])
        if ("nameless", self.map) in self.failing:
            visit("", ("n",))
        return status

    # ---- callbacks of the fields

    def get(self, key):
        """Returns (status, value)."""
        if self.fields[key].member:
            return n.OK, self.slice[key]
        self.called("get")
        return self.failing.get(("get", key), n.OK), self.slice[key]

    def set(self, key, value):
        if self.fields[key].member:
            return self.set_member(key, value)
        self.called("set")
        status = self.failing.get(("set", key), n.OK)
        if status != n.OK:
            return status
        # Every set refuses one value, as the check of a host may.
        if value == ("i", 13) or value == ("s", "refused"):
            return n.CALLBACK
        if ("normalise", key) in self.failing:
            value = ("i", min(value[1], 5)) if value[0] == "i" else ("s", value[1].upper()) if value[0] == "s" else value
        if ("drop", key) in self.failing:
            value = values.MISSING
        if ("break", key) in self.failing:
            self.failing[("get", self.fields[key].map or key)] = self.failing.pop(("break", key))
        self.slice[key] = value
        self.counted += 1
        return n.OK

    def set_member(self, key, value):
        """Does what the library does with a member of a struct: it rejects what does not fit."""
        member = self.fields[key].member
        if member == INT32 and not -2**31 <= value[1] < 2**31 or member == CHARS and len(value[1].encode()) >= CHARS_SIZE:
            return n.DECODE
        self.slice[key] = value
        return n.OK

    def migrate(self, key, version, text):
        """Returns (status, value)."""
        self.called("migrate")
        status = self.failing.get(("migrate", self.fields[key].map or key), n.OK)
        value = values.migrated(version, text, self.fields[key].types)
        return (n.DECODE if value is None and status == n.OK else status), value


class Modification:
    """What a `modify` callback does: {"gives": value, "grows": 1, "returns": status, "inside": [steps of the first call, …]}. With `grows`, it
    makes the new value from the stored one, if there is one that can grow."""

    def __init__(self, options, run, returned):
        self.options, self._run, self._returned = options, run, returned
        self.left = list(options.get("inside", ()))
        self.kept = None  # the text that it gave, which the library borrows

    def __call__(self, stored):
        """Returns (status, value). Records what was stored."""
        self._returned("given", stored)
        steps = self.left.pop(0) if self.left else ()
        if steps:
            self._run(steps)
        value = values.of_case(self.options["gives"])
        if stored is not None and self.options.get("grows"):
            value = values.grown(stored) or value
        return self.options.get("returns", n.OK), value
