"""The binding layer against a real kernel and a real Open vSwitch.

Each test has its own network namespace and its own Open vSwitch with a userspace datapath in a temporary directory,
so that it needs nothing of the machine and leaves nothing on it. It must run as root.
"""
