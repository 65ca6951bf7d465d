"""A runtime, a list of fields and a session over a Python dict, for tests that need all three."""
import ctypes as c
from dataclasses import dataclass

import lily


@dataclass
class Field:
    """`name` of the model; text fields hold bytes, JSON fields JSON text as bytes."""
    name: str
    types: int
    expires_after_ms: int = 0
    version: int = 0


def _encode(value, types, out):
    """Fills an out_value and returns what has to stay alive until the next call."""
    kept = None
    if value is None:
        out.type = lily.NULL
    elif isinstance(value, bool):
        out.type, out.boolean = lily.BOOL, value
    elif isinstance(value, int):
        out.type, out.integer = lily.INT, value
    elif isinstance(value, float):
        out.type, out.real = lily.REAL, value
    else:
        kept = c.create_string_buffer(value, len(value) + 1)
        out.type = lily.JSON if types & lily.JSON else lily.STRING
        out.text.bytes, out.text.length = c.addressof(kept), len(value)
    return kept


def _decode(value):
    if value.type == lily.NULL:
        return None
    if value.type == lily.BOOL:
        return bool(value.boolean)
    if value.type == lily.INT:
        return value.integer
    if value.type == lily.REAL:
        return value.real
    return c.string_at(value.text.bytes, value.text.length)


class Session:
    """Attached on construction. `model` is a dict; `events` gathers (kind, status, errno, key)."""

    def __init__(self, storage, fields, model):
        self.model, self.events, self._kept = model, [], {}
        self._changes = None
        self._cell = c.c_int(0)  # a model pointer must point somewhere; the values live in the dict
        self._callbacks = []
        persistence = lily.persistence_new()
        for field in fields:
            lily.check(lily.field_add(persistence, c.byref(self._struct(field))))
        self._update = lily.UPDATE_FN(self._apply)
        self.runtime = lily.handle()
        lily.check(lily.runtime_new(c.addressof(self._cell), self._update, None, c.byref(self.runtime)))
        self._on_event = lily.EVENT(self._event)
        config = lily.Config(c.sizeof(lily.Config), storage.handle)
        config.on_event = self._on_event
        self.handle = lily.handle()
        code = lily.session_attach(self.runtime, persistence, c.byref(config), c.byref(self.handle))
        failure = lily.Failure(code) if code else None
        lily.persistence_free(persistence)
        if failure:
            lily.runtime_free(self.runtime)
            raise failure

    def _struct(self, field):
        def get(_, __, out):
            self._kept[field.name] = _encode(self.model[field.name], field.types, out.contents)
            return lily.OK

        def put(_, __, value):
            self.model[field.name] = _decode(value.contents)
            return lily.OK
        callbacks = lily.GET(get), lily.SET(put)
        self._callbacks.append(callbacks)
        struct = lily.FieldStruct(c.sizeof(lily.FieldStruct), field.name.encode(), field.types, *callbacks)
        struct.expires_after_ms, struct.version = field.expires_after_ms, field.version
        return struct

    def _apply(self, _, model, __):
        self.model.update(self._changes)
        return model

    def _event(self, _, event):
        event = event.contents
        self.events.append((event.kind, event.status, event.system_error, event.key))

    def dispatch(self, **changes):
        """An update that changes these names of the model."""
        self._changes = changes
        lily.check(lily.runtime_dispatch(self.runtime, None))

    def persist(self):
        lily.check(lily.session_persist(self.handle))

    def flush(self):
        lily.check(lily.session_flush(self.handle))

    def state(self, name):
        out = c.c_int32()
        lily.check(lily.session_field_state(self.handle, name.encode(), c.byref(out)))
        return out.value

    def close(self):
        lily.session_detach(self.handle)
        lily.runtime_free(self.runtime)
