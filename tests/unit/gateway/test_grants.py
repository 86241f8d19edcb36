"""The table of who may do what, and whom a certificate makes of its owner."""

import os
from pathlib import Path

import pytest

from kuryr.errors import CloudRefused, InvalidInput
from kuryr.gateway.service.grants import Certificate, Grant, Grants, Right, parse
from kuryr.model import Nesting, Network

NETWORK = "c0ffee00-0000-4000-8000-000000000001"
PORT = "c0ffee00-0000-4000-8000-000000000002"
PROJECT = "5e1f0000000000000000000000000001"
MARK = "kuryr:test@vm1"

TABLE = f"""
[nodes."vm1.example.com"]
host = "vm1"
project = "{PROJECT}"
networks = ["{NETWORK}"]
may = ["make-networks", "publish"]
ports = 200
parent = "{PORT}"
nesting = "macvlan"
revoked = ["0A:1b"]

[nodes.vm2]
networks = "project"
"""


def test_a_table_is_read() -> None:
    grants = parse(TABLE)
    assert grants["vm1.example.com"] == Grant(
        "vm1.example.com",
        "vm1",
        PROJECT,
        frozenset({NETWORK}),
        rights=frozenset({Right.MAKE_NETWORKS, Right.PUBLISH}),
        ports=200,
        parent=PORT,
        nesting=Nesting.MACVLAN,
        revoked=frozenset({"A1B"}),
    )
    assert grants["vm2"] == Grant("vm2", "vm2", whole_project=True)
    assert parse(f"[nodes.vm]\nparent = '{PORT}'")["vm"].nesting is Nesting.VLAN


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[nodes", "no TOML"),
        ("x = 1", "and nothing else"),
        ("nodes = 1", "and nothing else"),
        ("[nodes]\nvm1 = 1", "and nothing else"),
        ("[nodes.vm1]\nhosts = 'x'", "hosts is none of"),
        ("[nodes.vm1]\nhost = ''", "must be a host's name"),
        ("[nodes.vm1]\nhost = 'a b'", "must be a host's name"),
        ("[nodes.vm1]\nhost = 1", "must be a host's name"),
        ("[nodes.vm1]\nnetworks = 'all'", "must be a list"),
        ("[nodes.vm1]\nnetworks = ['*']", "is no id"),
        ("[nodes.vm1]\nproject = 'demo'", "is no id"),
        ("[nodes.vm1]\nparent = 1", "must be a list of texts"),
        (f"[nodes.vm1]\nparent = '{PORT}'\nnesting = 'bridge'", "there are vlan, macvlan, ipvlan"),
        (f"[nodes.vm1]\nparent = '{PORT}'\nnesting = []", "there are vlan, macvlan, ipvlan"),
        ("[nodes.vm1]\nnesting = 'vlan'", "nesting needs a parent"),
        *((f"[nodes.vm1]\nports = {wrong}", "ports must be a number") for wrong in ("0", "-1", "true", "'9'", "1.5")),
        ("[nodes.vm1]\nmay = ['everything']", "make-networks, publish"),
        ("[nodes.vm1]\n[nodes.x]\nhost = 'vm1'", "two nodes have the host vm1"),
        (f"[nodes.a]\nparent = '{PORT}'\n[nodes.b]\nparent = '{PORT}'", "the same parent"),
    ],
)
def test_what_cannot_be_meant_is_refused(text: str, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        parse(text)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "grants.toml"
    file.write_text(TABLE)
    return file


def certificate(*names: str, serial: str = "FF") -> Certificate:
    return Certificate(frozenset(names), serial)


def test_a_certificate_finds_its_grant(file: Path) -> None:
    assert Grants(file).of(certificate("vm1.example.com", "another.example.com")).host == "vm1"


@pytest.mark.parametrize("names", [(), ("vm3",), ("VM2",), ("vm1.example.com", "vm2")])
def test_who_is_nobody_or_two_is_refused(file: Path, names: tuple[str, ...]) -> None:
    with pytest.raises(CloudRefused, match="grants nothing to"):
        Grants(file).of(certificate(*names))


@pytest.mark.parametrize("serial", ["A1B", "0A1B"])
def test_a_revoked_certificate_is_refused(file: Path, serial: str) -> None:
    peer = {"subject": ((("commonName", "vm1.example.com"),),), "serialNumber": serial}
    with pytest.raises(CloudRefused, match="has been revoked"):
        Grants(file).of(Certificate.read(peer))


def test_a_change_of_the_table_counts_at_once(file: Path) -> None:
    grants = Grants(file)
    assert grants.of(certificate("vm2"))
    file.write_text(TABLE.replace("[nodes.vm2]", "[nodes.vm2]\nrevoked = ['FF']"))
    with pytest.raises(CloudRefused, match="revoked"):
        grants.of(certificate("vm2"))
    os.utime(file, ns=(1, 1))
    file.write_text("[nodes")
    with pytest.raises(InvalidInput, match=r"grants\.toml: it is no TOML"):
        grants.of(certificate("vm2"))
    file.unlink()
    with pytest.raises(InvalidInput, match="cannot be read"):
        grants.of(certificate("vm2"))


def test_alternative_names_come_before_the_common_name() -> None:
    peer = {
        "subject": ((("countryName", "XX"),), (("commonName", "admin"),)),
        "subjectAltName": (("DNS", "vm1"), ("IP Address", "192.0.2.1"), ("DNS", "vm1.example.com")),
        "serialNumber": "0F",
    }
    assert Certificate.read(peer) == Certificate(frozenset({"vm1", "vm1.example.com"}), "F")
    assert Certificate.read({"subject": peer["subject"]}).names == {"admin"}
    assert Certificate.read(None).names == frozenset()


@pytest.mark.parametrize(
    ("grant", "network", "covered"),
    [
        (Grant("a", "vm1", networks=frozenset({NETWORK})), Network(NETWORK, "", "other", 1442), True),
        (Grant("a", "vm1", networks=frozenset({NETWORK})), Network("x", "", PROJECT, 1442), False),
        (Grant("a", "vm1"), Network("x", "", PROJECT, 1442, mark=MARK), True),
        (Grant("a", "vm1"), Network("x", "", "other", 1442, mark=MARK), False),
        (Grant("a", "vm1"), Network("x", "", PROJECT, 1442, mark="kuryr:test@vm2"), False),
        (Grant("a", "vm1"), Network("x", "", "other", 1442, shared=True), False),
        (Grant("a", "vm1", whole_project=True), Network("x", "", PROJECT, 1442), True),
        (Grant("a", "vm1", whole_project=True), Network("x", "", "other", 1442), False),
        (Grant("a", "vm1", whole_project=True), Network("x", "", "other", 1442, shared=True), True),
    ],
)
def test_which_networks_a_grant_covers(grant: Grant, network: Network, covered: bool) -> None:
    assert grant.covers(network, project_id=PROJECT, mark=MARK) is covered
