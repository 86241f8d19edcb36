"""Docker's front end: libnetwork's remote driver protocol on one side, `gateway` and `host` on the other.

Everything that is a habit of Docker lives here and nowhere else: which call follows which, pool ids, option names,
and what to make of an engine that forgets.
"""
