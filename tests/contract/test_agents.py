"""Agents: an administrator's to see."""

from contract.site import DEAD_HOST, Site


def test_an_administrator_sees_which_agents_of_a_host_are_alive(site: Site) -> None:
    (agent,) = site.stranger.agents.list(host=site.host)

    # It is called a gateway agent where routers may have their gateway.
    assert agent.type.startswith("OVN Controller ")
    assert (agent.host, agent.alive, agent.enabled) == (site.host, True, True)
    assert agent.heartbeat
    assert site.stranger.agents.list(host=DEAD_HOST) == []


def test_anybody_else_sees_none(site: Site) -> None:
    assert site.neutron.agents.list(host=site.host) == []
