"""The gateway service: does what machines without credentials ask of the cloud, as far as each is granted it."""
