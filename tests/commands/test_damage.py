"""Damage of every kind: what is said, with which exit status, that nothing is overwritten, and what mends it."""

import json
import os
import resource
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.program import WEBEX_TOKEN, Program
from tests.support.stored import record_file
from webex_token_cli.sandbox.rules import Rules
from webex_token_cli.sandbox.server import Sandbox


@pytest.fixture
def rules(redirect_uri: str) -> Rules:
    return Rules(redirect_uris=(redirect_uri,), renew_after=0)


def edited(**changes: object) -> Callable[[bytes], bytes]:
    def change(entry: bytes) -> bytes:
        values = {**json.loads(entry), **changes}
        return json.dumps({key: value for key, value in values.items() if value is not ...}).encode()

    return change


DAMAGE: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "nothing in it": (lambda _: b"", "is damaged: it is not a record of webex-token."),
    "not JSON": (lambda _: b"the token is in my other trousers", "is damaged: it is not a record of webex-token."),
    "not text": (lambda _: b"\xff\xfe\x00", "is damaged: it is not a record of webex-token."),
    "cut off": (lambda entry: entry[: len(entry) // 2], "is damaged: it is not a record of webex-token."),
    "another JSON": (lambda _: b'["a"]', "is damaged: it is not a record of webex-token."),
    "deeply nested": (lambda _: b"[" * 100_000, "is damaged: it is not a record of webex-token."),
    "no version": (edited(version=...), "is damaged: it is not a record of webex-token."),
    "a key gone": (edited(refreshed_at=...), "is damaged: refreshed_at is missing or wrong."),
    "a wrong type": (edited(access_expires_at="tomorrow"), "is damaged: access_expires_at is missing or wrong."),
    "a time beyond the calendar": (edited(changed_at=10**20), "is damaged: changed_at is missing or wrong."),
    "a token with a line break": (edited(access_token="a\nb"), "is damaged: access_token is missing or wrong."),
    "a newer version": (edited(version=2), "was written by a newer webex-token (version 2 of the record)."),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_entry_is_named_kept_and_replaced_by_a_sign_in(signed_in: Program, kind: str) -> None:
    change, said = DAMAGE[kind]
    file = record_file(signed_in)
    broken = change(file.read_bytes())
    file.write_bytes(broken)
    for arguments in (["show"], ["get"], ["refresh"], ["watch", "--once"], ["show", "--json"]):
        done = signed_in.run(*arguments)
        assert done.status == 5
        assert said in done.out + done.err
        assert str(file) in done.out + done.err
    assert file.read_bytes() == broken
    done = signed_in.run("login")
    if kind == "a newer version":
        assert done.status == 5
        assert file.read_bytes() == broken
    else:
        assert (done.status, signed_in.run("get").status) == (0, 0)
    assert signed_in.run("logout").status == 0
    assert not file.exists()


@pytest.mark.parametrize(
    ("broken", "status", "said"),
    [
        ("[default]\nwhat is this\n", 2, "cannot be read in line 8, in section [default]."),
        ("[default]\nstore = file\n[default]\n", 2, "has a second section [default] in line 9."),
        ("[default]\nstore = cloud\n", 2, "'cloud' is not a credential store (profile default)."),
        ("[default]\napi_url = http://example.com\nstore = file\n", 2, "cannot be the API base URL"),
    ],
)
def test_a_broken_section_takes_no_other_profile_down(signed_in: Program, broken: str, status: int, said: str) -> None:
    assert signed_in.run("login", "-p", "work").status == 0
    config = Path(signed_in.variables["WEBEX_TOKEN_HOME"], "config.ini")
    work = config.read_text()[config.read_text().index("[work]") :]
    config.write_text(work + broken)
    bare = signed_in.having(WEBEX_TOKEN_API_URL=None, WEBEX_TOKEN_STORE=None)
    done = bare.run("refresh")
    assert done.status == status, done.err
    assert said in done.err
    for arguments in (["get"], ["refresh"], ["show"]):
        assert bare.run(*arguments, "-p", "work").status == 0
    watched = bare.run("watch", "--once")
    assert "work  fresh: " in watched.out
    assert said in watched.out
    assert config.read_text() == work + broken


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ("[work", "cannot be read in line 8, in section [work]."),
        (" [work  # mine", "cannot be read in line 8, in section [work]."),
        ("[work]]", "cannot be read in line 8, in section [work]."),
    ],
)
def test_a_broken_header_is_its_own_sections_trouble_alone(signed_in: Program, broken: str, said: str) -> None:
    assert signed_in.run("login", "-p", "work").status == 0
    config = Path(signed_in.variables["WEBEX_TOKEN_HOME"], "config.ini")
    text = config.read_text().replace("[work]", broken)
    assert text.splitlines()[7].strip() == broken.strip()
    config.write_text(text)
    bare = signed_in.having(WEBEX_TOKEN_API_URL=None, WEBEX_TOKEN_STORE=None)
    done = bare.run("get", "-p", "work")
    assert (done.status, said in done.err) == (2, True)
    assert bare.run("refresh").status == 0
    listed = bare.run("show", "--all")
    assert (listed.status, [line.split()[0] for line in listed.out.splitlines()]) == (2, ["PROFILE", "default", "work"])
    assert said in bare.run("watch", "--once").out
    assert config.read_text() == text


def test_a_first_header_that_is_none_is_named_and_hides_nobody(signed_in: Program) -> None:
    config = Path(signed_in.variables["WEBEX_TOKEN_HOME"], "config.ini")
    config.write_text(config.read_text().replace("[default]", "default]"))
    for command in ("get", "show", "refresh", "login"):
        done = signed_in.run(command)
        assert (done.status, "has no section [default], and line 1 cannot be read." in done.err) == (2, True)


def test_a_pipe_for_a_configuration_is_refused(signed_in: Program) -> None:
    config = Path(signed_in.variables["WEBEX_TOKEN_HOME"], "config.ini")
    config.unlink()
    os.mkfifo(config)
    done = signed_in.run("get", timeout=10)
    assert (done.status, done.err) == (
        2, f"Error: {config} is a pipe, not a file.\nReplace it by a file, or move it away.\n"
    )  # fmt: skip


def test_a_full_disk_keeps_the_old_record(signed_in: Program, sandbox: Sandbox) -> None:
    """A limit on the size of files, which the kernel enforces as it does a full disk."""
    before = record_file(signed_in).read_bytes()
    done = subprocess.run(
        [str(WEBEX_TOKEN), "refresh"],
        env=signed_in.environment,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100)),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert (done.returncode, done.stdout) == (5, "")
    assert (
        "Error: Webex answered the refresh, but its answer could not be stored: An entry could not be written"
        in done.stderr
    )
    assert "File too large" in done.stderr
    assert "The old record is still stored" in done.stderr
    assert record_file(signed_in).read_bytes() == before
    assert sorted(p.name for p in record_file(signed_in).parent.iterdir() if p.suffix != ".lock") == [
        record_file(signed_in).name
    ]
    assert sandbox.said().count("renewed") == 1
    assert signed_in.run("refresh").status == 0


def test_a_folder_that_cannot_be_written_keeps_what_is_there(signed_in: Program) -> None:
    before = record_file(signed_in).read_bytes()
    record_file(signed_in).chmod(0o640)
    done = signed_in.run("login")
    assert done.status == 5
    assert "others may use it (mode 0640); secrets in it may be known to others" in done.err
    assert record_file(signed_in).read_bytes() == before
