"""What is known of a class whose objects have named members: a dataclass, or a class of attrs, msgspec or pydantic. None of these is imported
unless a class of it is there."""
import dataclasses
import inspect
import sys
import typing
from collections import ChainMap
from functools import partial
from typing import Annotated, Any, Callable, Dict, List, Optional

from ._values import Misfit


class Member(typing.NamedTuple):
    """A member of a record."""

    name: str
    annotation: Any
    """The annotation, which may be text that is not resolved yet."""
    argument: Optional[str]
    """The name of the argument of the class that sets the member; None if there is none."""
    is_required: bool
    """True if the class must be given this argument."""


class Record:
    """A class whose objects have named members."""

    def __init__(self, kind: type, members: "List[Member]", frozen: bool, replace: Callable[..., Any], checks: bool) -> None:
        self.kind = kind
        self.members: Dict[str, Member] = {member.name: member for member in members}
        self.frozen = frozen
        """True if a member is changed by making another object."""
        self.checks = checks
        """True if the class may refuse values that fit the annotations."""
        self._replace = replace

    def annotation(self, name: str) -> Any:
        """Returns the annotation of a member, resolved. Only this one is looked at: those of other members may not exist at run time."""
        annotation = self.members[name].annotation
        owner = next((base for base in reversed(self.kind.__mro__) if name in vars(base).get("__annotations__", ())), self.kind)
        module = sys.modules.get(owner.__module__)
        # A holder with one annotation is resolved, because typing resolves all those of a class or none.
        holder = type(owner.__name__, (), {"__annotations__": {name: annotation}, "__module__": owner.__module__})
        names = ChainMap(vars(module) if module else {}, {self.kind.__name__: self.kind, owner.__name__: owner}, dict(vars(owner)))
        return typing.get_type_hints(holder, localns=names, include_extras=True)[name]

    def assign(self, record: Any, name: str, value: Any) -> None:
        """Sets a member. pydantic lets a class check all members only after one was set, and does not put back what it refuses then."""
        before = dict(getattr(record, "__dict__", {})) if is_of_pydantic(self.kind) else {}
        try:
            setattr(record, name, value)
        except BaseException:
            if name in before:
                record.__dict__[name] = before[name]  # It may be another dict than before.
            raise

    def replaced(self, record: Any, changes: "Dict[str, Any]") -> Any:
        """Returns another object with these members changed."""
        arguments = {self.members[name].argument or name: value for name, value in changes.items()}
        return self._replace(record, **arguments)

    def required(self) -> "List[str]":
        """Returns the arguments that the class must be given, and that are no members."""
        known = {member.argument for member in self.members.values()}
        return [
            parameter.name for parameter in inspect.signature(self.kind).parameters.values()
            if parameter.default is parameter.empty and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
            and parameter.name not in known
        ]  # fmt: skip


def record_of(kind: Any) -> Optional[Record]:
    """Returns what is known of a class, or None if it is no such class."""
    if not isinstance(kind, type):
        return None
    if dataclasses.is_dataclass(kind):
        return _of_dataclass(kind)
    if hasattr(kind, "__attrs_attrs__"):
        return _of_attrs(kind)
    if hasattr(kind, "__struct_fields__"):
        return _of_msgspec(kind)
    if is_of_pydantic(kind):
        return _of_pydantic(kind)
    return None


def is_of_pydantic(kind: Any) -> bool:
    """Returns true if pydantic validates the objects of a class."""
    return isinstance(kind, type) and hasattr(kind, "__pydantic_validator__")


def _of_dataclass(kind: Any) -> Record:
    declared = _pydantic_annotations(kind) if is_of_pydantic(kind) else {}
    members = [
        Member(field.name, declared.get(field.name, field.type), field.name if field.init else None,
               field.init and field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING)
        for field in dataclasses.fields(kind)
    ]  # fmt: skip
    replace = partial(_replaced, kind) if is_of_pydantic(kind) else dataclasses.replace
    return Record(kind, members, kind.__dataclass_params__.frozen, replace, hasattr(kind, "__post_init__"))


def _of_attrs(kind: Any) -> Record:
    import attr

    members = [
        Member(each.name, Any if each.type is None else each.type,
               (getattr(each, "alias", None) or each.name.lstrip("_")) if each.init else None, each.init and each.default is attr.NOTHING)
        for each in attr.fields(kind)
    ]  # fmt: skip
    checks = hasattr(kind, "__attrs_post_init__") or any(each.validator or each.converter for each in attr.fields(kind))
    return Record(kind, members, kind.__setattr__.__name__ == "_frozen_setattrs", attr.evolve, checks)


def _of_msgspec(kind: Any) -> Record:
    from msgspec import structs

    members = [Member(each.name, each.type, each.name, each.required) for each in structs.fields(kind)]
    return Record(kind, members, kind.__struct_config__.frozen, structs.replace, hasattr(kind, "__post_init__"))


def _of_pydantic(kind: Any) -> Record:
    members = []
    for name, annotation in _pydantic_annotations(kind).items():
        info = _pydantic_fields(kind)[name]
        members.append(Member(name, annotation, _argument(kind, name, info.validation_alias), info.is_required()))
    return Record(kind, members, bool(kind.model_config.get("frozen")), partial(_revalidated, kind), True)


def _argument(kind: Any, name: str, alias: Any) -> Optional[str]:
    """Returns the name under which a class of pydantic takes a member; None if it takes it only from inside another value."""
    if alias is None or kind.model_config.get("populate_by_name") or kind.model_config.get("validate_by_name"):
        return name
    return next((choice for choice in getattr(alias, "choices", [alias]) if isinstance(choice, str)), None)


def _pydantic_fields(kind: Any) -> "Dict[str, Any]":
    fields: Dict[str, Any] = getattr(kind, "__pydantic_fields__", None) or kind.model_fields
    return fields


def _pydantic_annotations(kind: Any) -> "Dict[str, Any]":
    annotated: Any = Annotated
    found: Dict[str, Any] = {}
    for name, info in _pydantic_fields(kind).items():
        found[name] = annotated[(info.annotation, *info.metadata)] if info.metadata else info.annotation
    return found


def _replaced(kind: Any, record: Any, **arguments: Any) -> Any:
    """Does what dataclasses.replace() does. Defaults are not given to pydantic, which would refuse those that are not valid."""
    infos = _pydantic_fields(kind)
    given = {
        field.name: getattr(record, field.name) for field in dataclasses.fields(kind)
        if field.init and getattr(record, field.name) is not infos[field.name].default
    }  # fmt: skip
    return kind(**{**given, **arguments})


def _revalidated(kind: Any, model: Any, **arguments: Any) -> Any:
    """Returns another model with these arguments changed, which pydantic has validated as a whole. What is no field, or no argument, stays as
    it is. So do defaults, which need not be valid."""
    members = _of_pydantic(kind).members.values()
    given = {member.argument: getattr(model, member.name) for member in members if member.argument and member.name in model.model_fields_set}
    made = kind(**{**(model.__pydantic_extra__ or {}), **given, **arguments})
    for member in members:
        info = _pydantic_fields(kind)[member.name]
        is_given = member.argument in given or member.argument in arguments
        # What the class has made of other members, and is no default, is new.
        is_made = member.argument is not None and info.default_factory is None and getattr(made, member.name) != info.default
        if not is_given and not is_made:
            made.__dict__[member.name] = getattr(model, member.name)
    made.model_fields_set.update(model.model_fields_set)
    if model.__pydantic_private__ is not None:
        object.__setattr__(made, "__pydantic_private__", {**(made.__pydantic_private__ or {}), **model.__pydantic_private__})
    return made


def without_quotation(function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """Calls what sets members of a record. An exception of pydantic or msgspec quotes the value, which may be a secret, so only its type is
    passed on."""
    try:
        return function(*arguments, **named)
    except ValueError as error:
        if type(error).__module__.partition(".")[0] not in ("pydantic_core", "pydantic", "msgspec"):
            raise
        says = type(error).__name__
    raise Misfit(f"the model refuses the value: {says}")
