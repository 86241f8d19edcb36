"""The steps of the demo, in the order in which a person meets Kuryr.

A tenant has a network with a machine on it; Docker joins it on two hosts; containers and machine talk, and a stranger
is kept out by a security group. Then Docker makes a network of its own. In the end all of it goes, and nothing stays.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kuryr_lab.client import Resource
from kuryr_lab.demo.costs import describe
from kuryr_lab.demo.evidence import (
    COLUMNS,
    Peer,
    addresses_and_routes,
    attempt,
    await_silence,
    exchange,
    left_behind,
)
from kuryr_lab.demo.stage import Stage
from kuryr_lab.docker import IMAGE
from kuryr_lab.leaks import inventory

DRIVER = ("--driver", "kuryr", "--ipam-driver", "kuryr")


@dataclass(frozen=True)
class Tenant:
    """What the tenant has without containers."""

    network: Resource
    vm: Peer
    stranger: Peer
    default: str
    outsiders: str


def tell(stage: Stage, program: str | None) -> None:
    """All steps. With `program`, the way to call `kuryr-lab` from here, nothing is removed and a person may go on.

    Raises LabError as soon as something is not so.
    """
    drivers(stage)
    tenant = meet_tenant(stage)
    before = inventory(stage.lab)
    kernel = {host.name: addresses_and_routes(host) for host in stage.hosts}
    join(stage, tenant)
    web = containers(stage)
    traffic(stage, tenant, web)
    isolation(stage, tenant, web[1])
    app = own_network(stage, tenant)
    ports(stage, [*web, *app, tenant.vm, tenant.stranger])
    unchanged(stage, kernel)
    if program is None:
        removal(stage, before)
    costs(stage)
    if program is not None:
        invitation(stage, program, tenant, web)


def drivers(stage: Stage) -> None:
    """Start Kuryr beside each Docker."""
    stage.screen.step(
        "Kuryr starts on both Docker hosts",
        "It is Docker's network and IPAM driver. It works in a tenant's project and is no administrator.",
    )
    stage.start_drivers()


def meet_tenant(stage: Stage) -> Tenant:
    """A network as a tenant would have it before there are containers."""
    stage.screen.step(
        "A tenant has a network with a virtual machine on it",
        "No container yet. `vm` is in the tenant's default security group, which admits its own members alone; "
        "`stranger` is in a group of its own, `outsiders`. (Each is a plain Neutron port in a network namespace, bound "
        "to its host and plugged as Nova would plug a machine.)",
    )
    network = stage.create("network", name="green")["id"]
    stage.create("subnet", name="green-v4", network_id=network, ip_version=4, cidr="10.88.0.0/24")
    outsiders = stage.create("security_group", name="outsiders")["id"]
    neutron = stage.neutron
    (default,) = (
        group["id"] for group in neutron.find("security_group", name="default", project_id=neutron.project_id)
    )
    vm = stage.machine(stage.host2, "vm", network, default)
    stranger = stage.machine(stage.host1, "stranger", network, outsiders)
    groups = ((vm, f"default {default}"), (stranger, f"outsiders {outsiders}"))
    rows = [(machine.name, machine.host, machine.address, group) for machine, group in groups]
    stage.screen.table(("machine", "host", "address", "security group"), rows)
    return Tenant(neutron.show("network", network), vm, stranger, default, outsiders)


def join(stage: Stage, tenant: Tenant) -> None:
    """Adopt the tenant's network on both hosts."""
    stage.screen.step(
        "Docker joins that network, on both hosts",
        "Kuryr finds it by name. The subnet, its gateway and its free addresses stay Neutron's business.",
    )
    argv = ("network", "create", *DRIVER, "--ipam-opt", "neutron.net.name=green", "green")
    for host in stage.hosts:
        stage.docker(host, *argv, title="network create (adopts green)")
    now = stage.neutron.show("network", tenant.network["id"])
    stage.screen.check("the tenant's network itself is untouched", expected=tenant.network, seen=now)


def containers(stage: Stage) -> list[Peer]:
    """One container on each host."""
    stage.screen.step(
        "Two containers, one on each host",
        "Each gets a Neutron port of its own, and serves its name by HTTP. The addresses are what Docker says.",
    )
    web = [stage.container(host, name, "green") for host, name in zip(stage.hosts, ("web1", "web2"), strict=True)]
    stage.screen.table(("container", "host", "address"), [(each.name, each.host, each.address) for each in web])
    return web


def traffic(stage: Stage, tenant: Tenant, web: Sequence[Peer]) -> None:
    """Containers with each other and with the machine, in both directions."""
    stage.screen.step(
        "Containers and the virtual machine talk, from host to host",
        "A ping, and a page over TCP, in both directions; the page is the name of whoever answered.",
    )
    web1, web2 = web
    stage.talk((web1, web2), (web1, tenant.vm), (web2, tenant.vm))


def isolation(stage: Stage, tenant: Tenant, target: Peer) -> None:
    """What a security group forbids does not get through, and does once it is allowed."""
    stage.screen.step(
        "What the security group forbids does not get through",
        f"`stranger` has an address of the same subnet, but is no member of the group of `{target.name}`. To see that "
        "it is the group and nothing else, the tenant makes it a member for a moment.",
    )
    stranger = tenant.stranger
    shut = attempt(stranger, target)
    stage.screen.table(COLUMNS, [shut.row()])
    stage.screen.check("a stranger is kept out", expected="blocked", seen=shut.outcome)
    stage.move(stranger, tenant.default)
    admitted = exchange(stranger, target)
    stage.screen.table(COLUMNS, [admitted.row()])
    stage.screen.check("the same machine gets through as a member", expected="through", seen=admitted.outcome)
    stage.move(stranger, tenant.outsiders)
    shut = await_silence(stranger, target)
    stage.screen.table(COLUMNS, [shut.row()])
    stage.screen.check("and is kept out again afterwards", expected="blocked", seen=shut.outcome)


def own_network(stage: Stage, tenant: Tenant) -> list[Peer]:
    """A network that Docker makes on one host and joins on the other."""
    stage.screen.step(
        "Docker makes a network of its own",
        "One command makes network and subnet in Neutron; the other host joins by the name that Neutron shows.",
    )
    neutron = stage.neutron
    argv = ("network", "create", *DRIVER, "--subnet", "10.77.0.0/24", "blue")
    stage.docker(stage.host1, *argv, title="network create (makes blue)")
    listed = neutron.find("network", project_id=neutron.project_id)
    made = {network["name"]: network["id"] for network in listed if network["id"] != tenant.network["id"]}
    cidrs = [subnet["cidr"] for identifier in made.values() for subnet in neutron.find("subnet", network_id=identifier)]
    name = ", ".join(made)
    stage.screen.check(f"Neutron has {name} with subnet 10.77.0.0/24 now", expected=["10.77.0.0/24"], seen=cidrs)
    argv = ("network", "create", *DRIVER, "--ipam-opt", f"neutron.net.name={name}", "blue")
    stage.docker(stage.host2, *argv, title="network create (adopts blue)")
    app = [stage.container(host, name, "blue") for host, name in zip(stage.hosts, ("app1", "app2"), strict=True)]
    stage.talk((app[0], app[1]))
    return app


def ports(stage: Stage, peers: Sequence[Peer]) -> None:
    """The ports as an operator sees them in Neutron."""
    stage.screen.step(
        "As Neutron sees it, every container is a port like a machine's",
        "Bound to its host, active, in the tenant's project: filtered, measured and billed like any other.",
    )
    listed = stage.lab.neutron("admin").find("port", project_id=stage.neutron.project_id)
    by_address = {each["ip_address"]: port for port in listed for each in port["fixed_ips"]}
    found = {peer: by_address.pop(peer.address) for peer in peers if peer.address in by_address}
    stage.screen.table(
        ("who", "address", "host", "status", "device owner", "port"),
        [
            (peer.name, peer.address, port["binding:host_id"], port["status"], port["device_owner"], port["id"])
            for peer, port in found.items()
        ],
    )
    others = Counter(port["device_owner"] for port in listed if port not in found.values())
    stage.screen.say(
        f"Also there: {others['kuryr:network']} ports without address, by which Kuryr records that a Docker network of "
        f"a host stands on a network of Neutron, and {others['network:distributed']} of OVN itself (metadata)."
    )
    expected = {peer.name: ("ACTIVE", peer.host) for peer in peers}
    seen = {peer.name: (port["status"], port["binding:host_id"]) for peer, port in found.items()}
    stage.screen.check("each of them is ACTIVE on its host", expected=expected, seen=seen)


def unchanged(stage: Stage, kernel: Mapping[str, frozenset[str]]) -> None:
    """The hosts themselves take no part in the tenant's networks."""
    stage.screen.step(
        "The hosts' own addresses and routes are as before",
        "Containers are attached to Open vSwitch; the host itself gets no address in the tenant's networks.",
    )
    for host in stage.hosts:
        before = kernel[host.name]
        claim = f"{host.name}: the same {len(before)} addresses and routes, with containers running"
        stage.screen.check(claim, expected=sorted(before), seen=sorted(addresses_and_routes(host)))


def removal(stage: Stage, before: frozenset[str]) -> None:
    """Take everything back by Docker's own commands."""
    stage.screen.step(
        "Docker removes it all",
        "Containers first, then networks; the host that made `blue` last, because the other still uses it until then.",
    )
    for host, names in ((stage.host2, ("web2", "app2")), (stage.host1, ("web1", "app1"))):
        stage.docker(host, "rm", "--force", *names, title=f"rm {' '.join(names)}")
    for host in (stage.host2, stage.host1):
        stage.docker(host, "network", "rm", "green", "blue", title="network rm green blue")
    left = left_behind(stage.lab, before)
    kinds = Counter(item.partition(":")[0] for item in before)
    found = ", ".join(f"{number} on {where}" for where, number in sorted(kinds.items()) if where != "neutron")
    stage.screen.check(
        f"nothing is left: as before, {kinds['neutron']} objects in Neutron, {found} (interfaces of Open vSwitch, "
        "links, namespaces, containers, Docker networks)",
        expected=[],
        seen=left,
    )


def costs(stage: Stage) -> None:
    """Time and requests of each docker command."""
    stage.screen.step(
        "What each docker command cost",
        "Counted in Neutron's own request log: what was asked before the command returned, and behind it.",
    )
    stage.screen.table(
        ("host", "docker", "ms", "asked of Neutron before it returned", "behind"),
        [
            (
                each.command.host,
                each.command.title,
                f"{each.milliseconds:4}",
                describe(each.before),
                describe(each.behind),
            )
            for each in stage.meter.costs()
        ],
    )


def invitation(stage: Stage, program: str, tenant: Tenant, web: Sequence[Peer]) -> None:
    """What a person may type now."""
    option = f" --name {stage.lab.name}"
    stage.screen.step("The cloud is yours", "Copy and paste; the first line makes you the tenant, on host1's Docker.")
    for line in (
        f'eval "$({program} env{option})"',
        "openstack port list",
        "docker ps",
        f"docker run --rm --network green {IMAGE} ping -c 3 {tenant.vm.address}",
        f"docker exec {web[0].name} wget -q -O - http://{web[1].address}/",
        f'eval "$({program} env{option} --host 2)"      # from here on, host2\'s Docker',
        f"docker run --rm -it --network blue {IMAGE} sh",
        f"{program} exec{option} host2 ip address",
        f"{program} down{option}      # the end of it",
    ):
        stage.screen.line(line)
