"""export, import and logout --revoke: a sign-in that moves to another machine, or ends everywhere."""

import contextlib
import json
import os
import re
import shlex
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.folders import ROOT
from tests.support.ports import free_port
from tests.support.program import WEBEX_TOKEN, Finished, Program
from tests.support.records import ANSWER, FULL_RECORD, RECORD, RESPONSE, json_values
from tests.support.stored import DAY, TIME, age, record_file
from tests.support.terminal import at_a_terminal, end_of
from webex_token_cli.config.settings import Profile
from webex_token_cli.errors import ConfigurationError
from webex_token_cli.main import run
from webex_token_cli.sandbox.faults import Fault
from webex_token_cli.sandbox.rules import Rules
from webex_token_cli.sandbox.server import Sandbox
from webex_token_cli.store.locks import locked
from webex_token_cli.store.records import as_values, decode
from webex_token_cli.tokens import TokenResponse
from webex_token_cli.transfer import documents

ADMIN = "spark:all identity:tokens_read identity:tokens_write"

SETTINGS = {
    "client_id": "client-id",
    "redirect_uri": "http://localhost:8000/oauth",
    "scopes": "spark:all spark:kms",
    "api_url": "https://webexapis.com/v1",
}
EXPORT: dict[str, Any] = json.loads(json.dumps({"version": 1, "settings": SETTINGS, "record": as_values(RECORD)}))


@pytest.fixture
def rules(redirect_uri: str) -> Rules:
    return Rules(redirect_uris=(redirect_uri,), renew_after=1)


@pytest.fixture
def elsewhere(program: Program, tmp_path: Path) -> Program:
    """Another machine, on which nothing is set up but the store."""
    others = {name: None for name in program.variables if name.startswith("WEBEX_")}
    return program.having(**{**others, "WEBEX_TOKEN_HOME": str(tmp_path / "elsewhere"), "WEBEX_TOKEN_STORE": "file"})


def config_file(program: Program) -> Path:
    return Path(program.variables["WEBEX_TOKEN_HOME"], "config.ini")


def everything_kept(program: Program) -> dict[str, bytes]:
    """The files of the program's home, but for locks."""
    home = Path(program.variables["WEBEX_TOKEN_HOME"])
    return {
        str(path.relative_to(home)): path.read_bytes()
        for path in home.rglob("*")
        if path.is_file() and path.suffix != ".lock"
    }


def response(sandbox: Sandbox, *scopes: str, **change: object) -> str:
    """A token response that Webex gave somebody else, with some keys changed."""
    answer = sandbox.webex.issue_token_response(scopes or ("spark:all",))
    return json.dumps({**answer, **change})


# -- export ---------------------------------------------------------------------------------------------------


def test_an_export_is_the_record_and_what_the_profile_remembers(signed_in: Program, sandbox: Sandbox) -> None:
    asked = len(sandbox.journal)
    done = signed_in.run("export")
    assert (done.status, done.err, done.out.count("\n")) == (0, "", 1)
    assert json.loads(done.out) == {
        "version": 1,
        "settings": {
            "client_id": sandbox.webex.client_id,
            "redirect_uri": sandbox.webex.rules.redirect_uris[0],
            "scopes": "spark:all",
            "api_url": sandbox.api_url,
        },
        "record": json.loads(record_file(signed_in).read_text()),
    }
    assert list(json.loads(done.out)) == ["version", "settings", "record"]
    assert len(sandbox.journal) == asked


def test_an_export_has_only_what_config_ini_says(signed_in: Program) -> None:
    config_file(signed_in).write_text("[default]\nstore = file\nscopes = spark:kms\n")
    assert json.loads(signed_in.run("export").out)["settings"] == {"scopes": "spark:kms"}


@pytest.mark.parametrize("asked", [[], ["-p", "work"]])
def test_an_export_of_nobody_is_exit_3(program: Program, asked: list[str]) -> None:
    name = asked[-1] if asked else "default"
    done = program.run("export", *asked)
    assert (done.status, done.out) == (3, "")
    assert done.err.startswith(f"Error: Nobody is signed in as profile {name}.\n")


def test_a_damaged_entry_is_not_exported(signed_in: Program) -> None:
    record_file(signed_in).write_text("{")
    done = signed_in.run("export")
    assert (done.status, done.out) == (5, "")
    assert " is damaged: " in done.err


def test_an_export_on_a_terminal_is_refused_unless_it_is_meant(signed_in: Program, sandbox: Sandbox) -> None:
    with at_a_terminal(signed_in, "export") as child:
        status, shown = end_of(child)
    assert status == 2
    assert shown.splitlines() == [
        "Error: An export holds secrets, and standard output is a terminal.",
        "Pipe it to the other machine, as in `webex-token export -p default | ssh HOST webex-token import "
        "-p default`; --yes prints it here all the same.",
    ]
    with at_a_terminal(signed_in, "export", "--yes") as child:
        status, shown = end_of(child)
    assert (status, json.loads(shown)) == (0, json.loads(signed_in.run("export").out))


def test_a_terminal_is_refused_before_the_store_is_asked(program: Program) -> None:
    with at_a_terminal(program, "export") as child:
        assert end_of(child)[0] == 2


# -- export | import ------------------------------------------------------------------------------------------


def test_a_sign_in_moves_through_a_pipe_and_stays_the_same(
    signed_in: Program, elsewhere: Program, sandbox: Sandbox
) -> None:
    age(signed_in, DAY)
    asked = len(sandbox.journal)
    there = shlex.quote(elsewhere.variables["WEBEX_TOKEN_HOME"])
    done = subprocess.run(
        ["sh", "-c", f"{WEBEX_TOKEN} export | env WEBEX_TOKEN_HOME={there} {WEBEX_TOKEN} import"],
        env={**signed_in.environment, "WEBEX_CLIENT_ID": "another", "WEBEX_SCOPES": "spark:kms"},
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    assert re.sub(TIME, "TIME", done.stdout).splitlines() == [
        "Imported the sign-in of Ada Lovelace <ada@example.com> (profile default).",
        "The access token expires TIME (in 12 days).",
        f"Stored in plain file {record_file(elsewhere)}.",
        "To keep it valid, run `webex-token watch`.",
    ]
    assert done.stderr == ""
    assert len(sandbox.journal) == asked
    # Made older by hand, the one has other blanks than the other.
    assert json.loads(record_file(elsewhere).read_text()) == json.loads(record_file(signed_in).read_text())
    assert config_file(elsewhere).read_text() == config_file(signed_in).read_text()
    assert elsewhere.run("refresh").status == 0
    assert everything_kept(elsewhere).keys() == everything_kept(signed_in).keys()


def test_the_entry_is_the_same_to_the_byte(signed_in: Program, elsewhere: Program) -> None:
    assert elsewhere.run("import", stdin=signed_in.run("export").out).status == 0
    assert everything_kept(elsewhere) == everything_kept(signed_in)
    assert elsewhere.run("export") == signed_in.run("export")


def test_a_name_arrives_to_the_letter_whatever_the_locale(
    program: Program, elsewhere: Program, sandbox: Sandbox
) -> None:
    sandbox.webex.person["displayName"] = "Ådà 林"
    plain = program.having(LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    assert plain.run("login").status == 0
    exported = plain.run("export").out
    assert exported.isascii()
    assert elsewhere.run("import", stdin=exported).out.startswith("Imported the sign-in of Ådà 林 <ada@example.com>")
    assert everything_kept(elsewhere) == everything_kept(program)


@pytest.mark.xdist_group("keyring")
def test_the_store_is_a_matter_of_each_machine(signed_in: Program, elsewhere: Program, tmp_path: Path) -> None:
    keyring = {
        "PYTHON_KEYRING_BACKEND": "tests.support.keyrings.Shelf",
        "PYTHONPATH": str(ROOT),
        "WEBEX_TOKEN_TEST_KEYRING": str(tmp_path / "shelf.json"),
    }
    with_keyring = elsewhere.having(**keyring, WEBEX_TOKEN_STORE=None)
    exported = signed_in.run("export").out
    assert with_keyring.run("import", stdin=exported).status == 0
    ours = record_file(signed_in).read_text()
    assert json.loads((tmp_path / "shelf.json").read_text()) == {"default": ours}
    section = config_file(signed_in).read_text()
    assert config_file(elsewhere).read_text() == section.replace("store = file", "store = keyring")
    # From one store to another: the entry in the old one goes.
    assert with_keyring.run("import", "--store", "file", stdin=exported).status == 0
    assert json.loads((tmp_path / "shelf.json").read_text()) == {}
    assert config_file(elsewhere).read_text() == section
    assert record_file(elsewhere).read_text() == ours


def test_importing_the_same_again_leaves_config_ini_alone(signed_in: Program, elsewhere: Program) -> None:
    exported = signed_in.run("export").out
    assert elsewhere.run("import", stdin=exported).status == 0
    before = config_file(elsewhere).stat()
    assert elsewhere.run("import", stdin=exported).status == 0
    after = config_file(elsewhere).stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_an_import_replaces_what_the_profile_said_and_nothing_else(signed_in: Program, elsewhere: Program) -> None:
    config = config_file(elsewhere)
    config.parent.mkdir()
    config.write_text("# mine\n[other]\nscopes = x\n\n[work]\n# kept\napi_url = https://example.com/v1\n")
    config_file(signed_in).write_text("[default]\nscopes = spark:all\nstore = file\n")
    exported = signed_in.run("export").out
    assert elsewhere.run("import", "-p", "work", stdin=exported).status == 0
    assert config.read_text() == ("# mine\n[other]\nscopes = x\n\n[work]\n# kept\nscopes = spark:all\nstore = file\n")


def test_an_import_for_programs(signed_in: Program, elsewhere: Program) -> None:
    done = elsewhere.run("import", "-p", "work", "--json", stdin=signed_in.run("export").out)
    stored = json.loads(record_file(signed_in).read_text())
    assert (done.status, done.err) == (0, "")
    assert json.loads(done.out) == {
        "version": 1,
        "profile": "work",
        "person": "Ada Lovelace <ada@example.com>",
        "scopes": ["spark:all"],
        "scopes_not_granted": [],
        "access_token_expires_at": stored["access_expires_at"],
        "refresh_token_expires_at": stored["refresh_expires_at"],
        "stored_in": f"plain file {record_file(elsewhere, 'work')}",
        "lifetimes_counted_from_now": False,
    }


def test_a_sign_in_that_ran_out_on_the_way_is_told_so(signed_in: Program, elsewhere: Program) -> None:
    age(signed_in, 91 * DAY)
    done = elsewhere.run("import", stdin=signed_in.run("export").out)
    assert done.status == 0
    assert re.search(rf"^The access token expired {TIME} \(77 days ago\)\.$", done.out, re.MULTILINE)
    assert re.fullmatch(
        rf"Warning: the refresh token of profile default expired {TIME} \(24 hours ago\)\. Sign in with .*\n",
        done.err,
    )


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--client-id", "C1"], "--client-id"),
        (
            ["--client-secret-file", "x", "--redirect-uri", "http://localhost/"],
            "--client-secret-file and --redirect-uri",
        ),
        (["--scope", "spark:kms"], "--scope"),
        (["--api-url", "https://webexapis.com/v1"], "--api-url"),
    ],
)
def test_an_export_brings_its_settings_itself(
    signed_in: Program, elsewhere: Program, options: list[str], named: str
) -> None:
    done = elsewhere.run("import", *options, stdin=signed_in.run("export").out)
    assert done == Finished(
        2,
        "",
        f"Error: An export contains its own settings, so {named} cannot be given with it.\n"
        "Leave it out; of the options for settings, only --store can be given with an export.\n",
    )
    assert everything_kept(elsewhere) == {}


def test_the_entry_is_written_under_its_lock(signed_in: Program, elsewhere: Program, tmp_path: Path) -> None:
    file = tmp_path / "export.json"
    file.write_text(signed_in.run("export").out)
    lock = record_file(elsewhere).with_suffix(".json.lock")
    with locked(lock, print), elsewhere.started("import", str(file)) as waiting:
        waiting.wait_for("Waiting for another webex-token")
        assert not record_file(elsewhere).exists()
    assert elsewhere.run("import", str(file)).status == 0


def test_an_entry_of_a_newer_version_stays_and_a_damaged_one_is_replaced(
    signed_in: Program, elsewhere: Program, sandbox: Sandbox
) -> None:
    known = {"WEBEX_CLIENT_ID": "c", "WEBEX_CLIENT_SECRET": "s", "WEBEX_TOKEN_API_URL": sandbox.api_url}
    for offered in (signed_in.run("export").out, response(sandbox)):
        assert elsewhere.run("import", stdin=signed_in.run("export").out).status == 0
        newer = json.dumps({"version": 2})
        record_file(elsewhere).write_text(newer)
        done = elsewhere.having(**known).run("import", stdin=offered)
        assert (done.status, done.out) == (5, "")
        assert "was written by a newer webex-token (version 2 of the record)" in done.err
        assert record_file(elsewhere).read_text() == newer
        record_file(elsewhere).write_text("{")
        done = elsewhere.having(**known).run("import", stdin=offered)
        assert done.status == 0
        assert done.err.startswith(f"Warning: The entry 'default' in plain file {record_file(elsewhere)} is damaged: ")
        assert elsewhere.run("get", "--no-refresh").status == 0


# -- what is no export and no token response ------------------------------------------------------------------


def without(document: dict[str, Any], *path: str) -> dict[str, Any]:
    """A copy without the value that the path leads to."""
    copy: dict[str, Any] = json.loads(json.dumps(document))
    at = copy
    for key in path[:-1]:
        at = at[key]
    del at[path[-1]]
    return copy


def having(document: dict[str, Any], value: object, *path: str) -> dict[str, Any]:
    """A copy with another value where the path leads."""
    copy: dict[str, Any] = json.loads(json.dumps(document))
    at = copy
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    return copy


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
    (as_values(RECORD), "it is not a token response (no expires_in)"),
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
      for name in ("\x1b[2J", "a\nb", "\u202e", "\ud800", "\x00")),
    (having(EXPORT, {**PERSON, "emails": ["a\rb"]}, "record", "person"),
     "the record in it holds characters that cannot be shown"),
    (having(EXPORT, ["spark:all\n"], "record", "scopes"), "the record in it holds characters that cannot be shown"),
    (having(EXPORT, "a\nb", "record", "client_secret"), "the record in it holds characters that cannot be shown"),
    *((having(EXPORT, value, "settings", key), f"its setting {key} is wrong")
      for key in SETTINGS for value in (7, "", " ", " x ", ["x"], "x\n[other]\napi_url = https://evil.example")),
    (having(EXPORT, "two words", "settings", "client_id"), "its setting client_id is wrong"),
    (having(EXPORT, "urn:x", "settings", "redirect_uri"), "its setting redirect_uri is wrong"),
    (having(EXPORT, "http://evil.example/v1", "settings", "api_url"), "its setting api_url is wrong"),
    (having(EXPORT, "https://user@example.com/v1", "settings", "api_url"), "its setting api_url is wrong"),
    ({"access_token": "x"}, NO_REFRESH_TOKEN),
    (having(ANSWER, None, "refresh_token"), NO_REFRESH_TOKEN),
    (having(ANSWER, "", "refresh_token"), NO_REFRESH_TOKEN),
    (without(ANSWER, "expires_in"), "it is not a token response (no expires_in)"),
    (having(ANSWER, "", "access_token"), "it is not a token response (no access_token)"),
    (having(ANSWER, ["x"], "access_token"),
     "it is not a token response (access_token is not a bearer token (RFC 6750))"),
    (having(ANSWER, "two words", "refresh_token"),
     "it is not a token response (refresh_token is not a bearer token (RFC 6750))"),
    (having(ANSWER, "soon", "expires_in"), "it is not a token response (expires_in is not a lifetime in seconds)"),
    (having(ANSWER, -1, "expires_in"), "it is not a token response (expires_in is not a lifetime in seconds)"),
    (having(ANSWER, float("nan"), "expires_in"),
     "it is not a token response (expires_in is not a lifetime in seconds)"),
    (having(ANSWER, {}, "refresh_token_expires_in"),
     "it is not a token response (refresh_token_expires_in is not a lifetime in seconds)"),
]  # fmt: skip


def as_bytes(offered: object) -> bytes:
    return offered if isinstance(offered, bytes) else json.dumps(offered).encode()


@pytest.mark.parametrize(("offered", "why"), UNUSABLE, ids=[f"{n} {why[:40]}" for n, (_, why) in enumerate(UNUSABLE)])
def test_what_cannot_be_used_is_refused_in_words_that_repeat_none_of_it(offered: object, why: str) -> None:
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
def test_what_can_be_used_is_read(offered: object, expected: object) -> None:
    assert documents.read(as_bytes(offered)) == expected


def test_what_was_read_shows_no_secret() -> None:
    shown = f"{documents.Export(SETTINGS, RECORD)!r}"
    assert [secret for secret in RECORD.secrets if secret and secret in shown] == []


@pytest.mark.parametrize(
    "offered", [b"", b"[", having(ANSWER, None, "refresh_token"), without(EXPORT, "record", "changed_at")]
)
def test_what_was_stored_stays_when_what_comes_cannot_be_used(
    signed_in: Program, tmp_path: Path, sandbox: Sandbox, offered: object
) -> None:
    before, asked = everything_kept(signed_in), len(sandbox.journal)
    file = tmp_path / "given"
    file.write_bytes(as_bytes(offered))
    for done in (
        signed_in.run("import", str(file)),
        signed_in.run("--debug", "import", stdin=as_bytes(offered).decode()),
    ):
        assert (done.status, done.out) == (2, "")
        assert done.err.startswith("Error: The input cannot be imported: ")
    assert everything_kept(signed_in) == before
    assert len(sandbox.journal) == asked


any_value = json_values | st.sampled_from([1, 2, "1", "access-1", "http://localhost/", "spark:all"])
any_document = st.one_of(
    st.binary(max_size=200),
    st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace")),
    json_values.map(as_bytes),
    st.tuples(st.sampled_from(sorted(EXPORT)), any_value).map(lambda each: as_bytes(having(EXPORT, each[1], each[0]))),
    st.tuples(st.sampled_from(("record", "settings")), st.sampled_from([*EXPORT["record"], *SETTINGS]), any_value).map(
        lambda each: as_bytes(having(EXPORT, each[2], each[0], each[1]))
    ),
    st.tuples(st.sampled_from(sorted(ANSWER)), any_value).map(lambda each: as_bytes(having(ANSWER, each[1], each[0]))),
    st.integers(0, len(as_bytes(EXPORT))).map(lambda end: as_bytes(EXPORT)[:end]),
)


@given(any_document)
@settings(max_examples=500)
def test_any_bytes_are_one_of_the_two_or_get_a_sentence(data: bytes) -> None:
    with contextlib.suppress(ConfigurationError):
        assert isinstance(documents.read(data), documents.Export | TokenResponse)


@given(any_document)
@settings(max_examples=150, deadline=None)
def test_whatever_is_imported_there_is_a_record_or_exit_2(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    home = tmp_path_factory.mktemp("home")
    (home / "given").write_bytes(data)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "WEBEX_TOKEN_HOME": str(home),
            "WEBEX_TOKEN_STORE": "file",
            "WEBEX_CLIENT_ID": "client-id",
            "WEBEX_CLIENT_SECRET": "client-secret",
            "WEBEX_TOKEN_API_URL": f"http://127.0.0.1:{free_port()}/v1",
        }.items():
            patch.setenv(name, value)
        status = run(["import", str(home / "given")])
        assert status in {0, 2}
        entry = home / "credentials" / "webex-token+default.json"
        assert entry.exists() == (home / "config.ini").exists() == (status == 0)
        if status == 0:
            assert decode(entry.read_text(), "it").refresh_token
            assert run(["show"]) in {0, 3}


# -- where it comes from --------------------------------------------------------------------------------------


def test_a_terminal_has_nothing_to_import(elsewhere: Program) -> None:
    for arguments in (["import", "-p", "work"], ["import", "-p", "work", "-"]):
        with at_a_terminal(elsewhere, *arguments) as child:
            status, shown = end_of(child)
        assert status == 2
        assert shown.splitlines() == [
            "Error: There is nothing to import: standard input is a terminal.",
            "Pipe it, as in `webex-token export -p work | ssh HOST webex-token import -p work`, or name a FILE.",
        ]


def test_a_closed_standard_input_has_nothing_either(elsewhere: Program) -> None:
    done = subprocess.run(
        ["sh", "-c", f"{WEBEX_TOKEN} import <&-"], env=elsewhere.environment, capture_output=True, encoding="utf-8"
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Error: There is nothing to import: standard input is closed.\n")


def test_a_file_that_cannot_be_read_is_named(elsewhere: Program, tmp_path: Path) -> None:
    for file, why in ((tmp_path / "none", "No such file or directory"), (tmp_path, "Is a directory")):
        assert elsewhere.run("import", str(file)) == Finished(
            2, "", f"Error: {file} could not be read ({why}).\nName a file that you may read, or pipe its contents.\n"
        )


def test_no_more_is_read_than_can_be_used(elsewhere: Program) -> None:
    with Path("/dev/zero").open("rb") as endless, elsewhere.started("import", stdin=endless.fileno()) as piped:
        done = piped.finish()
    assert (done.status, done.err.splitlines()[0]) == (
        2,
        "Error: The input cannot be imported: it is longer than 64 KiB.",
    )
    assert elsewhere.run("import", "/dev/zero").status == 2


# -- a token response -----------------------------------------------------------------------------------------


def test_a_token_response_becomes_a_profile(program: Program, sandbox: Sandbox) -> None:
    offered = response(sandbox, "spark:all", "spark:kms")
    done = program.run("import", "-p", "app", stdin=offered)
    assert (done.status, done.err) == (0, "")
    assert re.sub(TIME, "TIME", done.out).splitlines() == [
        "Imported the tokens of Ada Lovelace <ada@example.com> (profile app).",
        "The access token expires TIME (in 13 days).",
        "Both lifetimes count from now, because the tokens' age is unknown; `webex-token refresh --profile app` "
        "corrects them.",
        f"Stored in plain file {record_file(program, 'app')}.",
        "To keep it valid, run `webex-token watch --profile app`.",
    ]
    told, stored = json.loads(offered), json.loads(record_file(program, "app").read_text())
    now = stored["refreshed_at"]
    assert stored == {
        "version": 1,
        "access_token": told["access_token"],
        "access_expires_at": now + told["expires_in"],
        "refresh_token": told["refresh_token"],
        "refresh_expires_at": now + told["refresh_token_expires_in"],
        "changed_at": now,
        "refreshed_at": now,
        "client_id": sandbox.webex.client_id,
        "client_secret": sandbox.webex.client_secret,
        "scopes": ["spark:all", "spark:kms"],
        "person": {
            "id": sandbox.webex.person["id"],
            "display_name": "Ada Lovelace",
            "emails": ["ada@example.com"],
            "org_id": sandbox.webex.person["orgId"],
            "type": "person",
        },
    }
    assert config_file(program).read_text().splitlines() == [
        "[app]",
        f"client_id = {sandbox.webex.client_id}",
        f"redirect_uri = {sandbox.webex.rules.redirect_uris[0]}",
        "scopes = spark:all spark:kms",
        f"api_url = {sandbox.api_url}",
        "store = file",
    ]
    assert [entry.path for entry in sandbox.journal] == ["/v1/people/me"]


def test_a_refresh_sets_the_lifetimes_right(program: Program, sandbox: Sandbox) -> None:
    offered = response(sandbox)
    sandbox.webex.rules = replace(sandbox.webex.rules, renew_after=DAY)
    sandbox.webex.advance(DAY // 2)
    assert program.run("import", stdin=offered).status == 0
    counted = json.loads(record_file(program).read_text())
    assert program.run("refresh").status == 0
    right = json.loads(record_file(program).read_text())
    assert right["access_token"] == counted["access_token"]
    assert abs(counted["access_expires_at"] - right["access_expires_at"] - DAY // 2) < 30


def test_a_token_response_for_programs(program: Program, sandbox: Sandbox) -> None:
    done = program.run("import", "--json", "--scope", "spark:all spark:kms", stdin=response(sandbox, token_type=None))
    told, stored = json.loads(done.out), json.loads(record_file(program).read_text())
    assert (done.status, done.err) == (0, "")
    assert told == {
        "version": 1,
        "profile": "default",
        "person": "Ada Lovelace <ada@example.com>",
        "scopes": ["spark:all"],
        "scopes_not_granted": ["spark:kms"],
        "access_token_expires_at": stored["access_expires_at"],
        "refresh_token_expires_at": stored["refresh_expires_at"],
        "stored_in": f"plain file {record_file(program)}",
        "lifetimes_counted_from_now": True,
    }


def test_a_person_that_the_scopes_do_not_tell_is_fine(program: Program, sandbox: Sandbox) -> None:
    done = program.run("import", stdin=response(sandbox, "spark:rooms_read"))
    assert (done.status, done.err) == (0, "")
    assert done.out.startswith("Imported the tokens of a person whose name is not known (profile default).\n")


def test_an_access_token_that_webex_does_not_accept_is_stored_with_a_warning(
    program: Program, sandbox: Sandbox
) -> None:
    offered = response(sandbox)
    sandbox.webex.advance(20 * DAY)
    done = program.run("import", "-p", "app", stdin=offered)
    assert done.status == 0
    assert re.fullmatch(
        r"Warning: Webex does not accept the access token \(HTTP 401, tracking ID ROUTER_\S+\)\. "
        r"`webex-token refresh --profile app` may correct that\.\n",
        done.err,
    )
    assert program.run("refresh", "-p", "app").status == 0
    assert program.run("show", "-p", "app", "--check").status == 0


@pytest.mark.parametrize("down", ["503", "portal", "gone"])
def test_an_unreachable_webex_is_no_reason_not_to_store(program: Program, sandbox: Sandbox, down: str) -> None:
    if down == "gone":
        program = program.having(WEBEX_TOKEN_API_URL=f"http://127.0.0.1:{free_port()}/v1")
    else:
        sandbox.order(Fault("/v1/people/me", *{"503": (503, {}, ""), "portal": (200, {}, "<html>")}[down]))
    done = program.run("import", stdin=response(sandbox))
    assert done.status == 0
    assert re.fullmatch(r"Warning: The person who signed in could not be looked up\. .*\n", done.err)
    assert program.run("get", "--no-refresh").status == 0


def test_importing_tokens_replaces_those_of_before(signed_in: Program, sandbox: Sandbox) -> None:
    assert signed_in.run("import", stdin=response(sandbox)).status == 0
    assert signed_in.run("get").out.strip() == sandbox.webex.grants[1].access_token


# -- the client id and the client secret that renew a token response ------------------------------------------


def unconfigured(program: Program) -> Program:
    return program.having(WEBEX_CLIENT_ID=None, WEBEX_CLIENT_SECRET=None)


def secret_of(program: Program) -> str:
    return str(json.loads(record_file(program).read_text())["client_secret"])


def test_with_tokens_on_standard_input_nobody_can_be_asked(program: Program, sandbox: Sandbox) -> None:
    nobody = "or give the tokens as FILE on a terminal, so that you can be prompted."
    offered = response(sandbox)
    assert unconfigured(program).run("import", stdin=offered) == Finished(
        2,
        "",
        "Error: No client id is configured for profile default.\n"
        f"Give the client id of the tokens with --client-id or WEBEX_CLIENT_ID, {nobody}\n",
    )
    assert unconfigured(program).run("import", "--client-id", "C1", stdin=offered) == Finished(
        2,
        "",
        "Error: No client secret is configured.\n"
        f"Give it with --client-secret-file FILE or WEBEX_CLIENT_SECRET, {nobody}\n",
    )
    assert (everything_kept(program), sandbox.journal) == ({}, [])


def test_standard_input_cannot_bring_both(program: Program, sandbox: Sandbox) -> None:
    done = program.run("import", "--client-secret-file", "-", stdin=response(sandbox))
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith("Error: Standard input cannot hold both the tokens and the client secret.\n")
    assert everything_kept(program) == {}


def test_the_secret_comes_from_a_file_the_environment_and_the_store_in_that_order(
    program: Program, sandbox: Sandbox, tmp_path: Path
) -> None:
    tokens, secret = tmp_path / "tokens.json", tmp_path / "secret"
    tokens.write_text(response(sandbox))
    secret.write_text("from-a-file\n")
    bare = unconfigured(program)
    known = bare.having(WEBEX_CLIENT_ID="C1")
    file = ("--client-secret-file", str(secret))
    steps: list[tuple[Callable[[], Finished], str]] = [
        (lambda: program.run("import", "--client-id", "C1", *file, str(tokens)), "from-a-file"),
        (lambda: known.run("import", str(tokens)), "from-a-file"),
        (lambda: bare.run("import", str(tokens)), "from-a-file"),
        (lambda: known.having(WEBEX_CLIENT_SECRET="of-environment").run("import", str(tokens)), "of-environment"),
        (lambda: known.run("import", "--client-secret-file", "-", str(tokens), stdin="from-stdin\n"), "from-stdin"),
    ]  # fmt: skip
    for step, expected in steps:
        assert step().status == 0
        assert secret_of(program) == expected
    before = everything_kept(program)
    # What is stored is the secret of another client id.
    assert bare.run("import", "--client-id", "C2", str(tokens)).status == 2
    assert everything_kept(program) == before


def test_a_person_at_a_terminal_is_asked(program: Program, sandbox: Sandbox, tmp_path: Path) -> None:
    tokens = tmp_path / "tokens.json"
    tokens.write_text(response(sandbox))
    with at_a_terminal(unconfigured(program), "import", str(tokens)) as child:
        child.expect_exact("Renewing these tokens needs the client id and the client secret of their integration")
        child.expect_exact("Client ID:")
        child.sendline(sandbox.webex.client_id)
        child.expect_exact("Client Secret (hidden):")
        child.sendline(sandbox.webex.client_secret)
        status, shown = end_of(child)
    assert status == 0
    assert "Imported the tokens of Ada Lovelace" in shown
    assert sandbox.webex.client_secret not in shown
    assert unconfigured(program).run("refresh").status == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--client-id", "two words"], "'two words' is not a client id."),
        (["--redirect-uri", "nowhere"], "The redirect URI 'nowhere' is not a URI with a scheme and a host."),
        (["--api-url", "http://example.com/v1"], "'http://example.com/v1' cannot be the API base URL."),
        (["--client-secret-file", os.devnull], "The client secret is empty or not one line of text."),
    ],
)
def test_a_wrong_option_is_told_before_anything_is_stored(
    program: Program, sandbox: Sandbox, options: list[str], message: str
) -> None:
    done = program.run("import", *options, stdin=response(sandbox))
    assert (done.status, done.out, done.err.splitlines()[0]) == (2, "", f"Error: {message}")
    assert (everything_kept(program), sandbox.journal) == ({}, [])


# -- logout --revoke ------------------------------------------------------------------------------------------


def sign_in_as_admin(program: Program, profile: str = "default") -> None:
    assert program.run("login", "-p", profile, "--scope", ADMIN).status == 0


def test_an_admin_logs_out_everywhere(program: Program, sandbox: Sandbox) -> None:
    sign_in_as_admin(program)
    token = sandbox.webex.grants[0].access_token
    assert program.run("logout", "--revoke") == Finished(0, "default: revoked and removed.\n", "")
    assert sandbox.webex.grants[0].revoked
    assert everything_kept(program) == {"config.ini": b""}
    heard = sandbox.requests[-1]
    assert (heard.method, heard.path, heard.query) == (
        "DELETE",
        "/v1/authorizations",
        f"clientId={sandbox.webex.client_id}",
    )
    assert (heard.headers["Authorization"], heard.body) == (f"Bearer {token}", "")


REFUSALS = [
    pytest.param(None, r"Webex refused the request (HTTP 403, “The access token lacks the scopes", id="no scope"),
    pytest.param((401, "{}"), "Webex does not accept the access token (HTTP 401", id="401"),
    pytest.param((401, ""), "Webex does not accept the access token (HTTP 401", id="401 without words"),
    pytest.param((403, '{"message": "no admin"}'), "Webex refused the request (HTTP 403, “no admin”", id="403"),
    pytest.param((404, '{"message": "none"}'), "Webex refused the request (HTTP 404, “none”", id="404"),
    pytest.param((400, '{"message": "bad clientId"}'), "Webex refused the request (HTTP 400, “bad clientId”", id="400"),
    pytest.param((405, "{}"), "Webex refused the request (HTTP 405", id="405"),
]


@pytest.mark.parametrize(("answer", "why"), REFUSALS)
def test_what_webex_would_not_revoke_is_told_and_removed_here(
    signed_in: Program, sandbox: Sandbox, answer: tuple[int, str] | None, why: str
) -> None:
    if answer is not None:
        sandbox.order(Fault("/v1/authorizations", answer[0], {}, answer[1]))
    done = signed_in.run("logout", "--revoke")
    assert (done.status, done.out) == (1, "default: removed.\n")
    first, second = done.err.splitlines()
    assert first.startswith(f"Error: Webex did not revoke the grant of profile default. {why}")
    assert re.sub(TIME, "TIME", second) == (
        "Revoking needs an admin's scopes, identity:tokens_read and identity:tokens_write. The grant stays valid until "
        "its refresh token expires TIME (in 89 days), unless you remove it in the settings of your Webex account, or "
        "an admin removes it in Control Hub."
    )
    assert everything_kept(signed_in) == {"config.ini": b""}
    assert not sandbox.webex.grants[0].revoked


PASSING = [
    pytest.param((503, {}, ""), "Webex cannot answer now (HTTP 503", id="503"),
    pytest.param((429, {"Retry-After": "9"}, "{}"), "Webex cannot answer now (HTTP 429", id="429"),
    pytest.param((200, {}, "<html>Sign in here"), "The answer (HTTP 200) did not come from Webex", id="portal"),
    pytest.param((403, {}, "<html>proxy"), "The answer (HTTP 403) did not come from Webex", id="proxy"),
    pytest.param((302, {"Location": "http://127.0.0.1:1/"}, ""), "The answer (HTTP 302) did not come", id="redirect"),
    pytest.param(None, "127.0.0.1:", id="unreachable"),
]  # fmt: skip


@pytest.mark.parametrize(("answer", "why"), PASSING)
def test_where_webex_cannot_be_asked_nothing_is_removed(
    signed_in: Program, sandbox: Sandbox, answer: tuple[int, dict[str, str], str] | None, why: str
) -> None:
    before = everything_kept(signed_in)
    if answer is None:
        signed_in = signed_in.having(WEBEX_TOKEN_API_URL=f"http://127.0.0.1:{free_port()}/v1")
    else:
        sandbox.order(Fault("/v1/authorizations", *answer))
    done = signed_in.run("logout", "--revoke")
    assert (done.status, done.out) == (4, "")
    first, second = done.err.splitlines()
    assert first.startswith(
        f"Error: The grant of profile default was not revoked, and the profile is still stored: {why}"
    )
    assert second == "Try again later, or run `webex-token logout` without --revoke."
    assert everything_kept(signed_in) == before
    assert signed_in.run("logout").status == 0


@pytest.mark.parametrize(("status", "body"), [(200, "{}"), (200, ""), (202, ""), (204, "")])
def test_these_answers_mean_revoked(signed_in: Program, sandbox: Sandbox, status: int, body: str) -> None:
    sandbox.order(Fault("/v1/authorizations", status, {}, body))
    assert signed_in.run("logout", "--revoke") == Finished(0, "default: revoked and removed.\n", "")


def test_a_dead_access_token_is_renewed_to_revoke_its_grant(program: Program, sandbox: Sandbox) -> None:
    sign_in_as_admin(program)
    sandbox.webex.advance(20 * DAY)
    age(program, 20 * DAY)
    assert program.run("logout", "--revoke") == Finished(0, "default: revoked and removed.\n", "")
    assert sandbox.said()[-1] == "renewed"
    assert sandbox.webex.grants[0].revoked


def test_a_grant_that_is_dead_already_is_told_and_removed(program: Program, sandbox: Sandbox) -> None:
    sign_in_as_admin(program)
    age(program, 20 * DAY)
    sandbox.webex.revoke_everything()
    done = program.run("logout", "--revoke")
    assert (done.status, done.out) == (1, "default: removed.\n")
    assert "Webex no longer accepts the grant" in done.err


def test_all_are_logged_out_each_for_itself_and_the_worst_status_tells(program: Program, sandbox: Sandbox) -> None:
    for name in ("first", "passing", "refused", "broken"):
        sign_in_as_admin(program, name)
    record_file(program, "broken").write_text("{")
    for status, body in ((204, ""), (503, ""), (403, "{}")):
        sandbox.order(Fault("/v1/authorizations", status, {}, body))
    done = program.run("logout", "--all", "--revoke")
    assert (done.status, done.out) == (5, "first: revoked and removed.\nrefused: removed.\n")
    for line, said in zip(
        done.err.splitlines()[::2],
        (
            "The grant of profile passing was not revoked",
            "Webex did not revoke the grant of profile refused",
            "The entry 'broken' in",
        ),
        strict=True,
    ):
        assert line.startswith(f"Error: {said}")
    assert [record_file(program, name).exists() for name in ("first", "passing", "refused", "broken")] == [
        *(False, True, False, True)
    ]


def test_one_revocation_ends_all_sign_ins_of_an_integration(program: Program, sandbox: Sandbox) -> None:
    for name in ("first", "second", "third"):
        sign_in_as_admin(program, name)
    age(program, 20 * DAY, "third")
    assert program.run("logout", "--all", "--revoke") == Finished(
        0, "".join(f"{name}: revoked and removed.\n" for name in ("first", "second", "third")), ""
    )
    assert sandbox.said("/v1/authorizations") == ["revoked", "invalid_token"]


def test_with_nobody_signed_in_there_is_nothing_to_revoke(program: Program, sandbox: Sandbox) -> None:
    done = program.run("logout", "--revoke", "-p", "work")
    assert (done.status, done.out, sandbox.journal) == (3, "", [])
    assert done.err.startswith("Error: Nobody is signed in as profile work.\n")
    config_file(program).parent.mkdir(parents=True, exist_ok=True)
    config_file(program).write_text("[work]\nscopes = spark:all\n")
    assert program.run("logout", "--revoke", "-p", "work") == Finished(0, "work: removed.\n", "")


def test_without_revoke_webex_is_not_asked(program: Program, sandbox: Sandbox) -> None:
    sign_in_as_admin(program)
    asked = len(sandbox.journal)
    assert program.run("logout").status == 0
    assert len(sandbox.journal) == asked
