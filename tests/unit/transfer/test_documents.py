"""Which documents can be imported, and the reason given for each that cannot."""

import contextlib
import json
from dataclasses import replace

import pytest
from hypothesis import given, settings

from tests.support.imported import EXPORT, SETTINGS, any_document, as_bytes, having, without
from tests.support.records import ANSWER, FULL_RECORD, RECORD, RESPONSE
from webex_token_cli.config.settings import Profile
from webex_token_cli.errors import ConfigurationError
from webex_token_cli.store.records import as_values
from webex_token_cli.token_response import TokenResponse
from webex_token_cli.transfer import documents

NEWER = "a newer webex-token exported it"
NO_REFRESH_TOKEN = "without a refresh token it cannot be renewed"
PERSON = as_values(FULL_RECORD)["person"]

UNUSABLE: list[tuple[object, str]] = [
    (b"", "it is empty; the program that should have written it may have failed"),
    (b" \r\n\t ", "it is empty; the program that should have written it may have failed"),
    (b"x" * (64 * 1024 + 1), "it is longer than 64 KiB"),
    (b'{"access_token": "\xff"}', "it is not UTF-8"),
    ('{"access_token": "x"}'.encode("utf-16"), "it is not UTF-8"),
    (b"MDk0OTk3_PF84_1eb65fdf", "it is not JSON"),
    (json.dumps(EXPORT).encode()[:-2], "it is not JSON"),
    (b"[" * 60_000, "it is not JSON"),
    (b"1" * 60_000, "it is not JSON"),
    (b"[]", "it is not a JSON object"),
    (b"null", "it is not a JSON object"),
    (b'"text"', "it is not a JSON object"),
    ({}, "it is neither an export nor a token response"),
    ({"refresh_token": "x", "expires_in": 1}, "it is neither an export nor a token response"),
    ({"message": "The request requires a valid access token", "trackingId": "x"},
     "it is neither an export nor a token response"),
    (having(EXPORT, 2, "version"), NEWER),
    ({"version": 2, "something": "else"}, NEWER),
    (having(EXPORT, 2, "record", "version"), NEWER),
    (having(EXPORT, 10**4000, "version"), NEWER),
    (having(EXPORT, 0, "version"), "its version is wrong"),
    (having(EXPORT, True, "version"), "its version is wrong"),
    (having(EXPORT, 1.0, "version"), "its version is wrong"),
    (having(EXPORT, "1", "version"), "its version is wrong"),
    (without(EXPORT, "version"), "it is neither an export nor a token response"),
    (without(EXPORT, "settings"), "its settings are missing or wrong"),
    (having(EXPORT, [], "settings"), "its settings are missing or wrong"),
    (without(EXPORT, "record"), "there is no record in it"),
    (having(EXPORT, json.dumps(EXPORT["record"]), "record"), "there is no record in it"),
    (without(EXPORT, "record", "version"), "its record's version is wrong"),
    (having(EXPORT, "1", "record", "version"), "its record's version is wrong"),
    (as_values(RECORD), "its settings are missing or wrong"),
    (having(EXPORT, None, "record", "refresh_token"), NO_REFRESH_TOKEN),
    (having(EXPORT, "", "record", "client_id"), "the record in it has no client id or no client secret"),
    (having(EXPORT, "", "record", "client_secret"), "the record in it has no client id or no client secret"),
    *((without(EXPORT, "record", key), f"the record in it is damaged: {key} is missing or wrong")
      for key in ("access_token", "access_expires_at", "changed_at", "refreshed_at", "client_id", "client_secret")),
    *((having(EXPORT, value, "record", key), f"the record in it is damaged: {key} is missing or wrong")
      for key, value in (
          ("access_token", "two words"), ("access_token", 7), ("refresh_token", ["x"]), ("refresh_token", ""),
          ("access_expires_at", "soon"), ("access_expires_at", -1), ("access_expires_at", 1e9),
          ("refresh_expires_at", 10**12), ("changed_at", True), ("client_id", None), ("client_secret", {}),
          ("scopes", "spark:all"), ("scopes", [1]), ("person", "Ada"))),
    (having(EXPORT, {"id": 1}, "record", "person"), "the record in it is damaged: id is missing or wrong"),
    *((having(EXPORT, {**PERSON, "display_name": name}, "record", "person"),
       "the record in it holds characters that cannot be shown")
      for name in ("\x1b[2J", "a\nb", "\u202e", "\x00")),
    (having(EXPORT, {**PERSON, "display_name": "\ud800"}, "record", "person"),
     "the record in it is damaged: display_name is missing or wrong"),
    (having(EXPORT, {**PERSON, "emails": ["a\rb"]}, "record", "person"),
     "the record in it holds characters that cannot be shown"),
    (having(EXPORT, ["spark:all\n"], "record", "scopes"), "the record in it holds characters that cannot be shown"),
    (having(EXPORT, "a\nb", "record", "client_secret"), "the record in it holds characters that cannot be shown"),
    *((having(EXPORT, value, "settings", key), f"its setting {key} is wrong")
      for key in SETTINGS for value in (7, "", " ", " x ", ["x"], "x\n[other]\napi_url = https://evil.example")),
    (having(EXPORT, "two words", "settings", "client_id"), "its setting client_id is wrong"),
    (having(EXPORT, "urn:x", "settings", "redirect_uri"), "its setting redirect_uri is wrong"),
    (having(EXPORT, "spark:all spärk", "settings", "scopes"), "its setting scopes is wrong"),
    (having(EXPORT, "http://evil.example/v1", "settings", "api_url"), "its setting api_url is wrong"),
    (having(EXPORT, "https://user@example.com/v1", "settings", "api_url"), "its setting api_url is wrong"),
    ({"access_token": "x"}, NO_REFRESH_TOKEN),
    (having(ANSWER, None, "refresh_token"), NO_REFRESH_TOKEN),
    (having(ANSWER, "", "refresh_token"), NO_REFRESH_TOKEN),
    (having(ANSWER, "", "access_token"), "it is not a token response (no access_token)"),
    (having(ANSWER, ["x"], "access_token"),
     "it is not a token response (access_token is not a bearer token (RFC 6750))"),
    (having(ANSWER, "two\nlines", "refresh_token"), "its refresh_token is not one (RFC 6749)"),
]  # fmt: skip


@pytest.mark.parametrize(("offered", "why"), UNUSABLE, ids=[f"{n} {why[:40]}" for n, (_, why) in enumerate(UNUSABLE)])
def test_an_unusable_document_is_refused_without_quoting_it(offered: object, why: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        documents.read(as_bytes(offered))
    assert refused.value.message == f"The input cannot be imported: {why}."
    assert refused.value.__suppress_context__ or refused.value.__context__ is None


@pytest.mark.parametrize(
    ("offered", "expected"),
    [
        (ANSWER, RESPONSE),
        (b"\xef\xbb\xbf" + json.dumps(ANSWER).encode(), RESPONSE),
        (having(ANSWER, "1209599", "expires_in"), RESPONSE),
        (without(ANSWER, "expires_in"), replace(RESPONSE, expires_in=None)),
        (having(ANSWER, -1, "expires_in"), replace(RESPONSE, expires_in=None)),
        (without(ANSWER, "refresh_token_expires_in"), replace(RESPONSE, refresh_token_expires_in=None)),
        (EXPORT, documents.Export(SETTINGS, RECORD)),
        (having(EXPORT, 1, "later"), documents.Export(SETTINGS, RECORD)),
        (having(EXPORT, "file", "settings", "store"), documents.Export(SETTINGS, RECORD)),
        (having(EXPORT, {"scopes": None, "later": "x"}, "settings"), documents.Export({}, RECORD)),
        (having(EXPORT, as_values(FULL_RECORD), "record"), documents.Export(SETTINGS, FULL_RECORD)),
        (documents.export(Profile("x", **SETTINGS), FULL_RECORD).encode(), documents.Export(SETTINGS, FULL_RECORD)),
        (documents.export(Profile("x", store="file"), RECORD).encode(), documents.Export({}, RECORD)),
    ],
)  # fmt: skip
def test_a_usable_document_is_read(offered: object, expected: object) -> None:
    assert documents.read(as_bytes(offered)) == expected


def test_the_repr_of_an_export_shows_no_secret() -> None:
    shown = f"{documents.Export(SETTINGS, RECORD)!r}"
    assert [secret for secret in RECORD.secrets if secret and secret in shown] == []


@given(any_document)
@settings(max_examples=500)
def test_any_bytes_are_an_export_a_token_response_or_an_error(data: bytes) -> None:
    with contextlib.suppress(ConfigurationError):
        assert isinstance(documents.read(data), documents.Export | TokenResponse)
