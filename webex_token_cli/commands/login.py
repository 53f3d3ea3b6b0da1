"""``login``: sign a person in and store the tokens."""

import contextlib
import os
import sys
import time
import webbrowser
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from webex_token_cli.commands.shared import (
    Duration,
    Invocation,
    json_option,
    pass_invocation,
    profile_option,
    verbosity_options,
)
from webex_token_cli.errors import ConfigurationError, GrantRefused, WebexTokenError
from webex_token_cli.output import as_json as to_json
from webex_token_cli.output import printable
from webex_token_cli.profiles import DEFAULT_PROFILE, STORES, Overrides, Profile, Settings
from webex_token_cli.times import when
from webex_token_cli.tokens import TokenRecord

if TYPE_CHECKING:
    from webex_token_cli.store.records import CredentialStore
    from webex_token_cli.tokens import Person
    from webex_token_cli.webex import WebexClient

# A client secret is one line of some 64 characters. A longer file is another file.
_LONGEST_SECRET = 1024

_HOW_TO_REGISTER = """\
No integration is configured yet. To register one, once:
  1. Open https://developer.webex.com/my-apps/new/integration and sign in.
  2. As Redirect URI enter exactly   {redirect_uri}
  3. As Scopes tick                  {scopes}
  4. Save, then copy the Client ID and the Client Secret (it is shown only once) to the questions below.
"""


@click.command("login", short_help="Sign a person in and store the tokens.")
@profile_option
@click.option(
    "--client-id",
    metavar="ID",
    envvar="WEBEX_CLIENT_ID",
    show_envvar=True,
    help="The integration's client id.",
)
@click.option(
    "--client-secret-file",
    metavar="FILE",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=str),
    help="Read the client secret from this file, or from standard input if it is -.  "
    "[else env var WEBEX_CLIENT_SECRET, else what is stored, else asked for]",
)
@click.option(
    "--redirect-uri",
    metavar="URI",
    envvar="WEBEX_REDIRECT_URI",
    show_envvar=True,
    help="As registered with the integration.  [default: http://localhost:8000/oauth]",
)
@click.option(
    "--scope",
    "scopes",
    metavar="SCOPE",
    multiple=True,
    envvar="WEBEX_SCOPES",
    show_envvar=True,
    help="Ask for this scope; may be repeated, or several separated by blanks.  [default: spark:all]",
)
@click.option(
    "--api-url",
    metavar="URL",
    envvar="WEBEX_TOKEN_API_URL",
    show_envvar=True,
    help="Webex's API base URL.  [default: https://webexapis.com/v1]",
)
@click.option(
    "--store",
    type=click.Choice(STORES),
    envvar="WEBEX_TOKEN_STORE",
    show_envvar=True,
    help="Keep the tokens in the system's keyring, or in a file that only you can read.  [default: keyring]",
)
@click.option("--no-browser", is_flag=True, help="Do not open a browser; print the address only.")
@click.option(
    "--timeout",
    type=Duration(),
    default="300",
    show_default=True,
    metavar="DURATION",
    help="Wait this long for the person to finish.",
)
@json_option
@verbosity_options
@pass_invocation
def command(
    invocation: Invocation,
    profile: str,
    client_id: str | None,
    client_secret_file: str | None,
    redirect_uri: str | None,
    scopes: tuple[str, ...],
    api_url: str | None,
    store: str | None,
    no_browser: bool,
    timeout: float,
    as_json: bool,
) -> None:
    """Sign a person in through the browser and store the tokens.

    A listener on this machine catches Webex's answer at the redirect URI; opening that address by hand
    while it waits leads to the sign-in page. What was stored before is replaced only once the new tokens
    are stored.

    \b
    Example:
      webex-token login --scope "spark:all spark:kms"

    Exit status: 0 signed in; 2 something is set up wrongly; 3 the client secret was refused; 4 Webex
    cannot be asked now; 5 the credential store is unavailable; 6 denied, or nobody finished the sign-in.
    """
    overrides = Overrides(client_id, redirect_uri, " ".join(scopes) or None, api_url, store)
    settings = invocation.settings(profile, overrides)
    credentials = invocation.store(settings.store)
    before = credentials.load_replaceable(profile)
    settings = _with_client_id(invocation, settings)
    secret = _client_secret(invocation, settings, client_secret_file, before)
    record = _sign_in(invocation, settings, secret, credentials, timeout, no_browser)
    click.echo(_document(settings, credentials, record) if as_json else _summary(settings, credentials, record))


def _with_client_id(invocation: Invocation, settings: Settings) -> Settings:
    client_id = settings.client_id
    if not client_id:
        if not invocation.has_person:
            raise ConfigurationError(
                f"No client id is configured for profile {settings.profile}.",
                "Give it with --client-id or WEBEX_CLIENT_ID, or run `webex-token login` on a terminal, which "
                "explains how to register an integration.",
            )
        invocation.say(_HOW_TO_REGISTER.format(redirect_uri=settings.redirect_uri, scopes=" ".join(settings.scopes)))
        client_id = click.prompt("Client ID", err=True)
    client_id = client_id.strip()
    if not client_id or not client_id.isprintable() or " " in client_id:
        raise ConfigurationError(
            f"{printable(client_id, 80)!r} is no client id.",
            "Copy it from the integration at developer.webex.com/my-apps.",
        )
    return replace(settings, client_id=client_id)


def _client_secret(invocation: Invocation, settings: Settings, file: str | None, before: TokenRecord | None) -> str:
    """The client secret: file, environment, what is stored for this client id, or a hidden prompt, in that order."""
    if file is not None:
        secret = _read_secret(file)
    elif invocation.environment.get("WEBEX_CLIENT_SECRET"):
        secret = invocation.environment["WEBEX_CLIENT_SECRET"]
    elif before is not None and before.client_id == settings.client_id:
        secret = before.client_secret
    elif invocation.has_person:
        secret = click.prompt("Client Secret (not shown)", hide_input=True, err=True)
    else:
        raise ConfigurationError(
            "No client secret is configured.",
            "Give it with --client-secret-file FILE (- is standard input) or WEBEX_CLIENT_SECRET.",
        )
    secret = secret.strip()
    if not secret or not secret.isprintable():
        raise ConfigurationError(
            "The client secret is empty or not one line of text.",
            "Copy it from the integration at developer.webex.com/my-apps.",
        )
    return secret


def _read_secret(file: str) -> str:
    try:
        if file == "-":
            return sys.stdin.read(_LONGEST_SECRET)
        with Path(file).open(encoding="utf-8") as opened:
            return opened.read(_LONGEST_SECRET)
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        raise ConfigurationError(
            f"The client secret could not be read from {file} ({why}).",
            "Name a file that holds the secret alone.",
        ) from None


def _sign_in(
    invocation: Invocation,
    settings: Settings,
    client_secret: str,
    store: "CredentialStore",
    timeout: float,
    no_browser: bool,
) -> TokenRecord:
    from webex_token_cli.signin.authorization import Proof, RedirectURI
    from webex_token_cli.signin.browser import BrowserFlow
    from webex_token_cli.webex import authorization_url

    redirect = RedirectURI.parse(settings.redirect_uri)
    client = invocation.client(settings.api_url)
    client_id = settings.client_id or ""

    def page(proof: Proof) -> str:
        url = authorization_url(
            settings.api_url,
            client_id=client_id,
            redirect_uri=redirect.uri,
            scopes=settings.scopes,
            state=proof.state,
            code_challenge=proof.code_challenge,
        )
        client.check_authorization(url)
        return url

    def finish(code: str, proof: Proof) -> TokenRecord:
        response = client.exchange_code(
            code,
            client_id=client_id,
            client_secret=client_secret,
            redirect_uri=redirect.uri,
            code_verifier=proof.code_verifier,
        )
        record = TokenRecord.signed_in(response, client_id, client_secret, time.time())
        record = record.belonging_to(_person(invocation, client, record))
        with store.lock(settings.profile):
            store.save(settings.profile, record)
        _remember(invocation, settings)
        return record

    flow = BrowserFlow(
        redirect,
        open_browser=(lambda _: True) if no_browser else _open_browser,
        say=invocation.say,
        timeout=timeout,
    )
    with _out_of_the_browsers_reach():
        return flow.sign_in(page, finish, lambda record: _who(settings, record))


def _person(invocation: Invocation, client: "WebexClient", record: TokenRecord) -> "Person | None":
    """Whom the new tokens act for. Not knowing it is no reason to throw good tokens away."""
    try:
        return client.person(record.access_token)
    except GrantRefused:
        raise
    except WebexTokenError as error:
        invocation.say(f"Warning: who signed in could not be asked. {error.message}")
        return None


def _open_browser(url: str) -> bool:
    try:
        return webbrowser.open(url)
    except Exception:  # noqa: BLE001 - BROWSER may hold anything, and webbrowser takes it apart unguarded
        return False


@contextlib.contextmanager
def _out_of_the_browsers_reach() -> Iterator[None]:
    """Keep two things from the browser that is started meanwhile: our standard output and the client secret.

    Browsers print what they like, and ``webbrowser`` lets them print it where our answer is read.
    """
    os.environ.pop("WEBEX_CLIENT_SECRET", None)
    if sys.stdout is None:  # there is nothing to keep
        yield
        return
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def _remember(invocation: Invocation, settings: Settings) -> None:
    """Keep the settings for the next time, after the tokens: a profile's section never leads to nothing new."""
    before = invocation.config.load(settings.profile)
    invocation.config.save(
        Profile(
            settings.profile, settings.client_id, settings.redirect_uri, " ".join(settings.scopes),
            settings.api_url, settings.store,
        )
    )  # fmt: skip
    if before.store not in (None, settings.store) and before.store in STORES:
        old = invocation.store(before.store)
        with old.lock(settings.profile):
            old.delete(settings.profile)


def _who(settings: Settings, record: TokenRecord) -> str:
    who = record.person.label if record.person else "a person whose name these scopes do not tell"
    return f"Signed in as {who} (profile {settings.profile})."


def _summary(settings: Settings, store: "CredentialStore", record: TokenRecord) -> str:
    now = time.time()
    lines = [_who(settings, record)]
    if record.person is None:
        lines.append("Ask for the scope spark:people_read as well (--scope) to see who a profile belongs to.")
    missing = _not_granted(settings, record)
    if missing:
        lines.append(f"Asked for and not granted: {' '.join(missing)}.")
    lines.append(f"The access token expires {when(record.access_expires_at, now)}.")
    lines.append(f"Stored in {store.where(settings.profile)}.")
    named = "" if settings.profile == DEFAULT_PROFILE else f" --profile {settings.profile}"
    lines.append(f"Keep it alive with `webex-token watch{named}`.")
    return "\n".join(lines)


def _not_granted(settings: Settings, record: TokenRecord) -> list[str]:
    return [] if record.scopes is None else [scope for scope in settings.scopes if scope not in record.scopes]


def _document(settings: Settings, store: "CredentialStore", record: TokenRecord) -> str:
    return to_json(
        {
            "profile": settings.profile,
            "person": None if record.person is None else record.person.label,
            "scopes": None if record.scopes is None else list(record.scopes),
            "scopes_not_granted": _not_granted(settings, record),
            "access_token_expires_at": record.access_expires_at,
            "refresh_token_expires_at": record.refresh_expires_at,
            "stored_in": store.where(settings.profile),
        }
    )
