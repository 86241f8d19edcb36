"""The files by which Docker finds a driver whose socket is not in /run/docker/plugins.

For a driver NAME Docker takes /run/docker/plugins/NAME.sock if there is one; otherwise it looks below
/etc/docker/plugins and /usr/lib/docker/plugins for NAME.spec, a line with a URL, and NAME.json, which alone can name
certificates (moby, pkg/plugins/discovery.go). `https` in the address is what makes Docker speak TLS.
"""

import json
from pathlib import Path

from kuryr.errors import InvalidInput

SOCKETS = Path("/run/docker/plugins")
"""Where Docker needs no file, and looks first."""

EVERYWHERE = frozenset({"0.0.0.0", "::"})  # noqa: S104 (told apart, not listened at)


def spec(socket: Path) -> str:
    """The contents of NAME.spec for a driver that listens on a Unix socket. Raises InvalidInput."""
    return f"unix://{_absolute(socket)}\n"


def description(name: str, host: str, port: int, certificates: Path) -> str:
    """The contents of NAME.json for a driver that listens at this address by mutual TLS.

    `certificates` is the engine's folder: ca.pem is the authority of the driver's certificate, cert.pem and key.pem
    are the engine's own, as for the docker client. Raises InvalidInput when no engine could use it.
    """
    if host in EVERYWHERE:
        raise InvalidInput(
            f"an engine cannot connect to {host}", hint="give --address with a name that the driver's certificate bears"
        )
    folder = _absolute(certificates)
    tls = {
        "InsecureSkipVerify": False,
        "CAFile": str(folder / "ca.pem"),
        "CertFile": str(folder / "cert.pem"),
        "KeyFile": str(folder / "key.pem"),
    }
    where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return json.dumps({"Name": name, "Addr": f"https://{where}", "TLSConfig": tls}, indent=2) + "\n"


def _absolute(path: Path) -> Path:
    """The path, which Docker resolves from a working directory of its own."""
    if not path.is_absolute():
        raise InvalidInput(f"{path} is not an absolute path", hint="Docker has another working directory")
    return path
