"""The codec of an annotation that pydantic knows, and of the constraints of msgspec."""
from datetime import datetime
from typing import Any, Callable, Iterator, Optional, Union

from ._codecs import REFUSALS, Codec
from ._records import record_of
from ._values import JSON, Misfit, RawJSON, as_bytes, as_json


def pydantic_codec(annotation: Any) -> Optional[Codec]:
    """Returns a codec by pydantic's TypeAdapter, or None if there is no pydantic 2.7 or newer."""
    try:
        from pydantic import VERSION, TypeAdapter, ValidationError
    except ImportError:
        return None
    if tuple(map(int, VERSION.split(".")[:2])) < (2, 7):  # Older ones can only warn of a value that does not fit.
        return None
    adapter: TypeAdapter[Any] = TypeAdapter(annotation)

    # The texts of pydantic's exceptions and warnings quote the value, which may be a secret, so none of them is passed on.

    def decode(text: str) -> Any:
        try:
            return adapter.validate_json(text)
        except ValidationError as error:
            names = set(_names_in(adapter.core_schema))
            told = "; ".join(
                each["type"] + (f" at {_place(each['loc'], names)}" if each["loc"] else "")
                for each in error.errors(include_url=False, include_context=False, include_input=False)
            )
        except REFUSALS as error:
            told = type(error).__name__
        raise Misfit(f"the value does not fit the annotation: {told}")

    def encode(value: Any) -> Any:
        try:
            text = RawJSON(adapter.dump_json(value, by_alias=True, warnings="error"), "utf-8")
        except REFUSALS as error:
            told = type(error).__name__
        else:
            read = decode(text)  # Pydantic encodes values that its constraints do not allow, and would refuse them when they are read.
            # It also masks secrets, and leaves out members. Two that were read differ if their class compares no values.
            if read == value or _same(read, value) or not _same(read, decode(text)):
                return text
            raise Misfit("the value would be read back as another")
        raise Misfit(f"the value does not fit the annotation: {told}")

    return Codec(JSON, encode, decode, raw=True)


def _same(read: Any, value: Any) -> bool:
    """Returns true if two values are equal. Unlike `==`, it does not compare private members, which are not stored, and it compares times in
    different zones also where clocks are put back."""
    if isinstance(value, datetime):
        return isinstance(read, datetime) and read.utcoffset() == value.utcoffset() and read.replace(tzinfo=None, fold=0) == value.replace(tzinfo=None, fold=0)
    if type(read) is type(value):
        if isinstance(value, (list, tuple)):
            return len(read) == len(value) and all(map(_same, read, value))
        if isinstance(value, dict):
            return read.keys() == value.keys() and all(_same(read[key], value[key]) for key in value)
        record = record_of(type(value))
        if record is not None:
            extra = getattr(read, "__pydantic_extra__", None), getattr(value, "__pydantic_extra__", None)
            return _same(*extra) and all(_same(getattr(read, name, None), getattr(value, name, None)) for name in record.members)
    return bool(read == value)


def _names_in(schema: object, are_names: bool = False) -> "Iterator[str]":
    """Yields the names that a schema of pydantic gives to fields. `are_names` is true if strings in it are such names."""
    if isinstance(schema, str) and are_names:
        yield schema
    elif isinstance(schema, (list, tuple)):
        for part in schema:
            yield from _names_in(part, are_names)
    elif isinstance(schema, dict):
        for key, part in schema.items():
            if key == "fields" and isinstance(part, dict):
                yield from part
                yield from _names_in([*part.values()])
            elif key not in ("default", "metadata"):  # These are the program's own objects.
                yield from _names_in(part, key in ("name", "validation_alias"))


def _place(location: "tuple[Union[int, str], ...]", names: "set[str]") -> str:
    """Returns the place in a value that pydantic found a mistake at. A name that is not one of the fields' may be a key of a dict, which
    is a part of the value."""
    return ".".join(str(part) if isinstance(part, int) or part in names else "*" for part in location)


def msgspec_codec(annotation: Any, codec: Codec) -> Codec:
    """Returns a codec that also checks the constraints of msgspec in an annotation."""
    import msgspec

    def checked(function: Callable[[Any], Any], before: bool) -> Callable[[Any], Any]:
        def convert(value: Any) -> Any:
            converted = function(value)
            try:
                msgspec.json.decode(as_bytes(as_json(value if before else converted)), type=annotation)
            except msgspec.ValidationError:
                pass
            else:
                return converted
            raise Misfit("the value does not meet the constraints of its annotation")  # The other exception may quote it.

        return convert

    return Codec(codec.types, checked(codec.encode, False), checked(codec.decode, True))
