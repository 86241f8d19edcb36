"""Where the credentials come from, and what the client sends with them."""

import re
from pathlib import Path

import pytest
from keystoneauth1.adapter import Adapter
from keystoneauth1.identity.v3 import Password
from keystoneauth1.session import Session

from kuryr.errors import CloudError, CloudRefused, InvalidInput
from kuryr.neutron import tracing
from kuryr.neutron.api import Call
from kuryr.neutron.client import Neutron
from kuryr.neutron.session import connect
from unit.neutron.cloudserver import NETWORK, PASSWORD, PROJECT, TOKEN_PREFIX, CloudServer
from unit.neutron.conftest import Configure

CLOUDS = """
clouds:
  lab:
    region_name: two
    interface: public
    auth:
      auth_url: {url}
      username: kuryr
      password: {password}
      user_domain_name: Default
      project_name: demo
      project_domain_name: Default
  other:
    auth: {{auth_url: "http://127.0.0.1:1/v3", username: u, password: p, project_name: x}}
"""


@pytest.fixture
def clouds_yaml(tmp_path: Path, server: CloudServer) -> Path:
    file = tmp_path / "clouds.yaml"
    file.write_text(CLOUDS.format(url=server.auth_url, password=PASSWORD))
    return file


def test_nothing_is_asked_before_the_first_call(server: CloudServer, with_password: Configure) -> None:
    connect(with_password(server.auth_url))

    assert server.asked == []


def test_a_create_is_one_request_to_neutron(server: CloudServer, with_password: Configure) -> None:
    neutron = connect(with_password(server.auth_url))

    neutron.networks.create(name="n", description="d")

    assert server.of("networking") == ["POST /networking/v2.0/networks"]


def test_neutron_is_never_asked_for_its_versions(server: CloudServer) -> None:
    auth = Password(server.auth_url, username="kuryr", password=PASSWORD, user_domain_name="Default")
    picky = Adapter(Session(auth), service_type="network", min_version="2.0", max_version="2.latest")

    Neutron(picky).networks.get(NETWORK["id"])

    assert len(server.of("networking")) == 1


def test_calls_share_one_token(server: CloudServer, with_password: Configure) -> None:
    neutron = connect(with_password(server.auth_url))

    for _ in range(3):
        neutron.networks.get(NETWORK["id"])

    assert server.of("identity") == ["GET /identity/v3", "POST /identity/v3/auth/tokens"]


def test_an_endpoint_that_names_its_version_is_taken_as_it_is(server: CloudServer, with_password: Configure) -> None:
    server.catalogue_path = "/networking/v2.0/"

    connect(with_password(server.auth_url)).networks.get(NETWORK["id"])

    assert server.of("networking") == [f"GET /networking/v2.0/networks/{NETWORK['id']}"]


def test_a_region_may_be_chosen(server: CloudServer, with_password: Configure) -> None:
    connect(with_password(server.auth_url, region_name="two")).networks.get(NETWORK["id"])

    assert server.of("networking")[0].startswith("GET /networking-two/v2.0/")


def test_an_interface_may_be_chosen(server: CloudServer, with_password: Configure) -> None:
    connect(with_password(server.auth_url, valid_interfaces="internal,public")).networks.get(NETWORK["id"])

    assert server.of("networking")[0].startswith("GET /networking-internal/v2.0/")


def test_an_endpoint_may_be_given(server: CloudServer, with_password: Configure) -> None:
    given = f"{server.url}/networking-own"

    connect(with_password(server.auth_url, endpoint_override=given)).networks.get(NETWORK["id"])

    assert server.of("networking")[0].startswith("GET /networking-own/v2.0/")


def test_a_region_that_does_not_exist_is_named_as_the_trouble(server: CloudServer, with_password: Configure) -> None:
    neutron = connect(with_password(server.auth_url, region_name="three"))

    with pytest.raises(CloudError, match=r"no network service.*region_name"):
        neutron.networks.list()


def test_the_project_is_the_tokens(server: CloudServer, with_password: Configure) -> None:
    assert connect(with_password(server.auth_url)).project_id == PROJECT
    assert server.of("networking") == []


def test_the_project_may_be_configured(server: CloudServer, with_password: Configure) -> None:
    assert connect(with_password(server.auth_url, project="another")).project_id == "another"
    assert server.asked == []


def test_credentials_without_a_project_are_refused(server: CloudServer, configure: Configure) -> None:
    neutron = connect(configure(auth_type="none", endpoint=f"{server.url}/networking"))

    with pytest.raises(CloudRefused, match="not scoped to a project"):
        _ = neutron.project_id


def test_an_expired_token_is_renewed_once(server: CloudServer, with_password: Configure) -> None:
    neutron = connect(with_password(server.auth_url))
    neutron.networks.get(NETWORK["id"])
    server.expired.add(f"{TOKEN_PREFIX}1")

    neutron.networks.get(NETWORK["id"])

    assert server.tokens == 2
    assert len(server.of("networking")) == 3


def test_a_token_that_neutron_never_accepts_is_an_error(server: CloudServer, with_password: Configure) -> None:
    server.expired |= {f"{TOKEN_PREFIX}{number}" for number in range(9)}
    neutron = connect(with_password(server.auth_url))

    with pytest.raises(CloudRefused, match="does not accept Keystone's token"):
        neutron.networks.get(NETWORK["id"])
    assert len(server.of("networking")) == 2


def test_a_wrong_password_is_refused_and_never_shown(server: CloudServer, with_password: Configure) -> None:
    neutron = connect(with_password(server.auth_url, password="battery-staple"))

    with pytest.raises(CloudRefused, match="Keystone refused the credentials") as caught:
        neutron.networks.list()
    assert "battery" not in str(caught.value) + str(caught.value.__cause__)


@pytest.mark.parametrize(("mode", "way_out"), [(None, "the roles `member` and `service`"), ("vlan", "gateway service")])
def test_what_is_forbidden_is_one_line_with_the_way_out(
    mode: str | None, way_out: str, server: CloudServer, with_password: Configure
) -> None:
    """A virtual machine shall not have greater rights: somebody else shall."""
    server.forbids = True
    conf = with_password(server.auth_url)
    conf.set_override("mode", mode, "nested")

    with pytest.raises(CloudRefused, match="create_network is disallowed by policy") as caught:
        connect(conf).networks.create(name="n", description="d")
    assert way_out in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("path", ["", "/v3", "/identity/v3"])
def test_a_portal_that_answers_instead_of_keystone(path: str, server: CloudServer, with_password: Configure) -> None:
    server.portal = True

    with pytest.raises(CloudError, match="Keystone's answer could not be understood") as caught:
        connect(with_password(server.url + path)).networks.list()
    assert "html" not in str(caught.value)


def test_requests_say_who_asks_and_on_whose_behalf(server: CloudServer, with_password: Configure) -> None:
    neutron = connect(with_password(server.auth_url))
    neutron.networks.get(NETWORK["id"])
    neutron.networks.get(NETWORK["id"])
    before = tracing.request_id.set("req-0d3b5f5e-8f43-4f3c-9f0a-1c7a1f0a0001")
    try:
        neutron.networks.get(NETWORK["id"])
    finally:
        tracing.request_id.reset(before)

    own, other, given = [one.headers for one in server.asked if one.path.startswith("/networking")]
    assert re.fullmatch(r"req-[0-9a-f-]{36}", own["X-Openstack-Request-Id"])
    assert own["X-Openstack-Request-Id"] != other["X-Openstack-Request-Id"]
    assert given["X-Openstack-Request-Id"] == "req-0d3b5f5e-8f43-4f3c-9f0a-1c7a1f0a0001"
    assert own["User-Agent"].startswith("kuryr/")


def test_every_call_is_observed(server: CloudServer, with_password: Configure) -> None:
    seen: list[Call] = []
    neutron = connect(with_password(server.auth_url), observe=seen.append)

    neutron.networks.create(name="n", description="d")

    (call,) = seen
    sent = server.asked[-1].headers["X-Openstack-Request-Id"]
    assert (call.method, call.resource, call.status, call.request_id) == ("POST", "networks", 201, sent)
    assert call.seconds > 0


def test_kuryr_conf_comes_first(
    server: CloudServer, with_password: Configure, clouds_yaml: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OS_CLOUD", "other")

    connect(with_password(server.auth_url)).networks.get(NETWORK["id"])

    assert len(server.of("networking/")) == 1


def test_a_cloud_of_clouds_yaml_by_name(server: CloudServer, configure: Configure, clouds_yaml: Path) -> None:
    connect(configure(cloud="lab")).networks.get(NETWORK["id"])

    assert server.of("networking-two") != []


def test_a_cloud_of_clouds_yaml_from_the_environment(
    server: CloudServer, configure: Configure, clouds_yaml: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OS_CLOUD", "lab")

    connect(configure()).networks.get(NETWORK["id"])

    assert server.of("networking-two") != []


def test_a_region_of_kuryr_conf_wins_over_that_of_clouds_yaml(
    server: CloudServer, configure: Configure, clouds_yaml: Path
) -> None:
    connect(configure(cloud="lab", region_name="one")).networks.get(NETWORK["id"])

    assert server.of("networking/") != []


def test_credentials_of_the_environment(
    server: CloudServer, configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "AUTH_URL": server.auth_url,
        "USERNAME": "kuryr",
        "PASSWORD": PASSWORD,
        "USER_DOMAIN_NAME": "Default",
        "PROJECT_NAME": "demo",
        "PROJECT_DOMAIN_NAME": "Default",
        "REGION_NAME": "one",
    }.items():
        monkeypatch.setenv(f"OS_{name}", value)

    connect(configure()).networks.get(NETWORK["id"])

    assert len(server.of("networking/")) == 1


def test_without_credentials_the_three_ways_are_named(configure: Configure) -> None:
    with pytest.raises(InvalidInput) as caught:
        connect(configure())
    for way in ("[neutron] of kuryr.conf", "clouds.yaml", "OS_AUTH_URL"):
        assert way in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_cloud_that_is_not_in_clouds_yaml_is_named(configure: Configure, clouds_yaml: Path) -> None:
    with pytest.raises(InvalidInput, match="nowhere"):
        connect(configure(cloud="nowhere"))


def test_a_method_that_keystoneauth_does_not_know_is_named(configure: Configure) -> None:
    with pytest.raises(InvalidInput, match="handshake"):
        connect(configure(auth_type="handshake"))


@pytest.mark.parametrize("missing", ["username", "password"])
def test_a_password_that_lacks_a_part_is_refused_at_once(
    missing: str, with_password: Configure, server: CloudServer
) -> None:
    with pytest.raises(InvalidInput, match=f"the OpenStack credentials lack {missing}"):
        connect(with_password(server.auth_url, **{missing: ""}))


def test_an_empty_url_of_keystone_is_none(with_password: Configure) -> None:
    with pytest.raises(InvalidInput, match=r"auth_url .* is not a URL"):
        connect(with_password(""))


@pytest.mark.parametrize("nonsense", ["keystone.example/v3", "keystone", "ftp://x", "http://", "http://h:port/v3"])
def test_a_url_that_is_none_is_said_to_be_so(nonsense: str, with_password: Configure, server: CloudServer) -> None:
    with pytest.raises(InvalidInput, match=r"auth_url .* is not a URL"):
        connect(with_password(nonsense))
    with pytest.raises(InvalidInput, match=r"endpoint_override .* is not a URL"):
        connect(with_password(server.auth_url, endpoint_override=nonsense))
