"""What is published is opened although a driver died before it could open it: proved by traffic from outside.

The driver has two seconds to die in, and a busy cloud lets the start itself take longer. So here the dead driver's work
is taken back by hand: its successor finds the same.
"""

from fault.rig import Rig
from kuryr_lab.external import ExternalNetwork, Router
from kuryr_lab.lab import Lab
from kuryr_lab.traffic import Container
from kuryr_lab.waiting import wait_until

NETWORK = ("--subnet", "10.96.0.0/24", "--opt", "neutron.router.name=router", "--opt", "kuryr.publish=floating")


def test_what_is_published_is_reached_although_the_driver_died_before_it_was_opened(lab: Lab) -> None:
    """The port's own group lets nobody in from outside."""
    neutron = lab.neutron("admin")
    with ExternalNetwork(lab) as external, Router(lab, external):
        rig = Rig(lab, lab.hosts["host1"], NETWORK)
        try:
            assert rig.create_network()
            assert rig.run("worker", "--publish", "80")
            worker = Container(rig.host, "worker")
            worker.serve()
            (floating,) = neutron.find("floatingip")
            address = str(floating["floating_ip_address"])
            rig.await_opened()
            rig.stay_down(closed=False)
            own = neutron.find("security_group", name="default", project_id=floating["project_id"])
            neutron.update("port", floating["port_id"], security_groups=[group["id"] for group in own])
            wait_until("it is closed", lambda: lab.outside.fetch(address, 80) is None)
            rig.come_back()
            rig.await_opened()
            wait_until("it is reached", lambda: lab.outside.fetch(address, 80) == "worker")
        finally:
            rig.come_back()
            rig.close()
