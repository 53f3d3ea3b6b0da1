"""The document that ``export`` prints, and everything that ``import`` reads. Pure.

A document is ``{"version": 1, "settings": {…}, "record": {…}}``. The settings are those of the profile's section in
``config.ini`` without the store. The record is the entry of the credential store, which has a version of its own.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from webex_token_cli.config.names import check_profile_name
from webex_token_cli.config.settings import Profile, check_api_url, check_scopes, is_setting
from webex_token_cli.errors import ConfigurationError, StoreUnavailable
from webex_token_cli.signin.authorization import RedirectURI
from webex_token_cli.store import records
from webex_token_cli.token_response import TokenResponse
from webex_token_cli.tokens import TokenRecord
from webex_token_cli.transfer import wtr

VERSION = 1

# The longest input that is read, in bytes. An export with two tokens of 2,000 characters has under 6,000.
LONGEST = 64 * 1024


@dataclass(frozen=True, slots=True)
class Export:
    """An exported sign-in: the settings of the profile without the store, and its record.

    ``names_person`` says whether the record may hold the person. The file of another program does not.
    """

    settings: Mapping[str, str]
    record: TokenRecord = field(repr=False)
    names_person: bool = True


def export(profile: Profile, record: TokenRecord) -> str:
    """The document for ``record`` and its ``profile``, on one line. It holds secrets.

    The document is ASCII, so that the encoding of a pipe cannot change it.
    """
    settings = {key: value for key, value in profile.settings.items() if key in _CHECKS}
    return json.dumps({"version": VERSION, "settings": settings, "record": records.as_values(record)})


def read(data: bytes) -> Export | TokenResponse:
    """Parse ``data`` as a document of ``export`` or as a token response (RFC 6749 section 5.1).

    A file of wtr holds all that an export holds, and is returned as an export. Raises ConfigurationError, which never
    repeats any of ``data``, if it is none of them.
    """
    body = _json_object(data)
    # A record of ours has an access token too; without its settings it cannot be imported.
    if "access_token" in body and "access_expires_at" not in body:
        return _response(body)
    if "version" in body:
        return _export(body)
    if wtr.is_wtr_file(body):
        return _wtr_file(body)
    raise _unusable("it is neither an export nor a token response")


def _json_object(data: bytes) -> dict[str, Any]:
    if len(data) > LONGEST:
        raise _unusable(f"it is longer than {LONGEST // 1024} KiB")
    if not data.strip():
        raise _unusable("it is empty; the program that should have written it may have failed")
    try:
        body = json.loads(data.decode("utf-8-sig"))  # as PowerShell and some editors write it
    except UnicodeDecodeError:
        raise _unusable("it is not UTF-8") from None
    except (ValueError, RecursionError):
        raise _unusable("it is not JSON") from None
    if not isinstance(body, dict):
        raise _unusable("it is not a JSON object")
    return body


def _response(body: dict[str, Any]) -> TokenResponse:
    if body.get("refresh_token") in (None, ""):
        raise _no_refresh_token()
    try:
        response = TokenResponse.parse(body)
    except ValueError as error:
        raise _unusable(f"it is not a token response ({error})") from None
    if response.refresh_token is None:
        raise _unusable("its refresh_token is not one (RFC 6749)")
    return response


def _export(body: dict[str, Any]) -> Export:
    _check_version(body, VERSION, "its version")
    return Export(_settings(body.get("settings")), _record(body.get("record")))


def _wtr_file(body: dict[str, Any]) -> Export:
    record = wtr.record_of(body)
    missing = [
        key
        for key, value in (
            ("clientid", record["client_id"]),
            ("secret", record["client_secret"]),
            ("token", record["access_token"]),
        )
        if not value
    ]
    if missing:
        raise ConfigurationError(
            f"This file of wtr cannot be imported: it has no {' and no '.join(missing)}.",
            "wtr reads them from WEBEX_CLIENTID and WEBEX_SECRET, and stores a token after `wtr retrieve`. Write the "
            "missing values into the file, or sign in with `webex-token login`.",
        )
    return Export(_settings(wtr.settings_of(body)), _record(record), names_person=False)


def _check_version(values: dict[str, Any], known: int, name: str) -> None:
    version = values.get("version")
    if type(version) is not int or version < known:
        raise _unusable(f"{name} is wrong")
    if version > known:
        raise ConfigurationError(
            "The input cannot be imported: a newer webex-token exported it.",
            "Upgrade webex-token on this machine. Nothing was changed.",
        )


def _record(values: object) -> TokenRecord:
    if not isinstance(values, dict):
        raise _unusable("there is no record in it")
    _check_version(values, records.VERSION, "its record's version")
    try:
        record = records.from_values(values, "the record in it")
    except StoreUnavailable as error:
        raise _unusable(error.message.rstrip(".")) from None
    if record.refresh_token is None:
        raise _no_refresh_token()
    if not record.client_id or not record.client_secret:
        raise _unusable("the record in it has no client id or no client secret")
    # Names are shown on a terminal, so they must not hold control characters.
    if not all(map(str.isprintable, _texts(record))):
        raise _unusable("the record in it holds characters that cannot be shown")
    return record


def _texts(record: TokenRecord) -> Iterator[str]:
    yield from (record.client_id, record.client_secret, *(record.scopes or ()))
    if record.person is not None:
        person = record.person
        yield from (person.id, person.display_name, *person.emails, person.org_id, person.type)


def _settings(values: object) -> dict[str, str]:
    if not isinstance(values, dict):
        raise _unusable("its settings are missing or wrong")
    settings = {}
    for key, check in _CHECKS.items():
        value = values.get(key)
        if value is None:
            continue
        if not is_setting(value):
            raise _unusable(f"its setting {key} is wrong")
        try:
            check(value)
        except ConfigurationError:
            raise _unusable(f"its setting {key} is wrong") from None
        settings[key] = value
    return settings


def _check_id(value: str) -> None:
    if " " in value:
        raise ConfigurationError("That is not an id.", "Copy it from the integration or Service App.")


# The settings of an export, in the order of config.ini. Each machine chooses its own store.
_CHECKS: Mapping[str, Callable[[str], object]] = {
    "client_id": _check_id,
    "redirect_uri": RedirectURI.parse,
    "scopes": lambda value: check_scopes(value.split()),
    "api_url": check_api_url,
    "application_id": _check_id,
    "org_id": _check_id,
    "with_profile": check_profile_name,
}


def _unusable(why: str) -> ConfigurationError:
    return ConfigurationError(
        f"The input cannot be imported: {why}.",
        "Give the output of `webex-token export`, or a token response of Webex, as JSON. Nothing was changed.",
    )


def _no_refresh_token() -> ConfigurationError:
    return ConfigurationError(
        "The input cannot be imported: without a refresh token it cannot be renewed.",
        "A personal access token expires after 12 hours, and a bot's token never does, so neither can be renewed. "
        "Sign in with `webex-token login`, or give a Service App's token response with its refresh_token.",
    )
