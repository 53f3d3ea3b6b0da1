"""The options of ``login`` that say how to sign in, and what speaks against them before anybody is asked anything."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from webex_token_cli.application import Application
from webex_token_cli.errors import ConfigurationError

if TYPE_CHECKING:
    from webex_token_cli.signin.authorization import RedirectURI
    from webex_token_cli.signin.flows import Choice, Situation


# The flows that can use an option. With --flow auto, any of the first three may follow.
_ONLY_A_LISTENER = ("browser",)
_AN_AUTHORIZATION_REQUEST = ("browser", "paste")  # the device flow's has no parameters for an account (RFC 8628, 3.1)
_ANY_PERSON = ("browser", "paste", "device")
_FLOWS = {
    "--listen": _ONLY_A_LISTENER,
    "--behind-proxy": _ONLY_A_LISTENER,
    "--tls-cert": _ONLY_A_LISTENER,
    "--tls-key": _ONLY_A_LISTENER,
    "--login-hint": _AN_AUTHORIZATION_REQUEST,
    "--prompt": _AN_AUTHORIZATION_REQUEST,
    "--max-age": _AN_AUTHORIZATION_REQUEST,
    "--no-browser": _ANY_PERSON,
    "--timeout": _ANY_PERSON,
    "--scope": _ANY_PERSON,
    "--add-scope": _ANY_PERSON,
    "--remove-scope": _ANY_PERSON,
}


@dataclass(frozen=True, slots=True)
class LoginOptions:
    """The options of ``login`` that say how to sign in. ``timeout`` is in seconds."""

    flow: str
    no_browser: bool
    listen: str | None
    behind_proxy: bool
    timeout: float
    tls_cert: Path | None
    tls_key: Path | None
    as_json: bool


def check_options_given(flow: str, given: Sequence[str]) -> None:
    """Raise ConfigurationError if ``flow`` cannot use one of the options ``given``, instead of ignoring it."""
    useless = [name for name in given if flow not in ("auto", *_FLOWS.get(name, (flow,)))]
    if useless:
        others = [other for other in _ANY_PERSON if all(other in _FLOWS[name] for name in useless)]
        raise ConfigurationError(
            f"--flow {flow} has no use for {' and '.join(useless)}.",
            f"Leave it out, or use {' or '.join(f'--flow {other}' for other in others)}.",
        )


def check_flow(
    application: Application, redirect_uri: str, options: LoginOptions, client_secret_file: str | None
) -> None:
    """Raise ConfigurationError if ``options`` contradict each other, or if the port for the redirect is taken.

    ``client_secret_file`` is ``-`` if the client secret comes from standard input.
    A person who has typed a client secret, which Webex shows only once, should not lose it to such an error.
    """
    from webex_token_cli.signin.authorization import RedirectURI
    from webex_token_cli.signin.flows import Flow, Situation
    from webex_token_cli.signin.loopback.sockets import Endpoint, bind, close, endpoint_for

    redirect = RedirectURI.parse(redirect_uri)
    listen = None if options.listen is None else Endpoint.parse(options.listen)
    _check_proxy_option(options)
    _check_tls_options(options, redirect)
    flow = Flow(options.flow)
    if flow is Flow.AUTO:
        situation = Situation(sys.platform, application.environment, application.interactive)
        flow = choice_of_flow(situation, options, redirect).flow
    piped = client_secret_file == "-" and not application.interactive  # noqa: S105
    if piped and flow is Flow.PASTE:
        raise ConfigurationError(
            "Standard input cannot hold both the client secret and the pasted address.",
            "Name a file for the client secret, or give it with WEBEX_CLIENT_SECRET.",
        )
    if flow is Flow.BROWSER:
        close(bind(endpoint_for(redirect, listen), redirect.uri))


def choice_of_flow(situation: "Situation", options: LoginOptions, redirect: "RedirectURI") -> "Choice":
    """The flow that ``--flow auto`` means. Raises ConfigurationError if none can be chosen without asking."""
    from webex_token_cli.signin.flows import choose

    return choose(
        situation,
        redirect_is_local=redirect.is_local,
        listens=options.listen is not None,
        opens_browser=not options.no_browser,
    )


def _check_proxy_option(options: LoginOptions) -> None:
    if options.behind_proxy and options.listen is None:
        raise ConfigurationError(
            "--behind-proxy says who connects to the address of --listen, which is not given.",
            "Give --listen HOST:PORT, the address to which the proxy forwards.",
        )


def _check_tls_options(options: LoginOptions, redirect: "RedirectURI") -> None:
    if (options.tls_cert is None) != (options.tls_key is None):
        raise ConfigurationError("--tls-cert and --tls-key go together.", "Give both, or neither.")
    if options.tls_cert is not None and redirect.scheme != "https":
        raise ConfigurationError(
            f"A TLS certificate is not used with the redirect URI {redirect.uri}.",
            "Leave out --tls-cert and --tls-key, or give an https:// redirect URI.",
        )
