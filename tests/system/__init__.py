"""Real Docker, real Neutron, real traffic: what a user sees."""
