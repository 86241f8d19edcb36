"""From kuryr.conf to a client of the cloud. Nothing is sent: the first call authenticates."""

import logging
from collections.abc import Callable
from importlib.metadata import version

import requests
import urllib3
from keystoneauth1.adapter import Adapter
from keystoneauth1.session import Session
from oslo_config import cfg
from urllib3.exceptions import InsecureRequestWarning

from kuryr.neutron import credentials
from kuryr.neutron.api import Call
from kuryr.neutron.client import Neutron
from kuryr.neutron.faults import RIGHTS_HINT
from kuryr.neutron.transport import Transport

_MEMBERS_RIGHTS = (
    "the role `member` suffices on networks of its own project; for others let a gateway service hold the rights, see "
    "docs/nested.md"
)
"""What to do when something is forbidden in a virtual machine, which should have no greater rights."""

LOG = logging.getLogger(__name__)


def connect(
    conf: cfg.ConfigOpts, observe: Callable[[Call], None] | None = None, *, project_id: str | None = None
) -> Neutron:
    """A client for the cloud that section [neutron] of `conf` describes; see `credentials` for what counts.

    It serves the project that the section names, unless `project_id` is given.

    Raises InvalidInput when there are no usable credentials. Whether the cloud is there shows in the first call,
    which raises CloudUnavailable within 5 s if it is not (with the default `connect_timeout` of 2 s).
    """
    found = credentials.find(conf)
    options = conf.neutron
    if found.verify is False:
        LOG.warning("the certificates of Keystone and Neutron are not verified")
        urllib3.disable_warnings(InsecureRequestWarning)
    http = requests.Session()
    transport = Transport(options.connect_timeout, options.read_timeout)
    http.mount("http://", transport)
    http.mount("https://", transport)
    session = Session(
        auth=found.auth,
        session=http,
        verify=found.verify,
        cert=found.cert,
        app_name="kuryr",
        app_version=version("kuryr"),
    )
    adapter = Adapter(
        session,
        service_type=options.service_type or "network",
        service_name=options.service_name,
        interface=found.interface,
        region_name=found.region,
        endpoint_override=found.endpoint,
    )
    rights = _MEMBERS_RIGHTS if conf.nested.mode else RIGHTS_HINT
    return Neutron(adapter, project_id=project_id or options.project, observe=observe, rights=rights)
