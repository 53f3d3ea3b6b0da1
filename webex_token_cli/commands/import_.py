"""``import``: store a sign-in from another machine, or tokens that Webex gave elsewhere."""

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
    options_given,
    pass_application,
    profile_option,
    verbosity_options,
)
from webex_token_cli.cli.prompts import Prompts, client_secret, integration_options, with_client_id
from webex_token_cli.cli.replacement import (
    PersonCheck,
    confirm_replacement,
    person_before,
    replace_option,
    replace_person_option,
)
from webex_token_cli.cli.summary import stored_sentences
from webex_token_cli.config.names import option_for
from webex_token_cli.config.settings import Overrides, Settings, resolve
from webex_token_cli.errors import ConfigurationError
from webex_token_cli.store.credentials import load_replaceable
from webex_token_cli.token_response import TokenResponse
from webex_token_cli.tokens import TokenRecord

if TYPE_CHECKING:
    from webex_token_cli.transfer.documents import Export
    from webex_token_cli.transfer.imports import Imported

# The options whose values an export contains.
_IN_AN_EXPORT = frozenset(
    {"--client-id", "--client-secret-file", "--redirect-uri", "--scope", "--api-url", "--government"}
)

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
@click.option(
    "--from-env",
    is_flag=True,
    help="Import the refresh token in WEBEX_REFRESH_TOKEN, as CI systems hold it, instead of FILE.",
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
    file: str,
    profile: str,
    overrides: Overrides,
    client_secret_file: str | None,
    from_env: bool,
    replace_other: bool,
    replace_person: bool,
    as_json: bool,
) -> None:
    """Store what `webex-token export` printed, or a token response of Webex, from FILE or standard input.

    An export contains its settings, so of the options for settings only --store can be given with it. The file
    .wtr-cli.json of wtr is read like an export. A token response is the JSON with access_token, expires_in and
    refresh_token that Webex sends, for example for a Service App. To renew its tokens, give the client id and the
    client secret as well. The profile's tokens are replaced only if everything is valid. A sign-in to another
    integration, or at another API URL, is replaced only after a question on a terminal, or with --replace, and that
    of another person likewise, or with --replace-person.

    --from-env reads WEBEX_CLIENT_ID, WEBEX_CLIENT_SECRET, WEBEX_REFRESH_TOKEN and, if it is set, WEBEX_ACCESS_TOKEN.
    Without an access token, the refresh token is redeemed once.

    \b
    Example:
      webex-token export -p work | ssh host webex-token import -p work
      webex-token import -p app --client-id C7f... --client-secret-file secret.txt tokens.json
      webex-token import --from-env --store file

    Exit status: 0 if the sign-in was imported; 2 if the input or a setting is invalid; 5 if the credential store is
    unavailable. With --from-env, also 3 if Webex refused the refresh token or the client secret; 4 if Webex cannot be
    reached now.
    """
    from webex_token_cli.transfer.documents import Export, read

    source = _Source(application, profile, overrides, client_secret_file, replace_other, replace_person)
    if from_env:
        if ctx.get_parameter_source("file") is ParameterSource.COMMANDLINE:
            raise click.UsageError("--from-env reads the environment, so FILE cannot be given with it.")
        imported = source.import_variables()
    else:
        given = read(_read(application, profile, file, client_secret_file))
        if isinstance(given, Export):
            _refuse_options_of_an_export(ctx)
            imported = source.import_export(given)
        else:
            # The lifetimes count from the moment of reading, not from the end of the prompts.
            imported = source.import_response(given, application.clock())
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
    """Refuse options that an export overrides."""
    given = [name for name in options_given(ctx) if name in _IN_AN_EXPORT]
    if given:
        raise ConfigurationError(
            f"An export contains its own settings, so {' and '.join(given)} cannot be given with it.",
            "Leave it out; of the options for settings, only --store can be given with an export.",
        )


@dataclass(frozen=True, slots=True)
class _Source:
    """The options of one import, and the ways in which it stores what it is given."""

    application: Application
    profile: str
    overrides: Overrides
    client_secret_file: str | None
    replace_other: bool
    replace_person: bool

    def import_export(self, export: "Export") -> "Imported":
        from webex_token_cli.transfer.imports import import_export, settings_for_export

        section = settings_for_export(self.application, self.profile, export, self.overrides)
        settings = resolve(section, Overrides())._replace(client_id=export.record.client_id)
        # A record of a newer version is not replaced: to read it raises an error.
        store = self.application.store(settings.store)
        before = load_replaceable(store, self.profile, self.application.say)
        confirm_replacement(self.application, settings, before, self.replace_other)
        return import_export(
            self.application, section, export, self.overrides, self._person_check(settings, before).before_import
        )

    def import_response(self, response: TokenResponse, now: float) -> "Imported":
        from webex_token_cli.transfer.imports import import_response

        settings, secret, person_check = self._prepared(response)
        return import_response(self.application, settings, secret, response, now, person_check.before_import)

    def import_variables(self) -> "Imported":
        from webex_token_cli.transfer.environment import CLIENT_SECRET, read_variables
        from webex_token_cli.transfer.imports import import_refresh_token, import_response

        application = self.application
        variables = read_variables(
            application.environment,
            has_client_id=bool(self.overrides.client_id),
            has_client_secret=self.client_secret_file is not None or bool(application.environment.get(CLIENT_SECRET)),
        )
        now = application.clock()
        # Nothing is known of the age of the access token.
        response = TokenResponse(variables.access_token or "", None, variables.refresh_token)
        settings, secret, person_check = self._prepared(response)
        if variables.access_token is not None:
            imported = import_response(application, settings, secret, response, now, person_check.before_import)
            return replace(imported, lifetimes_count_from_now=False)
        return import_refresh_token(
            application,
            settings,
            secret,
            variables.refresh_token,
            person_check,
            scopes_are_given=self.overrides.scopes is not None,
        )

    def _prepared(self, response: TokenResponse) -> tuple[Settings, str, PersonCheck]:
        """The settings and the client secret for tokens that come without them, and the check of their person."""
        from webex_token_cli.transfer.imports import settings_for_response

        settings = settings_for_response(self.application, self.profile, response, self.overrides)
        store = self.application.store(settings.store)
        before = load_replaceable(store, self.profile, self.application.say)
        store.try_to_write(self.profile)
        settings = with_client_id(self.application, settings, IMPORT_PROMPTS)
        confirm_replacement(self.application, settings, before, self.replace_other)
        secret = client_secret(self.application, settings, self.client_secret_file, before, IMPORT_PROMPTS)
        return settings, secret, self._person_check(settings, before)

    def _person_check(self, settings: Settings, before: TokenRecord | None) -> PersonCheck:
        known = person_before(self.application, settings, before)
        return PersonCheck(self.application, settings, known, self.replace_person)


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
    elif imported.record.access_expires_at is None:
        lines.insert(2, f"`webex-token refresh{option_for(profile)}` finds out when the tokens expire.")
    return "\n".join(lines)


def _document(profile: str, imported: "Imported") -> str:
    told = sign_in_document(profile, imported.store.where(profile), imported.record, imported.scopes)
    return to_json({**told, "lifetimes_counted_from_now": imported.lifetimes_count_from_now})
