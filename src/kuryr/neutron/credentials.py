"""Where the cloud's credentials come from: kuryr.conf, a clouds.yaml, or the environment, in this order.

Whatever keystoneauth has a plugin for (passwords, application credentials, tokens, federation, …) is welcome in each
of the three places.
"""

import warnings
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from keystoneauth1 import loading
from keystoneauth1.exceptions import ClientException
from keystoneauth1.identity.generic import Password
from keystoneauth1.plugin import BaseAuthPlugin
from oslo_config import cfg

from kuryr import config
from kuryr.errors import InvalidInput

_GROUP = "neutron"
_SERVICE = "network"

_THREE_WAYS = (
    "set `auth_type` and its options in section [neutron] of kuryr.conf, or `cloud` there for an entry of clouds.yaml, "
    "or OS_CLOUD or OS_AUTH_URL, OS_USERNAME, OS_PASSWORD, OS_PROJECT_NAME, … in the environment"
)


@dataclass(frozen=True)
class Credentials:
    """Who we are (`auth`), how to check the servers we talk to, and which of the cloud's endpoints to take."""

    auth: BaseAuthPlugin
    verify: bool | str = True
    """False to trust every server, or the path of a CA bundle."""
    cert: str | tuple[str, str] | None = None
    region: str | None = None
    interface: str | list[str] | None = None
    endpoint: str | None = None


def find(conf: cfg.ConfigOpts) -> Credentials:
    """The credentials to use. Raises InvalidInput when there are none or they are incomplete; calls nobody."""
    config.register_credentials(conf)
    options = conf[_GROUP]
    try:
        found = _from_conf(conf) or _from_openstack(options.cloud)
    except (ClientException, cfg.Error) as error:
        raise InvalidInput(f"the OpenStack credentials cannot be used: {error}", hint=_THREE_WAYS) from error
    found = replace(
        found,
        region=options.region_name or found.region,
        interface=options.valid_interfaces or found.interface,
        endpoint=options.endpoint_override or found.endpoint,
    )
    _check_complete(found.auth)
    _check_url("auth_url", getattr(found.auth, "auth_url", None))
    _check_url("endpoint_override", found.endpoint)
    return found


def _check_complete(auth: BaseAuthPlugin) -> None:
    """Keystoneauth misses a user's name or password in the first call only, and then not in words for an operator."""
    if isinstance(auth, Password):
        given = auth.get_cache_id_elements()
        for names in (("username", "user_id"), ("password",)):
            if not any(given[name] for name in names):
                raise InvalidInput(f"the OpenStack credentials lack {' or '.join(names)}", hint=_THREE_WAYS)


def _check_url(name: str, url: str | None) -> None:
    """Keystoneauth takes a URL without a scheme for a path below another one, and then blames the catalogue."""
    if url is None:
        return
    try:
        parts = urlsplit(url)
        sound = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        sound = False
    if not sound:
        raise InvalidInput(f"{name} of the OpenStack credentials is not a URL", hint="it should begin with http(s)://")


def _from_conf(conf: cfg.ConfigOpts) -> Credentials | None:
    auth = loading.load_auth_from_conf_options(conf, _GROUP)
    return None if auth is None else Credentials(auth, *_tls_from_conf(conf[_GROUP]))


def _tls_from_conf(options: Any) -> tuple[bool | str, str | tuple[str, str] | None]:
    verify = False if options.insecure else options.cafile or True
    cert = (options.certfile, options.keyfile) if options.certfile and options.keyfile else options.certfile
    return verify, cert


def _from_openstack(cloud: str | None) -> Credentials:
    from openstack.config import OpenStackConfig  # noqa: PLC0415 - slow to import, and not needed with kuryr.conf
    from openstack.exceptions import ConfigException  # noqa: PLC0415

    try:
        with warnings.catch_warnings():
            # openstacksdk 4.22 warns of its own InfluxDB support even where nobody has configured any.
            warnings.filterwarnings("ignore", message="Support for InfluxDB")
            region = OpenStackConfig().get_one(cloud=cloud)
    except ConfigException as error:
        raise InvalidInput(f"the OpenStack credentials cannot be used: {error}", hint=_THREE_WAYS) from error
    verify, cert = region.get_requests_verify_args()
    return Credentials(
        region.get_auth(),
        verify,
        cert,
        region.get_region_name(_SERVICE),
        region.get_interface(_SERVICE),
        region.get_endpoint(_SERVICE),
    )
