"""Docker's front end: libnetwork's remote driver protocol on one side, `gateway` and `host` on the other.

Everything that is a habit of Docker lives here and nowhere else: which call follows which, pool ids, option names,
and what to make of an engine that forgets. Its rooms, from the socket inwards; each may use those below it:

    server     how Docker's requests come in: sockets, HTTP, the table of methods
    driver     what is done about each of them
    sweeps     what is made up for later, by what Docker knows
    options    what a user may say, and what it means; reads, and does nothing
    protocol   what is said on the wire
"""
