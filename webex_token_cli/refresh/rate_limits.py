"""Which Webex has asked to be left alone, and until when. One rate limit holds for every profile of the same API."""

from dataclasses import dataclass, field

from webex_token_cli.errors import TooManyRequests
from webex_token_cli.refresh.schedule import LONGEST_RETRY_AFTER


@dataclass(frozen=True, slots=True)
class RateLimit:
    """A rate limit from ``since`` to ``until`` (UTC epoch seconds); ``error`` is the answer that set it."""

    since: float
    until: float
    error: TooManyRequests


@dataclass(frozen=True, slots=True)
class RateLimits:
    """The rate limits in force, by API base URL. Every method may be called in any thread."""

    _limits: dict[str, RateLimit] = field(default_factory=dict)

    def begin(self, api_url: str, error: TooManyRequests, now: float, seconds: float) -> None:
        """Leave the API alone for ``seconds`` from ``now`` on, a day at most."""
        self._limits[api_url] = RateLimit(now, now + min(seconds, LONGEST_RETRY_AFTER), error)

    def in_force(self, api_url: str, now: float) -> RateLimit | None:
        """Return the rate limit of the API at ``now``, None if there is none."""
        limit = self._limits.get(api_url)
        if limit is None or limit.since <= now < limit.until:
            return limit
        # The limit has ended. It is removed, so that it does not return if the clock is set back into it.
        if self._limits.get(api_url) is limit:
            self._limits.pop(api_url, None)
        return None
