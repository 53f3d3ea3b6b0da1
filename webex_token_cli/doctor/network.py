"""The network and the clock: whether Webex answers, and whether its clock agrees with this machine's.

Both come from one request.
"""

from collections.abc import Callable

from webex_token_cli.doctor.examination import Examination
from webex_token_cli.doctor.findings import Finding, fine, not_configured, problem, skipped
from webex_token_cli.errors import ConfigurationError, WebexTokenError
from webex_token_cli.system.timeouts import RunningCall
from webex_token_cli.times import MINUTE, duration_in_words
from webex_token_cli.webex.client import WebexClient

NETWORK, CLOCK = "network", "clock"

# How many seconds the two clocks may differ. Tokens live for days, so a minute is harmless; a slow answer and the
# whole seconds of a Date header need some of it.
_TOLERANCE = 60.0


def check(examination: Examination) -> list[Finding]:
    """Ask Webex at each API base URL in use, all at the same time."""
    if not examination.configuration.settings:
        return [not_configured(NETWORK), not_configured(CLOCK)]
    machine = examination.machine
    calls = [
        RunningCall(lambda url=url: check_webex(url, machine.client, machine.clock))  # type: ignore[misc]
        for url in examination.api_urls
    ]
    findings = [finding for call in calls for finding in call.result()]
    return sorted(findings, key=lambda finding: (NETWORK, CLOCK).index(finding.check))


def check_webex(api_url: str, client: Callable[[str], WebexClient], clock: Callable[[], float]) -> list[Finding]:
    """Ask Webex at ``api_url`` for its discovery document, and compare its ``Date`` with ``clock``."""
    try:
        before = clock()
        theirs = client(api_url).server_time()
        after = clock()
    except WebexTokenError as error:
        return [
            problem(NETWORK, api_url, error),
            skipped(CLOCK, api_url, "Webex's time is not known.", "Repair the network first."),
        ]
    return [fine(NETWORK, api_url, f"{api_url} answers."), check_clock(api_url, theirs, before, after)]


def check_clock(api_url: str, theirs: float | None, before: float, after: float) -> Finding:
    """Compare ``theirs``, the time that Webex named between ``before`` and ``after``. All are UTC epoch seconds.

    ``theirs`` has whole seconds (RFC 9110 section 5.6.7), and is None if Webex did not send the time.
    """
    if theirs is None:
        return skipped(CLOCK, api_url, "Webex did not say what time it is.", "Compare the clock with another one.")
    ahead, behind = before - (theirs + 1), theirs - after
    off = max(ahead, behind)
    if off <= _TOLERANCE:
        return fine(CLOCK, api_url, "This machine's clock agrees with Webex's.")
    words = duration_in_words(round(off / MINUTE) * MINUTE)
    return problem(
        CLOCK,
        api_url,
        ConfigurationError(
            f"This machine's clock is {words} {'ahead of' if ahead > behind else 'behind'} Webex's.",
            "Correct it (`timedatectl set-ntp true` on Linux), because the tokens' lifetimes are counted by it.",
        ),
    )
