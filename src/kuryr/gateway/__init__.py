"""The cloud's side: what Kuryr wants to be true in Neutron, made true by idempotent steps.

It runs where the credentials are and knows neither engines nor interfaces. Hosts reach it through `model.Cloud`;
front ends hold all of it as `assembly.Gateway`, and ask `Networks` for the networks that their engines name.
"""
