"""A gateway service in the lab's control node, and drivers on hosts that hold no credentials."""

import secrets

from authority import Authority
from kuryr_lab.host import Host
from kuryr_lab.identity import IDENTITIES, password_options
from kuryr_lab.ini import write_ini
from kuryr_lab.lab import Lab
from kuryr_lab.node import Node
from system.driver import Driver, Sections

PORT = 9797


class GatewayService:
    """`kuryr gateway serve`, with an authority of its own; `grant` says who may do what."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.name = f"gateway-{secrets.token_hex(4)}"
        self._folder = lab.control.directory / self.name
        self.authority = Authority(self._folder)
        self._grants: dict[str, str] = {}
        own = self.authority.issue("gateway", address=lab.layout.control_address)
        self.file = self._folder / "kuryr.conf"
        gateway = {
            "listen": f"{lab.layout.control_address}:{PORT}",
            "ca": self.authority.file,
            "certificate": own.certificate,
            "key": own.key,
            "grants": self._folder / "grants.toml",
        }
        neutron = password_options(IDENTITIES["kuryr"], lab.layout.auth_url)
        general, sweep = {"deployment": self.name}, {"grace": "3"}
        write_ini(self.file, {"DEFAULT": general, "neutron": neutron, "gateway": gateway, "sweep": sweep})
        self.grant()
        self.start()

    def start(self) -> None:
        """Run it, and return when it answers."""
        argv = ["kuryr", "gateway", "serve", "--config-file", str(self.file)]
        self.daemon = self.lab.control.daemon(self.name, argv, ready=self._listens)

    def grant(self, **said: str) -> None:
        """What the machine that is called like a host may do, in the words of the table."""
        self._grants |= said
        text = "".join(f'[nodes."{name}"]\n{words}\n' for name, words in self._grants.items())
        (self._folder / "grants.toml").write_text(text)

    def settings(self, node: Node) -> Sections:
        """The kuryr.conf of a node that has nothing but a certificate in its name."""
        pair = self.authority.issue(node.name)
        folder = node.directory / self.name
        folder.mkdir(exist_ok=True)
        files = {"ca": self.authority.file, "certificate": pair.certificate, "key": pair.key}
        for name, file in files.items():
            (folder / name).write_bytes(file.read_bytes())
        url = f"https://{self.lab.layout.control_address}:{PORT}"
        own = {"gateway": {"url": url, **{name: str(folder / name) for name in files}}}
        return {"DEFAULT": {"deployment": self.name}, "sweep": {"grace": "3"}, **own}

    def driver(self, host: Host, **sections: dict[str, str]) -> Driver:
        """A driver on such a host."""
        return Driver(host, self.name, {**self.settings(host), **sections}, credentials=False)

    def stop(self) -> None:
        """End it."""
        self.daemon.stop()

    def _listens(self) -> bool:
        shown = self.lab.control.run(["ss", "--listening", "--tcp", "--numeric", f"sport = :{PORT}"]).stdout
        return str(PORT) in shown
