"""``import``: take over a sign-in from another machine, or tokens that Webex gave elsewhere."""

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from webex_token_cli.application import Application
from webex_token_cli.cli.documents import sign_in_document, to_json
from webex_token_cli.cli.options import (
    HOME_READ,
    json_option,
    pass_application,
    profile_option,
    verbosity_options,
)
from webex_token_cli.cli.prompts import Prompts, client_secret, integration_options, with_client_id
from webex_token_cli.cli.summary import option_for, stored_sentences
from webex_token_cli.config.file import Profile
from webex_token_cli.config.settings import Overrides
from webex_token_cli.errors import ConfigurationError, GrantRefused
from webex_token_cli.tokens import Person, TokenRecord, TokenResponse

if TYPE_CHECKING:
    from webex_token_cli.store.credentials import CredentialStore
    from webex_token_cli.transfer.documents import Export

# What an export brings itself, by the names of the parameters.
_BROUGHT = frozenset({"client_id", "client_secret_file", "redirect_uri", "scopes", "api_url"})

_ON_A_TERMINAL = (
    "or name the tokens' FILE on a terminal, where you are asked; with tokens on standard input nobody can be."
)

IMPORT_PROMPTS = Prompts(
    "These tokens are renewed with the client id and the client secret of the integration, or Service App, that they "
    "were given to; see developer.webex.com/my-apps.",
    f"Give the one that the tokens were given to with --client-id or WEBEX_CLIENT_ID, {_ON_A_TERMINAL}",
    f"Give it with --client-secret-file FILE or WEBEX_CLIENT_SECRET, {_ON_A_TERMINAL}",
)


@dataclass(frozen=True, slots=True)
class _Imported:
    """What was stored, where, and which scopes the profile asks for; ``counted`` says that lifetimes begin now."""

    record: TokenRecord
    store: "CredentialStore"
    scopes: tuple[str, ...]
    counted: bool


@click.command("import", short_help="Take over a sign-in from another machine.", epilog=HOME_READ)
@click.argument("file", metavar="[FILE]", default="-", type=click.Path(allow_dash=True, path_type=str))
@profile_option
@integration_options
@json_option
@verbosity_options
@pass_application
@click.pass_context
def command(
    ctx: click.Context,
    application: Application,
    file: str,
    profile: str,
    overrides: Overrides,
    client_secret_file: str | None,
    as_json: bool,
) -> None:
    """Store what `webex-token export` printed, or a token response of Webex, from FILE or standard input.

    An export contains its settings, so of the options for settings only --store can be given with it. The file
    .wtr-cli.json of wtr is read like an export. A token response is the JSON with access_token, expires_in and
    refresh_token that Webex sends, for example for a Service App. To renew its tokens, give the client id and the
    client secret as well. The profile's tokens are replaced only if everything is valid.

    \b
    Example:
      webex-token export -p work | ssh host webex-token import -p work
      webex-token import -p app --client-id C7f... --client-secret-file secret.txt tokens.json

    Exit status: 0 if the sign-in was imported; 2 if the input or a setting is invalid; 5 if the credential store is
    unavailable.
    """
    from webex_token_cli.transfer.documents import Export, read

    given = read(_read(application, profile, file, client_secret_file))
    if isinstance(given, Export):
        _refuse_what_an_export_brings(ctx)
        imported = _keep_export(application, profile, given, overrides)
    else:
        imported = _keep_response(application, profile, given, overrides, client_secret_file)
    click.echo(_document(profile, imported) if as_json else _summary(application, profile, imported))
    application.warn_if_refresh_token_low(profile, imported.record)


def _read(application: Application, profile: str, file: str, client_secret_file: str | None) -> bytes:
    """What is to be imported, a little more than there may be at most. Raises ConfigurationError."""
    from webex_token_cli.transfer.documents import LONGEST

    try:
        if file != "-":
            with Path(file).open("rb") as opened:
                return opened.read(LONGEST + 1)
        if application.interactive or sys.stdin is None:
            named = f"-p {profile}"
            raise ConfigurationError(
                f"Nothing to import: standard input is {'a terminal' if application.interactive else 'closed'}.",
                f"Pipe it, as in `webex-token export {named} | ssh HOST webex-token import {named}`, or name a FILE.",
            )
        if client_secret_file == file:
            raise ConfigurationError(
                "Standard input cannot bring both the tokens and the client secret.",
                "Name a file for one of them.",
            )
        return sys.stdin.buffer.read(LONGEST + 1)
    except OSError as error:
        raise ConfigurationError(
            f"{'Standard input' if file == '-' else file} could not be read ({error.strerror}).",
            "Name a file that you may read, or pipe what is in it.",
        ) from None


def _refuse_what_an_export_brings(ctx: click.Context) -> None:
    """Refuse options that would have no effect. Variables stay in force in every run, and need not be remembered."""
    given = [
        param.opts[0]
        for param in ctx.command.params
        if param.name in _BROUGHT and ctx.get_parameter_source(param.name) is ParameterSource.COMMANDLINE
    ]
    if given:
        raise ConfigurationError(
            f"An export brings its own settings, so {' and '.join(given)} cannot be given with it.",
            "Leave that out; of these options, only --store goes with an export.",
        )


def _keep_export(application: Application, profile: str, export: "Export", overrides: Overrides) -> _Imported:
    """Store another machine's record as it was there. Raises StoreUnavailable, ConfigurationError."""
    from webex_token_cli.signin.finish import keep

    place = application.settings(profile, Overrides(store=overrides.store)).store
    store = application.store(place)
    store.load_replaceable(profile)  # one of a newer version is not to be replaced
    taken = Profile(profile, **export.settings, store=place)
    record = export.record
    if not export.names_person:
        api_url = application.settings(profile, overrides).api_url
        record = record.belonging_to(_person(application, profile, record, api_url))
    keep(record, store, profile, lambda: application.remember(taken))
    return _Imported(record, store, tuple((taken.scopes or "").split()), counted=False)


def _keep_response(
    application: Application,
    profile: str,
    response: TokenResponse,
    overrides: Overrides,
    client_secret_file: str | None,
) -> _Imported:
    """Make tokens that Webex gave elsewhere a record. Raises StoreUnavailable, ConfigurationError."""
    from webex_token_cli.signin.authorization import RedirectURI
    from webex_token_cli.signin.finish import keep

    now = application.clock()
    # What was granted is the best guess at what a later sign-in is to ask for.
    scopes = overrides.scopes or " ".join(response.scopes or ()) or None
    settings = application.settings(profile, replace(overrides, scopes=scopes))
    RedirectURI.parse(settings.redirect_uri)
    store = application.store(settings.store)
    before = store.load_replaceable(profile)
    settings = with_client_id(application, settings, IMPORT_PROMPTS)
    secret = client_secret(application, settings, client_secret_file, before, IMPORT_PROMPTS)
    record = TokenRecord.signed_in(response, settings.client_id or "", secret, now)
    record = record.belonging_to(_person(application, profile, record, settings.api_url))
    keep(record, store, profile, lambda: application.remember(Profile.of(settings)))
    return _Imported(record, store, settings.scopes, counted=True)


def _person(application: Application, profile: str, record: TokenRecord, api_url: str) -> Person | None:
    """Whom the tokens act for, as far as Webex tells it. A dead access token may have a living refresh token."""
    from webex_token_cli.signin.finish import person_of

    try:
        return person_of(record, application.client(api_url), application.say)
    except GrantRefused as error:
        application.say(f"Warning: {error.message} `webex-token refresh{option_for(profile)}` may mend that.")
        return None


def _summary(application: Application, profile: str, imported: _Imported) -> str:
    person = imported.record.person
    whose = "somebody whose name is not known" if person is None else person.label
    lines = [f"Imported the {'tokens' if imported.counted else 'sign-in'} of {whose} (profile {profile})."]
    lines += stored_sentences(profile, imported.store, imported.record, application.clock())
    if imported.counted:
        # A token response does not tell when it was given.
        refresh = f"`webex-token refresh{option_for(profile)}`"
        lines.insert(2, f"Its lifetime, and the refresh token's, is counted from now; {refresh} sets both right.")
    return "\n".join(lines)


def _document(profile: str, imported: _Imported) -> str:
    told = sign_in_document(profile, imported.store.where(profile), imported.record, imported.scopes)
    return to_json({**told, "lifetimes_counted_from_now": imported.counted})
