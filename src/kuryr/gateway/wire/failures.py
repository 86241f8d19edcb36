"""Errors as JSON and back: a reader on the other side meets the same class, with the same words.

The technical cause stays in the log of the side that has it: it may tell what the other one must not know, such as
whether what it may not see exists.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from kuryr.errors import CloudError, InvalidInput, KuryrError, one_line
from kuryr.gateway.wire.codec import typed


def plain(error: KuryrError) -> Mapping[str, Any]:
    """An error as JSON's types."""
    said = {name: value for name, value in vars(error).items() if isinstance(value, str)}
    return {"kind": type(error).__name__, "said": said}


def typed_error(value: object) -> KuryrError:
    """The reverse. What cannot be read is an error of the cloud's side."""
    try:
        told = typed(value, Mapping[str, object])
        known: list[type[KuryrError]] = [KuryrError, *_below(KuryrError)]
        kinds = {each.__name__: each for each in known}
        said = typed(told["said"], Mapping[str, str])
        kind: type[KuryrError] = kinds.get(str(told["kind"]), CloudError)
        error: KuryrError = kind.__new__(kind)
        KuryrError.__init__(error, said["message"], hint=said["hint"])
        vars(error).update({name: one_line(text) for name, text in said.items()})
    except (InvalidInput, KeyError) as unreadable:
        return CloudError(f"the gateway service answered with an error that cannot be read: {unreadable}")
    return error


def _below(kind: type[KuryrError]) -> Iterator[type[KuryrError]]:
    for each in kind.__subclasses__():
        yield each
        yield from _below(each)
