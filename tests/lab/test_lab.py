"""The lab as its users have it: commands of the machine's own shell, identities, traffic, and leaks that are seen."""

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from keystoneauth1.exceptions import Forbidden

from kuryr_lab.errors import LabError
from kuryr_lab.lab import Lab
from kuryr_lab.leaks import inventory, leaked
from kuryr_lab.neutron import start_neutron
from kuryr_lab.tenant import TenantNetwork
from kuryr_lab.traffic import Container

pytestmark = pytest.mark.exhaustive


def shell(lab: Lab, script: str, *options: str) -> str:
    """What a user sees who has followed the advice of `kuryr-lab up`."""
    evaluated = f'eval "$(kuryr-lab env --name {lab.name} {" ".join(options)})"; {script}'
    environ = {"PATH": f"{lab.layout.commands}:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/nonexistent"}
    environ |= {key: value for key, value in os.environ.items() if key.startswith("KURYR_LAB_")}
    done = subprocess.run(["bash", "-euc", evaluated], env=environ, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def kuryr_lab(*argv: str) -> subprocess.CompletedProcess[str]:
    command = Path(__file__).parents[2] / ".venv" / "bin" / "kuryr-lab"
    return subprocess.run([command, *argv], capture_output=True, text=True, check=False)


def test_the_stock_openstack_client_works_from_the_machines_shell(lab: Lab, tenant_network: TenantNetwork) -> None:
    assert shell(lab, "openstack network list -f value -c ID") == tenant_network.id


def test_the_stock_docker_client_works_from_the_machines_shell(lab: Lab) -> None:
    assert shell(lab, "docker info --format '{{.Name}}'") == "host1"
    assert shell(lab, "docker info --format '{{.Name}}'", "--host", "2") == "host2"


@pytest.mark.parametrize("identity", ["admin", "kuryr", "demo", "operator", "servant"])
def test_a_shell_may_be_any_identity(lab: Lab, identity: str) -> None:
    token = json.loads(shell(lab, "openstack token issue -f json", "--identity", identity))
    assert token["project_id"] == lab.neutron(identity).project_id


def test_a_command_on_a_host_passes_on_its_status_and_its_streams(lab: Lab) -> None:
    done = kuryr_lab("exec", "--name", lab.name, "host2", "--", "sh", "-c", "hostname; echo bad >&2; exit 7")
    assert (done.returncode, done.stdout, done.stderr) == (7, "host2\n", "bad\n")


def test_a_command_on_an_unknown_host_is_one_clear_line(lab: Lab) -> None:
    done = kuryr_lab("exec", "--name", lab.name, "host9", "--", "true")
    assert done.returncode == 1
    expected = f"error: lab {lab.name} has no node 'host9' (it has control, host1, host2, outside)\n"
    assert (done.stdout, done.stderr) == ("", expected)


def test_docker_on_a_host_is_not_that_of_the_callers_shell(lab: Lab) -> None:
    script = f"kuryr-lab exec --name {lab.name} host2 -- docker info --format '{{{{.Name}}}}'"
    assert shell(lab, script, "--host", "1") == "host2"


def test_status_shows_every_program_alive(lab: Lab) -> None:
    assert kuryr_lab("status", "--name", lab.name).returncode == 0
    programs = lab.daemons()
    assert set(programs) == {"control", "host1", "host2", "outside"}
    assert {"mariadb", "ovn-nb", "ovn-sb", "ovn-northd", "keystone", "neutron"} <= set(programs["control"])
    assert {"ovsdb-server", "ovs-vswitchd", "ovn-controller", "dockerd"} <= set(programs["host2"])


def test_status_misses_nothing_that_somebody_else_has_started_and_ended(lab: Lab) -> None:
    passing = lab.hosts["host2"].daemon("passing", ["sleep", "60"])
    assert lab.daemons()["host2"]["passing"]
    passing.kill()
    assert "passing" not in lab.daemons()["host2"]
    assert kuryr_lab("status", "--name", lab.name).returncode == 0


def test_up_again_changes_nothing_and_another_size_is_refused(lab: Lab) -> None:
    before = lab.control.pid
    lab.up(hosts=2, engine=lab.engine)
    assert lab.control.pid == before
    with pytest.raises(LabError, match="is up with 2 hosts"):
        lab.up(hosts=3, engine=lab.engine)


def bound_port(lab: Lab, identity: str, network: TenantNetwork) -> dict[str, object]:
    neutron = lab.neutron(identity)
    port = neutron.create("port", network_id=network.id, **{"binding:host_id": "host1"})
    neutron.delete("port", port["id"])
    return port


def test_kuryrs_identity_binds_ports_in_the_tenants_project(lab: Lab, tenant_network: TenantNetwork) -> None:
    port = bound_port(lab, "kuryr", tenant_network)
    assert port["project_id"] == lab.neutron("demo").project_id
    assert (port["binding:vif_type"], port["binding:host_id"]) == ("ovs", "host1")


def test_kuryrs_identity_makes_networks_in_the_tenants_project(lab: Lab, no_leaks: None) -> None:
    neutron = lab.neutron("kuryr")
    network = neutron.create("network", name="of-kuryr")
    neutron.create("subnet", network_id=network["id"], ip_version=4, cidr="10.21.0.0/24")
    assert [seen["id"] for seen in lab.neutron("demo").find("network", name="of-kuryr")] == [network["id"]]
    neutron.delete("network", network["id"])


def test_a_plain_member_may_not_bind_ports(lab: Lab, tenant_network: TenantNetwork) -> None:
    with pytest.raises(Forbidden):
        bound_port(lab, "demo", tenant_network)


def test_kuryrs_identity_is_no_administrator(lab: Lab, no_leaks: None) -> None:
    with pytest.raises(Forbidden):
        lab.neutron("kuryr").create("network", project_id=lab.neutron("admin").project_id)


def test_a_hosts_configuration_is_kuryrs_and_for_root_alone(lab: Lab) -> None:
    file = lab.hosts["host2"].etc / "kuryr" / "kuryr.conf"
    assert file.stat().st_mode & 0o777 == 0o600
    assert lab.hosts["host2"].run(["cat", "/etc/kuryr/kuryr.conf"]).stdout == file.read_text()
    assert "username = kuryr\n" in file.read_text()


def test_requests_of_a_host_are_counted_apart_from_the_labs_own(lab: Lab) -> None:
    host1, machine = lab.requests("host1"), lab.requests("machine")
    lab.hosts["host1"].run(["curl", "-s", "-A", "me", f"{lab.layout.neutron_url}/v2.0/ports?a=b"])
    lab.neutron("demo").find("network")
    seen = [(one.method, one.path, one.status, one.user_agent) for one in host1.read_until_quiet(quiet=1)]
    assert seen == [("GET", "/v2.0/ports?a=b", 401, "me")]
    assert [(one.method, one.path, one.status) for one in machine.read()] == [("GET", "/v2.0/networks", 200)]


def test_plain_ports_talk_across_hosts_by_ping_and_tcp(lab: Lab, tenant_network: TenantNetwork) -> None:
    network = tenant_network.id
    with lab.plain_port("host1", network, name="one") as one, lab.plain_port("host2", network, name="two") as two:
        one.reaches(two.address)
        two.serve(8080)
        assert one.fetch(two.address, 8080) == "two"
        assert one.fetch(two.address, 8081) is None


def test_a_group_without_rules_keeps_everything_out(lab: Lab, tenant_network: TenantNetwork) -> None:
    demo, network = lab.neutron("demo"), tenant_network.id
    group = demo.create("security_group", name="closed")["id"]
    try:
        with (
            lab.plain_port("host1", network, name="one") as one,
            lab.plain_port("host2", network, name="two", security_groups=[group]) as two,
        ):
            two.serve(8080)
            assert not one.ping(two.address, count=3)
            assert one.fetch(two.address, 8080) is None
            everything = {"security_group_id": group, "direction": "ingress", "ethertype": "IPv4"}
            demo.create("security_group_rule", **everything)
            one.reaches(two.address)
            assert one.fetch(two.address, 8080) == "two"
    finally:
        demo.delete("security_group", group)


def test_containers_speak_for_themselves(lab: Lab, no_leaks: None) -> None:
    host = lab.hosts["host1"]
    for name in ("one", "two"):
        host.docker("run", "--detach", "--init", "--name", name, "busybox", "sleep", "1000")
    try:
        address = host.docker("inspect", "--format", "{{.NetworkSettings.IPAddress}}", "two")
        Container(host, "two").serve()
        Container(host, "one").reaches(address)
        assert Container(host, "one").fetch(address) == "two"
    finally:
        host.docker("rm", "--force", "one", "two")


LEFT: dict[str, tuple[Sequence[str], Sequence[str]]] = {
    "Open vSwitch interface leak": (
        ["ovs-vsctl", "add-port", "br-int", "leak", "--", "set", "interface", "leak", "type=internal"],
        ["ovs-vsctl", "del-port", "leak"],
    ),
    "link leak": (["ip", "link", "add", "leak", "type", "bridge"], ["ip", "link", "delete", "leak"]),
    "network namespace leak": (["ip", "netns", "add", "leak"], ["ip", "netns", "delete", "leak"]),
    "Docker network leak": (["docker", "network", "create", "leak"], ["docker", "network", "rm", "leak"]),
    "container leak": (["docker", "create", "--name", "leak", "busybox"], ["docker", "rm", "leak"]),
}


@pytest.mark.parametrize("what", LEFT)
def test_what_is_left_on_a_host_is_reported(lab: Lab, no_leaks: None, what: str) -> None:
    leave, remove = LEFT[what]
    before = inventory(lab)
    lab.hosts["host2"].run(leave)
    try:
        assert f"+ host2: {what}" in leaked(lab, before, seconds=0)
    finally:
        lab.hosts["host2"].run(remove)


def test_what_is_left_in_neutron_or_missing_from_it_is_reported(lab: Lab, no_leaks: None) -> None:
    before = inventory(lab)
    network = lab.neutron("demo").create("network", name="leak")["id"]
    with_it = inventory(lab)
    try:
        assert f"+ neutron: network {network} leak" in leaked(lab, before, seconds=0)
    finally:
        lab.neutron("demo").delete("network", network)
    assert f"- neutron: network {network} leak" in leaked(lab, with_it, seconds=0)


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_neutron_can_end_and_come_back(lab: Lab, no_leaks: None, end: str) -> None:
    neutron = lab.daemon("control", "neutron")
    getattr(neutron, end)()
    assert not neutron.alive()
    assert kuryr_lab("status", "--name", lab.name).returncode == 1
    start_neutron(lab.control, lab.backend)
    assert lab.neutron("demo").find("network") == []
