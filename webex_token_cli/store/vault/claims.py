"""When a claim is over, and until when a process may rely on its own. Pure.

A claim is a message in the record itself: no lock of one machine reaches the next. A process that dies cannot take its
claim back, so a claim ends by itself, and a process that was stopped or suspended must notice that it did.
"""

import math
from typing import NamedTuple

from webex_token_cli.store.vault.entry import Claim

# Seconds. A refresh waits 40 seconds for Webex at most, which is less than half of this.
TTL = 120

# A process may begin to redeem in the first third of its claim. With the bound on the request that leaves time to store
# the answer before anybody else may redeem the same refresh token.
_SHARE_TO_BEGIN = 1 / 3


class Instant(NamedTuple):
    """A moment by two clocks of this machine, in seconds.

    The monotonic clock may stand still while the machine is suspended, and the wall clock (UTC epoch) can be set.
    """

    wall: float
    monotonic: float

    def seconds_since(self, earlier: "Instant") -> float:
        """How long ago ``earlier`` was, by the clock that says more."""
        return max(self.wall - earlier.wall, self.monotonic - earlier.monotonic)


def may_redeem(claim: Claim, claimed: Instant, now: Instant) -> bool:
    """Whether the process that made ``claim`` at ``claimed`` may begin to redeem the refresh token ``now``."""
    return now.seconds_since(claimed) < claim.ttl * _SHARE_TO_BEGIN


def is_over_by_server(claim: Claim, created_at: float, read_at: float) -> bool:
    """Whether the claim, in a version created at ``created_at`` and read at ``read_at``, is over.

    Both are UTC epoch seconds by the server's own clock, so that clocks of hosts do not matter. The server's answer has
    whole seconds, so a second more must have passed.
    """
    return read_at - created_at > claim.ttl + 1


class Watched(NamedTuple):
    """The version of a key that a process waits behind, and since when, by its own monotonic clock."""

    number: int
    since: float


def watching(before: Watched | None, number: int, monotonic: float) -> Watched:
    """What is watched once version ``number`` was read: ``before``, unless the version is another one."""
    return before if before is not None and before.number == number else Watched(number, monotonic)


def is_over_by_watching(claim: Claim, watched: Watched, monotonic: float) -> bool:
    """Whether the version with the claim has not changed for a whole ttl while it was watched.

    It ends a claim if the server's clock is wrong or stands still.
    """
    return monotonic - watched.since > claim.ttl


def pause(attempt: int, chance: float) -> float:
    """Seconds to wait before the version is read again.

    ``attempt`` counts from 0, and ``chance`` is a random number from 0 to 1: processes that began to wait at the same
    moment do not all come back at the same one.
    """
    longest = min(0.1 * math.pow(2, min(attempt, 6)), 2.0)
    return longest * (0.5 + chance / 2)
