"""The attributes of each kind of resource.

They follow neutron_lib.api.definitions (2026.2, with the extensions that ML2/OVN loads), cut down to what Kuryr uses.
"""

from kuryr_lab.fake.attributes import Attributes

MAX_MTU = 1442
"""Of Geneve over Ethernet's 1500 bytes."""

_COMMON = {"id", "name", "description", "project_id", "tenant_id", "revision_number"}
_TAGS = {"tags", "tags-any", "not-tags", "not-tags-any"}

TABLES = {
    "network": Attributes(
        post={
            "name": "",
            "description": "",
            "mtu": MAX_MTU,
            "admin_state_up": True,
            "shared": False,
            "router:external": False,
            "port_security_enabled": True,
            "dns_domain": "",
            "qos_policy_id": None,
        },
        put={"name", "description", "mtu", "admin_state_up", "port_security_enabled", "dns_domain", "qos_policy_id"},
        filters=_COMMON | _TAGS | {"mtu", "admin_state_up", "shared", "router:external", "status"},
    ),
    "subnet": Attributes(
        required={"network_id", "ip_version"},
        post={
            "name": "",
            "description": "",
            "cidr": None,
            "subnetpool_id": None,
            "enable_dhcp": True,
            "host_routes": [],
            "dns_nameservers": [],
            "ipv6_address_mode": None,
            "ipv6_ra_mode": None,
        },
        computed={"gateway_ip", "allocation_pools"},
        put={"name", "description", "enable_dhcp", "host_routes", "dns_nameservers"},
        filters=_COMMON | _TAGS | {"network_id", "cidr", "ip_version", "gateway_ip", "enable_dhcp", "subnetpool_id"},
    ),
    "port": Attributes(
        required={"network_id"},
        post={
            "name": "",
            "description": "",
            "device_id": "",
            "device_owner": "",
            "admin_state_up": True,
            "binding:host_id": "",
            "binding:vnic_type": "normal",
            "allowed_address_pairs": [],
            "qos_policy_id": None,
            "dns_name": "",
            "tags": [],
        },
        computed={"mac_address", "fixed_ips", "security_groups", "port_security_enabled"},
        put={
            "name",
            "description",
            "device_id",
            "device_owner",
            "admin_state_up",
            "binding:host_id",
            "mac_address",
            "fixed_ips",
            "security_groups",
            "port_security_enabled",
            "allowed_address_pairs",
            "qos_policy_id",
            "dns_name",
        },
        filters=_COMMON
        | _TAGS
        | {"network_id", "mac_address", "fixed_ips", "device_id", "device_owner", "admin_state_up", "status"}
        | {"binding:host_id", "security_groups"},
    ),
    "subnetpool": Attributes(
        required={"prefixes"},
        post={"name": "", "description": "", "shared": False, "is_default": False},
        computed={"default_prefixlen", "min_prefixlen", "max_prefixlen"},
        put={"name", "description"},
        filters=_COMMON | _TAGS | {"shared", "is_default", "ip_version"},
    ),
    "security_group": Attributes(
        post={"name": "", "description": ""},
        put={"name", "description"},
        filters=_COMMON | _TAGS,
    ),
    "security_group_rule": Attributes(
        required={"security_group_id", "direction"},
        post={
            "ethertype": "IPv4",
            "protocol": None,
            "port_range_min": None,
            "port_range_max": None,
            "remote_ip_prefix": None,
            "remote_group_id": None,
            "description": "",
        },
        put=set(),
        filters=(_COMMON - {"name"}) | {"security_group_id", "direction", "ethertype", "protocol", "remote_group_id"},
    ),
    "policy": Attributes(
        required={"name"},
        post={"description": "", "shared": False, "is_default": False},
        put={"name", "description"},
        filters=_COMMON | _TAGS | {"shared", "is_default"},
    ),
    "router": Attributes(
        post={"name": "", "description": "", "admin_state_up": True, "external_gateway_info": None},
        put={"name", "description", "external_gateway_info"},
        filters=_COMMON | _TAGS,
    ),
    "floatingip": Attributes(
        required={"floating_network_id"},
        post={"description": "", "port_id": None, "fixed_ip_address": None},
        put={"description", "port_id", "fixed_ip_address"},
        filters=(_COMMON - {"name"})
        | _TAGS
        | {"floating_network_id", "floating_ip_address", "fixed_ip_address", "port_id", "router_id", "status"},
    ),
    "agent": Attributes(post={}, put=set(), filters={"id", "host", "agent_type", "binary", "alive", "admin_state_up"}),
    "trunk": Attributes(
        required={"port_id"},
        post={"name": "", "description": "", "admin_state_up": True},
        put={"name", "description", "admin_state_up"},
        filters=_COMMON | _TAGS | {"port_id", "admin_state_up", "status"},
    ),
    "port_forwarding": Attributes(
        required={"protocol", "external_port", "internal_port", "internal_port_id", "internal_ip_address"},
        post={"description": "", "floatingip_id": None},
        put={"description"},
        filters={"id", "protocol", "external_port", "internal_port_id", "floatingip_id"},
    ),
}
