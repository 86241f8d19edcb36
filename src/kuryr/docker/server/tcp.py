"""TCP, for an engine that cannot reach the driver's Unix socket: mutual TLS, or nothing.

Whoever may send requests has the driver's rights in Neutron and on the host's interfaces. The mode of the Unix socket
guards them there; over TCP only a certificate can. So there is no plain TCP, and no TLS that lets in just anybody.
"""

from oslo_config import cfg

from kuryr.errors import InvalidInput
from kuryr.web.listeners import Listener, address, bound
from kuryr.web.tls import Files

FILES = Files("docker", "tls_cert", "tls_key", "tls_client_ca")


def listen(conf: cfg.ConfigOpts) -> Listener | None:
    """The listener of [docker] listen_tcp; None if that is not set.

    Raises InvalidInput for settings that cannot be used, KuryrError when the address cannot be listened at.
    """
    where = conf.docker.listen_tcp
    if not where:
        return None
    if missing := FILES.missing(conf):
        raise InvalidInput(
            f"[docker] listen_tcp is set, but {', '.join(missing)} is not",
            hint="there is no TCP without certificates on both sides",
        )
    try:
        host, port = address(where)
    except InvalidInput as error:
        raise InvalidInput(f"[docker] listen_tcp: {error.message}", hint=error.hint) from error
    tls = FILES.context(conf)
    return Listener(bound(host, port), tls)
