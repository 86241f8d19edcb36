"""Every failure becomes one line for a person, of the right kind, with nothing in it that is not for everyone."""

from collections.abc import Callable

import pytest

from fakes.neutron import FakeNeutron
from kuryr.errors import (
    MAX_LENGTH,
    CloudError,
    CloudRefused,
    CloudUnavailable,
    Conflict,
    Exhausted,
    InvalidInput,
    KuryrError,
    NotFound,
    OverQuota,
    Overtaken,
)
from kuryr.neutron.api import Call
from kuryr.neutron.client import Neutron
from kuryr.neutron.ports import PortSpec

PORT: PortSpec = {"network_id": "n", "description": "d", "device_id": "x", "device_owner": "o", "fixed_ips": []}
PAGE = "<html><head><title>502 Bad Gateway</title></head><body><h1>nginx at 10.1.2.3</h1></body></html>"


@pytest.mark.parametrize(
    ("status", "type_", "kind"),
    [
        (400, "InvalidInput", InvalidInput),
        (400, "ExternalIpAddressExhausted", Exhausted),
        (401, "Unauthorized", CloudRefused),
        (403, "PolicyNotAuthorized", CloudRefused),
        (404, "NetworkNotFound", NotFound),
        (409, "IpAddressAlreadyAllocated", Conflict),
        (409, "MacAddressInUse", Conflict),
        (409, "NetworkInUse", Conflict),
        (409, "IpAddressGenerationFailure", Exhausted),
        (409, "IpAddressGenerationFailureAllSubnets", Exhausted),
        (409, "OverQuota", OverQuota),
        (412, "RevisionNumberConstraintFailed", Overtaken),
        (413, "RequestEntityTooLarge", CloudError),
        (429, "TooManyRequests", CloudError),
        (500, "HTTPInternalServerError", CloudError),
        (501, "NotImplementedError", CloudError),
        (503, "ServiceUnavailable", CloudError),
        (503, "NoNetworkAvailable", Exhausted),
        (504, "MessagingTimeout", CloudError),
    ],
)
def test_neutrons_errors_by_status_and_type(status: int, type_: str, kind: type[KuryrError]) -> None:
    fake = FakeNeutron()
    fake.fail_next(status=status, type_=type_, message="Neutron's own words.")

    with pytest.raises(KuryrError) as caught:
        fake.client().networks.create(name="web", description="d")

    assert type(caught.value) is kind
    assert 'create network "web"' in str(caught.value)
    assert status == 401 or "Neutron's own words." in str(caught.value)


@pytest.mark.parametrize(
    ("status", "kind"), [(502, CloudUnavailable), (503, CloudUnavailable), (504, CloudUnavailable), (500, CloudError)]
)
def test_a_proxys_page_is_not_repeated(status: int, kind: type[KuryrError]) -> None:
    fake = FakeNeutron()
    fake.fail_next(status=status, body=PAGE)

    with pytest.raises(KuryrError) as caught:
        fake.client().networks.list()

    assert type(caught.value) is kind
    assert str(status) in str(caught.value)
    assert "<" not in str(caught.value)
    assert "nginx" not in str(caught.value)


@pytest.mark.parametrize("status", [400, 404, 409])
def test_a_page_instead_of_a_refusal_is_not_repeated_either(status: int) -> None:
    fake = FakeNeutron()
    fake.fail_next(status=status, body=PAGE)

    with pytest.raises(KuryrError, match=f"cannot list networks: HTTP status {status}") as caught:
        fake.client().networks.list()
    assert "<" not in str(caught.value)


@pytest.mark.parametrize("body", [PAGE, "[]", '"text"', "{"])
def test_a_page_instead_of_an_answer_is_said_not_to_be_neutron(body: str) -> None:
    fake = FakeNeutron()
    fake.fail_next(status=200, body=body)

    with pytest.raises(CloudError, match=r"what answers at neutron\.fake:9696 is not Neutron"):
        fake.client().networks.list()


@pytest.mark.parametrize("body", ["{}", '{"networks": 7}', '{"networks": ["x"]}'])
def test_json_that_is_not_what_was_asked_for_is_the_clouds_fault(body: str) -> None:
    fake = FakeNeutron()
    fake.fail_next(status=200, body=body)

    with pytest.raises(CloudError, match="list of networks"):
        fake.client().networks.list()


def test_an_old_neutrons_error_without_a_type() -> None:
    fake = FakeNeutron()
    fake.fail_next(status=409, body='{"NeutronError": "Network is in use."}')

    with pytest.raises(Conflict, match="Network is in use"):
        fake.client().networks.delete("n")


def test_a_redirect_is_not_followed_to_an_answer() -> None:
    fake = FakeNeutron()
    fake.fail_next(status=300, body=PAGE)

    with pytest.raises(CloudError, match="HTTP status 300"):
        fake.client().networks.list()


def test_a_message_is_one_line_and_no_novel() -> None:
    fake = FakeNeutron()
    fake.fail_next(status=400, type_="X", message="line\nline\n" + "word " * 500)

    with pytest.raises(InvalidInput) as caught:
        fake.client().networks.list()
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) <= MAX_LENGTH


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda n: n.networks.get("abc"), "read network abc"),
        (lambda n: n.networks.delete("abc"), "delete network abc"),
        (lambda n: n.subnets.list(), "list subnets"),
        (lambda n: n.ports.update("abc", name="x"), "change port abc"),
        (lambda n: n.ports.create_many([PORT, PORT]), "create ports"),
        (lambda n: n.ports.create(**PORT), "create port"),
        (lambda n: n.ports.create(**{**PORT, "name": "web"}), 'create port "web"'),
    ],
)
def test_a_message_names_the_object(call: Callable[[Neutron], object], said: str) -> None:
    fake = FakeNeutron()
    fake.fail_next(status=500)

    with pytest.raises(CloudError, match=f"cannot {said}: "):
        call(fake.client())


def test_a_refused_right_names_the_roles() -> None:
    fake = FakeNeutron()
    fake.fail_next(status=403, type_="PolicyNotAuthorized", message="rule:create_port is disallowed by policy")

    with pytest.raises(CloudRefused, match=r"disallowed by policy \(.*`service`"):
        fake.client().ports.create(**PORT)


def test_a_broken_connection_is_unavailable() -> None:
    fake = FakeNeutron()
    fake.drop_next()

    with pytest.raises(CloudUnavailable, match=r"Neutron at neutron.fake:9696 .* connection reset by peer"):
        fake.client().networks.list()


def test_a_request_is_never_sent_again_by_itself() -> None:
    fake = FakeNeutron()
    fake.drop_next(method="POST", applied=True)
    fake.fail_next(status=503, times=9)

    with pytest.raises(CloudUnavailable):
        fake.client().networks.create(name="n", description="d")
    with pytest.raises(CloudError):
        fake.client().networks.create(name="n", description="d")
    assert fake.counted("POST") == 2


def test_the_cause_is_kept_for_the_log() -> None:
    fake = FakeNeutron()

    with fake.down(), pytest.raises(CloudUnavailable) as caught:
        fake.client().networks.list()
    assert "refused" in str(caught.value.__cause__).lower()


def test_a_failed_call_is_observed_too() -> None:
    fake, seen = FakeNeutron(), list[Call]()
    neutron = fake.client(observe=seen.append)
    fake.fail_next(status=409)

    with pytest.raises(Conflict):
        neutron.networks.delete("n")
    with fake.down(), pytest.raises(CloudUnavailable):
        neutron.networks.list()

    assert [(call.method, call.resource, call.status) for call in seen] == [
        ("DELETE", "networks", 409),
        ("GET", "networks", 0),
    ]
