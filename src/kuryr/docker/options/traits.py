"""What users say of their ports, by network, by label and by endpoint.

A network's say holds for all its containers: its anchor is the template of their ports, with the same groups and QoS
policy; what an anchor cannot show (that there shall be no group at all, that ports are guarded, or not, whatever the
Neutron network says) are words among its settings. A container's labels come on top, and on both an endpoint's options.
"""

from dataclasses import replace

from kuryr.docker.options.catalogue import DOCKERS_MTU, Values
from kuryr.errors import InvalidInput
from kuryr.gateway.networks.bound import Bound
from kuryr.gateway.networks.specs import NetworkSpec
from kuryr.model import PortTraits

_NO_GROUP = "groups=none"
_GUARDED = {True: "port_security=true", False: "port_security=false"}


def chosen(values: Values) -> PortTraits:
    """What the options of one place say; groups and policy by name or id. Raises InvalidInput."""
    given = {
        name: values[f"neutron.{name}"]
        for name in ("security_groups", "port_security", "qos_policy", "dns_name", "allowed_address_pairs")
        if f"neutron.{name}" in values
    }
    traits = PortTraits(**given)  # type: ignore[arg-type]  # the readers of the options see to it
    _check(traits)
    return traits


def words(traits: PortTraits) -> tuple[str, ...]:
    """What the anchor of a network records in words."""
    none = (_NO_GROUP,) if traits.security_groups == () else ()
    return none if traits.port_security is None else (*none, _GUARDED[traits.port_security])


def of_network(bound: Bound) -> PortTraits:
    """What was said of the ports of a network when it was created; by id."""
    said = bound.anchorage.settings
    guarded = next((truth for truth, word in _GUARDED.items() if word in said), None)
    return replace(
        bound.template,
        port_security=guarded,
        security_groups=() if _NO_GROUP in said or guarded is False else bound.template.security_groups,
    )


def together(own: PortTraits, base: PortTraits) -> PortTraits:
    """What a container says on top of its network, or an endpoint on top of both. InvalidInput when it does not fit."""
    groups = base.security_groups if own.security_groups is None else own.security_groups
    guarded = base.port_security if own.port_security is None else own.port_security
    if own.port_security and base.port_security is False and own.security_groups is None:
        raise InvalidInput(
            "this network has no security groups for a port with neutron.port_security=true",
            hint="name some by neutron.security_groups",
        )
    if own.port_security is False:
        groups = ()
    made = PortTraits(
        groups,
        guarded,
        own.qos_policy or base.qos_policy,
        own.dns_name or base.dns_name,
        own.allowed_address_pairs or base.allowed_address_pairs,
    )
    _check(made)
    return made


def of_kind(values: Values) -> NetworkSpec:
    """What the options of a network say of the Neutron network itself. Raises InvalidInput."""
    mtus = {values[name] for name in ("neutron.mtu", DOCKERS_MTU) if name in values}
    if len(mtus) > 1:
        raise InvalidInput(f"neutron.mtu and {DOCKERS_MTU} differ", hint="one of them suffices")
    given = {"mtu": next(iter(mtus), None), "shared": values.get("neutron.net.shared")}
    given |= {"dns_domain": values.get("neutron.dns_domain", ""), "dhcp": values.get("neutron.dhcp")}
    return NetworkSpec(**given)  # type: ignore[arg-type]  # the readers of the options see to it


def _check(traits: PortTraits) -> None:
    """Neutron would refuse the same, in other words."""
    if traits.port_security is not False:
        return
    for name, value in (
        ("security_groups", traits.security_groups),
        ("allowed_address_pairs", traits.allowed_address_pairs),
    ):
        if value:
            raise InvalidInput(
                f"neutron.{name} and neutron.port_security=false contradict", hint="leave one of them out"
            )
