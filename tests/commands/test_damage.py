"""Damaged records and a damaged configuration: the message, the exit status, what stays untouched, and the remedy."""

import json
import os
import resource
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.in_process import run_in_process
from tests.support.program import WEBEX_TOKEN, Finished, Program
from tests.support.signing_in import sign_in
from tests.support.stored import record_file
from webex_token_cli.sandbox import Rules, Sandbox

pytestmark = pytest.mark.posix  # it needs limits of resource(2)

NOT_A_RECORD = "is damaged: it is not a record of webex-token."


@pytest.fixture
def rules(redirect_uri: str) -> Rules:
    return Rules(redirect_uris=(redirect_uri,), renew_after=0, auto_approve=True)


@pytest.fixture
def program(program: Program) -> Program:
    """The program with curl as its browser, which follows the redirects of the sandbox's sign-in page."""
    return program.having(BROWSER="curl -sL -o /dev/null %s")


def with_values(**changes: object) -> Callable[[bytes], bytes]:
    """A change of a stored record that sets the given keys, and removes those whose value is ``...``."""

    def change(record: bytes) -> bytes:
        values = {**json.loads(record), **changes}
        return json.dumps({key: value for key, value in values.items() if value is not ...}).encode()

    return change


# Each kind of damage: how it changes the record, and the end of the message.
DAMAGE: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "empty file": (lambda _: b"", NOT_A_RECORD),
    "text that is not JSON": (lambda _: b"the token is in my other trousers", NOT_A_RECORD),
    "bytes that are not text": (lambda _: b"\xff\xfe\x00", NOT_A_RECORD),
    "record cut off in the middle": (lambda record: record[: len(record) // 2], NOT_A_RECORD),
    "JSON that is not an object": (lambda _: b'["a"]', NOT_A_RECORD),
    "deeply nested JSON": (lambda _: b"[" * 100_000, NOT_A_RECORD),
    "no version": (with_values(version=...), NOT_A_RECORD),
    "missing key": (with_values(refreshed_at=...), "is damaged: refreshed_at is missing or wrong."),
    "value of a wrong type": (
        with_values(access_expires_at="tomorrow"),
        "is damaged: access_expires_at is missing or wrong.",
    ),
    "time beyond the calendar": (with_values(changed_at=10**20), "is damaged: changed_at is missing or wrong."),
    "token with a line break": (with_values(access_token="a\nb"), "is damaged: access_token is missing or wrong."),
}


def damage_record(program: Program, change: Callable[[bytes], bytes]) -> bytes:
    """Apply ``change`` to the stored record and return its new content."""
    file = record_file(program)
    file.write_bytes(change(file.read_bytes()))
    return file.read_bytes()


def assert_every_command_reports(program: Program, message: str) -> None:
    """Each command that reads the record fails with exit status 5, and names the problem and the file."""
    for arguments in (["show"], ["get"], ["refresh"], ["watch", "--once"], ["show", "--json"]):
        done = run_in_process(program, *arguments)
        assert done.status == 5
        assert message in done.out + done.err
        assert str(record_file(program)) in done.out + done.err


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_record_is_reported_and_left_alone_until_a_sign_in_replaces_it(signed_in: Program, kind: str) -> None:
    change, message = DAMAGE[kind]
    damaged = damage_record(signed_in, change)
    assert_every_command_reports(signed_in, message)
    assert record_file(signed_in).read_bytes() == damaged
    assert run_in_process(signed_in, "login").status == 0
    assert run_in_process(signed_in, "get").status == 0
    assert run_in_process(signed_in, "logout").status == 0
    assert not record_file(signed_in).exists()


def test_logout_removes_a_damaged_record(signed_in: Program) -> None:
    damage_record(signed_in, lambda _: b"")
    assert run_in_process(signed_in, "logout").status == 0
    assert not record_file(signed_in).exists()


def test_a_record_of_a_newer_version_is_reported_and_replaced_by_no_sign_in(signed_in: Program) -> None:
    newer = damage_record(signed_in, with_values(version=2))
    assert_every_command_reports(signed_in, "was written by a newer webex-token (version 2 of the record).")
    assert run_in_process(signed_in, "login").status == 5
    assert record_file(signed_in).read_bytes() == newer
    assert run_in_process(signed_in, "logout").status == 0
    assert not record_file(signed_in).exists()


def config_file(program: Program) -> Path:
    return Path(program.variables["WEBEX_TOKEN_HOME"], "config.ini")


def with_settings_from_the_file_only(program: Program) -> Program:
    """The program without the variables that would override the settings of config.ini."""
    return program.having(WEBEX_TOKEN_API_URL=None, WEBEX_TOKEN_STORE=None)


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ("[default]\nwhat is this\n", "cannot be read in line 8, in section [default]."),
        ("[default]\nstore = file\n[default]\n", "has a second section [default] in line 9."),
        ("[default]\nstore = cloud\n", "'cloud' is not a credential store (profile default)."),
        ("[default]\napi_url = http://example.com\nstore = file\n", "cannot be the API base URL"),
    ],
)
def test_a_malformed_section_does_not_stop_other_profiles(signed_in: Program, section: str, message: str) -> None:
    sign_in(signed_in, "work")
    config = config_file(signed_in)
    work = config.read_text()[config.read_text().index("[work]") :]
    config.write_text(work + section)
    program = with_settings_from_the_file_only(signed_in)
    done = run_in_process(program, "refresh")
    assert done.status == 2, done.err
    assert message in done.err
    for command in ("get", "refresh", "show"):
        assert run_in_process(program, command, "-p", "work").status == 0
    watch = run_in_process(program, "watch", "--once")
    assert "work  fresh: " in watch.out
    assert message in watch.out
    assert config.read_text() == work + section


@pytest.mark.parametrize("header", ["[work", " [work  # mine", "[work]]"])
def test_a_malformed_header_concerns_its_own_section_only(signed_in: Program, header: str) -> None:
    sign_in(signed_in, "work")
    config = config_file(signed_in)
    text = config.read_text().replace("[work]", header)
    assert text.splitlines()[7].strip() == header.strip()
    config.write_text(text)
    message = "cannot be read in line 8, in section [work]."
    program = with_settings_from_the_file_only(signed_in)
    done = run_in_process(program, "get", "-p", "work")
    assert (done.status, message in done.err) == (2, True)
    assert run_in_process(program, "refresh").status == 0
    listed = run_in_process(program, "show", "--all")
    assert (listed.status, [line.split()[0] for line in listed.out.splitlines()]) == (2, ["PROFILE", "default", "work"])
    assert message in run_in_process(program, "watch", "--once").out
    assert config.read_text() == text


def test_a_malformed_first_header_is_reported_with_its_line(signed_in: Program) -> None:
    config = config_file(signed_in)
    config.write_text(config.read_text().replace("[default]", "default]"))
    for command in ("get", "show", "refresh", "login"):
        done = run_in_process(signed_in, command)
        assert (done.status, "has no section [default], and line 1 cannot be read." in done.err) == (2, True)


def test_a_named_pipe_in_place_of_the_configuration_is_refused_at_once(signed_in: Program) -> None:
    config = config_file(signed_in)
    config.unlink()
    os.mkfifo(config)
    done = signed_in.run("get", timeout=10)
    assert (done.status, done.err) == (
        2, f"Error: {config} is a pipe, not a file.\nReplace it by a file, or move it away.\n"
    )  # fmt: skip


def test_a_configuration_that_others_can_write_sends_no_secret_anywhere(signed_in: Program, sandbox: Sandbox) -> None:
    config = Path(signed_in.variables["WEBEX_TOKEN_HOME"], "config.ini")
    config.chmod(0o666)
    asked = len(sandbox.journal)
    trouble = f"{config} cannot be trusted: others may write it (mode 0666)."
    advice = (
        f"It says where your tokens are sent, so check its content; then make {config} yours and run `chmod go-w` on "
        "it, or name a folder of your own with WEBEX_TOKEN_HOME."
    )
    for arguments in (["refresh"], ["watch", "--once"], ["login"], ["logout"]):
        assert run_in_process(signed_in, *arguments) == Finished(2, "", f"Error: {trouble}\n{advice}\n")
    done = run_in_process(signed_in, "doctor", "--json")
    (finding,) = (each for each in json.loads(done.out)["findings"] if each["check"] == "config")
    assert (done.status, finding["message"], finding["fix"]) == (2, trouble, advice)
    assert len(sandbox.journal) == asked
    config.chmod(0o644)
    assert run_in_process(signed_in, "refresh").status == 0


def test_a_write_that_fails_leaves_the_old_record(signed_in: Program, sandbox: Sandbox) -> None:
    """The kernel enforces a limit on the size of files here, which fails a write as a full disk does.

    Python must not write its bytecode meanwhile: it would leave truncated files, with which no later program starts.
    """
    file = record_file(signed_in)
    before = file.read_bytes()
    done = subprocess.run(
        [str(WEBEX_TOKEN), "refresh"],
        env={**signed_in.environment, "PYTHONDONTWRITEBYTECODE": "1"},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100)),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert (done.returncode, done.stdout) == (5, "")
    assert "Error: Room for a new record could not be reserved in the file store " in done.stderr
    assert "File too large" in done.stderr
    assert file.read_bytes() == before
    assert sorted(path.name for path in file.parent.iterdir() if path.suffix != ".lock") == [file.name]
    assert sandbox.outcomes() == ["signed in"]
    assert run_in_process(signed_in, "refresh").status == 0


def test_login_does_not_replace_a_record_that_others_can_read(signed_in: Program) -> None:
    file = record_file(signed_in)
    before = file.read_bytes()
    file.chmod(0o640)
    done = run_in_process(signed_in, "login")
    assert done.status == 5
    assert "others may use it (mode 0640); secrets in it may be known to others" in done.err
    assert file.read_bytes() == before
