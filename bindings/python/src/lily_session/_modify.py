"""Modifications: the new value is made from what is stored, whoever else stores at the same time."""
from typing import Any, Callable, Generic, TypeVar

from ._calls import keep
from ._codecs import REFUSALS, Codec
from ._errors import DecodeError, EncodeError
from ._native import ffi, lib
from ._values import Misfit, fill_value, loads

V = TypeVar("V")


class Modification(Generic[V]):
    """The context of lily_py_modify, for one call of the library."""

    new: V
    """What `change` returned last."""

    def __init__(self, key: str, codec: Codec, change: Callable[[Any], V], default: Any) -> None:
        self._key = key
        self._codec = codec
        self._change = change
        self._default = default
        self._memory: Any = None  # keeps the text of the new value alive

    def run(self, stored: Any, out_value: Any) -> None:
        """Fills the new value. `stored` is NULL if nothing is stored."""
        types, encode, decode, _, raw = self._codec
        value = self._default
        if stored:
            refusal = None
            try:
                value = decode(loads(stored, raw))
            except REFUSALS as error:
                # A Misfit quotes no value; any other exception may, as that of int("x") does, so only its type is told.
                refusal = str(error) if isinstance(error, Misfit) else type(error).__name__
            if refusal is not None:
                raise DecodeError(f"{self._key}: the stored value is not one that the field accepts: {refusal}")
        self.new = self._change(value)
        try:
            self._memory = fill_value(out_value, encode(self.new), types)
            return
        except Misfit as misfit:
            says = str(misfit)
        except RecursionError:  # such as of an object that contains itself
            says = "the value is nested too deeply"
        raise EncodeError(f"{self._key}: {says}")


@ffi.def_extern(error=lib.LILY_SESSION_ERROR_CALLBACK, onerror=keep)
def lily_py_modify(context: Any, stored: Any, out_value: Any) -> int:
    modification: Modification[Any] = ffi.from_handle(context)
    modification.run(stored, out_value)
    return 0
