"""The driver, with a trap before and after each of its effects: it dies where a test says.

Run in place of `kuryr docker serve`: `python victim.py FOLDER [arguments of serve]`. The test writes a `Plan` to
FOLDER/plan.json: either to record the steps that are passed, or to die (SIGKILL) at one of them, once.
"""

import functools
import json
import os
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from kuryr.binding.netlink import Netlink
from kuryr.binding.ovsdb import Ovsdb
from kuryr.cli.main import main
from kuryr.docker.server.http import Server
from kuryr.neutron.api import Api

PLAN = "plan.json"
STEPS = "steps"
FIRED = "fired"

call: ContextVar[str] = ContextVar("call", default="behind")
"""The method of Docker's that is being answered, or `behind` for what no request waits for."""


class Traps:
    """Counts the steps of the present plan, and springs the trap."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._generation = 0
        self._passed: Counter[str] = Counter()

    def passing(self, when: str, what: str) -> None:
        """A step begins (`before`) or has just ended (`after`)."""
        with self._lock:
            try:
                plan = json.loads((self._folder / PLAN).read_text())
            except FileNotFoundError:
                return
            if plan["generation"] != self._generation:
                self._generation = plan["generation"]
                self._passed.clear()
            label = f"{call.get()} | {when} {what}"
            self._passed[label] += 1
            step = f"{label} | {self._passed[label]}"
            if plan["target"] is None:
                with (self._folder / STEPS).open("a") as steps:
                    steps.write(f"{step}\n")
            elif plan["target"] == step:
                (self._folder / PLAN).unlink()
                (self._folder / FIRED).write_text(step)
                os.kill(os.getpid(), signal.SIGKILL)

    def around(self, owner: type, door: str, describe: Callable[..., str]) -> None:
        """Set a trap on both sides of a method through which effects pass."""
        original = getattr(owner, door)

        @functools.wraps(original)
        def guarded(*arguments: Any, **named: Any) -> Any:
            what = describe(*arguments, **named)
            self.passing("before", what)
            result = original(*arguments, **named)
            self.passing("after", what)
            return result

        setattr(owner, door, guarded)

    def around_calls(self) -> None:
        """Set a trap on both sides of every call of Docker's."""
        original = Server._answer

        async def guarded(server: Server, name: str, request: Any) -> Any:
            call.set(name)
            self.passing("before", "the call")
            reply = await original(server, name, request)
            self.passing("after", "the call")
            return reply

        setattr(Server, "_answer", guarded)  # noqa: B010 (mypy would see a method replaced)


def _neutron(_api: Api, method: str, path: str, **_named: Any) -> str:
    return f"neutron {method} {path.split('/')[1]}"


def _netlink(_conversation: Netlink, effect: Any, *_arguments: Any, **attributes: Any) -> str:
    return f"netlink {getattr(effect, '__name__', 'change')} {' '.join(sorted(attributes))}".rstrip()


def _ovsdb(_ovsdb: Ovsdb, change: Any) -> str:
    return f"ovsdb {type(change).__name__.strip('_')}"


if __name__ == "__main__":
    traps = Traps(Path(sys.argv[1]))
    traps.around_calls()
    traps.around(Api, "request", _neutron)
    traps.around(Netlink, "change", _netlink)
    traps.around(Ovsdb, "_transact", _ovsdb)
    sys.argv = ["kuryr", "docker", "serve", *sys.argv[2:]]
    main()
