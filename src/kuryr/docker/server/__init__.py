"""How Docker finds the driver and its requests come in: sockets, HTTP, the table of methods, the process around it."""
