"""Makes random cases from a seed. A case is a list of steps, each of which says everything that it needs."""
import random

import server

KEYS = ("a", "b", "c")
FORMER = ("p", "q")
STORED = tuple("lily_session_" + key for key in KEYS + FORMER) + ("x",)
MAP = "m/"
MISSING = ["missing"]

# The types that a field may have, with values of them. UNSTORABLE has values of other types, and values that have no JSON text.
TYPES = {
    4: [["i", 1], ["i", 2], ["i", 7], ["i", -9]],
    16: [["s", "t"], ["s", "dark"], ["s", "ü\"\\"], ["s", ""]],
    17: [["s", "t"], ["n"], ["s", "dark"]],
    2: [["b", True], ["b", False]],
    8: [["r", 0.5], ["r", 2.5], ["r", -0.0], ["r", 0.0], ["r", 3.0]],
    12: [["i", 1], ["i", 7], ["r", 0.5]],
    32: [["j", "{\"a\":1}"], ["j", "[]"], ["j", "1"]],
    20: [["i", 1], ["s", "t"], ["i", 7]],
}
UNSTORABLE = {4: [["s", "t"], ["r", 0.5]], 16: [["s", "\udcff"], ["i", 1]], 17: [["b", True]], 2: [["n"]], 8: [["r", float("nan")], ["r", float("inf")]],
              12: [["b", False]], 32: [["j", "{"], ["s", "t"]], 20: [["n"]]}
# The kinds of struct members, and the types that go with them.
MEMBERS = {1: 2, 2: 4, 3: 4, 4: 8, 5: 16, 6: 17}
TEXTS = ("99999999999", "\"much too long\"", "1", "7", "13", "-9", "\"t\"", "\"dark\"", "\"refused\"", "true", "null", "0.5", "2.5", "{\"a\":1}", "[]", "[ 1, 2 ]")
CODES = (-20, -12, -3)


CALLBACKS = ("event", "event", "get", "set", "migrate", "revision", "config.get", "config.set")
OF_MAP = ("each", "each", "set", "get")

# How often each kind of step is drawn.
WEIGHTS = {"hand": 12, "change": 12, "persist": 10, "refresh": 12, "flush": 3, "touch": 4, "mark": 2, "modify": 9, "reset": 3, "runtime": 3,
           "ask": 8, "clock": 6, "dispatch": 6, "fail": 5, "script": 2, "end": 2, "attach": 3, "reopen": 2, "replace": 1, "backend": 4, "world": 4,
           "large": 0.05}

WORLD = {"delete": 4, "empty": 3, "folder_rights": 5, "file_rights": 3, "save": 2, "restore": 3, "exchange": 2, "remove_folder": 2, "make_folder": 4,
         "move_folder": 2, "write": 6, "clear": 2, "damage": 1, "header": 0.7, "torn": 1, "newer": 0.5, "cut": 1, "other": 1, "full": 2, "starve": 2}

without = set()  # the kinds of steps that are not made


class Generator:
    def __init__(self, seed):
        self.random = random.Random(seed)
        # Every third case has a map. If there is only one id, handles may have a quota: no rule says which of two entries has to fit first.
        self.ids = () if seed % 3 else ("1",) if seed % 2 else ("1", "2")
        self.stored = STORED + 3 * tuple(f"lily_session_{MAP}{id}" for id in self.ids)
        self.steps = []
        self.fields = {}  # session -> fields
        self.runtimes = {}  # session -> runtime
        self.handles, self.sessions = [], []
        self.backwards = (-1000, -5000)

    def chance(self, of):
        return self.random.random() < of

    def pick(self, among):
        return self.random.choice(among)

    def field(self, key):
        random = self.random
        if self.chance(0.15):
            member = random.choice(tuple(MEMBERS))
            types = MEMBERS[member]
            field = {"key": key, "types": types, "default": random.choice(TYPES[types]), "member": member}
        else:
            types = random.choice(tuple(TYPES))
            field = {"key": key, "types": types, "default": random.choice(TYPES[types])}
        if self.chance(0.35):
            field["expires"] = random.choice((1000, 5000))
        if self.chance(0.3):
            field["version"] = random.choice((1, 2))
            field["migrate"] = int(self.chance(0.6))
        if self.chance(0.25):
            field["former"] = random.sample(FORMER, random.choice((1, 1, 2)))
        return field

    def map(self):
        """Makes a map, which is a field for each of the ids."""
        made = self.field(MAP)
        made.pop("former", None)
        made.pop("member", None)
        made["ids"] = list(self.ids)
        made["default"] = {id: self.pick(TYPES[made["types"]]) for id in self.ids if self.chance(0.4)}
        return made

    def case(self):
        random = self.random
        self.kind = "redis" if server.URL else random.choices(("journal", "memory", "backend"), (8, 1, 1))[0]
        self.profile = self.profiles()
        for at in range(1 if self.kind == "memory" else random.choice((2, 2, 3))):
            self.open(f"h{at}", first=at == 0)
        self.scopes = self.chance(0.2)
        if self.scopes:
            for at in range(random.choice((1, 2))):
                name = f"u{at}"
                self.steps.append(["scope", name, self.pick(self.handles), self.pick(("u", "u", "user:42"))])
                self.handles.append(name)
        if self.kind == "journal" and self.chance(0.07):
            self.steps.append(["watch", self.pick(self.handles)])
        for at in range(random.choice((1, 2, 2))):
            if self.chance(0.5):
                self.by_hand()
            self.attach(f"s{at}")
        for _ in range(random.choice((5, 10, 20, 30))):
            self.random_step()
        if self.kind == "journal":  # this is what a program finds that starts now
            self.steps.append(["open", "h9", {"kind": "journal"}])
            self.steps.append(["attach", "s9", "r9", "h9", self.pick(self.profile), {}])
            self.steps.append(["ask", "s9"])
        return self.steps

    def open(self, name, first=False):
        options = {"kind": self.kind}
        if self.kind in ("journal", "memory") and self.chance(0.1) and len(self.ids) < 2:
            options["quota"] = self.pick((40, 60, 100))
            self.backwards = ()  # expired entries may have been removed to make room, so the clock does not go back
        if self.kind == "backend":
            options.update({function: 1 for function in ("replace", "renew") if self.chance(0.5)})
        if self.kind == "journal":
            if not first and self.chance(0.08):
                options["flags"] = self.pick((1, 1, 2))
            if self.chance(0.08):
                options["durability"] = 1
        self.steps.append(["open", name, options])
        if name not in self.handles:
            self.handles.append(name)

    def profiles(self):
        """Makes the fields of the case's program, for one or two versions of it."""
        keys = self.random.sample(KEYS, self.random.choice((1, 2, 3)))
        first = self.one(keys)
        return [first, first if self.chance(0.6) else [self.upgraded(field) for field in first]]

    def one(self, keys):
        fields, taken = [], set()
        for key in keys:
            field = self.field(key)
            field["former"] = [former for former in field.get("former", ()) if former not in taken]
            taken.update(field["former"])
            fields.append(field)
        return fields + [self.map()] if self.ids else fields

    def upgraded(self, field):
        field = dict(field)
        field["version"] = field.get("version", 0) + self.pick((0, 1))
        field["migrate"] = int(self.chance(0.5))
        return field

    def attach(self, name):
        options = {}
        if self.chance(0.4):
            options["slices"] = 1
        if self.chance(0.2):
            options["revisions"] = 1
        fields = self.pick(self.profile)
        if self.chance(0.05):
            options["failing"] = [["get", self.pick(fields)["key"], self.pick(CODES)]]
        if options.get("slices") and self.chance(0.03):
            options.setdefault("failing", []).append([self.pick(("config.get", "config.set")), None, 1])
        self.fields[name] = fields
        self.sessions.append(name)
        self.runtimes[name] = "r" + name[1:] if self.chance(0.8) else "r0"
        self.steps.append(["attach", name, self.runtimes[name], self.pick(self.handles), fields, options])

    # ---- single steps

    def by_hand(self):
        handle = self.pick(self.handles)
        kind = self.random.choices(("set", "remove", "clear", "get", "each", "sync", "info", "write", "modify"), (10, 3, 2, 2, 1, 2, 1, 4, 4))[0]
        if kind == "set":
            after = self.pick((0, 0, 0, 500, 1000, 3000, 100_000, -1))
            self.steps.append(["set", handle, self.pick(self.stored), self.text(), after])
        elif kind in ("remove", "get"):
            self.steps.append([kind, handle, self.pick(self.stored)])
        elif kind == "each":
            self.steps.append([kind, handle, self.pick(("", "lily_session_"))])
        elif kind == "write":
            self.steps.append(self.writing(handle, (0, 0, 1000, -1)))
        elif kind == "modify":
            self.steps.append(self.modifying(handle))
        else:
            self.steps.append([kind, handle])

    def writing(self, handle, deadlines=(0, 0, 1000)):
        """Returns a step that stores and removes several keys at once."""
        keys = self.random.sample(self.stored, self.pick((0, 1, 2, 2, 3)))
        if keys and self.chance(0.05):
            keys.append(keys[0])
        texts = [None if self.chance(0.3) else "{" if self.chance(0.03) else self.text() for _ in keys]
        return ["write", handle, [[key, text, self.pick(deadlines), self.pick((0, 0, 0, 1))] for key, text in zip(keys, texts)]]

    def modifying(self, handle):
        """Returns a step that modifies an entry."""
        gives = ["s", "t"] if self.chance(0.04) else ["j", "{" if self.chance(0.04) else self.text()]
        key = self.pick(self.stored)
        return ["storage_modify", handle, key, self.modification(gives, [key], self.pick(self.sessions) if self.sessions else None)]

    def modification(self, gives, keys, session):
        """Returns what a modify callback does. Others often store something under one of the keys meanwhile."""
        options = {"gives": gives}
        if self.chance(0.6):
            options["grows"] = 1
        if self.chance(0.1):
            options["returns"] = self.pick((*CODES, 77))
        if self.chance(0.5):
            options["inside"] = [[self.meanwhile(keys, session) for _ in range(self.pick((1, 1, 2)))] for _ in range(self.pick((1, 1, 2, 3)))]
        return options

    def meanwhile(self, keys, session):
        handle, key = self.pick(self.handles), self.pick(keys) if self.chance(0.7) else self.pick(self.stored)
        kind = self.random.choices(("set", "remove", "clear", "write", "modify", "calling"), (8, 2, 2, 1, 2, 4 if session else 0))[0]
        if kind == "set":
            return ["set", handle, key, self.text(), self.pick((0, 0, 1000))]
        if kind == "remove":
            return ["remove", handle, key]
        if kind == "clear":
            return ["clear", handle]
        if kind == "write":
            return self.writing(handle)
        if kind == "modify":
            return ["storage_modify", handle, key, {"gives": ["j", self.text()], "grows": 1}]
        return self.calling(session, "modify")

    def text(self):
        return self.pick(TEXTS)

    def some_field(self, session):
        """Returns a field, or a map with the key of one of its entries."""
        field = self.pick(self.fields[session])
        return field, field["key"] + self.pick(field["ids"]) if "ids" in field else field["key"]

    def change(self, session):
        field, key = self.some_field(session)
        if "ids" in field and self.chance(0.3):
            return ["change", session, key, MISSING]
        values = UNSTORABLE if self.chance(0.05) else TYPES
        if field.get("member"):
            values = TYPES if field["member"] < 4 or values is TYPES else {8: UNSTORABLE[8], 16: UNSTORABLE[16][:1], 17: UNSTORABLE[16][:1]}
        return ["change", session, key, self.pick(values[field["types"]])]

    def modify(self, session, plain=False):
        """Returns a step that modifies a field; with `plain`, nothing else happens meanwhile."""
        field, key = self.some_field(session)
        gives = self.pick((UNSTORABLE if self.chance(0.06) else TYPES)[field["types"]])
        if field["types"] & 4 and self.chance(0.05):
            gives = ["i", 13]
        keys = ["lily_session_" + key for key in (key, key, *field.get("former", ()))]
        options = {"gives": gives, "grows": 1} if plain else self.modification(gives, keys, session)
        return ["modify", session, key if self.chance(0.97) else "none", options]

    def mates(self, session):
        """Returns the sessions of the same runtime."""
        return sorted({name for name in self.sessions if self.runtimes[name] == self.runtimes[session]})

    def random_step(self):
        session = self.pick(self.sessions)
        kind = self.random.choices(tuple(WEIGHTS), tuple(WEIGHTS.values()))[0]
        if kind == "hand":
            self.by_hand()
        elif kind == "change":
            self.steps.append(self.change(session))
        elif kind in ("persist", "refresh", "flush", "ask"):
            self.steps.append([kind, session])
        elif kind == "modify":
            self.steps.append(self.modify(session))
        elif kind == "runtime":
            mates = self.mates(session)
            if len(mates) > 1 and self.chance(0.5):  # one of them ends another one
                one, other = self.random.sample(mates, 2)
                self.steps += [self.change(other), ["script", one, "get", [self.ending(other)]]]
            call = self.pick(("runtime_persist", "runtime_refresh", "runtime_next_expiry"))
            self.steps.append([call, self.runtimes[session]])
        elif kind in ("touch", "mark", "reset"):
            self.steps.append([kind, session, self.key(session)])
        elif kind == "clock":
            self.steps.append(["clock", self.pick((1, 499, 500, 999, 1000, 1001, 3000, 200_000) + self.backwards)])
        elif kind == "dispatch":
            options = {"inside": self.inside(session)}
            if self.chance(0.05):
                options["refuse"] = 1
            self.steps.append(["dispatch", "r" + session[1:], options])
        elif kind == "fail":
            self.steps.append(self.fail(session))
        elif kind == "script":
            callback = self.pick(CALLBACKS + OF_MAP if self.ids else CALLBACKS)
            self.steps.append(["script", session, callback, [self.calling(session, callback) for _ in range(self.pick((1, 1, 2, 3)))]])
        elif kind == "end":
            self.steps.append(self.ending(session))
        elif kind == "attach":
            self.attach(self.pick(("s0", "s1", "s2")))
        elif kind == "reopen":
            handle = self.pick([name for name in self.handles if name[0] == "h"])
            self.steps.append(["close", handle])
            self.open(handle)
        elif kind == "replace":
            self.steps.append(["replace", "r" + session[1:]])
        elif kind == "world" and self.kind == "journal":
            self.steps.append(self.world())
            if self.steps[-1][1:] == ["empty"] and self.chance(0.5):
                self.as_long_again()
            if self.steps[-1][1:] == ["file_rights", 0] and self.chance(0.5):
                self.open("h3")  # while the file may only be read
                self.steps += [["world", "file_rights", 1], ["set", "h3", self.pick(self.stored), self.text(), 0]]
        elif kind == "large":
            self.large(session)
        elif kind in ("backend", "world") and self.kind == "backend":
            function = self.pick(("write", "write", "write", "read", "clear", "generation", "each", "sync"))
            code = self.pick((-20, -21, -26, -22) if function in ("write", "clear") else (-20, -23)) if self.chance(0.5) else 0
            self.steps.append(["backend", self.pick(self.handles), function, code])

    def as_long_again(self):
        """Empties a file that two handles know, and gives it a line of the same length: its size does not tell that it is another one."""
        one, other, key = self.pick(self.handles), self.pick(self.handles), self.pick(self.stored)
        self.steps += [["set", one, key, "1", 0], ["get", other, key], ["world", "empty"], ["set", one, key, "7", 0]]

    def large(self, session):
        """Writes far more than stays stored, so that the file is rewritten in between (S12)."""
        self.steps += [["script", name, "event", []] for name in self.sessions]  # no rule says how often NOT_REWRITTEN is reported
        texts = [field["key"] for field in self.fields[session] if field["types"] & 16 and not field.get("member") and "ids" not in field]
        if texts and self.chance(0.6):
            key = self.pick(texts)
            self.steps.append(["change", session, key, ["s", 100_000]])
            self.steps.append(["persist", session])
            self.steps.append(["repeat", 80, ["touch", session, key]])
        else:
            handle = self.pick(self.handles)
            self.steps.append(["repeat", 80, ["set", handle, "x", 100_000, 0]])
            self.steps.append([self.pick(("remove", "get")), handle, "x"])

    def world(self):
        what = self.random.choices(tuple(WORLD), tuple(WORLD.values()))[0]
        if what == "header" and self.scopes:
            what = "delete"  # no rule says which generation scopes have then
        step = ["world", what]
        if what.endswith("rights") or what in ("full", "starve"):
            step.append(self.pick((0, 1)))
        elif what == "exchange" or what == "move_folder" and self.chance(0.5):
            step.append([[key, self.compact()] for key in self.random.sample(self.stored, 2)])
        elif what == "move_folder":
            step.append(None)
        elif what == "write":
            step.append([[key, None if self.chance(0.2) else self.compact(), self.pick((0, 0, 1000, -1)), self.pick((0, 0, 1, 2))]
                         for key in self.random.sample(self.stored, self.pick((1, 1, 2)))])
        return step

    def compact(self):
        return self.text().replace(" ", "")

    def key(self, session):
        return self.some_field(session)[1] if self.chance(0.95) else "none"

    def ending(self, session):
        if self.chance(0.2):
            return ["free", "r" + session[1:]]
        return [self.pick(("detach", "detach", "abandon")), session]

    def calling(self, session, callback):
        """Returns steps for a callback: calls of the runtime that runs it (S15), ending that runtime, and reading the storage."""
        kind = self.random.choices(("session", "dispatch", "model", "replace", "end", "mark", "get", "attach", "storage", "modify", "runtime"),
                                   (5, 2, 1, 1, 2, 1, 1, 1, 2, 1, 1))[0]
        if kind == "session":
            return [self.pick(("persist", "flush", "refresh")), session]
        if kind == "modify":  # of a session of another runtime, this is another program's
            other = self.pick(self.sessions) if callback in ("event", "modify") else session
            if callback != "modify" and self.chance(0.3):  # a storage_modify runs its callback outside any runtime, where a reset may be left out
                return ["reset", session, self.key(session)]
            return self.modify(other, plain=True)
        if kind == "runtime":
            return [self.pick(("runtime_persist", "runtime_refresh")), self.runtimes[session]]
        if kind == "dispatch":
            return ["dispatch", "r" + session[1:], {}]
        if kind in ("model", "replace"):
            return [kind, "r" + session[1:]]
        if kind == "end":
            return self.ending(self.pick(self.mates(session)))
        if kind == "mark" and callback not in ("revision", "config.get"):  # no rule says whether the update has begun there
            key = self.key(session)
            if not key.startswith(MAP):  # no rule says whether the session has an entry that is missing
                return ["mark", session, key]
        if kind == "attach":
            return ["attach", "s7", "r" + session[1:], self.pick(self.handles), self.pick(self.profile), {}]
        if kind == "storage" and callback == "event":
            return self.storing()
        return ["get", self.pick(self.handles), self.pick(self.stored)]

    def storing(self):
        if self.chance(0.4):
            return ["clear", self.pick(self.handles)]
        if self.chance(0.3):
            return self.writing(self.pick(self.handles))
        if self.chance(0.2):
            return ["storage_modify", self.pick(self.handles), self.pick(self.stored), {"gives": ["j", self.text()], "grows": 1}]
        return ["set", self.pick(self.handles), self.pick(self.stored), self.text(), 0]

    def inside(self, session):
        """Returns what an update function does."""
        steps = []
        for _ in range(self.pick((1, 1, 2, 3))):
            if self.chance(0.75):
                steps.append(self.change(session))
            elif self.chance(0.7):
                steps.append(self.storing())
            else:
                steps.append(self.calling(session, "update"))
        return steps

    def fail(self, session):
        field, key = self.some_field(session)
        callback = self.random.choices(("get", "set", "migrate", "break", "normalise", "config.set", "config.get"), (4, 3, 1, 2, 1, 2, 1))[0]
        code = self.pick(CODES) if self.chance(0.6) else 0
        if "ids" in field:
            if callback in ("get", "migrate"):
                key = field["key"]
            elif self.chance(0.2):
                callback, key = self.pick((("drop", key), ("twice", field["key"]), ("nameless", field["key"])))
        return ["fail", session, callback, None if callback.startswith("config") else key, code]


def case(seed):
    return [step for step in Generator(seed).case() if step[0] not in without]
