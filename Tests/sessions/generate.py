"""Cases at random, from a seed: lists of steps, each of which says all that it needs."""
import random

KEYS = ("a", "b", "c")
FORMER = ("p", "q")
STORED = tuple("lily_session_" + key for key in KEYS + FORMER) + ("x",)

# What a field may be, with values of its types. Values that no text can be made of, and of other types, come from UNSTORABLE.
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
TEXTS = ("1", "7", "13", "-9", "\"t\"", "\"dark\"", "\"refused\"", "true", "null", "0.5", "2.5", "{\"a\":1}", "[]", "[ 1, 2 ]")
CODES = (-20, -12, -3)


class Generator:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.steps = []
        self.fields = {}  # session -> fields
        self.handles, self.sessions = [], []

    def chance(self, of):
        return self.random.random() < of

    def pick(self, among):
        return self.random.choice(among)

    def field(self, key):
        random = self.random
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

    def case(self):
        random = self.random
        kind = random.choices(("journal", "memory", "backend"), (8, 1, 1))[0]
        count = 1 if kind == "memory" else random.choice((2, 2, 3))
        self.kind = kind
        for at in range(count):
            self.open(f"h{at}", kind)
        self.profile = self.profiles()
        for at in range(random.choice((1, 2, 2))):
            if self.chance(0.5):
                self.by_hand()
            self.attach(f"s{at}")
        for _ in range(random.choice((5, 10, 20, 30))):
            self.random_step()
        return self.steps

    def open(self, name, kind):
        self.steps.append(["open", name, {"kind": kind}])
        self.handles.append(name)

    def profiles(self):
        """The fields of this case's program, in one or two versions of it."""
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
        return fields

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
        self.steps.append(["attach", name, "r" + name[1:] if self.chance(0.9) else "r0", self.pick(self.handles), fields, options])

    # ---- single steps

    def by_hand(self):
        handle = self.pick(self.handles)
        kind = self.random.choices(("set", "remove", "clear", "get", "each", "sync"), (10, 3, 2, 1, 1, 2))[0]
        if kind == "set":
            after = self.pick((0, 0, 0, 500, 1000, 3000, 100_000, -1))
            self.steps.append(["set", handle, self.pick(STORED), self.text(), after])
        elif kind in ("remove", "get"):
            self.steps.append([kind, handle, self.pick(STORED)])
        elif kind == "each":
            self.steps.append([kind, handle, self.pick(("", "lily_session_"))])
        else:
            self.steps.append([kind, handle])

    def text(self):
        return self.pick(TEXTS)

    def change(self, session):
        field = self.pick(self.fields[session])
        values = UNSTORABLE if self.chance(0.05) else TYPES
        return ["change", session, field["key"], self.pick(values[field["types"]])]

    def random_step(self):
        random = self.random
        session = self.pick(self.sessions)
        kind = random.choices(
            ("hand", "change", "persist", "refresh", "flush", "touch", "ask", "clock", "dispatch", "fail", "detach", "attach", "reopen"),
            (12, 12, 10, 12, 3, 4, 8, 6, 5, 5, 2, 3, 2))[0]
        if kind == "hand":
            self.by_hand()
        elif kind == "change":
            self.steps.append(self.change(session))
        elif kind in ("persist", "refresh", "flush", "ask"):
            self.steps.append([kind, session])
        elif kind == "touch":
            self.steps.append([kind, session, self.pick(self.fields[session])["key"] if self.chance(0.95) else "none"])
        elif kind == "clock":
            self.steps.append(["clock", self.pick((1, 499, 500, 999, 1000, 1001, 3000, 200_000, -1000, -5000))])
        elif kind == "dispatch":
            self.steps.append(["dispatch", "r" + session[1:], {"inside": self.inside(session)}])
        elif kind == "fail":
            self.steps.append(self.fail(session))
        elif kind == "detach":
            self.steps.append([self.pick(("detach", "abandon")), session])
        elif kind == "attach":
            self.attach(self.pick(("s0", "s1", "s2")))
        elif kind == "reopen":
            handle = self.pick(self.handles)
            self.steps.append(["close", handle])
            self.steps.append(["open", handle, {"kind": self.kind}])

    def inside(self, session):
        """What an update function does."""
        steps = []
        for _ in range(self.pick((1, 1, 2, 3))):
            if self.chance(0.7):
                steps.append(self.change(session))
            elif self.chance(0.5):
                steps.append(["clear", self.pick(self.handles)])
            else:
                steps.append(["set", self.pick(self.handles), self.pick(STORED), self.text(), 0])
        return steps

    def fail(self, session):
        key = self.pick(self.fields[session])["key"]
        callback = self.random.choices(("get", "set", "migrate", "break", "normalise", "config.set", "config.get"), (4, 3, 1, 2, 1, 2, 1))[0]
        code = self.pick(CODES) if self.chance(0.6) else 0
        return ["fail", session, callback, None if callback.startswith("config") else key, code]


def case(seed):
    return Generator(seed).case()
