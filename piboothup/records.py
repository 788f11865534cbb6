"""Dataclasses without generated code: for type checkers and in use those of the standard library.

Its decorator writes and compiles source for every class, and imports the library's inspect module for that: a tenth
of the booth's start, which makes a hundred classes before it is ready. Here all classes share their methods. The
standard library's functions, such as replace and asdict, take these too.

Supported is what is used: frozen, eq, inheritance, __post_init__, and slots that the class names itself.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import dataclass, field, fields, is_dataclass, replace

__all__ = ["dataclass", "field", "fields", "is_dataclass", "replace"]

_MISSING: Any = object()


class _Field:
    """A field, with the attributes of the standard library's that are used."""

    def __init__(
        self, default: Any, default_factory: Callable[[], Any] | None, compare: bool, repr: bool, metadata: Any
    ) -> None:
        self.name = self.type = ""
        self.default = default
        self.default_factory = default_factory
        self.compare = compare
        self.repr = repr
        self.metadata = metadata


def _field(
    *,
    default: Any = _MISSING,
    default_factory: Callable[[], Any] | None = None,
    compare: bool = True,
    repr: bool = True,
    metadata: Any = None,
) -> Any:
    return _Field(default, default_factory, compare, repr, metadata)


def _dataclass(made: Any = None, /, *, frozen: bool = False, eq: bool = True) -> Any:
    if made is None:
        return lambda cls: _dataclass(cls, frozen=frozen, eq=eq)
    shape: dict[str, _Field] = {}
    for base in made.__mro__[:0:-1]:
        shape |= base.__dict__.get("__record_fields__", {})
    for name, kind in made.__annotations__.items():
        if not kind.startswith("ClassVar"):
            shape[name] = _own_field(made, name, kind)
    names = tuple(shape)
    key = _key_of([name for name in names if shape[name].compare])
    methods: dict[str, Any] = {
        "__init__": _init_of(made, shape),
        "__repr__": _repr,
        "__match_args__": names,
    }
    if eq:
        methods["__eq__"] = lambda self, other: (
            key(self) == key(other) if other.__class__ is self.__class__ else NotImplemented
        )
        methods["__hash__"] = (lambda self: hash(key(self))) if frozen else None
    if frozen:
        methods |= {"__setattr__": _refuse, "__delattr__": _refuse}
    if "__slots__" in made.__dict__:  # else copying and pickling would set what is frozen
        methods["__reduce__"] = lambda self: (type(self), tuple([getattr(self, name) for name in names]))
    for name, method in methods.items():
        if name not in made.__dict__:
            setattr(made, name, method)
    made.__record_fields__ = shape
    made.__dataclass_fields__ = _AsStandard()
    return made


def _own_field(made: type, name: str, kind: str) -> _Field:
    given = made.__dict__.get(name, _MISSING)
    if "__slots__" in made.__dict__:
        given = _MISSING  # it is the slot
    found = given if isinstance(given, _Field) else _Field(given, None, True, True, None)
    found.name, found.type = name, kind
    if found is given:  # the class has the default itself, as with any other
        if found.default is _MISSING:
            delattr(made, name)
        else:
            setattr(made, name, found.default)
    return found


def _key_of(names: list[str]) -> Callable[[Any], Any]:
    """Function from a record to what it is compared by."""
    return attrgetter(*names) if len(names) > 1 else lambda record: tuple([getattr(record, name) for name in names])


def _init_of(made: type, shape: dict[str, _Field]) -> Callable[..., None]:
    names = tuple(shape)
    defaults = {name: each.default for name, each in shape.items() if each.default is not _MISSING}
    has_slots = "__slots__" in made.__dict__
    setters = [getattr(made, name).__set__ for name in names] if has_slots else []
    check: Callable[[Any], None] | None = getattr(made, "__post_init__", None)

    def __init__(self: Any, /, *values: Any, **named: Any) -> None:
        if named or len(values) != len(names):
            values = tuple(_arranged(made, shape, values, named, defaults))
        if setters:
            for put, value in zip(setters, values, strict=True):
                put(self, value)
        else:
            self.__dict__.update(zip(names, values, strict=True))
        if check is not None:
            check(self)

    return __init__


def _arranged(
    made: type, shape: dict[str, _Field], values: tuple[Any, ...], named: dict[str, Any], defaults: dict[str, Any]
) -> list[Any]:
    """A value for each field, in their order. Raises TypeError."""
    given = {**dict(zip(shape, values, strict=False)), **named}
    found = {**defaults, **given}
    for name in shape.keys() - found.keys() if len(found) < len(shape) else ():
        if (make := shape[name].default_factory) is not None:
            found[name] = make()
    if len(given) < len(values) + len(named) or found.keys() != shape.keys():
        wrong = (
            {*[*shape][: len(values)]} & named.keys() or named.keys() - shape.keys() or shape.keys() - found.keys()
        )
        raise TypeError(
            f"{made.__qualname__}() takes {', '.join(shape)}; wrong: {', '.join(sorted(wrong)) or 'too many'}"
        )
    return [found[name] for name in shape]


def _repr(self: Any) -> str:
    shown = (f"{name}={getattr(self, name)!r}" for name, each in self.__record_fields__.items() if each.repr)
    return f"{type(self).__qualname__}({', '.join(shown)})"


def _refuse(self: Any, name: str, *_value: Any) -> None:
    from dataclasses import FrozenInstanceError  # noqa: PLC0415

    raise FrozenInstanceError(f"{name} of a frozen {type(self).__qualname__}")


class _AsStandard:
    """The fields as the standard library's functions want them, made when they ask."""

    def __get__(self, _record: Any, owner: Any) -> Any:
        import dataclasses  # noqa: PLC0415

        shape: dict[str, _Field] = owner.__record_fields__
        twin: Any = dataclasses.make_dataclass(
            owner.__name__, [(name, each.type, _as_standard(each)) for name, each in shape.items()], kw_only=True
        )
        owner.__dataclass_fields__ = twin.__dataclass_fields__
        return owner.__dataclass_fields__


def _as_standard(given: _Field) -> Any:
    import dataclasses  # noqa: PLC0415

    made: dict[str, Any] = {"compare": given.compare, "repr": given.repr, "metadata": given.metadata}
    if given.default_factory is not None:
        made["default_factory"] = given.default_factory
    elif given.default is not _MISSING:
        made["default"] = given.default
    return dataclasses.field(**made)


def _replace(record: Any, /, **changes: Any) -> Any:
    shape = record.__record_fields__
    if unknown := changes.keys() - shape.keys():
        raise TypeError(f"{type(record).__qualname__} has no {', '.join(sorted(unknown))}")
    return type(record)(*[changes[name] if name in changes else getattr(record, name) for name in shape])


def _fields(record: Any) -> tuple[_Field, ...]:
    return tuple(record.__record_fields__.values())


def _is_dataclass(record: Any) -> bool:
    return hasattr(record, "__record_fields__")


if not TYPE_CHECKING:
    dataclass, field, fields, is_dataclass, replace = _dataclass, _field, _fields, _is_dataclass, _replace
