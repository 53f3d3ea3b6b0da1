"""``import``: store a sign-in from another machine, or tokens that Webex gave elsewhere."""

import sys
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
from webex_token_cli.cli.replacement import confirm_replacement, replace_option
from webex_token_cli.cli.summary import stored_sentences
from webex_token_cli.config.names import option_for
from webex_token_cli.config.settings import Overrides, resolve
from webex_token_cli.errors import ConfigurationError
from webex_token_cli.token_response import TokenResponse

if TYPE_CHECKING:
    from webex_token_cli.transfer.documents import Export
    from webex_token_cli.transfer.imports import Imported

# The parameters whose values an export contains.
_IN_AN_EXPORT = frozenset({"client_id", "client_secret_file", "redirect_uri", "scopes", "api_url", "government"})

_ON_A_TERMINAL = "or give the tokens as FILE on a terminal, so that you can be prompted."

IMPORT_PROMPTS = Prompts(
    "Renewing these tokens needs the client id and the client secret of their integration or Service App; see "
    "{my_apps}.",
    f"Give the client id of the tokens with --client-id or WEBEX_CLIENT_ID, {_ON_A_TERMINAL}",
    f"Give it with --client-secret-file FILE or WEBEX_CLIENT_SECRET, {_ON_A_TERMINAL}",
)


@click.command("import", short_help="Store a sign-in from another machine.", epilog=HOME_READ)
@click.argument("file", metavar="[FILE]", default="-", type=click.Path(allow_dash=True, path_type=str))
@profile_option
@integration_options
@replace_option
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
    replace_other: bool,
    as_json: bool,
) -> None:
    """Store what `webex-token export` printed, or a token response of Webex, from FILE or standard input.

    An export contains its settings, so of the options for settings only --store can be given with it. The file
    .wtr-cli.json of wtr is read like an export. A token response is the JSON with access_token, expires_in and
    refresh_token that Webex sends, for example for a Service App. To renew its tokens, give the client id and the
    client secret as well. The profile's tokens are replaced only if everything is valid. A sign-in to another
    integration, or at another API URL, is replaced only after a question on a terminal, or with --replace.

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
        _refuse_options_of_an_export(ctx)
        imported = _import_export(application, profile, given, overrides, replace_other)
    else:
        imported = _import_response(application, profile, given, overrides, client_secret_file, replace_other)
    click.echo(_document(profile, imported) if as_json else _summary(application, profile, imported))
    application.warn_if_refresh_token_low(profile, imported.record)


def _read(application: Application, profile: str, file: str, client_secret_file: str | None) -> bytes:
    """The input, cut one byte above the longest that is accepted. Raises ConfigurationError."""
    from webex_token_cli.transfer.documents import LONGEST

    try:
        if file != "-":
            with Path(file).open("rb") as opened:
                return opened.read(LONGEST + 1)
        if application.interactive or sys.stdin is None:
            state = "a terminal" if application.interactive else "closed"
            named = f"-p {profile}"
            raise ConfigurationError(
                f"There is nothing to import: standard input is {state}.",
                f"Pipe it, as in `webex-token export {named} | ssh HOST webex-token import {named}`, or name a FILE.",
            )
        if client_secret_file == file:
            raise ConfigurationError(
                "Standard input cannot hold both the tokens and the client secret.",
                "Name a file for one of them.",
            )
        return sys.stdin.buffer.read(LONGEST + 1)
    except OSError as error:
        raise ConfigurationError(
            f"{'Standard input' if file == '-' else file} could not be read ({error.strerror}).",
            "Name a file that you may read, or pipe its contents.",
        ) from None


def _refuse_options_of_an_export(ctx: click.Context) -> None:
    """Refuse options that an export overrides. Variables are accepted, because they are set for every run."""
    given = [
        param.opts[0]
        for param in ctx.command.params
        if param.name in _IN_AN_EXPORT and ctx.get_parameter_source(param.name) is ParameterSource.COMMANDLINE
    ]
    if given:
        raise ConfigurationError(
            f"An export contains its own settings, so {' and '.join(given)} cannot be given with it.",
            "Leave it out; of the options for settings, only --store can be given with an export.",
        )


def _import_export(
    application: Application, profile: str, export: "Export", overrides: Overrides, replace_other: bool
) -> "Imported":
    from webex_token_cli.transfer.imports import import_export, settings_for_export

    section = settings_for_export(application, profile, export, overrides)
    settings = resolve(section, Overrides())._replace(client_id=export.record.client_id)
    # A record of a newer version is not replaced: to read it raises an error.
    before = application.store(settings.store).load_replaceable(profile)
    confirm_replacement(application, settings, before, replace_other)
    return import_export(application, section, export, overrides)


def _import_response(
    application: Application,
    profile: str,
    response: TokenResponse,
    overrides: Overrides,
    client_secret_file: str | None,
    replace_other: bool,
) -> "Imported":
    from webex_token_cli.transfer.imports import import_response, settings_for_response

    # The lifetimes count from the moment of reading, not from the end of the prompts.
    now = application.clock()
    settings = settings_for_response(application, profile, response, overrides)
    store = application.store(settings.store)
    before = store.load_replaceable(profile)
    store.try_to_write(profile)
    settings = with_client_id(application, settings, IMPORT_PROMPTS)
    confirm_replacement(application, settings, before, replace_other)
    secret = client_secret(application, settings, client_secret_file, before, IMPORT_PROMPTS)
    return import_response(application, settings, secret, response, now)


def _summary(application: Application, profile: str, imported: "Imported") -> str:
    person = imported.record.person
    whose = "a person whose name is not known" if person is None else person.label
    lines = [f"Imported the {'tokens' if imported.is_token_response else 'sign-in'} of {whose} (profile {profile})."]
    lines += stored_sentences(profile, imported.store, imported.record, application.clock())
    if imported.lifetimes_count_from_now:
        # A token response does not say when Webex sent it, and Webex may not either.
        refresh = f"`webex-token refresh{option_for(profile)}`"
        lines.insert(
            2,
            f"The refresh token's lifetime counts from now, because its age is unknown; {refresh} corrects it."
            if imported.access_expiry_told
            else f"Both lifetimes count from now, because the tokens' age is unknown; {refresh} corrects them.",
        )
    return "\n".join(lines)


def _document(profile: str, imported: "Imported") -> str:
    told = sign_in_document(profile, imported.store.where(profile), imported.record, imported.scopes)
    return to_json({**told, "lifetimes_counted_from_now": imported.lifetimes_count_from_now})
