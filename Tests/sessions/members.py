"""A struct whose members are bound to fields without callbacks, and its host."""
import ctypes as c

from host import BOOL, CHARS, CHARS_SIZE, DOUBLE, INT32, INT64, STRING, Host

KINDS = {BOOL: c.c_bool, INT32: c.c_int32, INT64: c.c_int64, DOUBLE: c.c_double, CHARS: c.c_char * CHARS_SIZE, STRING: c.c_char_p}
LETTERS = {BOOL: "b", INT32: "i", INT64: "i", DOUBLE: "r", CHARS: "s", STRING: "s"}


class Empty(c.Structure):
    _fields_ = [("unused", c.c_int64)]


class MemberHost(Host):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        members = [field for field in self.fields.values() if field.member]
        self.struct = Empty if not members else type("Model", (c.Structure,), {"_fields_": [("unused", c.c_int64)] + [(field.key, KINDS[field.member]) for field in members]})
        self.memory = self.struct()
        self.members = {field.key: field.member for field in members}
        self.lay_out(self.model)

    @property
    def address(self):
        return c.addressof(self.memory)

    def offset_and_size(self, key):
        place = getattr(self.struct, key)
        return place.offset, place.size

    def lay_out(self, those):
        for key in self.members.keys() & those.keys():
            value = those[key]
            payload = value[1] if len(value) > 1 else None
            setattr(self.memory, key, payload.encode("utf-8", "surrogateescape") if isinstance(payload, str) else payload)

    def read_back(self):
        for key, member in self.members.items():
            payload = getattr(self.memory, key)
            if isinstance(payload, bytes):
                payload = payload.decode("utf-8", "surrogateescape")
            self.slice[key] = ("n",) if payload is None else (LETTERS[member], payload)
