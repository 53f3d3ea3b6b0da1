"""``login``: sign a person in and store the tokens."""

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from webex_token_cli.application import Application
from webex_token_cli.cli.options import (
    HOME_READ,
    Duration,
    json_option,
    pass_application,
    profile_option,
    verbosity_options,
)
from webex_token_cli.cli.prompts import client_secret, integration_options, with_client_id
from webex_token_cli.cli.signin import Manner, signed_in, who
from webex_token_cli.cli.summary import facts, not_granted, remembered, where_it_stands
from webex_token_cli.config.file import Overrides, Settings
from webex_token_cli.text import as_json as to_json
from webex_token_cli.tokens import TokenRecord

if TYPE_CHECKING:
    from webex_token_cli.signin.finish import SignIn
    from webex_token_cli.store.records import CredentialStore

# As ``signin.choice.Flow`` has them; importing it for the sake of --help would cost more than the words.
FLOWS = ("auto", "browser", "paste", "device")


@click.command("login", short_help="Sign a person in and store the tokens.", epilog=HOME_READ)
@profile_option
@integration_options
@click.option(
    "--flow",
    type=click.Choice(FLOWS),
    default="auto",
    show_default=True,
    help="browser: a listener here catches the redirect; paste: you paste the address that the browser ends at; "
    "device: you enter a code on any machine; auto: browser where one can be opened here, else paste.",
)
@click.option("--no-browser", is_flag=True, help="Do not open a browser; print the address only.")
@click.option(
    "--listen",
    metavar="HOST:PORT",
    help="Listen here instead of where the redirect URI leads, behind a reverse proxy or an SSH tunnel.",
)
@click.option(
    "--tls-cert",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The certificate for an https:// redirect URI, PEM.  [default: one made for this login]",
)
@click.option("--tls-key", type=click.Path(path_type=Path), metavar="FILE", help="The certificate's key, PEM.")
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
@pass_application
def command(
    application: Application,
    profile: str,
    overrides: Overrides,
    client_secret_file: str | None,
    flow: str,
    no_browser: bool,
    listen: str | None,
    tls_cert: Path | None,
    tls_key: Path | None,
    timeout: float,
    as_json: bool,
) -> None:
    """Sign a person in and store the tokens.

    In the browser flow a listener on this machine catches Webex's answer at the redirect URI; opening that
    address by hand while it waits leads to the sign-in page. Over SSH, or with no display, paste the
    address that the browser ends at, or use --flow device. What was stored before is replaced only once the
    new tokens are stored.

    \b
    Example:
      webex-token login --scope "spark:all spark:kms"
      webex-token login --flow device

    Exit status: 0 signed in; 2 something is set up wrongly; 3 the client secret was refused; 4 Webex
    cannot be asked now; 5 the credential store is unavailable; 6 denied, or nobody finished the sign-in.
    """
    settings = application.settings(profile, overrides)
    credentials = application.store(settings.store)
    before = credentials.load_replaceable(profile)
    credentials.check()
    settings = with_client_id(application, settings)
    secret = client_secret(application, settings, client_secret_file, before)
    manner = Manner(flow, no_browser, listen, timeout, tls_cert, tls_key, as_json)
    record = signed_in(application, _prepared(application, settings, secret, credentials), manner)
    click.echo(_document(settings, credentials, record) if as_json else _summary(settings, credentials, record))


def _prepared(application: Application, settings: Settings, client_secret: str, store: "CredentialStore") -> "SignIn":
    from webex_token_cli.signin.finish import SignIn
    from webex_token_cli.system.signals import defer_signals

    return SignIn(
        client=application.client(settings.api_url),
        store=store,
        profile=settings.profile,
        client_id=settings.client_id or "",
        client_secret=client_secret,
        redirect_uri=settings.redirect_uri,
        scopes=settings.scopes,
        remember=lambda: application.remember(remembered(settings)),
        warn=application.say,
        clock=application.clock,
        uninterrupted=defer_signals,
    )


def _summary(settings: Settings, store: "CredentialStore", record: TokenRecord) -> str:
    lines = [who(settings.profile, record)]
    if record.person is None:
        lines.append("Ask for the scope spark:people_read as well (--scope) to see who a profile belongs to.")
    missing = not_granted(settings.scopes, record)
    if missing:
        lines.append(f"Asked for and not granted: {' '.join(missing)}.")
    return "\n".join([*lines, *where_it_stands(settings.profile, store, record, time.time())])


def _document(settings: Settings, store: "CredentialStore", record: TokenRecord) -> str:
    return to_json(facts(settings.profile, store, record, settings.scopes))
