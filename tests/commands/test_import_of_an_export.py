"""``import`` of an export: a sign-in that moves to another machine."""

import json
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.support.folders import ROOT
from tests.support.imported import EXPORT
from tests.support.in_process import run_in_process
from tests.support.program import WEBEX_TOKEN, Finished, Program
from tests.support.records import issued_response
from tests.support.stored import DAY, TIME, age, config_file, record_file, stored_files
from webex_token_cli.sandbox import Rules, Sandbox
from webex_token_cli.store.local.locks import locked


@pytest.fixture
def rules(redirect_uri: str) -> Rules:
    return Rules(redirect_uris=(redirect_uri,), renew_after=1)


@pytest.mark.posix
def test_a_sign_in_moves_through_a_pipe_and_stays_the_same(
    signed_in: Program, other_machine: Program, sandbox: Sandbox
) -> None:
    age(signed_in, DAY)
    requests = len(sandbox.journal)
    other_home = shlex.quote(other_machine.variables["WEBEX_TOKEN_HOME"])
    done = subprocess.run(
        ["sh", "-c", f"{WEBEX_TOKEN} export | env WEBEX_TOKEN_HOME={other_home} {WEBEX_TOKEN} import"],
        env={**signed_in.environment, "WEBEX_CLIENT_ID": "another", "WEBEX_SCOPES": "spark:kms"},
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    assert re.sub(TIME, "TIME", done.stdout).splitlines() == [
        "Imported the sign-in of Ada Lovelace <ada@example.com> (profile default).",
        "The access token expires TIME (in 13 days).",
        f"Stored in plain file {record_file(other_machine)}.",
        "To keep it valid, run `webex-token watch`.",
    ]
    assert done.stderr == ""
    assert len(sandbox.journal) == requests
    # ``age`` writes JSON with blanks, and ``import`` without, so that only the values are equal.
    assert json.loads(record_file(other_machine).read_text()) == json.loads(record_file(signed_in).read_text())
    assert config_file(other_machine).read_text() == config_file(signed_in).read_text()
    assert other_machine.run("refresh").status == 0
    assert stored_files(other_machine).keys() == stored_files(signed_in).keys()


def test_what_was_seen_of_the_refresh_token_moves_along(signed_in: Program, other_machine: Program) -> None:
    stored = json.loads(record_file(signed_in).read_text())
    seen = {**stored, "refresh_unextended_since": stored["refreshed_at"] - DAY}
    record_file(signed_in).write_text(json.dumps(seen))
    assert other_machine.run("import", stdin=signed_in.run("export").out).status == 0
    assert json.loads(record_file(other_machine).read_text()) == seen
    assert "Webex does not extend it: sign in again by " in other_machine.run("show").out


def test_an_import_stores_the_exported_files_byte_for_byte(signed_in: Program, other_machine: Program) -> None:
    assert other_machine.run("import", stdin=signed_in.run("export").out).status == 0
    assert stored_files(other_machine) == stored_files(signed_in)
    assert other_machine.run("export") == signed_in.run("export")


def test_a_name_is_imported_unchanged_in_any_locale(program: Program, other_machine: Program, sandbox: Sandbox) -> None:
    sandbox.person["displayName"] = "Ådà 林"
    plain = program.having(LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    assert plain.run("login").status == 0
    exported = plain.run("export").out
    assert exported.isascii()
    assert other_machine.run("import", stdin=exported).out.startswith(
        "Imported the sign-in of Ådà 林 <ada@example.com>"
    )
    assert stored_files(other_machine) == stored_files(program)


def test_each_machine_chooses_its_own_store(signed_in: Program, other_machine: Program, tmp_path: Path) -> None:
    keyring = {
        "PYTHON_KEYRING_BACKEND": "tests.support.keyrings.Shelf",
        "PYTHONPATH": str(ROOT),
        "WEBEX_TOKEN_TEST_KEYRING": str(tmp_path / "shelf.json"),
    }
    with_keyring = other_machine.having(**keyring, WEBEX_TOKEN_STORE=None)
    exported = signed_in.run("export").out
    assert with_keyring.run("import", stdin=exported).status == 0
    record = record_file(signed_in).read_text()
    assert json.loads((tmp_path / "shelf.json").read_text()) == {"default": record}
    section = config_file(signed_in).read_text()
    assert config_file(other_machine).read_text() == section.replace(
        "store = file", "store = keyring\nkeyring = tests.support.keyrings.Shelf"
    )
    # Importing to another store removes the entry from the first one.
    assert with_keyring.run("import", "--store", "file", stdin=exported).status == 0
    assert json.loads((tmp_path / "shelf.json").read_text()) == {}
    assert config_file(other_machine).read_text() == section
    assert record_file(other_machine).read_text() == record


def test_importing_the_same_again_leaves_config_ini_alone(signed_in: Program, other_machine: Program) -> None:
    exported = signed_in.run("export").out
    assert other_machine.run("import", stdin=exported).status == 0
    before = config_file(other_machine).stat()
    assert other_machine.run("import", stdin=exported).status == 0
    after = config_file(other_machine).stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_an_import_replaces_the_settings_of_its_profile_only(signed_in: Program, other_machine: Program) -> None:
    config = config_file(other_machine)
    config.parent.mkdir()
    config.write_text("# mine\n[other]\nscopes = x\n\n[work]\n# note\napi_url = https://example.com/v1\n")
    config_file(signed_in).write_text("[default]\nscopes = spark:all\nstore = file\n")
    exported = signed_in.run("export").out
    assert other_machine.run("import", "-p", "work", stdin=exported).status == 0
    assert config.read_text() == ("# mine\n[other]\nscopes = x\n\n[work]\n# note\nscopes = spark:all\nstore = file\n")


def test_an_import_for_programs(signed_in: Program, other_machine: Program) -> None:
    done = other_machine.run("import", "-p", "work", "--json", stdin=signed_in.run("export").out)
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
        "stored_in": f"plain file {record_file(other_machine, 'work')}",
        "lifetimes_counted_from_now": False,
    }


def test_an_import_of_an_expired_sign_in_warns(signed_in: Program, other_machine: Program) -> None:
    age(signed_in, 91 * DAY)
    done = other_machine.run("import", stdin=signed_in.run("export").out)
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
def test_options_for_settings_cannot_be_given_with_an_export(
    other_machine: Program, options: list[str], named: str
) -> None:
    done = run_in_process(other_machine, "import", *options, stdin=json.dumps(EXPORT))
    assert done == Finished(
        2,
        "",
        f"Error: An export contains its own settings, so {named} cannot be given with it.\n"
        "Leave it out; of the options for settings, only --store can be given with an export.\n",
    )
    assert stored_files(other_machine) == {}


def test_an_import_waits_for_the_lock_of_the_entry(signed_in: Program, other_machine: Program, tmp_path: Path) -> None:
    file = tmp_path / "export.json"
    file.write_text(signed_in.run("export").out)
    lock = record_file(other_machine).with_suffix(".json.lock")
    with locked(lock, print), other_machine.started("import", str(file)) as waiting:
        waiting.wait_for("Waiting for another webex-token")
        assert not record_file(other_machine).exists()
    assert other_machine.run("import", str(file)).status == 0


def test_an_import_leaves_an_entry_of_a_newer_version_and_replaces_a_damaged_one(
    signed_in: Program, other_machine: Program, sandbox: Sandbox
) -> None:
    configured = other_machine.having(WEBEX_CLIENT_ID="c", WEBEX_CLIENT_SECRET="s", WEBEX_TOKEN_API_URL=sandbox.api_url)
    exported = signed_in.run("export").out
    assert other_machine.run("import", stdin=exported).status == 0
    entry, newer = record_file(other_machine), json.dumps({"version": 2})
    for offered in (exported, issued_response(sandbox)):
        entry.write_text(newer)
        done = run_in_process(configured, "import", stdin=offered)
        assert (done.status, done.out) == (5, "")
        assert "was written by a newer webex-token (version 2 of the record)" in done.err
        assert entry.read_text() == newer
        entry.write_text("{")
        done = run_in_process(configured, "import", stdin=offered)
        assert done.status == 0
        assert done.err.startswith(f"Warning: The entry 'default' in plain file {entry} is damaged: ")
        assert run_in_process(other_machine, "get", "--no-refresh").status == 0
