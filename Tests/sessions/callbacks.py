"""The callbacks for the library. Each finds the host by its context, and keeps an exception for the driver."""
import contextlib
import ctypes as c
import traceback

import api
import names as n
import values

contexts = {}   # context pointer -> the object that it stands for
failures = []   # the exceptions that callbacks raised


def guarded(prototype, failure):
    """Makes a callback for C. It passes the object that the context stands for, and keeps an exception for the driver."""
    def wrap(function):
        def call(context, *arguments):
            try:
                return function(contexts[context], *arguments)
            except BaseException:
                failures.append(traceback.format_exc())
                return failure
        return prototype(call)
    return wrap


def register(thing):
    number = max(contexts, default=0) + 1
    contexts[number] = thing
    return number


@contextlib.contextmanager
def registered(thing):
    """Yields a context pointer that is good for the time of a `with`."""
    number = register(thing)
    try:
        yield number
    finally:
        del contexts[number]


class Bound:
    """The context of a field: the field and its host. That of a map has the field of one of its entries."""

    def __init__(self, host, field):
        self.host, self.field = host, field
        self.released = 0
        self.kept = None      # the text that get or migrate gave, which the library borrows until the next call
        self.migrated = None


def fill(out, value):
    """Fills in an out_value. Returns what must stay alive."""
    kind = value[0]
    out = out.contents
    out.type = {"n": 1, "b": 2, "i": 4, "r": 8, "s": 16, "j": 32}[kind]
    if kind == "b":
        out.boolean = value[1]
    elif kind == "i":
        out.integer = value[1]
    elif kind == "r":
        out.real = value[1]
    elif kind in "sj":
        data = value[1].encode("utf-8", "surrogateescape")
        kept = c.create_string_buffer(data, max(len(data), 1))
        out.text.bytes, out.text.length = c.addressof(kept), len(data)
        return kept
    return None


def read(value):
    """Returns the value that set or migrate was given."""
    value = value.contents
    kind = value.type
    if kind == 1:
        return ("n",)
    if kind == 2:
        return ("b", bool(value.boolean))
    if kind == 4:
        return ("i", value.integer)
    if kind == 8:
        return ("r", value.real)
    text = c.string_at(value.text.bytes, value.text.length).decode()
    return ("s" if kind == 16 else "j", text)


@guarded(api.GET, n.IO)
def get(bound, _, out):
    status, value = bound.host.get(bound.field.key)
    if status == n.OK:
        bound.kept = fill(out, value)
    return status


@guarded(api.SET, n.IO)
def set(bound, _, value):
    return bound.host.set(bound.field.key, read(value))


@guarded(api.EACH_ENTRY, n.IO)
def each(bound, _, visit, visitor):
    visit = api.VISIT(visit)

    def visit_one(id, value):
        out = api.Value()
        kept = fill(c.pointer(out), value)
        visit(visitor, id.encode(), c.byref(out))
        del kept
    return bound.host.each(visit_one)


@guarded(api.SET_ENTRY, n.IO)
def set_entry(bound, _, id, value):
    return bound.host.set(bound.field.map + id.decode(), read(value) if value else values.MISSING)


@guarded(api.MIGRATE, n.IO)
def migrate(bound, version, stored, out):
    status, value = bound.host.migrate(bound.field.key, version, read(stored)[1])
    if status == n.OK:
        bound.migrated = fill(out, value)
    return status


@guarded(api.MODIFY, n.IO)
def modify(modification, stored, out):
    status, value = modification(read(stored) if stored else None)
    if status == n.OK:
        modification.kept = fill(out, value)
    return status


@guarded(api.RELEASE, None)
def release(thing):
    thing.released += 1


models = c.c_int64(0), c.c_int64(0)  # the library only passes these on; the values are in the Host


@guarded(api.SLICE, None)
def take(host, _):
    return None if host.take() is None else host.address


@guarded(api.PUT, None)
def put(host, model, _):
    return model if host.put() else None


@guarded(api.REVISION, 0)
def revision(host, _):
    return host.revision()


@guarded(api.EVENT, None)
def event(host, event):
    event = event.contents
    host.event(event.kind, event.status, event.system_error, event.key and event.key.decode())


class Updating:
    """What a runtime's update function does in the current dispatch."""

    def __init__(self, driver):
        self.driver, self.options = driver, {}


@guarded(api.UPDATE_FN, None)
def update(updating, model, _):
    options, updating.options = updating.options, {}
    updating.driver.run(options.get("inside", ()))
    return None if options.get("refuse") else model
