"""A private OpenStack networking cloud with Docker hosts, made of real parts in network namespaces.

The demo, the system tests and the benchmarks need a cloud that is real (a mock agrees with whatever its author
believed) and that comes and goes within seconds. So each node is a process tree with namespaces of its own, and in it
run the same programs as on a server: MariaDB, OVN, Keystone, Neutron, Open vSwitch, dockerd.

`Lab` is the way in from Python, `kuryr-lab` from the shell. Kuryr never imports this package, nor this package Kuryr.
"""
