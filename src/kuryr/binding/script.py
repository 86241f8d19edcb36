"""Plugs ports by somebody's script: `<folder>/<vif_type>`, as kuryr-libnetwork calls it.

    bind PORT_ID IFNAME ENDPOINT_ID MAC NETWORK_ID PROJECT_ID DETAILS
    unbind PORT_ID IFNAME ENDPOINT_ID MAC DETAILS NETWORK_ID

(kuryr.lib.binding.drivers.utils of kuryr-lib 3.5, on whose order and quoting the vendors' scripts rely.) IFNAME is the
outer end of a veth pair, which exists and is up. DETAILS is Python's text of `binding:vif_details` in double quotes, or
`None`. There is no shell between. A script may be called again for what it has done already.

What a script makes is beyond what Kuryr can see. So it is called to unbind also when the pair is gone, as long as the
port is known; and if it fails then, nobody can tell whether there was still anything to do.
"""

import logging
import os
import re
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from kuryr.binding.driver import BindingContext, Found, Interface
from kuryr.binding.links import Links
from kuryr.binding.pairs import OUTER, Pairs, outer_name
from kuryr.errors import KuryrError, PlugError
from kuryr.model import Claim, Vif

LOG = logging.getLogger(__name__)

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


def scripts(folder: Path | None) -> dict[str, Path]:
    """The scripts of a folder by the type of port that they plug; none if there is no such folder."""
    if folder is None or not folder.is_dir():
        return {}
    found = (each for each in folder.iterdir() if each.is_file() and os.access(each, os.X_OK))
    return {each.name: each for each in found if _NAME.fullmatch(each.name)}


class ScriptDriver:
    """See `kuryr.binding.driver.BindingDriver`. Serves every type of port for which there is a script."""

    def __init__(self, context: BindingContext) -> None:
        self._context = context

    def stage(self, vif: Vif, claim: Claim) -> Interface:
        """Make the veth pair and write the claim on it."""
        self._script(vif)
        return Interface(Pairs(self._links(vif.vif_type)).stage(vif, claim))

    def plug(self, vif: Vif) -> None:
        """Take the outer end up and have the script bind it."""
        claim = Pairs(self._links(vif.vif_type)).connect(vif)
        arguments = [vif.port_id, outer_name(vif.port_id), claim.owner, vif.mac, vif.network_id, vif.project_id]
        run(self._script(vif), ["bind", *arguments, _quoted(vif.details)], self._context.script_timeout)

    def await_ready(self, vif: Vif, timeout: float) -> bool:  # noqa: ARG002
        """A script has no way to say so."""
        return False

    def announce(self, vif: Vif) -> None:
        """Send the port's addresses out of the pair."""
        Pairs(self._links(vif.vif_type)).announce(vif)

    def unplug(self, port_id: str, vif: Vif | None = None) -> None:
        """Have the script unbind the port, then remove the pair. Raises PlugError, and the pair stays, if it cannot."""
        for vif_type, script in scripts(self._context.scripts).items():
            links = self._links(vif_type)
            with links.talking(outer_name(port_id)) as netlink:
                outer = netlink.get(outer_name(port_id))
                claim = links.claims.on(outer) if outer else None
                inner = netlink.at(outer.peer) if outer else None
            known = vif if vif and vif.vif_type == vif_type else None
            if claim and claim.port_id == port_id:
                self._unbind(script, claim, inner.mac if inner else "", known)
            elif known and not outer:
                try:
                    self._unbind(script, Claim(port_id, known.owner), "", known)
                except KuryrError as failure:
                    LOG.info("%s", failure)
            Pairs(links).delete(port_id)

    def found(self) -> Sequence[Found]:
        """Every claimed pair and half pair, whatever script served it."""
        return list(self._found())

    def close(self) -> None:
        """Nothing to let go of."""

    def _unbind(self, script: Path, claim: Claim, mac: str, vif: Vif | None) -> None:
        details, network_id = (_quoted(vif.details), vif.network_id) if vif else ("None", "")
        arguments = [claim.port_id, outer_name(claim.port_id), claim.owner, vif.mac if vif else mac]
        run(script, ["unbind", *arguments, details, network_id], self._context.script_timeout)

    def _found(self) -> Iterator[Found]:
        for vif_type in scripts(self._context.scripts):
            for claim in self._links(vif_type).found((OUTER,)):
                yield Found(claim.port_id, claim.owner)

    def _links(self, vif_type: str) -> Links:
        """Each script's pairs are in a group of their own: who has made a pair is who must be told of its end."""
        return Links(self._context.deployment, f"script {vif_type}", self._context.sysctl)

    def _script(self, vif: Vif) -> Path:
        found = scripts(self._context.scripts).get(vif.vif_type)
        if found is None:
            raise PlugError(
                f"there is no script for ports of type {vif.vif_type}",
                hint="[binding] scripts in kuryr.conf names the folder; the script must be executable",
            )
        return found


def run(script: Path, arguments: Sequence[str], timeout: float) -> None:
    """Run a script, which may take `timeout` seconds; it ends with all that it has started.

    Raises PlugError with what it wrote when it fails. What it writes to its error output otherwise is logged.
    """
    what = f"{script} {arguments[0]} of port {arguments[1]}"
    try:
        process = subprocess.Popen(
            [script, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            env={"PATH": os.environ.get("PATH", os.defpath)},
            text=True,
            errors="replace",
        )
    except OSError as cause:
        raise PlugError(f"{what} cannot be run: {cause.strerror}") from cause
    try:
        output, errors = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired as cause:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise PlugError(f"{what} did not end within {timeout:g} s") from cause
    if process.returncode:
        said = errors.strip() or output.strip() or "without a word"
        raise PlugError(f"{what} failed with status {process.returncode}: {said}")
    if errors.strip():
        LOG.warning("%s says: %s", what, errors.strip())


def _quoted(details: Mapping[str, object]) -> str:
    return f'"{dict(details)}"' if details else "None"
