"""Whether a port is what a request asks for."""

from dataclasses import replace

from kuryr.model import AddressPair, PortRequest, PortTraits, Vif


def fits(vif: Vif, request: PortRequest) -> bool:
    """Whether a port has what was asked for and cannot be changed.

    One that existed before need not have an address where any would do.
    """
    return (
        request.mac in {None, vif.mac}
        and request.choice.fits(vif)
        and all(
            address in {None, found} and (found is not None or vif.lent is not None)
            for subnet_id, address in request.fixed_ips
            for found in [vif.address_in(subnet_id)]
        )
    )


def wants(request: PortRequest, vif: Vif) -> bool:
    """Whether a request is for this port, or for something that only one port can have."""
    if request.choice:
        return request.choice.fits(vif)
    return request.mac == vif.mac or any(
        address is not None and address == vif.address_in(subnet_id) for subnet_id, address in request.fixed_ips
    )


def has(vif: Vif, wanted: PortTraits) -> bool:
    """Whether a port is what is wanted besides its addresses."""
    found = vif.traits
    pairs = {AddressPair(pair.address, pair.mac or vif.mac) for pair in wanted.allowed_address_pairs}
    return (
        (wanted.security_groups is None or set(wanted.security_groups) == set(found.security_groups or ()))
        and wanted.port_security in {None, found.port_security}
        and wanted.qos_policy in {"", found.qos_policy}
        and wanted.dns_name in {"", found.dns_name}
        and pairs <= set(found.allowed_address_pairs)
    )


def said_of(vif: Vif) -> PortTraits:
    """What would make another port the same.

    Being guarded is left unsaid: on a network of another project it may not be said, even where it is so.
    """
    found = vif.traits
    pairs = (AddressPair(pair.address, "" if pair.mac == vif.mac else pair.mac) for pair in found.allowed_address_pairs)
    return replace(found, port_security=found.port_security and None, allowed_address_pairs=tuple(pairs))


def addresses(vif: Vif) -> str:
    """The addresses of a port, for people."""
    return ", ".join(str(fixed_ip.address) for fixed_ip in vif.fixed_ips)
