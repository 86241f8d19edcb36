"""What travels: every argument, result and error of every method comes out as it went in, and nothing else gets in."""

import inspect
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import is_dataclass, replace
from ipaddress import IPv4Address, ip_address, ip_network
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kuryr import errors
from kuryr.errors import CloudError, InvalidInput, KuryrError
from kuryr.gateway.exposure.floating import InUse
from kuryr.gateway.exposure.forwarding import PortTaken
from kuryr.gateway.wire import codec, failures
from kuryr.gateway.wire.calls import METHODS, Method
from kuryr.model import FixedIP, Kind, Network, PortRequest, PortTraits, Subnet, Vif, Wanted
from kuryr.neutron.trunks import VLANS

ALL = [method for family in METHODS.values() for method in family.values()]
KINDS = [KuryrError, *failures._below(KuryrError)]


def any_of(hint: Any) -> st.SearchStrategy[Any]:
    """Any value of an annotation."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is tuple and Ellipsis not in arguments:
        return st.tuples(*map(any_of, arguments))
    if origin in MAKERS:
        return MAKERS[origin](*arguments)
    if isinstance(hint, type) and is_dataclass(hint):
        each_field = {name: any_of(each) for name, each in codec.hints_of(hint).items()}
        made: st.SearchStrategy[Any] = st.builds(hint, **each_field)
        return made
    return SIMPLE[hint] if hint in SIMPLE else st.from_type(hint)


def annotated(hint: Any, *notes: Any) -> st.SearchStrategy[Any]:
    patterns = [note for note in notes if isinstance(note, re.Pattern)]
    return st.from_regex(patterns[0], fullmatch=True) if patterns else any_of(hint)


def items(hint: Any, *_: Any) -> st.SearchStrategy[Any]:
    return st.lists(any_of(hint), max_size=3).map(tuple)


ANYTHING = st.recursive(st.text() | st.integers(-9, 9) | st.booleans() | st.none(), st.lists, max_leaves=3)
SIMPLE: Mapping[Any, st.SearchStrategy[Any]] = {
    object: ANYTHING,
    float: st.floats(allow_nan=False, allow_infinity=False),
}
MAKERS: Mapping[Any, Callable[..., st.SearchStrategy[Any]]] = {
    Annotated: annotated,
    tuple: items,
    Sequence: items,
    Iterable: items,
    Collection: lambda hint: st.frozensets(any_of(hint), max_size=3),
    frozenset: lambda hint: st.frozensets(any_of(hint), max_size=3),
    Mapping: lambda _, hint: st.dictionaries(st.text(), any_of(hint), max_size=3),
    Union: lambda *hints: st.one_of(*map(any_of, hints)),
    UnionType: lambda *hints: st.one_of(*map(any_of, hints)),
}


def over_the_wire(value: object) -> Any:
    return msgspec.json.decode(msgspec.json.encode(value))


@pytest.mark.parametrize("method", ALL, ids=str)
@settings(max_examples=15, suppress_health_check=list(HealthCheck), deadline=None)
@given(data=st.data())
def test_every_method_passes_on_what_it_is_given_and_what_it_answers(method: Method, data: st.DataObject) -> None:
    told: dict[tuple[Kind, str], object] = {}
    arguments = {name: data.draw(any_of(hint)) for name, hint in method.hints.items() if name != "return"}
    for part in codec.parts(tuple(arguments.values())):
        if isinstance(part, Vif | Network):
            kind, attribute = codec.REFERENCES[type(part)]
            told[kind, getattr(part, attribute)] = part

    def named(kind: Kind, name: str) -> object:
        return told.get((kind, name), name)

    body = over_the_wire(method.arguments(**arguments))
    assert method.read(body, named) == arguments
    result = data.draw(any_of(method.hints["return"]))
    assert method.answer(over_the_wire(method.result(result))) == result


def test_whatever_names_something_of_the_cloud_says_so_by_its_type() -> None:
    """Or nobody would check it."""
    bare = {f"{method}.{name}" for method in ALL for name, hint in method.hints.items() if hint is str}
    bare |= {
        f"{kind.__name__}.{name}"
        for method in ALL
        for parameter, hint in method.hints.items()
        if parameter != "return"
        for kind in dataclasses_in(hint)
        for name, each in codec.hints_of(kind).items()
        if each is str
    }
    assert {name for name in bare if name.endswith(("id", "ids", "owner", "host", "description", "mark"))} == {
        # These are looked up among what the machine may see, as a user's own words are.
        "Named.id",
        "FloatingChoice.id",
        # Of these only the id is taken from whoever sends them.
        "Network.mark",
        "Vif.owner",
        "SubnetPoolResource.project_id",
    }


def dataclasses_in(hint: Any) -> set[type]:
    found = {hint} if isinstance(hint, type) and is_dataclass(hint) else set()
    inner = [*get_args(hint), *(codec.hints_of(hint).values() if found else [])]
    return found.union(*(dataclasses_in(each) for each in inner if each is not hint))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_error_keeps_its_kind_and_its_words_and_leaves_its_cause_behind(kind: type[KuryrError]) -> None:
    error = made(kind)
    error.__cause__ = ValueError("the bits were wrong")
    sent = over_the_wire(failures.plain(error))
    again = failures.typed_error(sent)
    assert (type(again), str(again), again.hint, again.status) == (kind, str(error), "do this", kind.status)
    assert vars(again) == vars(error)
    assert again.__cause__ is None
    assert "bits" not in str(sent)


def made(kind: type[KuryrError]) -> KuryrError:
    extra = {"port_id": "p1"} if "port_id" in inspect.signature(kind).parameters else {}
    error = kind("it failed", **extra)
    error.hint = "do this"
    return error


def test_all_errors_are_tried() -> None:
    assert {InUse, PortTaken} <= set(KINDS)
    assert {each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, KuryrError)} <= set(
        KINDS
    )


@pytest.mark.parametrize("told", [None, {}, [], "x", {"kind": "KuryrError"}, {"kind": "x", "said": {"message": 1}}])
def test_an_error_that_cannot_be_read_is_one_of_the_clouds(told: object) -> None:
    assert type(failures.typed_error(told)) is CloudError


def test_an_error_of_an_unknown_kind_keeps_its_words() -> None:
    told = {"kind": "SystemExit", "said": {"message": "no", "hint": ""}}
    assert (type(failures.typed_error(told)), str(failures.typed_error(told))) == (CloudError, "no")


VIF = Vif("p1", "n1", "02:00:00:00:00:01", 1442, (), "ovs")
NETWORK = Network("n1", "blue", "project", 1442)


def test_of_a_port_and_a_network_an_argument_is_only_the_id() -> None:
    identify = METHODS["ports"]["identify"]
    assert identify.arguments(VIF, "c1", "c1") == {"vif": "p1", "owner": "c1", "name": "c1"}
    known = {(Kind.PORT, "p1"): VIF}
    assert identify.read({"vif": "p1", "owner": "c1", "name": "x"}, lambda kind, name: known[kind, name])["vif"] is VIF


def test_whoever_tells_something_learns_what_he_has_told() -> None:
    told: list[tuple[Kind, str]] = []
    METHODS["ports"]["held"].result([VIF], lambda kind, name, _: told.append((kind, name)))
    assert told == [(Kind.PORT, "p1"), (Kind.PORT, "p1"), (Kind.NETWORK, "n1")]


def test_all_that_fits_on_a_trunk_is_told_in_one_answer() -> None:
    fixed_ips = (FixedIP("s1", IPv4Address("10.1.0.5")),)
    held = METHODS["ports"]["held"]
    all_of_them = tuple(replace(VIF, port_id=str(number), fixed_ips=fixed_ips) for number in VLANS)
    assert held.answer(over_the_wire(held.result(all_of_them))) == all_of_them


def test_names_as_a_user_says_them_are_left_to_whoever_asks_what_they_mean() -> None:
    def named(kind: Kind, name: str) -> object:
        raise AssertionError(name)

    body = {"traits": {"security_groups": ["web"], "qos_policy": "gold"}}
    read = METHODS["guards"]["resolve"].read(body, named)
    assert read == {"traits": PortTraits(security_groups=("web",), qos_policy="gold")}


REQUEST = {"network_id": "n1", "fixed_ips": [["s1", "10.0.0.5"]]}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (None, "takes request, count"),
        ([], "takes request, count"),
        ({}, "needs request"),
        ({"request": REQUEST, "host": "h2"}, "takes request, count"),
        ({"request": None}, "request must be an object".replace("request", "it")),
        ({"request": {**REQUEST, "description": "kuryr:test@h2"}}, "must be without 'description'"),
        ({"request": {**REQUEST, "device_owner": "network:dhcp"}}, "must be without 'device_owner'"),
        ({"request": {"network_id": "n1"}}, "must be with fixed_ips"),
        ({"request": {**REQUEST, "network_id": 1}}, "network_id must be a text"),
        ({"request": {**REQUEST, "network_id": "n" * 2000}}, "network_id must be a text, and not too long"),
        ({"request": {**REQUEST, "owner": "a:b"}}, "owner must be like"),
        ({"request": {**REQUEST, "owner": "a b"}}, "owner must be like"),
        ({"request": {**REQUEST, "fixed_ips": "10.0.0.5"}}, "fixed_ips must be a list"),
        ({"request": {**REQUEST, "fixed_ips": [["s1"]]}}, "must be 2 items"),
        ({"request": {**REQUEST, "fixed_ips": [["s1", "10.0.0.500"]]}}, "must be IPv6Address"),
        ({"request": {**REQUEST, "fixed_ips": [["s1", None]] * 5001}}, "must be a list of at most 5000"),
        ({"request": REQUEST, "count": True}, "must be a whole number"),
        ({"request": REQUEST, "count": 1.0}, "must be a whole number"),
    ],
)
def test_what_is_not_as_its_type_says_is_refused(body: object, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        METHODS["ports"]["reserve"].read(body)


def test_what_is_left_to_its_default_is_not_sent() -> None:
    wanted: tuple[Wanted, ...] = (("s1", IPv4Address("10.0.0.5")),)
    reserve = METHODS["ports"]["reserve"]
    assert list(reserve.arguments(PortRequest("n1", wanted))) == ["request"]
    assert reserve.read({"request": REQUEST}) == {"request": PortRequest("n1", wanted)}


def test_an_address_and_a_cidr_are_told_apart() -> None:
    hint = get_type_hints(Subnet)["cidr"] | get_type_hints(Subnet)["gateway"]
    for value in (
        ip_address("10.0.0.1"),
        ip_network("10.0.0.1/32"),
        ip_address("fd00::1"),
        ip_network("fd00::/64"),
        None,
    ):
        assert codec.typed(codec.plain(value, hint), hint) == value
