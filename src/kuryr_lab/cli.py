"""The `kuryr-lab` command."""

import enum
import shlex
import sys
import time
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from kuryr_lab.engines import DEFAULT, installed
from kuryr_lab.errors import LabError, tail
from kuryr_lab.lab import Lab, all_labs
from kuryr_lab.profiles import CORE, PROFILES
from kuryr_lab.progress import Progress
from kuryr_lab.shell import exports

app = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
errors = Console(stderr=True, highlight=False)
output = Console(highlight=False)

Name = Annotated[str, typer.Option("--name", envvar="KURYR_LAB_NAME", help="Which lab, if there are several.")]


class WhichIdentity(enum.StrEnum):
    """The identities of the cloud."""

    ADMIN = "admin"
    KURYR = "kuryr"
    DEMO = "demo"
    OPERATOR = "operator"
    SERVANT = "servant"


def main() -> None:
    """Run the command; an error is one line, and the log of what failed."""
    try:
        app()
    except LabError as error:
        errors.print(f"error: {error}", markup=False, soft_wrap=True)
        if error.log:
            errors.print(f"{tail(error.log)}\n({error.log})", markup=False, soft_wrap=True)
        sys.exit(1)


@app.command()
def up(
    name: Name = "default",
    hosts: Annotated[int, typer.Option(help="How many Docker hosts.")] = 2,
    profile: Annotated[str, typer.Option(help="What the cloud is made of: one of `kuryr-lab profiles`.")] = CORE,
    engine: Annotated[str, typer.Option(help="Which Docker: a version of `kuryr-lab engines`.")] = DEFAULT,
    vm: Annotated[
        bool, typer.Option("--vm", help="Add a virtual machine with Docker; also to a lab that is up.")
    ] = False,
) -> None:
    """Bring a lab up: control node, hosts, and every service on them."""
    lab, began = Lab(name), time.monotonic()
    with Progress(errors) as progress:
        lab.up(hosts, profile=profile, engine=engine, watcher=progress)
        if vm:
            lab.add_vm(watcher=progress)
    seconds = time.monotonic() - began
    is_up = f"lab {name} is up after {seconds:.1f} s with Docker {lab.engine}"
    errors.print(f'{is_up}; next: eval "$(kuryr-lab env{_option(name)})"', soft_wrap=True)


@app.command()
def down(
    name: Name = "default",
    every: Annotated[bool, typer.Option("--all", help="All labs of this checkout.")] = False,
) -> None:
    """End and remove everything a lab consists of."""
    for lab in all_labs() if every else [Lab(name)]:
        lab.down()
        if left := lab.leftovers():
            raise LabError(f"lab {lab.name} is down, but in use by others: {'; '.join(left)}")
        errors.print(f"lab {lab.name} is down")


@app.command()
def engines() -> None:
    """List the versions of Docker that a lab can run, the oldest first."""
    for engine in installed():
        print(engine.version)


@app.command()
def profiles() -> None:
    """List what a lab can be made of."""
    for profile in PROFILES:
        print(profile)


@app.command()
def status(name: Name = "default") -> None:
    """Show nodes and their programs; exit status 1 unless all of them run."""
    lab = Lab(name)
    ready = lab.is_up()
    title = f"lab {name}: {f'up, Docker {lab.engine}' if ready else 'down'}"
    table = Table("node", "address", "programs", title=title, title_justify="left")
    addresses = {"control": lab.layout.control_address, "outside": lab.layout.outside_address}
    addresses |= {host.name: host.management_address for host in (*lab.hosts.values(), *lab.vms)}
    dead = False
    for node, programs in lab.daemons().items():
        shown = [program if alive else f"[red]{program} (ended)[/]" for program, alive in programs.items()]
        dead = dead or not all(programs.values())
        table.add_row(node, addresses[node], ", ".join(shown) if lab.node(node).alive() else "[red]down[/]")
    output.print(table)
    raise typer.Exit(0 if ready and not dead else 1)


@app.command()
def env(
    name: Name = "default",
    host: Annotated[int, typer.Option(min=1, help="Whose Docker the docker client talks to.")] = 1,
    identity: Annotated[WhichIdentity, typer.Option(help="Who the openstack client is.")] = WhichIdentity.DEMO,
) -> None:
    """Print shell lines for the stock clients: eval "$(kuryr-lab env)"; openstack port list; docker ps."""
    for variable, value in exports(Lab(name), host, identity.value).items():
        print(f"export {variable}={shlex.quote(value)}")


@app.command("exec", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
def execute(
    node: Annotated[str, typer.Argument(metavar="NODE", help="host1, host2, ..., control, outside, or vm1.")],
    command: Annotated[list[str], typer.Argument(metavar="CMD...")],
    name: Name = "default",
) -> None:
    """Run a command inside a node, with its exit status."""
    Lab(name).node(node).exec(command[1:] if command[0] == "--" else command)


@app.command()
def leftovers(name: Name = "default") -> None:
    """List what there is of a lab; exit status 1 if it is down and something is left."""
    lab = Lab(name)
    if lab.is_up():
        neutron = lab.neutron("admin")
        for kind in ("network", "subnet", "port", "subnetpool", "security_group", "router", "floatingip", "trunk"):
            found = neutron.find(kind)
            names = sorted(resource.get("name") or resource.get("device_owner") or resource["id"] for resource in found)
            output.print(f"{kind:<16}{len(found):4}  {', '.join(names[:8])}", markup=False)
        return
    left = lab.leftovers()
    for line in left:
        output.print(line, markup=False)
    raise typer.Exit(1 if left else 0)


@app.command()
def demo(
    name: Annotated[str, typer.Option(help="Which lab; if it is up, it is taken down first.")] = "demo",
    keep: Annotated[bool, typer.Option("--keep", help="Leave the cloud up, and say how to play with it.")] = False,
) -> None:
    """Show what Kuryr does on a cloud of its own; exit status 0 if everything was as claimed and nothing is left."""
    from kuryr_lab.demo.play import play  # noqa: PLC0415  (keystoneauth takes 0.2 s that the other commands save)

    raise typer.Exit(0 if play(name, keep=keep) else 1)


@app.command()
def bench(
    name: Annotated[str, typer.Option(help="Which lab; if it is up, it is taken down first.")] = "bench",
    engine: Annotated[str, typer.Option(help="Which Docker: a version of `kuryr-lab engines`.")] = DEFAULT,
    rounds: Annotated[
        int, typer.Option(min=1, help="Rounds of what is fast; a third of it of what is slow. Fewer than 30 only try.")
    ] = 30,
    only: Annotated[list[str], typer.Option(help="A scenario; may be repeated. Default: all.")] = [],  # noqa: B006
) -> None:
    """Measure Kuryr beside Docker's bridge and kuryr-libnetwork, in a cloud of its own; into build/bench.json."""
    from kuryr_lab.bench.play import SCENARIOS, play  # noqa: PLC0415
    from kuryr_lab.bench.setting import Effort  # noqa: PLC0415

    if unknown := set(only) - set(SCENARIOS):
        raise LabError(f"no scenario {', '.join(unknown)}: there are {', '.join(SCENARIOS)}")
    play(name, engine, Effort.of(rounds, *only))


def _option(name: str) -> str:
    return "" if name == "default" else f" --name {name}"
