"""kuryr-libnetwork 18 on a host: the driver that Kuryr replaces, the real one, from an environment of its own.

It is run as its installation guide says: by `kuryr-server`, as an administrator, announced to Docker by a `.spec` file.
"""

from kuryr_lab.errors import LabError
from kuryr_lab.host import Host
from kuryr_lab.identity import IDENTITIES, password_options
from kuryr_lab.ini import write_ini
from kuryr_lab.node import Daemon

PORT = 23750
"""Where it listens, on the host's loopback interface. A dockerd that knows the driver calls it there until it ends."""


def start_libnetwork(host: Host, name: str) -> Daemon:
    """Start it as Docker's driver `name`. LabError if it is not installed."""
    environment = host.layout.libnetwork
    if not (environment / "bin" / "kuryr-server").exists():
        raise LabError(f"not installed: {environment} (run `scripts/setup libnetwork`)")
    configuration = host.etc / "kuryr" / "libnetwork.conf"
    write_ini(
        configuration,
        {
            "DEFAULT": {"bindir": environment / "libexec" / "kuryr", "capability_scope": "local"},
            "neutron": password_options(IDENTITIES["libnetwork"], host.layout.auth_url),
        },
    )
    announce(host, name)
    return host.daemon(
        "libnetwork",
        [str(environment / "bin" / "kuryr-server"), "--config-file", "/etc/kuryr/libnetwork.conf"],
        ready=lambda: listening(host),
    )


def announce(host: Host, name: str) -> None:
    """Tell Docker, once it looks for a driver `name`, that it is here."""
    spec = host.etc / "docker" / "plugins" / f"{name}.spec"
    spec.parent.mkdir(parents=True, exist_ok=True)
    spec.write_text(f"http://127.0.0.1:{PORT}\n")


def withdraw(host: Host, name: str) -> None:
    """Take the announcement back."""
    (host.etc / "docker" / "plugins" / f"{name}.spec").unlink()


def relay(host: Host, name: str) -> Daemon:
    """Pass what Docker sends there on to the socket of the driver `name` that has come in its place."""
    return host.daemon(
        "relay",
        ["socat", f"TCP-LISTEN:{PORT},bind=127.0.0.1,reuseaddr,fork", f"UNIX-CONNECT:/run/docker/plugins/{name}.sock"],
        ready=lambda: listening(host),
    )


def listening(host: Host) -> bool:
    """Whether a driver answers there."""
    url = f"http://127.0.0.1:{PORT}/Plugin.Activate"
    return "NetworkDriver" in host.run(["busybox", "wget", "-q", "-O", "-", "--post-data=", url], check=False).stdout
