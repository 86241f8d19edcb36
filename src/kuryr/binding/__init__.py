"""Turns a bound Neutron port (`kuryr.model.Vif`) into a plugged interface of this host, and back.

`registry.Binding` is what the rest of Kuryr uses; `driver` is the contract of a driver. A driver serves one kind
of port (Neutron's `binding:vif_type`) and is found by an entry point of the group `kuryr.binding`, so that a new
kind of port needs no change here. Nothing is imported before the first port of its kind.
"""
