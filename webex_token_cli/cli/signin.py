"""Sign-in at a terminal: choose the flow and the certificate, and show the person what to do."""

import contextlib
import json
import os
import sys
import webbrowser
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from webex_token_cli.application import Application
from webex_token_cli.cli.child_environment import SECRET_VARIABLES
from webex_token_cli.cli.login_options import LoginOptions, choice_of_flow
from webex_token_cli.cli.replacement import PersonCheck
from webex_token_cli.cli.waiting import WaitingLine
from webex_token_cli.errors import ConfigurationError
from webex_token_cli.tokens import TokenRecord

if TYPE_CHECKING:
    from ssl import SSLContext

    from webex_token_cli.signin.authorization import RedirectURI
    from webex_token_cli.signin.finish import SignIn
    from webex_token_cli.signin.loopback.sockets import Endpoint
    from webex_token_cli.signin.paste import Lines
    from webex_token_cli.token_response import DeviceCode


def signed_in(
    application: Application, sign_in: "SignIn", options: LoginOptions, person_check: PersonCheck
) -> TokenRecord:
    """Sign a person in as ``options`` say, and return the stored record. ``person_check`` decides on another person.

    Raises SignInNotCompleted, ConfigurationError, TemporaryFailure, StoreUnavailable and what Webex refuses.
    """
    from webex_token_cli.signin.authorization import RedirectURI
    from webex_token_cli.signin.browser import NoBrowserOpened
    from webex_token_cli.signin.flows import Flow, Situation
    from webex_token_cli.signin.loopback.sockets import Endpoint

    redirect = RedirectURI.parse(sign_in.redirect_uri)
    listen = None if options.listen is None else Endpoint.parse(options.listen)
    sign_in = replace(sign_in, check_person=person_check.after_sign_in)
    flow = Flow(options.flow)
    chosen = flow is Flow.AUTO
    situation = Situation(sys.platform, application.environment, application.interactive)
    if chosen:
        choice = choice_of_flow(situation, options, redirect)
        flow = choice.flow
        application.say(f"Signing in with --flow {flow}, because {choice.why}.")
    if flow is Flow.DEVICE:
        return _with_device(application, sign_in, options)
    if flow is Flow.BROWSER:
        try:
            # With --listen, the browser is usually on another machine, and the listener waits for it.
            needs_browser = chosen and application.interactive and listen is None
            over_ssh = bool(situation.ssh)
            return _with_browser(application, sign_in, options, redirect, listen, over_ssh, needs_browser)
        except NoBrowserOpened:
            application.say("No browser opened. Continuing with --flow paste.")
    return _with_paste(application, sign_in, options, redirect, person_check)


def _with_browser(
    application: Application,
    sign_in: "SignIn",
    options: LoginOptions,
    redirect: "RedirectURI",
    listen: "Endpoint | None",
    over_ssh: bool,
    needs_browser: bool,
) -> TokenRecord:
    from webex_token_cli.signin.browser import BrowserFlow

    waiting = WaitingLine("Waiting for the browser", application.say, application.environment)
    flow = BrowserFlow(
        redirect,
        open_browser=None if options.no_browser else _open_browser,
        say=waiting.say,
        tick=waiting.tick,
        timeout=options.timeout,
        scopes=sign_in.scopes,
        listen=listen,
        behind_proxy=options.behind_proxy,
        over_ssh=over_ssh,
        tls=_tls(application, options, redirect),
        needs_browser=needs_browser,
        site=sign_in.client.site,
    )
    with _hidden_from_browser():
        return flow.sign_in(sign_in.page, sign_in.exchange, lambda record: who(sign_in.profile, record))


def _tls(application: Application, options: LoginOptions, redirect: "RedirectURI") -> "SSLContext | None":
    """The TLS context for the listener when it has to speak https; None when it speaks plain HTTP.

    A redirect URI that leads elsewhere arrives through a proxy, which has the certificate for it, and speaks
    plain HTTP with what is behind it unless a certificate is given for that.
    """
    if redirect.scheme != "https":
        return None
    from webex_token_cli.signin.loopback.certificate import certificate_for_this_login, certificate_from_files

    if options.tls_cert is not None and options.tls_key is not None:
        certificate = certificate_from_files(options.tls_cert, options.tls_key, redirect.host)
        if not certificate.names_host:
            application.say(f"Warning: the certificate does not name {redirect.host}. The browser will warn about it.")
    elif redirect.is_local:
        certificate = certificate_for_this_login(redirect.host)
        application.say(
            "The browser will warn that it does not trust the certificate, because that was made for this one login. "
            "Continue if its SHA-256 fingerprint is\n\n"
            f"  {certificate.fingerprint}\n\n"
            "Firefox shows it under Advanced, View the site’s certificate; Chrome and Edge under Not secure, beside "
            "the address, Certificate details; Safari under Show Details, view the certificate. Colons, blanks and "
            "capital letters make no difference.\n"
        )
    else:
        return None
    return certificate.context


def _with_paste(
    application: Application,
    sign_in: "SignIn",
    options: LoginOptions,
    redirect: "RedirectURI",
    person_check: PersonCheck,
) -> TokenRecord:
    from webex_token_cli.signin.paste import PasteFlow, StandardInput, no_echo

    if sys.stdin is None:
        raise ConfigurationError("There is no standard input to paste into.", "Use --flow device, or a terminal.")
    descriptor = sys.stdin.fileno()
    with no_echo(descriptor):
        lines = StandardInput(descriptor)
        # The flow has a thread that reads standard input, so a prompt would not get the answer.
        ask = _question_in(lines, application, options.timeout)
        sign_in = replace(sign_in, check_person=person_check.asking(ask).after_sign_in)
        flow = PasteFlow(
            redirect,
            lines,
            application.say,
            application.interactive,
            options.timeout,
            sign_in.scopes,
            frozenset({sign_in.client_id, sign_in.client_secret}),
            sign_in.client.site,
            WaitingLine("Waiting for the address", application.say, application.environment).tick,
        )
        return flow.sign_in(sign_in.page, sign_in.exchange)


def _question_in(lines: "Lines", application: Application, timeout: float) -> Callable[[str], bool]:
    """A function that asks a question, and reads in ``lines`` whether it is affirmed. No answer is a no."""

    def ask(question: str) -> bool:
        application.say(f"{question} Type y or n, which is not shown, and press Enter:")
        with contextlib.suppress(EOFError):
            while (line := lines(timeout)) is not None:
                # What follows a paste is often an empty line, so that is no answer.
                if line.strip():
                    return line.strip().lower() in {"y", "yes"}
        return False

    return ask


def _with_device(application: Application, sign_in: "SignIn", options: LoginOptions) -> TokenRecord:
    from webex_token_cli.signin.device import DeviceFlow

    flow = DeviceFlow(
        sign_in.client,
        sign_in.client_id,
        sign_in.client_secret,
        sign_in.scopes,
        show=(lambda code: click.echo(_code_document(application, code))) if options.as_json else _show_code,
        tick=WaitingLine("Waiting for you to enter it", application.say, application.environment).tick,
        timeout=options.timeout,
        changing=sign_in.changing,
        site=sign_in.client.site,
    )
    return flow.sign_in(sign_in.keep)


def _at_a_terminal() -> bool:
    """Whether standard error is a terminal, on which a countdown and a QR code can be drawn."""
    return sys.stderr is not None and sys.stderr.isatty()


def _show_code(code: "DeviceCode") -> None:
    text = (
        f"Open this address in a browser on any machine:\n\n  {code.verification_uri}\n\n"
        f"and enter the code\n\n  {code.user_code}\n"
    )
    if code.verification_uri_complete:
        text += f"\nOr open this one, which has the code in it:\n\n  {code.verification_uri_complete}\n"
    click.echo(text, err=True)
    if code.verification_uri_complete and _at_a_terminal():
        for line in _qr_code_below(text, code.verification_uri_complete):
            click.echo(line, err=True)


def _qr_code_below(text: str, address: str) -> list[str]:
    """The lines of a QR code of ``address``; none if the terminal cannot show it, or not together with ``text``."""
    from webex_token_cli.cli.qr_code import fits, qr_code

    context = click.get_current_context(silent=True)
    if context is not None and context.color is False:  # NO_COLOR, or a terminal without colours
        return []
    try:
        lines = qr_code(address)
        "".join(lines).encode(sys.stderr.encoding)
        columns, rows = os.get_terminal_size(sys.stderr.fileno())
    except (ImportError, ValueError, OSError):  # no extra `qr`, no such characters, no known size
        return []
    return lines if fits(lines, text, columns, rows) else []


def _code_document(application: Application, code: "DeviceCode") -> str:
    """What another program needs to send a person there, on one line and before the wait."""
    document = {
        "version": 1,
        "verification_uri": code.verification_uri,
        "verification_uri_complete": code.verification_uri_complete,
        "user_code": code.user_code,
        "expires_at": int(application.clock() + code.expires_in),
        "interval": code.interval,
    }
    return json.dumps(document)


def _open_browser(url: str) -> bool:
    try:
        return webbrowser.open(url)
    except Exception:  # noqa: BLE001 - BROWSER may hold anything, and webbrowser takes it apart unguarded
        return False


@contextlib.contextmanager
def _hidden_from_browser() -> Iterator[None]:
    """Keep the browser from inheriting our standard output, the client secret and a refresh token.

    Browsers print to standard output, where another program may be reading our answer.
    """
    for name in SECRET_VARIABLES:
        os.environ.pop(name, None)
    sys.stdout.flush()
    standard_output = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        os.dup2(standard_output, 1)
        os.close(standard_output)


def who(profile: str, record: TokenRecord) -> str:
    """Who signed in, in the words of the terminal and of the browser's page."""
    person = record.person.label if record.person else "a person whose name these scopes do not tell"
    return f"Signed in as {person} (profile {profile})."
