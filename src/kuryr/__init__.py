"""Kuryr: OpenStack Neutron networking for containers.

The layers, from the user down (checked by import-linter, drawn in docs/architecture.md):
`cli`, `docker` (a front end), `gateway` (the cloud's side) and `host` (the container's side),
`neutron` and `binding` (the two outside worlds), and `model`, `config`, `errors`, `metrics` for everyone.
"""
