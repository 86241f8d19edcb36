"""Load on a driver's socket, as heavy as no Docker on this machine could make it."""
