"""Keystone: its configuration, its database and its API."""

from kuryr_lab import database
from kuryr_lab.identity import PASSWORD, REGION
from kuryr_lab.ini import write_ini
from kuryr_lab.node import Node
from kuryr_lab.wsgi import serve

PLACEHOLDER = "http://control-address"
"""Stands for the control node in the service catalogue of the template, which all labs share."""


def configure(control: Node) -> None:
    """Write keystone.conf."""
    keys = control.directory / "keystone"
    fernet = {"key_repository": keys / "fernet"}
    write_ini(
        keys / "keystone.conf",
        {
            "database": {"connection": database.url("keystone")},
            "token": {"provider": "fernet", "expiration": 86400},
            "fernet_tokens": fernet,
            "fernet_receipts": fernet,
            "credential": {"key_repository": keys / "credential"},
        },
    )


def address_catalogue(control: Node) -> None:
    """Write the lab's address into the service catalogue: the template, shared by all labs, has none."""
    address = control.layout.control_address
    update = f"update keystone.endpoint set url = replace(url, '{PLACEHOLDER}', 'http://{address}')"  # noqa: S608
    database.query(control, update)


def start_keystone(control: Node) -> None:
    """Start the API."""
    configure(control)
    directory = control.directory / "keystone"
    serve(
        control,
        "keystone",
        "keystone.wsgi.api:application",
        5000,
        environment=control.layout.cloud,
        env={
            "OS_KEYSTONE_CONFIG_FILES": str(directory / "keystone.conf"),
            "OS_KEYSTONE_CONFIG_DIR": str(directory),
        },
        workers=1,
    )


def make_schema(control: Node) -> None:
    """Fill an empty database and make the keys: part of the template."""
    configure(control)
    directory = control.directory / "keystone"
    manage = [str(control.layout.cloud / "bin" / "keystone-manage"), f"--config-file={directory / 'keystone.conf'}"]
    control.run([*manage, "db_sync"])
    for keys in ("fernet_setup", "credential_setup"):
        control.run([*manage, keys, "--keystone-user=root", "--keystone-group=root"])
    urls = [f"--bootstrap-{interface}-url={PLACEHOLDER}:5000/v3" for interface in ("public", "internal", "admin")]
    region = f"--bootstrap-region-id={REGION}"
    control.run([*manage, "bootstrap", region, *urls], env={"OS_BOOTSTRAP_PASSWORD": PASSWORD})
