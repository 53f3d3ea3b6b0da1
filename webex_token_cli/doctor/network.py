"""Whether Webex can be reached from here, and whether its clock and this machine's agree."""

from collections.abc import Callable

from webex_token_cli.doctor.findings import Finding, fine, problem, skipped
from webex_token_cli.errors import ConfigurationError, WebexTokenError
from webex_token_cli.times import MINUTE, duration_in_words
from webex_token_cli.webex.client import WebexClient

NETWORK, CLOCK = "network", "clock"

# What two machines that keep the time may differ by, in seconds, with a slow answer in between. Tokens live for days.
_SLACK = 60.0


def check_webex(api_url: str, client: Callable[[str], WebexClient], clock: Callable[[], float]) -> list[Finding]:
    """Ask Webex at ``api_url`` for its discovery document, and compare its ``Date`` with ``clock``."""
    try:
        before = clock()
        theirs = client(api_url).server_time()
        after = clock()
    except WebexTokenError as error:
        return [
            problem(NETWORK, api_url, error),
            skipped(CLOCK, api_url, "Webex's time is not known.", "See to the network first."),
        ]
    return [fine(NETWORK, api_url, f"{api_url} answers."), check_clock(api_url, theirs, before, after)]


def check_clock(api_url: str, theirs: float | None, before: float, after: float) -> Finding:
    """Whether ``theirs``, Webex's time in whole seconds, lies between ``before`` and ``after``, or near."""
    if theirs is None:
        return skipped(CLOCK, api_url, "Webex did not say what time it is.", "Compare the clock with another one.")
    ahead, behind = before - (theirs + 1), theirs - after
    off = max(ahead, behind)
    if off <= _SLACK:
        return fine(CLOCK, api_url, "This machine's clock agrees with Webex's.")
    words = duration_in_words(round(off / MINUTE) * MINUTE)
    return problem(
        CLOCK,
        api_url,
        ConfigurationError(
            f"This machine's clock is {words} {'ahead of' if ahead > behind else 'behind'} Webex's.",
            "Set it right (`timedatectl set-ntp true` on Linux): the tokens' lifetimes are counted by it.",
        ),
    )
