"""Neutron in memory: what Kuryr leans on of its rules, for tests and for clouds that are larger than this machine.

`tests/contract` holds it to the real one. `server` serves it with the latencies that are asked for.
"""
