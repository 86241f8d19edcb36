"""Ports of containers: made or lent, kept and given back."""
