"""The Neutron API. What its back end adds to the configuration is the back end's."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

from kuryr_lab import database
from kuryr_lab.backend import PHYSICAL_NETWORK, Backend
from kuryr_lab.identity import Identity, password_options
from kuryr_lab.ini import write_ini
from kuryr_lab.node import Daemon, Node
from kuryr_lab.wsgi import serve

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


def start_neutron(control: Node, backend: Backend) -> Daemon:
    """Start the API server of a configured Neutron; the same again after `Daemon.stop` or `kill`."""
    return serve(
        control,
        "neutron",
        "neutron.wsgi.api:application",
        9696,
        environment=backend.environment(control.layout),
        env={
            "OS_NEUTRON_CONFIG_DIR": str(configuration(control).parent),
            "OS_NEUTRON_CONFIG_FILES": configuration(control).name,
        },
        workers=backend.workers,
    )


def make_schema(control: Node, backend: Backend) -> None:
    """Fill an empty database: part of the template."""
    configure(control, backend)
    manage = [str(backend.environment(control.layout) / "bin" / "neutron-db-manage")]
    control.run([*manage, f"--config-file={configuration(control)}", "upgrade", "heads"])


def configuration(control: Node) -> Path:
    """The file that all of Neutron's programs on the control node read."""
    return control.directory / "neutron" / "neutron.conf"


def configure(control: Node, backend: Backend) -> None:
    """Write it, and what it refers to."""
    file = configuration(control)
    file.parent.mkdir(exist_ok=True)
    shutil.copy(backend.environment(control.layout) / "etc" / "neutron" / "api-paste.ini", file.parent)
    rules = {f"{verb}_floatingip_port_forwarding": _FORWARDING_RULE for verb in ("create", "update", "delete")}
    (file.parent / "policy.yaml").write_text(json.dumps(rules))
    auth = password_options(Identity("neutron", "service"), control.layout.auth_url)
    common: dict[str, Mapping[str, object]] = {
        "DEFAULT": {
            "core_plugin": "ml2",
            "auth_strategy": "keystone",
            "api_paste_config": file.parent / "api-paste.ini",
            "state_path": file.parent / "state",
            # With the default, openstacklocal, Neutron accepts a port's dns_name and ignores it.
            "dns_domain": "lab.example.",
            "notify_nova_on_port_status_changes": "false",
            "notify_nova_on_port_data_changes": "false",
        },
        "oslo_policy": {"policy_file": file.parent / "policy.yaml"},
        "oslo_concurrency": {"lock_path": file.parent / "lock"},
        "database": {"connection": database.url("neutron")},
        "quotas": {f"quota_{kind}": -1 for kind in _UNLIMITED},
        "keystone_authtoken": auth | {"www_authenticate_uri": control.layout.auth_url},
        "ml2": {"extension_drivers": "port_security,qos,dns,tag_ports_during_bulk_creation"},
        "ml2_type_flat": {"flat_networks": PHYSICAL_NETWORK},
    }
    own = backend.settings(control.layout)
    write_ini(file, {name: {**common.get(name, {}), **own.get(name, {})} for name in {*common, *own}})
