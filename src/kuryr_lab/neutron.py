"""The Neutron API with ML2/OVN. It needs no RabbitMQ: no agent of this profile speaks RPC."""

import json
import shutil
from pathlib import Path

from kuryr_lab import database
from kuryr_lab.identity import Identity, password_options
from kuryr_lab.ini import write_ini
from kuryr_lab.node import Daemon, Node
from kuryr_lab.ovn import DATABASES, PHYSICAL_NETWORK, PROBE_MS
from kuryr_lab.wsgi import serve

WORKERS = 2  # threads would add nothing: SQLAlchemy holds the interpreter's lock
_UNLIMITED = (
    "network",
    "subnet",
    "subnetpool",
    "port",
    "router",
    "floatingip",
    "security_group",
    "security_group_rule",
    "trunk",
)

# Neutron's default is the same without the service role. But for a token with that role Neutron leaves out what the
# rest of the rule needs (Controller._set_parent_id_into_ext_resources_request), and answers 500.
_FORWARDING_RULE = "rule:admin_only or rule:service_api or (role:member and rule:ext_parent_owner)"


def start_neutron(control: Node) -> Daemon:
    """Start the API server; the same again after `Daemon.stop` or `kill`."""
    directory = configure(control)
    return serve(
        control,
        "neutron",
        "neutron.wsgi.api:application",
        9696,
        env={"OS_NEUTRON_CONFIG_DIR": str(directory), "OS_NEUTRON_CONFIG_FILES": "neutron.conf;ml2.ini"},
        workers=WORKERS,
    )


def make_schema(control: Node) -> None:
    """Fill an empty database: part of the template."""
    directory = configure(control)
    files = [f"--config-file={directory / name}" for name in ("neutron.conf", "ml2.ini")]
    control.run([str(control.layout.cloud / "bin" / "neutron-db-manage"), *files, "upgrade", "heads"])


def configure(control: Node) -> Path:
    """Write neutron.conf and ml2.ini, and return their directory."""
    directory = control.directory / "neutron"
    directory.mkdir(exist_ok=True)
    shutil.copy(control.layout.cloud / "etc" / "neutron" / "api-paste.ini", directory)
    rules = {f"{verb}_floatingip_port_forwarding": _FORWARDING_RULE for verb in ("create", "update", "delete")}
    (directory / "policy.yaml").write_text(json.dumps(rules))
    auth = password_options(Identity("neutron", "service"), control.layout.auth_url)
    write_ini(
        directory / "neutron.conf",
        {
            "DEFAULT": {
                "core_plugin": "ml2",
                "service_plugins": "ovn-router,trunk,qos,segments,port_forwarding",
                "auth_strategy": "keystone",
                "api_paste_config": directory / "api-paste.ini",
                "state_path": directory / "state",
                "transport_url": "fake://",
                # With the default, openstacklocal, Neutron accepts a port's dns_name and ignores it.
                "dns_domain": "lab.example.",
                "notify_nova_on_port_status_changes": "false",
                "notify_nova_on_port_data_changes": "false",
            },
            "oslo_policy": {"policy_file": directory / "policy.yaml"},
            "oslo_concurrency": {"lock_path": directory / "lock"},
            "database": {"connection": database.url("neutron")},
            "quotas": {f"quota_{kind}": -1 for kind in _UNLIMITED},
            "keystone_authtoken": auth | {"www_authenticate_uri": control.layout.auth_url},
        },
    )
    address = control.layout.control_address
    write_ini(
        directory / "ml2.ini",
        {
            "ml2": {
                "type_drivers": "local,flat,vlan,geneve",
                "tenant_network_types": "geneve",
                "mechanism_drivers": "ovn",
                "extension_drivers": "port_security,qos,dns,tag_ports_during_bulk_creation",
            },
            "ml2_type_geneve": {"vni_ranges": "1:65536", "max_header_size": 38},
            "ml2_type_flat": {"flat_networks": PHYSICAL_NETWORK},
            "ovn": {
                "ovn_nb_connection": f"tcp:{address}:{DATABASES['nb'][2]}",
                "ovn_sb_connection": f"tcp:{address}:{DATABASES['sb'][2]}",
                "ovsdb_probe_interval": PROBE_MS,
                # As in production: each network with a subnet has a metadata port (network:distributed).
                "ovn_metadata_enabled": "true",
                "enable_distributed_floating_ip": "true",
            },
        },
    )
    return directory
