"""How the protocol of `kuryr.gateway.protocol` travels: calls, results and errors as JSON, by their own annotations."""
