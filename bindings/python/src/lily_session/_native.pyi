# cffi makes this module from lily_session.h, which documents the functions. They have no types in Python.
from typing import Any, Callable, TypeVar

_Callback = TypeVar("_Callback", bound=Callable[..., object])

class _FFI:
    def def_extern(self, *, error: object = ..., onerror: Callable[..., object] = ...) -> Callable[[_Callback], _Callback]: ...
    def __getattr__(self, name: str) -> Any: ...

ffi: _FFI
lib: Any
