"""import of wtr's .wtr-cli.json: all that it may hold, and what cannot be taken."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.program import Program
from tests.support.stored import DAY, record_file
from webex_token_cli.errors import ConfigurationError
from webex_token_cli.sandbox import Answer, Sandbox
from webex_token_cli.tokens import TokenRecord
from webex_token_cli.transfer.documents import Export, read

NOW = 1_800_000_000

FILE: dict[str, Any] = {
    "clientid": "C1",
    "expiration": NOW + 14 * DAY,
    "refresh_expiration": NOW + 90 * DAY,
    "refresh_token": "refresh",
    "scopes": "spark:all",
    "secret": "the-secret",
    "token": "access",
}

RECORD = TokenRecord("access", NOW + 14 * DAY, "refresh", NOW + 90 * DAY, NOW, NOW, "C1", "the-secret")


def taken(**changes: object) -> Export:
    """What is made of the file with some keys changed; with None, left out."""
    values = {key: value for key, value in {**FILE, **changes}.items() if value is not None}
    export = read(json.dumps(values).encode())
    assert isinstance(export, Export)
    return export


@pytest.mark.parametrize(
    ("changes", "settings"),
    [
        ({}, {"redirect_uri": "http://localhost:6855", "scopes": "spark:all"}),
        ({"scopes": None}, {"redirect_uri": "http://localhost:6855", "scopes": "spark:kms spark:all"}),
        ({"redirectport": 8080}, {"redirect_uri": "http://localhost:8080", "scopes": "spark:all"}),
        ({"redirectPort": "8080"}, {"redirect_uri": "http://localhost:8080", "scopes": "spark:all"}),
    ],
)
def test_a_file_becomes_settings_and_a_record(changes: dict[str, object], settings: dict[str, str]) -> None:
    assert taken(**changes) == Export({"client_id": "C1", **settings}, RECORD, names_person=False)


def test_when_it_was_given_is_counted_back_from_its_end() -> None:
    shorter = taken(expiration=NOW + 3 * DAY, refresh_expiration=NOW + 80 * DAY).record
    assert (shorter.changed_at, shorter.refreshed_at) == (NOW - 11 * DAY, NOW - 10 * DAY)
    endless = taken(refresh_expiration=None).record
    assert (endless.refresh_expires_at, endless.refreshed_at) == (None, 0)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"token": None}, "it has no token"),
        ({"token": ""}, "it has no token"),
        ({"clientid": None, "secret": None}, "it has no clientid and no secret"),
        ({"refresh_token": None}, "without a refresh token it cannot be renewed"),
        ({"expiration": "soon"}, "access_expires_at is missing or wrong"),
        ({"expiration": None}, "access_expires_at is missing or wrong"),
        ({"expiration": True}, "access_expires_at is missing or wrong"),
        ({"token": "two words"}, "access_token is missing or wrong"),
        ({"redirectport": "http"}, "its setting redirect_uri is wrong"),
        ({"redirectport": "1\nstore = file"}, "its setting redirect_uri is wrong"),
        ({"scopes": ["spark:all"]}, "its setting scopes is wrong"),
        ({"clientid": 7}, "its setting client_id is wrong"),
        ({"secret": "a\x1b[2Jb"}, "it holds characters that cannot be shown"),
    ],
)
def test_what_cannot_be_taken_is_said(changes: dict[str, object], why: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        taken(**changes)
    assert "cannot be imported" in raised.value.message
    assert why in raised.value.message.replace("the record in it holds", "it holds")
    assert "the-secret" not in raised.value.message + raised.value.hint


def test_tokens_that_are_dead_by_now_are_taken_all_the_same(program: Program, sandbox: Sandbox, tmp_path: Path) -> None:
    answer = sandbox.token_response()
    file = tmp_path / ".wtr-cli.json"
    ended = {"expiration": NOW - 900 * DAY, "token": answer["access_token"], "refresh_token": answer["refresh_token"]}
    ours = {"clientid": sandbox.client_id, "secret": sandbox.client_secret}
    file.write_text(json.dumps({**FILE, **ended, **ours}))
    sandbox.order(Answer("/v1/people/me", 401))
    done = program.run("import", str(file))
    assert done.status == 0
    assert done.out.startswith("Imported the sign-in of a person whose name is not known (profile default).\n")
    assert "`webex-token refresh` may correct that." in done.err
    assert program.run("get").out == f"{sandbox.grants[-1].access_token}\n"
    assert json.loads(record_file(program).read_text())["person"] is None


def test_an_option_cannot_be_given_with_it(program: Program, tmp_path: Path) -> None:
    file = tmp_path / ".wtr-cli.json"
    file.write_text(json.dumps(FILE))
    done = program.run("import", "--client-id", "C2", str(file))
    assert (done.status, done.out) == (2, "")
    assert "--client-id cannot be given with it" in done.err
