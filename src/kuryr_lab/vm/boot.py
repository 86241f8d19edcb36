"""What a virtual machine starts from: Debian's kernel, and a first file system with just what finds the real one."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from kuryr_lab.errors import LabError
from kuryr_lab.layout import CHECKOUT

GUEST = Path(__file__).with_name("guest")
_KERNEL = CHECKOUT / "build" / "vm"
_MODULES = ("virtio_pci", "virtio_console", "fuse", "virtiofs", "overlay")
"""All that is needed to reach the shared file system; the guest loads every other one from there."""


def check() -> None:
    """Raise LabError if a virtual machine cannot be started here."""
    missing = [program for program in ("qemu-system-x86_64", "cpio", "modprobe") if not shutil.which(program)]
    missing += [str(path) for path in (_KERNEL,) if not path.exists()]
    if missing:
        raise LabError(f"not installed: {', '.join(missing)} (run `scripts/setup vm`)")
    if CHECKOUT.stat().st_dev != Path("/").stat().st_dev:
        raise LabError(f"{CHECKOUT} is not on the file system of /, the only one that a virtual machine sees")


def kernel() -> Path:
    """The kernel's image."""
    return next(_KERNEL.glob("boot/vmlinuz-*"))


def modules() -> Path:
    """The tree of its modules, as /lib/modules."""
    return _KERNEL / "lib" / "modules"


def pack(tree: Path, archive: Path) -> None:
    """Make the first file system in `archive`; `tree` is a place for its files.

    It is not compressed: reading costs less than unpacking.
    """
    shutil.rmtree(tree, ignore_errors=True)
    for name in ("bin", "modules"):
        (tree / name).mkdir(parents=True)
    shutil.copy2("/bin/busybox", tree / "bin")
    shutil.copy2(GUEST / "init", tree)
    for number, module in enumerate(_in_order()):
        shutil.copy2(module, tree / "modules" / f"{number:02}-{module.name}")
    names = "\n".join(str(path.relative_to(tree)) for path in sorted(tree.rglob("*")))
    command = ["cpio", "--quiet", "--create", "--format=newc", f"--file={archive}", f"--directory={tree}"]
    subprocess.run(command, input=names, text=True, check=True)


def _in_order() -> Iterator[Path]:
    """The files of all modules, each after those that it needs: so nobody has to look for them in the guest."""
    (release,) = modules().iterdir()
    seen = set()
    for name in _MODULES:
        command = ["modprobe", f"--set-version={release.name}", f"--dirname={_KERNEL}", "--show-depends", name]
        for line in subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines():
            action, _, path = line.strip().partition(" ")
            if action == "insmod" and path not in seen:
                seen.add(path)
                yield Path(path.strip())
