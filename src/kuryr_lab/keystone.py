"""Keystone: its configuration, its database, and the identities of the lab."""

from dataclasses import dataclass

from keystoneauth1.adapter import Adapter
from keystoneauth1.identity.v3 import Password
from keystoneauth1.session import Session

from kuryr_lab import database
from kuryr_lab.ini import write_ini
from kuryr_lab.layout import Layout
from kuryr_lab.node import Node
from kuryr_lab.wsgi import serve

REGION = "RegionOne"
PASSWORD = "lab"  # noqa: S105  (the cloud is private to this machine, and gone with it)
USER_AGENT = "kuryr-lab"


@dataclass(frozen=True, slots=True)
class Identity:
    """A user of the cloud, and the project its tokens are scoped to."""

    user: str
    project: str


IDENTITIES = {
    "admin": Identity("admin", "admin"),
    # What Kuryr runs as: `service` allows binding:host_id, `member` the rest, both in the tenant's project alone.
    "kuryr": Identity("kuryr", "demo"),
    "demo": Identity("demo", "demo"),
}
_ROLES = (
    ("neutron", "service", ("admin", "service")),
    ("kuryr", "demo", ("service", "member")),
    ("demo", "demo", ("member",)),
)
_CATALOGUE = (("neutron", "network", 9696),)
_PLACEHOLDER = "http://control-address"


def password_options(identity: Identity, auth_url: str) -> dict[str, str]:
    """The keystoneauth options that every OpenStack configuration file shares."""
    return {
        "auth_type": "password",
        "auth_url": auth_url,
        "username": identity.user,
        "password": PASSWORD,
        "project_name": identity.project,
        "user_domain_name": "Default",
        "project_domain_name": "Default",
        "region_name": REGION,
    }


def session(layout: Layout, identity: Identity) -> Session:
    """An authenticated session; it also works from the machine's own network."""
    options = password_options(identity, layout.auth_url)
    for other in ("auth_type", "region_name"):
        del options[other]
    return Session(Password(**options), timeout=60, user_agent=USER_AGENT)


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
    database.query(control, f"update keystone.endpoint set url = replace(url, '{_PLACEHOLDER}', 'http://{address}')")


def start_keystone(control: Node) -> None:
    """Start the API."""
    configure(control)
    directory = control.directory / "keystone"
    serve(
        control,
        "keystone",
        "keystone.wsgi.api:application",
        5000,
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
    urls = [f"--bootstrap-{interface}-url={_PLACEHOLDER}:5000/v3" for interface in ("public", "internal", "admin")]
    region = f"--bootstrap-region-id={REGION}"
    control.run([*manage, "bootstrap", region, *urls], env={"OS_BOOTSTRAP_PASSWORD": PASSWORD})


def make_identities(layout: Layout) -> None:
    """Create projects, users, roles and the catalogue through a running Keystone: part of the template."""
    # The catalogue holds no address yet, so nothing is looked up there.
    keystone = Adapter(session(layout, IDENTITIES["admin"]), endpoint_override=layout.auth_url)

    def create(kind: str, **fields: object) -> str:
        return str(keystone.post(f"/{kind}s", json={kind: fields}).json()[kind]["id"])

    roles = {role["name"]: role["id"] for role in keystone.get("/roles").json()["roles"]}
    projects = {name: create("project", name=name, domain_id="default") for name in ("service", "demo")}
    for user, project, granted in _ROLES:
        member = create("user", name=user, password=PASSWORD, domain_id="default", default_project_id=projects[project])
        for role in granted:
            keystone.put(f"/projects/{projects[project]}/users/{member}/roles/{roles[role]}")
    for name, kind, port in _CATALOGUE:
        service = create("service", name=name, type=kind)
        for interface in ("public", "internal", "admin"):
            place = f"{_PLACEHOLDER}:{port}"
            create("endpoint", service_id=service, interface=interface, url=place, region_id=REGION)
