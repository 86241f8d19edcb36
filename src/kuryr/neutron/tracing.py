"""What travels with a call but is nobody's argument: its request id and its beginning.

A front end may set `request_id` for the request that it serves; Neutron then logs this id for everything done on the
request's behalf. Without one every call gets an id of its own.
"""

import uuid
from contextvars import ContextVar

request_id: ContextVar[str | None] = ContextVar("kuryr_request_id", default=None)
"""The id (`req-<uuid>`) of the request being served, or None outside of one."""

call_began: ContextVar[float | None] = ContextVar("kuryr_call_began", default=None)
"""When the Neutron call under way began (`time.monotonic`), waiting for a token included."""


def new_request_id() -> str:
    """A fresh id in the only form that OpenStack's services accept from outside: `req-` and a UUID."""
    return f"req-{uuid.uuid4()}"
