"""Typed values as JSON and back, driven by annotations alone, so that a new method or field needs no code here.

What may travel is what `kuryr.model` and the protocol are made of: texts, numbers, truths, addresses, enumerations,
immutable dataclasses, and tuples, sets and mappings of these. Reading trusts nothing: a value is what its annotation
says, or InvalidInput says where it is not; nothing is converted, and nothing unknown is skipped.

A text that names something of the cloud is annotated with its `model.Kind`. Whoever reads may look at every such name
(`named`), and whoever writes learns of every one that he has told (`told`): that is where rights are checked.
"""

import re
import types
import typing
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from functools import cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Annotated, Any, cast, get_args, get_origin, get_type_hints

from kuryr.errors import InvalidInput
from kuryr.model import AS_SAID, Kind, Network, Vif

Hint = Any
Named = Callable[[Kind, str], object]
"""Given a name that was read, answers what stands for it: for an id the id, for a `REFERENCES` class the object."""
Told = Callable[[Kind, str, object], None]
"""Given a name that was written, and the object that it names or the name itself."""

LONGEST_TEXT = 1024
MOST_ITEMS = 5000
"""More than a trunk has VLANs, so that a machine learns of all of its containers at once."""
_NETWORKS = (IPv4Network, IPv6Network)
_ADDRESSES = (IPv4Address, IPv6Address, *_NETWORKS)
_MANY: Mapping[object, Callable[[Iterable[Any]], object]] = {
    tuple: tuple,
    Sequence: tuple,
    list: list,
    Collection: frozenset,
    Iterable: tuple,
    frozenset: frozenset,
    set: set,
}
_MAPPINGS = {dict, Mapping}
_UNIONS = {typing.Union, types.UnionType}
_JSON: Mapping[Hint, tuple[set[type], str]] = {
    str: ({str}, "a text"),
    bool: ({bool}, "true or false"),
    int: ({int}, "a whole number"),
    float: ({int, float}, "a number"),
    None: ({types.NoneType}, "null"),
    types.NoneType: ({types.NoneType}, "null"),
}

REFERENCES: Mapping[type, tuple[Kind, str]] = {Vif: (Kind.PORT, "port_id"), Network: (Kind.NETWORK, "id")}
"""What an argument only names, and by which attribute: whoever receives the name knows the rest better."""


def plain(value: object, hint: Hint, told: Told | None = None, *, by_reference: bool = False) -> Any:
    """A value as JSON's types; `by_reference` as an argument's."""
    return _Writer(told, by_reference).write(value, hint)


def typed(value: object, hint: Hint, named: Named | None = None, *, by_reference: bool = False) -> Any:
    """The reverse of `plain`. Raises InvalidInput, and what `named` raises."""
    return _Reader(named, by_reference).read(value, hint, "")


def parts(value: object) -> Iterator[object]:
    """A value, and whatever it consists of, as far as these are objects of their own."""
    yield value
    if is_dataclass(value):
        for field in fields(value):
            yield from parts(getattr(value, field.name))
    elif isinstance(value, tuple | list | set | frozenset):
        for each in value:
            yield from parts(each)


@cache
def hints_of(kind: Hashable) -> Mapping[str, Hint]:
    """The annotations of a dataclass, by field."""
    hints = get_type_hints(cast("type", kind), include_extras=True)
    return {field.name: hints[field.name] for field in fields(cast("Any", kind))}


class _Writer:
    def __init__(self, told: Told | None, by_reference: bool) -> None:
        self._told = told
        self._by_reference = by_reference

    def write(self, value: Any, hint: Hint) -> Any:
        origin, arguments = _taken_apart(hint)
        written = value
        if origin is Annotated:
            self._tell(value, arguments)
            written = self.write(value, arguments[0])
        elif origin in _UNIONS:
            written = self._one_of(value, arguments)
        elif origin is tuple and Ellipsis not in arguments:
            written = [self.write(each, kind) for each, kind in zip(value, arguments, strict=True)]
        elif origin in _MANY:
            written = [self.write(each, arguments[0]) for each in value]
        elif origin in _MAPPINGS:
            written = {key: self.write(each, arguments[1]) for key, each in value.items()}
        elif isinstance(value, _ADDRESSES):
            written = str(value)
        elif isinstance(value, Enum):
            written = value.value
        elif is_dataclass(value):
            written = self._object(value)
        return written

    def _tell(self, value: Any, arguments: tuple[Any, ...]) -> None:
        if self._told and value:
            for kind in arguments[1:]:
                if isinstance(kind, Kind):
                    self._told(kind, value, value)

    def _one_of(self, value: Any, hints: tuple[Hint, ...]) -> Any:
        if value is None:
            return None
        others = [hint for hint in hints if hint is not types.NoneType]
        return self.write(value, others[0]) if len(others) == 1 else str(value)

    def _object(self, value: Any) -> Any:
        reference = REFERENCES.get(type(value))
        if reference and self._by_reference:
            return getattr(value, reference[1])
        if reference and self._told:
            self._told(reference[0], getattr(value, reference[1]), value)
        hints = hints_of(cast("Any", type(value)))
        return {name: self.write(getattr(value, name), hint) for name, hint in hints.items()}


class _Reader:
    def __init__(self, named: Named | None, by_reference: bool) -> None:
        self._named = named
        self._by_reference = by_reference

    def read(self, value: Any, hint: Hint, where: str) -> Any:
        """The value at `where`."""
        origin, arguments = _taken_apart(hint)
        if origin is Annotated:
            return self._annotated(value, arguments, where)
        if origin in _UNIONS:
            return self._one_of(value, arguments, where)
        if origin is tuple and Ellipsis not in arguments:
            items = self._items(value, where)
            _expect(len(items) == len(arguments), where, f"{len(arguments)} items")
            pairs = enumerate(zip(items, arguments, strict=True))
            return tuple(self.read(each, kind, f"{where}[{number}]") for number, (each, kind) in pairs)
        if origin in _MANY:
            numbered = enumerate(self._items(value, where))
            return _MANY[origin](self.read(each, arguments[0], f"{where}[{number}]") for number, each in numbered)
        if origin in _MAPPINGS:
            _expect(isinstance(value, dict) and len(value) <= MOST_ITEMS, where, "an object")
            return {_text(key, where): self.read(each, arguments[1], f"{where}.{key}") for key, each in value.items()}
        return self._single(value, hint, where)

    def _single(self, value: Any, hint: Hint, where: str) -> Any:
        if hint in _JSON:
            kinds, what = _JSON[hint]
            _expect(type(value) in kinds, where, what)
            return _text(value, where) if hint is str else value
        if hint in {object, Any}:
            return value
        if isinstance(hint, type) and is_dataclass(hint):
            return self._object(value, hint, where)
        if hint in _ADDRESSES or (isinstance(hint, type) and issubclass(hint, Enum)):
            try:
                # A network of one address is written with its length; an address is none.
                _expect(hint not in _NETWORKS or "/" in _text(value, where), where, "a CIDR")
                return hint(_text(value, where))
            except ValueError as error:
                raise InvalidInput(f"{where.lstrip('.') or 'it'} must be {hint.__name__}") from error
        raise TypeError(f"{hint} cannot travel")

    def _annotated(self, value: Any, arguments: tuple[Any, ...], where: str) -> Any:
        hint, *notes = arguments
        if AS_SAID in notes:
            return _Reader(None, self._by_reference).read(value, hint, where)
        found = self.read(value, hint, where)
        for note in notes:
            if isinstance(note, re.Pattern):
                _expect(note.fullmatch(found) is not None, where, f"like {note.pattern}")
            elif isinstance(note, Kind) and self._named and found:
                self._named(note, found)
        return found

    def _one_of(self, value: Any, hints: tuple[Hint, ...], where: str) -> Any:
        others = [hint for hint in hints if hint is not types.NoneType]
        if value is None and len(others) < len(hints):
            return None
        for hint in others[:-1]:
            try:
                return self.read(value, hint, where)
            except InvalidInput:
                continue
        return self.read(value, others[-1], where)

    def _object(self, value: Any, kind: type, where: str) -> Any:
        reference = REFERENCES.get(kind)
        if reference and self._by_reference:
            name = _text(value, where)
            return self._named(reference[0], name) if self._named else name
        _expect(isinstance(value, dict), where, "an object")
        hints = hints_of(cast("Any", kind))
        for name in value:
            _expect(name in hints, where, f"without {name!r:.50}")
        needed = (each.name for each in fields(kind) if each.default is each.default_factory is MISSING)
        for name in needed:
            _expect(name in value, where, f"with {name}")
        given = {name: self.read(value[name], hints[name], f"{where}.{name}") for name in hints if name in value}
        return kind(**given)

    def _items(self, value: Any, where: str) -> list[Any]:
        _expect(isinstance(value, list) and len(value) <= MOST_ITEMS, where, f"a list of at most {MOST_ITEMS}")
        return list(value)


def _taken_apart(hint: Hint) -> tuple[Any, tuple[Any, ...]]:
    return get_origin(hint), get_args(hint)


def _text(value: Any, where: str) -> str:
    _expect(isinstance(value, str) and len(value) <= LONGEST_TEXT, where, "a text, and not too long")
    return str(value)


def _expect(truth: bool, where: str, what: str) -> None:
    if not truth:
        raise InvalidInput(f"{where.lstrip('.') or 'it'} must be {what}")
