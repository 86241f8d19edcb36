"""Plugs ports by somebody's script: `<folder>/<vif_type>`, as kuryr-libnetwork calls it.

    bind PORT_ID IFNAME ENDPOINT_ID MAC NETWORK_ID PROJECT_ID DETAILS
    unbind PORT_ID IFNAME ENDPOINT_ID MAC DETAILS NETWORK_ID

(kuryr.lib.binding.drivers.utils of kuryr-lib 3.5, on whose order and quoting the vendors' scripts rely.) IFNAME is the
outer end of a veth pair, which exists and is up. DETAILS is Python's text of `binding:vif_details` in double quotes, or
`None`. There is no shell between. A script may be called again for what it has done already.
"""

import os
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from kuryr.binding.commands import run
from kuryr.binding.handed import HandedDriver
from kuryr.binding.pairs import outer_name
from kuryr.errors import PlugError
from kuryr.model import Claim, Vif

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


def scripts(folder: Path | None) -> dict[str, Path]:
    """The scripts of a folder by the type of port that they plug; none if there is no such folder."""
    if folder is None or not folder.is_dir():
        return {}
    found = (each for each in folder.iterdir() if each.is_file() and os.access(each, os.X_OK))
    return {each.name: each for each in found if _NAME.fullmatch(each.name)}


class ScriptDriver(HandedDriver):
    """See `kuryr.binding.driver.BindingDriver`. Serves every type of port for which there is a script."""

    name = what = "script"

    def types(self) -> Collection[str]:
        """The names of the scripts."""
        return scripts(self.context.scripts)

    def bind(self, vif: Vif, claim: Claim) -> None:
        """Call the script."""
        self._run(vif, ["bind", *_who(vif, claim), vif.network_id, vif.project_id, _quoted(vif.details)])

    def unbind(self, vif: Vif, claim: Claim) -> None:
        """Call the script."""
        self._run(vif, ["unbind", *_who(vif, claim), _quoted(vif.details), vif.network_id])

    def _run(self, vif: Vif, arguments: Sequence[str]) -> None:
        script = scripts(self.context.scripts).get(vif.vif_type)
        if script is None:
            raise PlugError(f"the script for ports of type {vif.vif_type} is gone")
        run([script, *arguments], f"{script} {arguments[0]} of port {vif.port_id}", self.context.script_timeout)


def _who(vif: Vif, claim: Claim) -> Sequence[str]:
    return vif.port_id, outer_name(vif.port_id), claim.owner, vif.mac


def _quoted(details: Mapping[str, object]) -> str:
    return f'"{dict(details)}"' if details else "None"
