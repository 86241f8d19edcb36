"""Write an OpenStack service's configuration file."""

import configparser
from collections.abc import Mapping
from pathlib import Path


def write_ini(path: Path, sections: Mapping[str, Mapping[str, object]], mode: int = 0o600) -> None:
    """Replace `path` by `sections`; by default only its owner reads it, for it may hold a password."""
    parser = configparser.ConfigParser(interpolation=None, default_section="")
    for section, options in sections.items():
        parser[section] = {key: str(value) for key, value in options.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode)
    path.chmod(mode)
    with path.open("w") as file:
        parser.write(file)
