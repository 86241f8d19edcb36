"""What drivers are told about this host, from kuryr.conf."""

from pathlib import Path

from oslo_config import cfg

from kuryr.binding.driver import BindingContext
from kuryr.model import Mark


def context(conf: cfg.ConfigOpts, mark: Mark) -> BindingContext:
    """The section [binding], for the deployment and host of `mark`."""
    section = conf.binding
    return BindingContext(
        deployment=mark.deployment,
        host=mark.host,
        integration_bridge=section.integration_bridge,
        ovsdb=section.ovsdb_connection,
        sysctl=Path(section.sysctl),
        timeout=section.ovsdb_timeout,
        drivers=section.drivers,
        scripts=Path(section.scripts) if section.scripts else None,
        script_timeout=section.script_timeout,
        os_vif_python=Path(section.os_vif_python),
        link=conf.nested.link,
        sriov_cards=section.sriov_cards,
        vhostuser_directory=Path(section.vhostuser_directory),
    )
