"""The methods that travel, read from their protocols: what goes in, what comes out, and how it may be sent."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, get_type_hints

from kuryr.errors import InvalidInput
from kuryr.gateway.protocol import BEHIND, FORGIVING, REPEATABLE, WIRE
from kuryr.gateway.wire import codec
from kuryr.gateway.wire.codec import Hint, Named, Told


@dataclass(frozen=True)
class Method:
    """One method of a family."""

    family: str
    name: str
    function: Callable[..., Any]
    hints: Mapping[str, Hint]
    """By parameter, and `return`."""

    @property
    def repeatable(self) -> bool:
        """Whether twice is once."""
        return self.function in REPEATABLE

    @property
    def behind(self) -> bool:
        """Whether nobody waits for it."""
        return self.function in BEHIND

    @property
    def forgiving(self) -> bool:
        """Whether what it names may be gone."""
        return self.function in FORGIVING

    def arguments(self, *args: object, **kwargs: object) -> Mapping[str, Any]:
        """The arguments of a call as JSON's types, without those that are left to their defaults."""
        bound = inspect.signature(self.function).bind(None, *args, **kwargs).arguments
        return {
            name: codec.plain(value, self.hints[name], by_reference=True)
            for name, value in bound.items()
            if name in self.hints
        }

    def read(self, body: object, named: Named | None = None) -> Mapping[str, Any]:
        """The arguments that came over the wire, to be passed by their names. Raises InvalidInput."""
        parameters = inspect.signature(self.function).parameters
        expected = {name: parameters[name] for name in self.hints if name != "return"}
        if not isinstance(body, dict) or not body.keys() <= expected.keys():
            raise InvalidInput(f"{self} takes {', '.join(expected) or 'nothing'}")
        missing = [name for name, one in expected.items() if one.default is one.empty and name not in body]
        if missing:
            raise InvalidInput(f"{self} needs {', '.join(missing)}")
        return {name: codec.typed(body[name], self.hints[name], named, by_reference=True) for name in body}

    def result(self, value: object, told: Told | None = None) -> Any:
        """What was answered, as JSON's types."""
        return codec.plain(value, self.hints["return"], told)

    def answer(self, value: object) -> Any:
        """The reverse of `result`. Raises InvalidInput."""
        return codec.typed(value, self.hints["return"])

    def __str__(self) -> str:
        return f"{self.family}.{self.name}"


def _methods(family: str, protocol: type) -> Mapping[str, Method]:
    functions = inspect.getmembers(protocol, inspect.isfunction)
    return {
        name: Method(family, name, function, get_type_hints(function, include_extras=True))
        for name, function in functions
        if not name.startswith("_")
    }


METHODS: Mapping[str, Mapping[str, Method]] = {family: _methods(family, each) for family, each in WIRE.items()}
