"""Who uses the cloud: the lab's identities, and the options with which any OpenStack client becomes one of them."""

from dataclasses import dataclass

REGION = "RegionOne"
PASSWORD = "lab"  # noqa: S105  (the cloud is private to this machine, and gone with it)


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
    # Kuryr for tenants, with an identity of the operator's in another project: `admin` may do everything there,
    # `service` may make ports on existing networks.
    "operator": Identity("kuryr-operator", "service"),
    "servant": Identity("kuryr-servant", "service"),
    # What kuryr-libnetwork runs as: it wants an administrator's rights.
    "libnetwork": Identity("libnetwork", "demo"),
}


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
