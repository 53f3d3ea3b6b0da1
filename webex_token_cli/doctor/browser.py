"""The browser: whether ``login`` would open one on this machine."""

from collections.abc import Callable

from webex_token_cli.doctor.examination import Examination
from webex_token_cli.doctor.findings import Finding, fine, warning
from webex_token_cli.signin.flows import Flow, Situation, choose

BROWSER = "browser"

_OTHER_FLOWS = "Sign in with `webex-token login --flow paste` and a browser elsewhere, or with --flow device."


def check(examination: Examination) -> list[Finding]:
    """Check for a browser. This needs no configuration."""
    machine = examination.machine
    machine.note("Looking for a browser …")
    return [check_browser(machine.situation, machine.find_browser)]


def check_browser(situation: Situation, find: Callable[[], str | None]) -> Finding:
    """Whether ``login`` would open a browser; ``find`` names the browser, or returns None if there is none."""
    choice = choose(situation, redirect_is_local=True, listens=False, opens_browser=True)
    if choice.flow is not Flow.BROWSER:
        return warning(BROWSER, "", f"No browser can be opened here, because {choice.why}.", _OTHER_FLOWS)
    if find() is None:
        return warning(
            BROWSER,
            "",
            f"No browser was found, although {choice.why}.",
            f"Install one, or name it in BROWSER. {_OTHER_FLOWS}",
        )
    return fine(BROWSER, "", f"A browser can be opened here, because {choice.why}.")
