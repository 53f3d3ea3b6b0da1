"""``login``: sign a person in and store the tokens."""

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from webex_token_cli.application import Application
from webex_token_cli.cli.account import AccountOptions, account_options
from webex_token_cli.cli.documents import sign_in_document, to_json
from webex_token_cli.cli.login_options import LoginOptions, check_flow, check_options_given
from webex_token_cli.cli.mistyped import Choice
from webex_token_cli.cli.options import (
    HOME_READ,
    Duration,
    json_option,
    options_given,
    pass_application,
    profile_option,
    verbosity_options,
)
from webex_token_cli.cli.prompts import SIGN_IN_PROMPTS, client_secret, integration_options, with_client_id
from webex_token_cli.cli.replacement import (
    PersonCheck,
    confirm_replacement,
    person_before,
    replace_option,
    replace_person_option,
)
from webex_token_cli.cli.service_app import FLOW as SERVICE_APP_FLOW
from webex_token_cli.cli.service_app import (
    SERVICE_APP_PROMPTS,
    ServiceAppOptions,
    service_app_options,
    settings_of_flow,
    sign_in_service_app,
)
from webex_token_cli.cli.signin import signed_in, who
from webex_token_cli.cli.summary import stored_sentences
from webex_token_cli.config.settings import DEFAULT_SCOPES, Overrides, Profile, Settings, changed_scopes, check_scopes
from webex_token_cli.store.credentials import load_replaceable
from webex_token_cli.tokens import TokenRecord

if TYPE_CHECKING:
    from webex_token_cli.signin.finish import SignIn
    from webex_token_cli.store.credentials import CredentialStore

# The values of ``signin.flows.Flow``. They are repeated here because --help must not import that module.
FLOWS = ("auto", "browser", "paste", "device", "service-app")


@click.command("login", short_help="Sign a person in and store the tokens.", epilog=HOME_READ)
@profile_option
@integration_options
@click.option(
    "--flow",
    type=Choice(FLOWS),
    default="auto",
    show_default=True,
    help="browser: a listener on this machine receives the redirect. paste: you paste the address of the page that the "
    "browser shows last. device: you enter a code on any machine. service-app: a Service App gets its tokens with the "
    "help of another profile, without a browser. auto: the browser flow if a browser can be opened here, else paste.",
)
@service_app_options
@click.option("--no-browser", is_flag=True, help="Print the address instead of opening a browser.")
@click.option(
    "--listen",
    metavar="HOST:PORT",
    help="Listen at this address instead of the redirect URI's, for an SSH tunnel, or for a reverse proxy with "
    "--behind-proxy.",
)
@click.option(
    "--behind-proxy",
    is_flag=True,
    help="A reverse proxy forwards to the address of --listen. It may run as another user, so the owner of its "
    "connections is not checked.",
)
@click.option(
    "--tls-cert",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The certificate for an https:// redirect URI, in PEM.  [default: a temporary self-signed certificate]",
)
@click.option(
    "--tls-key", type=click.Path(path_type=Path), metavar="FILE", help="The certificate's private key, in PEM."
)
@click.option(
    "--timeout",
    type=Duration(),
    default="5m",
    show_default=True,
    metavar="DURATION",
    help="How long to wait for the person to finish.",
)
@account_options
@click.option(
    "--add-scope",
    "added_scopes",
    metavar="SCOPE",
    multiple=True,
    help="Request this scope in addition to those of the profile. May be repeated.",
)
@click.option(
    "--remove-scope",
    "removed_scopes",
    metavar="SCOPE",
    multiple=True,
    help="Request the scopes of the profile without this one. May be repeated.",
)
@replace_option
@replace_person_option
@json_option
@verbosity_options
@pass_application
@click.pass_context
def command(
    ctx: click.Context,
    application: Application,
    profile: str,
    overrides: Overrides,
    client_secret_file: str | None,
    flow: str,
    service_app: ServiceAppOptions,
    no_browser: bool,
    listen: str | None,
    behind_proxy: bool,
    tls_cert: Path | None,
    tls_key: Path | None,
    timeout: float,
    account: AccountOptions,
    added_scopes: tuple[str, ...],
    removed_scopes: tuple[str, ...],
    replace_other: bool,
    replace_person: bool,
    as_json: bool,
) -> None:
    """Sign a person in and store the tokens.

    In the browser flow, a listener on this machine receives Webex's answer at the redirect URI. While it
    waits, you can also open the redirect URI yourself; it leads to the sign-in page. Over SSH, or without a
    display, use --flow paste or --flow device. Stored tokens stay until the new ones are stored. If the
    profile is signed in to another integration, or at another API URL, that sign-in is replaced only after a
    question on a terminal, or with --replace.

    A browser that is signed in to Webex gives its own account without a question. So a sign-in hints at the
    person of the profile, and for a new profile with a name of its own Webex asks for the account. If somebody
    else comes back, the new tokens are stored only after a question on a terminal, or with --replace-person.

    On Linux, the listener at a loopback address answers only your own programs, such as your browser or your
    SSH server. A reverse proxy that runs as another user needs --behind-proxy.

    A Service App signs in without a person: --flow service-app gets its tokens with the access token of the
    profile that --with names, whose integration needs the scope spark:applications_token. A Full Admin of the
    organization must have authorized the Service App in Control Hub. The profile remembers all this, and gets
    new tokens in the same way if its refresh token expires or is revoked.

    \b
    Example:
      webex-token login --scope "spark:all spark:kms"
      webex-token login --flow device
      webex-token login -p work --add-scope spark:kms
      webex-token login -p app --flow service-app --app Y2lz... --org Y2lz... --with work

    Exit status: 0 if the person is signed in; 2 if something is set up wrongly; 3 if Webex refused the
    client secret; 4 if Webex cannot be reached now; 5 if the credential store is unavailable; 6 if the
    person denied or did not finish the sign-in, or another person came back.
    """
    overrides = _with_changed_scopes(ctx, application, overrides, added_scopes, removed_scopes)
    settings = settings_of_flow(application.settings(profile, overrides), flow, service_app)
    options = LoginOptions(flow, no_browser, listen, behind_proxy, timeout, tls_cert, tls_key, as_json)
    check_options_given(flow if settings.service_app is None else SERVICE_APP_FLOW, options_given(ctx))
    check_scopes(settings.scopes)
    _check_redirect_uri(settings)
    credentials = application.store(settings.store)
    before = load_replaceable(credentials, profile, application.say)
    credentials.try_to_write(profile)
    if settings.service_app is None:
        check_flow(application, settings.redirect_uri, options, client_secret_file)
    prompts = SIGN_IN_PROMPTS if settings.service_app is None else SERVICE_APP_PROMPTS
    settings = with_client_id(application, settings, prompts)
    confirm_replacement(application, settings, before, replace_other)
    secret = client_secret(application, settings, client_secret_file, before, prompts)
    sign_in = _prepared(application, settings, secret, credentials)
    if settings.service_app is None:
        person = person_before(application, settings, before)
        sign_in = replace(sign_in, account=account.request.with_defaults(profile, person))
        record = signed_in(application, sign_in, options, PersonCheck(application, settings, person, replace_person))
    else:
        record = sign_in_service_app(application, settings, sign_in)
    click.echo(_document(settings, credentials, record) if as_json else _summary(settings, credentials, record))


def _check_redirect_uri(settings: Settings) -> None:
    """Raise ConfigurationError if the redirect URI cannot be used, before anybody is asked for a client secret."""
    from webex_token_cli.signin.authorization import RedirectURI

    RedirectURI.parse(settings.redirect_uri)


def _with_changed_scopes(
    ctx: click.Context, application: Application, overrides: Overrides, added: Sequence[str], removed: Sequence[str]
) -> Overrides:
    """``overrides`` with the scopes of the profile as --add-scope and --remove-scope change them.

    What the profile remembers comes before WEBEX_SCOPES here, because the options change it. Raises UsageError,
    ConfigurationError.
    """
    if not added and not removed:
        return overrides
    if ctx.get_parameter_source("scopes") is ParameterSource.COMMANDLINE:
        raise click.UsageError("--scope names all scopes, so --add-scope and --remove-scope cannot be given with it.")
    profile = application.section(ctx.params["profile"], overrides.store)
    scopes = (profile.scopes or overrides.scopes or DEFAULT_SCOPES).split()
    return overrides._replace(
        scopes=changed_scopes(profile.name, scopes, " ".join(added).split(), " ".join(removed).split())
    )


def _prepared(application: Application, settings: Settings, client_secret: str, store: "CredentialStore") -> "SignIn":
    from webex_token_cli.profiles import changing, remember
    from webex_token_cli.signin.finish import SignIn
    from webex_token_cli.system.signals import defer_signals

    return SignIn(
        client=application.client(settings.api_url),
        store=store,
        section=Profile.of(settings)._replace(keyring=store.backend),
        client_id=settings.client_id or "",
        client_secret=client_secret,
        redirect_uri=settings.redirect_uri,
        scopes=settings.scopes,
        changing=lambda: changing(application, settings.profile, store),
        remember=lambda section: remember(application, section),
        warn=application.say,
        clock=application.clock,
        defer_signals=defer_signals,
    )


def _summary(settings: Settings, store: "CredentialStore", record: TokenRecord) -> str:
    lines = [who(settings.profile, record)]
    if settings.service_app is not None:
        helper = settings.service_app.with_profile
        lines.append(f"If its refresh token expires or is revoked, it gets new tokens with profile {helper}.")
    elif record.person is None:
        lines.append("To see who a profile belongs to, add the scope spark:people_read with --add-scope.")
    missing = record.scopes_not_granted(settings.scopes)
    if missing:
        lines.append(f"Webex did not grant these scopes: {' '.join(missing)}.")
    return "\n".join([*lines, *stored_sentences(settings.profile, store, record, time.time())])


def _document(settings: Settings, store: "CredentialStore", record: TokenRecord) -> str:
    return to_json(sign_in_document(settings.profile, store.where(settings.profile), record, settings.scopes))
