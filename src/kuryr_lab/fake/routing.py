"""Routers, floating IPs and port forwardings (neutron.db.l3_db, neutron.services.portforwarding)."""

from ipaddress import ip_network

from kuryr_lab.fake.attributes import Body
from kuryr_lab.fake.refusals import Refusal, conflict
from kuryr_lab.fake.rules import Rules

INTERFACE = "network:router_interface"
_FLOATING = "network:floatingip"


def _bad(kind: str, reason: str) -> Refusal:
    return Refusal(400, "BadRequest", f"Bad {kind} request: {reason}.")


class RouterRules(Rules):
    """Routers."""

    def complete(self, router: Body) -> None:
        router["status"] = "ACTIVE"
        if router["external_gateway_info"]:
            self.cloud.get("network", router["external_gateway_info"]["network_id"])

    def remove(self, router: Body) -> None:
        ports = [port["id"] for port in self.interfaces(router["id"])]
        if ports:
            raise conflict("RouterInUse", f"Router {router['id']} has ports still attached: {', '.join(ports)}")

    def interfaces(self, router_id: str) -> list[Body]:
        """The ports by which a router is in networks."""
        return self.cloud.where("port", device_owner=INTERFACE, device_id=router_id)

    def add_interface(self, router: Body, subnet_id: str) -> Body:
        """Attach a subnet at its gateway's address."""
        subnet = self.cloud.get("subnet", subnet_id)
        for port in self.interfaces(router["id"]):
            other = self.cloud.get("subnet", port["fixed_ips"][0]["subnet_id"])
            if ip_network(other["cidr"]).overlaps(ip_network(subnet["cidr"])):
                raise _bad(
                    "router",
                    f"Cidr {subnet['cidr']} of subnet {subnet_id} overlaps with cidr {other['cidr']} of subnet "
                    f"{other['id']}",
                )
        if not subnet["gateway_ip"]:
            raise _bad("router", "Subnet for router interface must have a gateway IP")
        body = {
            "network_id": subnet["network_id"],
            "device_id": router["id"],
            "device_owner": INTERFACE,
            "security_groups": [],
            "fixed_ips": [{"subnet_id": subnet_id, "ip_address": subnet["gateway_ip"]}],
        }
        (port,) = self.cloud.create("port", [body], router["project_id"])
        return {"id": router["id"], "subnet_id": subnet_id, "port_id": port["id"]}

    def remove_interface(self, router: Body, subnet_id: str) -> Body:
        """Detach a subnet."""
        for port in self.interfaces(router["id"]):
            if port["fixed_ips"][0]["subnet_id"] == subnet_id:
                self._check_unneeded(router, subnet_id)
                del self.cloud.resources["port"][port["id"]]
                return {"id": router["id"], "subnet_id": subnet_id, "port_id": port["id"]}
        raise Refusal(
            404,
            "RouterInterfaceNotFoundForSubnet",
            f"Router {router['id']} has no interface on subnet {subnet_id}",
        )

    def _check_unneeded(self, router: Body, subnet_id: str) -> None:
        led = {floating["port_id"] for floating in self.cloud.resources["floatingip"].values()}
        led |= {one["internal_port_id"] for one in self.cloud.resources["port_forwarding"].values()}
        for id_ in led - {None}:
            if any(fixed["subnet_id"] == subnet_id for fixed in self.cloud.get("port", id_)["fixed_ips"]):
                raise conflict(
                    "RouterInterfaceInUseByFloatingIP",
                    f"Router interface for subnet {subnet_id} on router {router['id']} cannot be deleted, as it is "
                    "required by one or more floating IPs.",
                )


class FloatingIPRules(Rules):
    """Floating IPs."""

    def complete(self, floating: Body) -> None:
        network = self.cloud.get("network", floating["floating_network_id"])
        if not network["router:external"]:
            raise _bad("floatingip", f"Network {network['id']} is not a valid external network")
        subnets = self.cloud.where("subnet", network_id=network["id"], ip_version=4)
        body = {
            "network_id": network["id"],
            "device_owner": _FLOATING,
            "device_id": floating["id"],
            "security_groups": [],
            "fixed_ips": [{"subnet_id": subnets[0]["id"]}],
        }
        floating["status"] = "DOWN"
        self._lead(floating, floating)
        (port,) = self.cloud.create("port", [body], "")
        floating["floating_ip_address"] = port["fixed_ips"][0]["ip_address"]

    def change(self, floating: Body, changes: Body) -> None:
        if changes.get("port_id") and self.cloud.where("port_forwarding", floatingip_id=floating["id"]):
            raise Refusal(
                400,
                "PortHasPortForwarding",
                f"Cannot associate floating IP to port {changes['port_id']} because it already has a Port Forwarding "
                "binding.",
            )
        after = {**floating, "fixed_ip_address": None, **changes}
        self._lead(floating, after)
        changes.update({name: after[name] for name in ("port_id", "fixed_ip_address", "router_id")})

    def remove(self, floating: Body) -> None:
        if self.cloud.where("port_forwarding", floatingip_id=floating["id"]):
            raise conflict(
                "FipInUseByPortForwarding", f"Floating IP {floating['id']} in use by Port Forwarding resources."
            )
        for port in self.cloud.where("port", device_owner=_FLOATING, device_id=floating["id"]):
            del self.cloud.resources["port"][port["id"]]

    def shown(self, floating: Body) -> Body:
        """With the router that its forwardings go through, as long as there are any."""
        for one in self.cloud.where("port_forwarding", floatingip_id=floating["id"]):
            port = self.cloud.get("port", one["internal_port_id"])
            (subnet,) = (
                fixed["subnet_id"] for fixed in port["fixed_ips"] if fixed["ip_address"] == one["internal_ip_address"]
            )
            router = self._router_to(floating["floating_network_id"], port, subnet)
            return {**super().shown(floating), "router_id": router}
        return super().shown(floating)

    def _lead(self, floating: Body, after: Body) -> None:
        after["router_id"] = None
        if not after["port_id"]:
            after["port_id"] = after["fixed_ip_address"] = None
            return
        port = self.cloud.get("port", after["port_id"])
        wanted = after["fixed_ip_address"]
        addresses = [fixed for fixed in port["fixed_ips"] if wanted in {None, fixed["ip_address"]}]
        if not addresses:
            raise _bad("floatingip", f"Port {port['id']} does not have fixed ip {wanted}")
        after["fixed_ip_address"] = addresses[0]["ip_address"]
        after["router_id"] = self._router_to(after["floating_network_id"], port, addresses[0]["subnet_id"])
        for other in self.cloud.where("floatingip", port_id=port["id"], fixed_ip_address=after["fixed_ip_address"]):
            if other["id"] != floating["id"]:
                raise conflict(
                    "FloatingIPPortAlreadyAssociated",
                    f"Cannot associate floating IP {after.get('floating_ip_address')} ({floating['id']}) with port "
                    f"{port['id']} using fixed IP {after['fixed_ip_address']}, as that fixed IP already has a "
                    f"floating IP on external network {after['floating_network_id']}.",
                )

    def _router_to(self, external_id: str, port: Body, subnet_id: str) -> str:
        for interface in self.cloud.where("port", device_owner=INTERFACE):
            gateway = self.cloud.get("router", interface["device_id"])["external_gateway_info"] or {}
            if interface["fixed_ips"][0]["subnet_id"] == subnet_id and gateway.get("network_id") == external_id:
                return str(interface["device_id"])
        raise Refusal(
            404,
            "ExternalGatewayForFloatingIPNotFound",
            f"External network {external_id} is not reachable from subnet {subnet_id}.  Therefore, cannot associate "
            f"Port {port['id']} with a Floating IP.",
        )


class ForwardingRules(Rules):
    """Port forwardings; each knows its floating IP by `floatingip_id`, which is not shown."""

    def complete(self, made: Body) -> None:
        floating = self.cloud.get("floatingip", made["floatingip_id"])
        port = self.cloud.get("port", made["internal_port_id"])
        if floating["port_id"]:
            raise conflict(
                "FipInUseByPortForwarding",
                f"Floating IP {floating['id']} in use by port {floating['port_id']}.",
            )
        if made["internal_ip_address"] not in {fixed["ip_address"] for fixed in port["fixed_ips"]}:
            raise _bad(
                "port_forwarding",
                f"Requested internal IP address {made['internal_ip_address']} is not suitable for internal neutron "
                f"port {port['id']}, as its fixed_ips are {port['fixed_ips']}",
            )
        for other in self.cloud.where("port_forwarding", protocol=made["protocol"]):
            same_place = (other["internal_port_id"], other["internal_ip_address"], other["internal_port"])
            place = (made["internal_port_id"], made["internal_ip_address"], made["internal_port"])
            if other["floatingip_id"] == floating["id"] and other["external_port"] == made["external_port"]:
                raise _collision("external", made["external_port"])
            if same_place == place:
                raise _collision("internal", made["internal_port"])

    def shown(self, made: Body) -> Body:
        hidden = {"floatingip_id", "project_id", "tenant_id", "tags", "revision_number"}
        return {name: value for name, value in super().shown(made).items() if name not in hidden}


def _collision(side: str, number: int) -> Refusal:
    ranges = f"{number}:{number} and {number}:{number}"
    return _bad(
        "port_forwarding",
        f"There is a port collision with the {side}_port_range. The following ranges collide: {ranges}",
    )


def check_deletable(port: Body) -> None:
    """Raises Refusal for a port that is a router's."""
    if port["device_owner"] == INTERFACE:
        raise conflict(
            "ServicePortInUse",
            f"Port {port['id']} cannot be deleted directly via the port API: has device owner {INTERFACE}.",
        )
