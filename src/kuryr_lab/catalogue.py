"""Fill a new Keystone with projects, users, roles and the service catalogue: part of the template.

All in one process, as each start of an OpenStack command takes more than a second.
"""

from keystoneauth1.adapter import Adapter

from kuryr_lab.client import session
from kuryr_lab.identity import IDENTITIES, PASSWORD, REGION
from kuryr_lab.keystone import PLACEHOLDER
from kuryr_lab.layout import Layout

_ROLES = (
    ("neutron", "service", ("admin", "service")),
    ("kuryr", "demo", ("service", "member")),
    ("demo", "demo", ("member",)),
    ("kuryr-operator", "service", ("admin",)),
    ("kuryr-servant", "service", ("service",)),
    ("libnetwork", "demo", ("admin",)),
)
_CATALOGUE = (("neutron", "network", 9696),)


def make_identities(layout: Layout) -> None:
    """Create projects, users, roles and the catalogue through a running Keystone."""
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
            place = f"{PLACEHOLDER}:{port}"
            create("endpoint", service_id=service, interface=interface, url=place, region_id=REGION)
