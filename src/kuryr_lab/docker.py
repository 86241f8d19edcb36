"""dockerd on a host, with its default paths, and the one image it starts with."""

import contextlib
import shutil
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from kuryr_lab.layout import Layout

if TYPE_CHECKING:
    from kuryr_lab.docker_host import DockerHost
    from kuryr_lab.host import Host

IMAGE = "busybox:latest"


def start_docker(host: "Host") -> None:
    """Start dockerd with an empty data directory, await it, and import the image."""
    boot_docker(host, ready=lambda: answers(host))
    import_image(host)


def import_image(host: "DockerHost") -> None:
    """Give Docker the one image."""
    host.docker("import", "--change", 'CMD ["sh"]', str(image(host.layout)), IMAGE)


def boot_docker(
    host: "DockerHost", *options: str, ready: Callable[[], bool] = lambda: True, seconds: float = 60
) -> None:
    """Start dockerd with what is in its data directory, as after a reboot, and await `ready`."""
    host.daemon(
        "dockerd",
        [
            "dockerd",
            f"--data-root={host.docker_data}",
            "--host=unix:///run/docker.sock",
            # Under the lab's name, so that what dockerd leaves behind when it is killed can be told from others'.
            f"--cgroup-parent=/{host.layout.namespace(host.name)}",
            f"--bip=172.30.{host.number}.1/24",
            *options,
        ],
        ready=ready,
        seconds=seconds,
    )


def answers(host: "DockerHost") -> bool:
    """Whether the host's Docker daemon answers, asked from outside of the host."""
    place = urlsplit(host.docker_address)
    local = place.scheme == "unix"
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX if local else socket.AF_INET) as connection:
        connection.settimeout(10)
        connection.connect(place.path if local else (place.hostname, place.port))
        connection.sendall(b"GET /_ping HTTP/1.0\r\nHost: docker\r\n\r\n")
        return b" 200 " in connection.recv(64)
    return False


def image(layout: Layout) -> Path:
    """The archive of a root file system with the machine's static busybox, as no registry may be reachable."""
    return layout.cache / "busybox.tar"


def build_image(layout: Layout) -> None:
    """Make the image's archive, unless it is there."""
    archive, tree = image(layout), layout.cache / "busybox"
    if archive.exists():
        return
    shutil.rmtree(tree, ignore_errors=True)
    for name in ("bin", "etc", "proc", "sys", "tmp", "root"):
        (tree / name).mkdir(parents=True)
    shutil.copy2("/bin/busybox", tree / "bin")
    applets = subprocess.run(["/bin/busybox", "--list"], check=True, capture_output=True, text=True).stdout.split()
    for applet in applets:
        if applet != "busybox":
            (tree / "bin" / applet).symlink_to("busybox")
    (tree / "etc" / "passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    new = archive.with_suffix(".new")
    subprocess.run(["tar", "-C", str(tree), "-cf", str(new), "."], check=True)
    new.rename(archive)
    shutil.rmtree(tree)
