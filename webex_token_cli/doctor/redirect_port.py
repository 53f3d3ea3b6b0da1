"""The port of the redirect URI: whether ``login`` can listen on it."""

from collections.abc import Callable

from webex_token_cli.doctor.examination import Examination
from webex_token_cli.doctor.findings import Finding, fine, not_configured, problem
from webex_token_cli.errors import ConfigurationError
from webex_token_cli.signin.authorization import RedirectURI
from webex_token_cli.signin.loopback.sockets import bind, close, endpoint_for

PORT = "port"


def check(examination: Examination) -> list[Finding]:
    """Check the port of each redirect URI in use."""
    if not examination.configuration.settings:
        return [not_configured(PORT)]
    findings = []
    for uri in examination.redirect_uris:
        examination.machine.note(f"Checking the port of {uri} …")
        findings.append(check_port(uri, examination.machine.port_owner))
    return findings


def check_port(uri: str, port_owner: Callable[[int], str | None]) -> Finding:
    """Listen for the redirect URI ``uri`` for a moment. If the port is taken, ``port_owner`` tells by which program."""
    redirect = RedirectURI.parse(uri)
    if not redirect.is_local:
        return fine(PORT, uri, f"{uri} leads to another machine, so no port of this one is needed.")
    try:
        sockets = bind(endpoint_for(redirect, None), uri)
    except ConfigurationError as error:
        owner = port_owner(redirect.port)
        explained = error if owner is None else ConfigurationError(f"{error.message} It is {owner}.", error.hint)
        return problem(PORT, uri, explained)
    addresses = " and ".join(each.getsockname()[0] for each in sockets)
    close(sockets)
    return fine(PORT, uri, f"Port {redirect.port}, where {uri} leads, is free on {addresses}.")
