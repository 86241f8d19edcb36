"""Stand-ins for the outside world, honest because `tests/contract` holds them against the real thing."""
