"""The attributes of each kind of resource.

They follow neutron_lib.api.definitions (2026.2, with the extensions that ML2/OVN loads), cut down to what Kuryr uses.
"""

from fakes.attributes import Attributes

MAX_MTU = 1442
"""Of Geneve over Ethernet's 1500 bytes."""

_COMMON = {"id", "name", "description", "project_id", "tenant_id", "revision_number"}
_TAGS = {"tags", "tags-any", "not-tags", "not-tags-any"}

TABLES = {
    "network": Attributes(
        post={"name": "", "description": "", "mtu": MAX_MTU, "admin_state_up": True, "shared": False},
        put={"name", "description", "mtu", "admin_state_up"},
        filters=_COMMON | _TAGS | {"mtu", "admin_state_up", "shared", "router:external", "status"},
    ),
    "subnet": Attributes(
        required={"network_id", "cidr", "ip_version"},
        post={"name": "", "description": "", "enable_dhcp": True, "host_routes": [], "dns_nameservers": []},
        computed={"gateway_ip", "allocation_pools"},
        put={"name", "description", "enable_dhcp", "host_routes", "dns_nameservers"},
        filters=_COMMON | _TAGS | {"network_id", "cidr", "ip_version", "gateway_ip", "enable_dhcp"},
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
            "port_security_enabled": True,
            "allowed_address_pairs": [],
            "qos_policy_id": None,
            "dns_name": "",
            "tags": [],
        },
        computed={"mac_address", "fixed_ips", "security_groups"},
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
}
