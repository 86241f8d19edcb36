"""What an operator may set, in kuryr.conf, and nothing else.

oslo.config is what every OpenStack operator knows: the same files, the same sample generator
(`oslo-config-generator --namespace kuryr`), the same words for credentials. Everything has a default that works on
an OpenStack compute host, except the credentials. Those are looked for in this order: the section [neutron] of
kuryr.conf (any keystoneauth method), a named cloud of clouds.yaml, the OS_* variables of the environment.
"""

import re
import socket
from collections.abc import Sequence
from pathlib import Path

from oslo_config import cfg

from kuryr.errors import InvalidInput
from kuryr.model import Mark, Nesting, Parent

DEFAULT_FILE = Path("/etc/kuryr/kuryr.conf")
MARK_LIMIT = 255
"""Longest description that Neutron stores (standard-attr-description)."""

GENERAL = [
    cfg.HostAddressOpt(
        "host",
        default=None,
        sample_default="this-host",
        help="The name of this host as Neutron knows it (binding:host_id). Default: the host's own name.",
    ),
    cfg.StrOpt(
        "deployment",
        default="default",
        regex=r"^[A-Za-z0-9_.-]{1,32}\Z",
        help="Tells apart independent installations of Kuryr on one cloud or host. It is part of the mark on "
        "everything that Kuryr makes: two drivers on one host need two names.",
    ),
    cfg.BoolOpt("debug", default=False, help="Log every request and every call to Neutron."),
]

NEUTRON = [
    cfg.StrOpt("cloud", help="A cloud of clouds.yaml to take the credentials from, when auth_type is not set here."),
    cfg.StrOpt(
        "project",
        help="Id of the project whose networks are served. Default: the project of the credentials.",
    ),
    cfg.StrOpt(
        "default_subnetpool_v4",
        default="kuryr",
        help="Name of the subnet pool from which a Docker network without --subnet gets its IPv4 range. If there is "
        "none of this name, Neutron's own default pool serves.",
    ),
    cfg.StrOpt("default_subnetpool_v6", default="kuryr6", help="The same for IPv6."),
    cfg.FloatOpt("connect_timeout", default=2.0, min=0.1, help="Seconds to wait for a connection to an API."),
    cfg.FloatOpt("read_timeout", default=30.0, min=0.1, help="Seconds to wait for an answer of an API."),
]

DOCKER = [
    cfg.StrOpt(
        "socket",
        default="/run/docker/plugins/kuryr.sock",
        help="The socket that Docker calls; its file name is the driver's name. Not used under socket activation.",
    ),
    cfg.StrOpt(
        "listen_tcp",
        help="Besides the socket, listen at this host:port for engines that present a certificate (mutual TLS); the "
        "three options below are needed then. Whoever has such a certificate can do what Kuryr can. Default: no TCP.",
    ),
    cfg.StrOpt("tls_cert", help="PEM file of the certificate, with its chain, that the driver shows over TCP."),
    cfg.StrOpt("tls_key", help="PEM file of that certificate's key, without a passphrase."),
    cfg.StrOpt(
        "tls_client_ca",
        help="PEM file of the authorities whose certificates let an engine in over TCP. Make one of your own: a "
        "public authority would let in everybody.",
    ),
    cfg.StrOpt(
        "engine_socket",
        default="/var/run/docker.sock",
        help="Docker's own socket. Kuryr only reads there: which networks and containers Docker still knows, their "
        "labels, and what they expose.",
    ),
    cfg.BoolOpt(
        "expose",
        default=True,
        help="Open the ports that an image or --expose names, for whoever is on the network, by a security group. "
        "A network may say otherwise by -o kuryr.expose=….",
    ),
    cfg.StrOpt(
        "scope",
        default="local",
        choices=["local", "global"],
        help="Whom a Docker network belongs to: this engine (local), or the swarm that it is in (global). Docker "
        "takes global only from the managed plugin.",
    ),
    cfg.IntOpt("cloud_threads", default=32, min=1, max=512, help="Calls that may wait for Neutron at one time."),
    cfg.IntOpt("local_threads", default=8, min=1, max=64, help="Calls that never wait for Neutron at one time."),
]

GATEWAY = [
    cfg.URIOpt(
        "url",
        schemes=["https"],
        help="The gateway service that reaches the cloud for this host, which then needs no credentials: "
        "https://host:port. Default: none, the driver reaches the cloud by itself.",
    ),
    cfg.StrOpt("listen", help="Where `kuryr gateway serve` listens: host:port."),
    cfg.StrOpt(
        "ca",
        help="PEM file of the authorities whose certificates the other side must have: the service's for a driver, "
        "those of its clients for the service. Make one of your own.",
    ),
    cfg.StrOpt("certificate", help="PEM file of the certificate, with its chain, that this side shows."),
    cfg.StrOpt("key", help="PEM file of that certificate's key, without a passphrase."),
    cfg.StrOpt(
        "grants", default="/etc/kuryr/grants.toml", help="The service's table of who may do what; see docs/gateway.md."
    ),
    cfg.FloatOpt("timeout", default=60.0, min=1, help="Seconds after which the service gives a call up."),
    cfg.IntOpt("threads", default=64, min=2, max=512, help="Calls that the service works on at one time."),
    cfg.IntOpt("node_threads", default=16, min=1, max=512, help="The same for one client."),
]

BINDING = [
    cfg.StrOpt("integration_bridge", default="br-int", help="The Open vSwitch bridge that Neutron's agent wires."),
    cfg.StrOpt("ovsdb_connection", default="unix:/run/openvswitch/db.sock", help="Where the local OVSDB listens."),
    cfg.StrOpt(
        "sysctl",
        default="/proc/sys/net",
        help="Where the kernel's network settings are written. In a container /proc/sys is read-only: mount this "
        "folder of the host's elsewhere.",
    ),
    cfg.DictOpt(
        "drivers",
        default={},
        help="Kinds of port that another driver shall serve than the one named after them, such as tap:script. The "
        "kind is the port's vif_type, with its vnic_type after a dot unless that is normal.",
    ),
    cfg.StrOpt(
        "scripts",
        help="A folder of scripts that plug the types of port which no driver serves: <folder>/<vif_type>, called as "
        "by kuryr-libnetwork (its bindir).",
    ),
    cfg.FloatOpt("script_timeout", default=30.0, min=0.1, help="Seconds that a script, or a call of os-vif, may take."),
    cfg.StrOpt(
        "os_vif_python",
        default="python3",
        help="The Python interpreter of the environment with os-vif and its plugins, such as Nova's. It must not be "
        "Kuryr's own.",
    ),
    cfg.ListOpt(
        "sriov_cards",
        default=[],
        help="Interfaces of network cards whose virtual functions containers may get, where a port names none: "
        "interface, or physical_network:interface.",
    ),
    cfg.StrOpt(
        "vhostuser_directory",
        default="/run/kuryr/vhostuser",
        help="Where each vhost-user port gets a directory, with its socket and its description, for a container to "
        "mount.",
    ),
    cfg.FloatOpt("ovsdb_timeout", default=10.0, min=0.1, help="Seconds to wait for the local OVSDB."),
    cfg.FloatOpt(
        "ready_timeout",
        default=20.0,
        min=0,
        help="Seconds that a container waits for its port to be wired by the local agent before it fails to start. "
        "0: do not wait; the first packets may be lost.",
    ),
    cfg.IntOpt(
        "ready_ports_max",
        default=10,
        min=0,
        help="How many ports, at most, wait plugged for the next containers of each network, so that these start "
        "without asking Neutron: as many as started in the last five minutes, and never more than a twentieth of a "
        "subnet. They are given back when no container has started for ten minutes, or with the network. 0: none.",
    ),
    cfg.IntOpt(
        "ready_ports_min",
        default=0,
        min=0,
        help="How many of them, at least, stay until the network goes, once a container has started there.",
    ),
]

NESTED = [
    cfg.StrOpt(
        "mode",
        choices=[mode.value for mode in Nesting],
        help="Set it in a virtual machine of the cloud: each container is a subport of the machine's trunk (vlan), or "
        "an allowed address pair of the machine's port, with a MAC address of its own (macvlan) or without (ipvlan). "
        "Default: this host is a compute host.",
    ),
    cfg.StrOpt("link", default="eth0", help="The machine's interface that the containers are on top of."),
    cfg.StrOpt("port", help="Id of the Neutron port behind that interface. Default: it is found by its MAC address."),
]

SWEEP = [
    cfg.FloatOpt(
        "grace",
        default=60.0,
        min=1,
        help="Seconds that something of Kuryr's must have been seen unused, without a break, before it is removed. "
        "Docker repeats a call for 15 seconds: keep well above that.",
    ),
    cfg.FloatOpt("interval", default=3600.0, min=1, help="Seconds between two looks at everything on this host."),
]

GROUPS = {
    "DEFAULT": GENERAL,
    "neutron": NEUTRON,
    "docker": DOCKER,
    "gateway": GATEWAY,
    "binding": BINDING,
    "nested": NESTED,
    "sweep": SWEEP,
}


def default_files() -> list[Path]:
    """Those that are read when the operator names none."""
    return [DEFAULT_FILE] if DEFAULT_FILE.exists() else []


def load(files: Sequence[Path]) -> cfg.ConfigOpts:
    """The configuration of these files.

    Raises InvalidInput with the file's own trouble in one line.
    """
    conf = cfg.ConfigOpts()
    for group, options in GROUPS.items():
        conf.register_opts(options, group=None if group == "DEFAULT" else group)
    try:
        conf(
            [],
            project="kuryr",
            prog="kuryr",
            default_config_files=[str(file) for file in files],
            default_config_dirs=[],
        )
        for group, options in GROUPS.items():
            for option in options:
                _value(conf, group, option.dest)
    except (cfg.Error, ValueError) as error:
        raise InvalidInput(f"the configuration cannot be used: {_readable(error)}") from error
    return conf


def _readable(error: Exception) -> str:
    """oslo.config prints where a value came from as a Python object; a person wants the file alone."""
    return re.sub(r"LocationInfo\(.*?detail='([^']*)'\)", r"\1", str(error))


def _value(conf: cfg.ConfigOpts, group: str, name: str) -> object:
    return conf[name] if group == "DEFAULT" else conf[group][name]


def mark(conf: cfg.ConfigOpts) -> Mark:
    """The mark of this deployment on this host. Raises InvalidInput when it is too long for Neutron."""
    made = Mark(conf.deployment, conf.host or _host_name(conf))
    if len(str(made)) > MARK_LIMIT:
        raise InvalidInput(f"the host name {made.host} is too long", hint="set [DEFAULT] host in kuryr.conf")
    return made


def parent(conf: cfg.ConfigOpts) -> Parent | None:
    """What the containers are on top of, if this is a virtual machine. Raises InvalidInput without such a link."""
    nested = conf.nested
    if not nested.mode:
        return None
    return Parent(Nesting(nested.mode), nested.link, _mac(nested.link), nested.port or "")


def _host_name(conf: cfg.ConfigOpts) -> str:
    """Names of virtual machines are anybody's to choose, also twice: their interfaces tell them apart."""
    name = socket.gethostname()
    return f"{name}-{_mac(conf.nested.link).replace(':', '')}" if conf.nested.mode else name


def _mac(link: str) -> str:
    try:
        return Path("/sys/class/net", link, "address").read_text().strip()
    except OSError as error:
        raise InvalidInput(f"this host has no interface {link!r}", hint="set `link` in section [nested]") from error


def register_credentials(conf: cfg.ConfigOpts) -> None:
    """Add keystoneauth's own options to [neutron].

    Apart from `load`, because keystoneauth takes longer to import than Docker should wait for a handshake.
    """
    from keystoneauth1 import loading  # noqa: PLC0415

    loading.register_auth_conf_options(conf, "neutron")
    loading.register_session_conf_options(conf, "neutron")
    loading.register_adapter_conf_options(conf, "neutron")


def list_opts() -> list[tuple[str, list[cfg.Opt]]]:
    """Every option by group, for the standard sample generator."""
    from keystoneauth1 import loading  # noqa: PLC0415

    groups = dict(GROUPS)
    groups["neutron"] = [
        *NEUTRON,
        *loading.get_auth_common_conf_options(),
        *loading.get_auth_plugin_conf_options("v3password"),
        *loading.get_session_conf_options(),
        *loading.get_adapter_conf_options(),
    ]
    return list(groups.items())
