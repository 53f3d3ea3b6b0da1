"""The exception that makes the sandbox refuse a request."""

from dataclasses import dataclass


@dataclass
class Problem(Exception):
    """A refused request: the HTTP status, the error code of RFC 6749 section 5.2, and a description.

    ``outcome`` replaces the error code in the journal. ``retry_after`` is sent as Retry-After, in seconds, unless it is
    None. ``message`` is Webex's own, where it is documented and differs from the description.
    """

    status: int
    error: str
    description: str
    outcome: str = ""
    retry_after: int | None = None
    message: str = ""
