"""Network namespaces without names: they vanish with their last user, however a test ends."""

import ctypes
import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pyroute2 import IPRoute

CLONE_NEWNET = 0x40000000
_LIBC = ctypes.CDLL(None, use_errno=True)


def _call(name: str, *arguments: int) -> None:
    if getattr(_LIBC, name)(*arguments):
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


class Namespace:
    """A fresh network namespace. `with namespace:` moves the calling thread (and threads begun there) into it."""

    def __init__(self) -> None:
        here = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            _call("unshare", CLONE_NEWNET)
            self.fd = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        finally:
            _call("setns", here, CLONE_NEWNET)
            os.close(here)

    @contextmanager
    def entered(self) -> Iterator["Namespace"]:
        here = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        _call("setns", self.fd, CLONE_NEWNET)
        try:
            yield self
        finally:
            _call("setns", here, CLONE_NEWNET)
            os.close(here)

    def take(self, name: str, *addresses: str) -> None:
        """Move interface `name` of the current namespace in here and start it, as an engine does for a container."""
        with IPRoute() as ip:
            ip.link("set", index=index_of(name), net_ns_fd=self.fd)
        with self.entered(), IPRoute() as ip:
            for address in addresses:
                ip.addr(
                    "add", index=index_of(name), address=address.split("/")[0], prefixlen=int(address.split("/")[1])
                )
            ip.link("set", index=index_of(name), state="up")

    def close(self) -> None:
        os.close(self.fd)


def index_of(name: str) -> int:
    (index,) = _indexes(name)
    return index


def _indexes(name: str) -> tuple[int, ...]:
    with IPRoute() as ip:
        return tuple(ip.link_lookup(ifname=name))


def exists(name: str) -> bool:
    return bool(_indexes(name))


def links() -> set[str]:
    """Names of all links of the current namespace."""
    with IPRoute() as ip:
        return {link.get("ifname") for link in ip.link("dump")}


def show(name: str) -> dict[str, Any]:
    """A link as `ip` shows it."""
    shown = subprocess.run(["ip", "-json", "-details", "link", "show", name], check=True, capture_output=True)
    (link,) = json.loads(shown.stdout)
    assert isinstance(link, dict)
    return link


def setting(name: str, family: str, key: str) -> str:
    return Path("/proc/sys/net", family, "conf", name, key).read_text().strip()
