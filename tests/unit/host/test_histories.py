"""Random histories of starts, stops, crashes and failures: never two users on one port, in the end nothing is left."""

import itertools

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from fakes.binding import FakeKernel
from fakes.neutron import FakeNeutron
from kuryr.errors import KuryrError
from kuryr.host.demand import Sizes
from kuryr.model import IPAddress
from unit.host.node import NO_SIZES, Clock, Node, ports, site, snapshot

NUMBERS = st.sampled_from([None, 7, 8])


class Histories(RuleBasedStateMachine):
    """What an engine believes is in `alive`: addresses by endpoint."""

    sizes = NO_SIZES
    cidr = "10.1.0.0/28"

    @initialize()
    def begin(self) -> None:
        self.neutron = FakeNeutron()
        self.kernel = FakeKernel()
        self.blue = site(self.neutron, self.cidr)
        self.before = snapshot(self.neutron)
        self.node = Node(self.neutron, self.kernel, clock=Clock(), sizes=self.sizes)
        self.alive: dict[str, IPAddress] = {}
        self.numbers = itertools.count()

    @rule(number=NUMBERS, another_ipam=st.booleans(), fail=st.sampled_from(["", "cloud", "lost", "stage", "plug"]))
    def start(self, number: int | None, another_ipam: bool, fail: str) -> None:
        owner = f"c{next(self.numbers)}"
        network_id, subnet_id = self.blue.network_id, self.blue.subnet_id
        wanted = self.blue[number] if number else None
        if fail in {"cloud", "lost"}:
            self.neutron.fail_next(method="POST", applied=fail == "lost")
        address: IPAddress | None = wanted
        try:
            if not another_ipam or wanted is None:
                address = self.node.endpoints.reserve("d1", network_id, (subnet_id, wanted)).fixed_ips[0].address
            assert address is not None
            with self.kernel.failing(fail):
                self.node.endpoints.create(owner, network_id, [(subnet_id, address)])
                self.node.endpoints.join(owner)
        except KuryrError:
            # As Docker rolls back.
            self.node.endpoints.delete(owner, release=another_ipam)
            if address and address not in self.alive.values() and not another_ipam:
                self.node.endpoints.release(subnet_id, address)
        else:
            assert address not in self.alive.values()
            self.alive[owner] = address
            self.node.alive.add(owner)
        assert self.node.behind.drain(10)
        self.neutron._failures.clear()

    @rule(data=st.data(), fail=st.sampled_from(["", "", "cloud", "lost", "unplug"]), forget=st.booleans())
    def stop(self, data: st.DataObject, fail: str, forget: bool) -> None:
        if not self.alive:
            return
        owner = data.draw(st.sampled_from(sorted(self.alive)))
        address = self.alive.pop(owner)
        self.node.alive.discard(owner)
        if fail in {"cloud", "lost"}:
            self.neutron.fail_next(method="DELETE", applied=fail == "lost")
        try:
            with self.kernel.failing(fail):
                self.node.endpoints.delete(owner, release=False)
                if not forget:
                    self.node.endpoints.release(self.blue.subnet_id, address)
                assert self.node.behind.drain(10)
        except KuryrError:
            pass
        self.neutron._failures.clear()

    @rule()
    def restart(self) -> None:
        self.node = self.node.restarted()

    @rule()
    def pass_time(self) -> None:
        self.node.behind.pass_time()

    @rule(seconds=st.sampled_from([0, 30, 60]))
    def sweep(self, seconds: int) -> None:
        self.node.sweep(*self.alive)
        self.node.clock.now += seconds

    @invariant()
    def every_live_container_has_a_port_and_an_interface_of_its_own(self) -> None:
        links = [link.owner for link in self.kernel.links.values() if link.plugged]
        for owner in self.alive:
            assert links.count(owner) == 1
        held = {port["id"]: port["fixed_ips"][0]["ip_address"] for port in ports(self.neutron)}
        for port_id, link in self.kernel.links.items():
            if link.owner in self.alive:
                assert held[port_id] == str(self.alive[link.owner])

    def teardown(self) -> None:
        if not hasattr(self, "node"):
            return
        for owner, address in self.alive.items():
            self.node.endpoints.delete(owner, release=False)
            self.node.endpoints.release(self.blue.subnet_id, address)
        assert self.node.behind.drain(10)
        self.node.endpoints.load()
        self.node.endpoints.ready.give_up(self.blue.network_id)
        assert self.node.behind.drain(10)
        self.node.sweep_after_grace()
        assert self.node.sweep() == 0
        self.node.close()
        assert (snapshot(self.neutron), self.kernel.links) == (self.before, {})
        assert self.neutron.unscoped == []


class ReadyHistories(Histories):
    """The same with ports made ahead."""

    sizes = Sizes(most=3)
    cidr = "10.1.0.0/24"

    @rule(what=st.sampled_from(["IpAddressGenerationFailure", "OverQuota"]))
    def run_out(self, what: str) -> None:
        """For the next start, or for the next ports that are made ahead."""
        self.neutron.fail_next(method="POST", path="/ports", status=409, type_=what)

    @rule()
    def give_up(self) -> None:
        """Another of the engine's networks on the same one of Neutron's is removed."""
        self.node.endpoints.give_up(self.blue.network_id, 10)

    @rule(data=st.data())
    def tie(self, data: st.DataObject) -> None:
        """Something is led to a container's port."""
        if self.alive:
            owner = data.draw(st.sampled_from(sorted(self.alive)))
            if vif := self.node.endpoints.remembered(owner):
                self.node.endpoints.tie(vif.port_id)


for machine in (Histories, ReadyHistories):
    machine.TestCase.settings = settings(
        max_examples=60,
        stateful_step_count=20,
        deadline=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.too_slow],
    )
TestHistories = Histories.TestCase
TestReadyHistories = ReadyHistories.TestCase
