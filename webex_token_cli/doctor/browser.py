"""Whether a sign-in can be done here: a free port for the redirect, and a browser."""

from collections.abc import Callable

from webex_token_cli.doctor.findings import Finding, fine, problem, warning
from webex_token_cli.errors import ConfigurationError
from webex_token_cli.signin.authorization import RedirectURI
from webex_token_cli.signin.flows import Flow, Situation, choose
from webex_token_cli.signin.loopback.sockets import bind, close, endpoint_for

PORT, BROWSER = "port", "browser"

_OTHERWISE = "Sign in with `webex-token login --flow paste` and a browser elsewhere, or with --flow device."


def check_port(uri: str, holder: Callable[[int], str | None]) -> Finding:
    """Whether a listener for the redirect URI ``uri`` can be had; ``holder`` tells who has a port that is taken."""
    redirect = RedirectURI.parse(uri)
    if not redirect.is_local:
        return fine(PORT, uri, f"{uri} leads to another machine, so no port of this one is needed.")
    try:
        sockets = bind(endpoint_for(redirect, None), uri)
    except ConfigurationError as error:
        who = holder(redirect.port)
        told = error if who is None else ConfigurationError(f"{error.message} It is {who}.", error.hint)
        return problem(PORT, uri, told)
    addresses = " and ".join(each.getsockname()[0] for each in sockets)
    close(sockets)
    return fine(PORT, uri, f"Port {redirect.port}, where {uri} leads, is free on {addresses}.")


def check_browser(surroundings: Situation, find: Callable[[], str | None]) -> Finding:
    """Whether ``login`` would open a browser here; ``find`` gives the name of the one that would be opened."""
    choice = choose(surroundings, redirect_is_local=True, listens=False, opens_browser=True)
    if choice.flow is not Flow.BROWSER:
        return warning(BROWSER, "", f"No browser can be opened here, because {choice.why}.", _OTHERWISE)
    if find() is None:
        return warning(
            BROWSER,
            "",
            f"No browser was found, although {choice.why}.",
            f"Install one, or name it in BROWSER. {_OTHERWISE}",
        )
    return fine(BROWSER, "", f"A browser can be opened here, because {choice.why}.")
