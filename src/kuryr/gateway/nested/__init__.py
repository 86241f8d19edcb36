"""Containers of a virtual machine: their ports on top of the one port that the machine has."""
