"""exec on Windows: what starts it sees what it would see of the command itself."""

import json
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from tests.support.windows import WEBEX_TOKEN, batch_file, interrupt_console, own_console, run, started

EXEC = [*WEBEX_TOKEN, "exec", "--"]

PRINT_ARGUMENTS = "import json, sys; print(json.dumps(sys.argv[1:]))"

ODD_ARGUMENTS = [
    "", " ", "a b", 'say "hi"', "c:\\x\\", "c:\\x y\\", 'a\\"b', "^", "a^b", "a&echo b", '"&echo pwned&"', "|", "<a>",
    "(b)", "!PATH!", "a,b;c=d", "*", "?", "'x'", "ä", "--help", "-p", "@x",
]  # fmt: skip
PERCENT = ["%PATH%", "100%"]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A home folder in which the default profile is signed in, with a token that is good for two weeks."""
    variables = {
        "WEBEX_TOKEN_HOME": str(tmp_path_factory.mktemp("home")),
        "WEBEX_TOKEN_STORE": "file",
        "PYTHON": sys.executable,
    }
    environment = {**os.environ, **variables}
    record = {
        "version": 1,
        "access_token": "the-access-token",
        "access_expires_at": int(time.time()) + 14 * 86400,
        "refresh_token": "the-refresh-token",
        "refresh_expires_at": int(time.time()) + 90 * 86400,
        "changed_at": int(time.time()),
        "refreshed_at": int(time.time()),
        "client_id": "client-id",
        "client_secret": "the-client-secret",
        "scopes": ["spark:all"],
        "person": None,
    }
    settings = {"client_id": "client-id", "redirect_uri": "http://localhost:8000/oauth", "scopes": "spark:all"}
    document = json.dumps({"version": 1, "settings": settings, "record": record})
    imported = run([*WEBEX_TOKEN, "import"], environment, document.encode())
    assert imported.status == 0, imported
    return environment


CHILDREN = {
    "exits 0": ["-c", ""],
    "exits 1": ["-c", "import sys; sys.exit(1)"],
    "exits 255": ["-c", "import sys; sys.exit(255)"],
    "exits 256": ["-c", "import sys; sys.exit(256)"],
    "exits 0x80000000": ["-c", "import sys; sys.exit(-2**31)"],
    "exits 0xC000013A, as Ctrl-C has it": ["-c", "import os; os.kill(os.getpid(), 0xC000013A)"],
    "exits 0xFFFFFFFF": ["-c", "import sys; sys.exit(-1)"],
    "has odd arguments": ["-c", PRINT_ARGUMENTS, *ODD_ARGUMENTS, *PERCENT],
    "copies standard input, a megabyte of bytes": [
        "-c",
        "import sys; sys.stdout.buffer.write(sys.stdin.buffer.read()); sys.stderr.buffer.write(b'err'); sys.exit(3)",
    ],
}


@pytest.mark.parametrize("name", CHILDREN)
def test_whoever_starts_it_sees_what_they_would_see_without_exec(name: str, environment: dict[str, str]) -> None:
    command, reads = [sys.executable, *CHILDREN[name]], bytes(range(256)) * 4096
    direct = run(command, environment, reads)
    assert run([*EXEC, *command], environment, reads) == direct


def test_the_command_has_the_token_and_no_other_secret(environment: dict[str, str]) -> None:
    command = [sys.executable, "-c", "import json, os; print(json.dumps(dict(os.environ)))"]
    given = {**environment, "WEBEX_CLIENT_SECRET": "the-client-secret", "MINE": "the-refresh-token"}
    done = run([*EXEC[:-1], "--env", "my_token", "--", *command], given)
    seen = json.loads(done.out)
    names = ("WEBEX_ACCESS_TOKEN", "WEBEX_TEAMS_ACCESS_TOKEN", "MY_TOKEN")
    assert [seen[name] for name in names] == ["the-access-token"] * 3
    assert not {"the-refresh-token", "the-client-secret"} & set(seen.values())


@pytest.mark.parametrize("extension", ["cmd", "BAT"])
def test_a_batch_file_is_found_and_gets_its_arguments_as_they_were_given(
    environment: dict[str, str], tmp_path: Path, extension: str
) -> None:
    folder = tmp_path / "my tools"
    folder.mkdir()
    batch_file(folder / f"print-arguments.{extension}", f'"%PYTHON%" -c "{PRINT_ARGUMENTS}" %*', "exit /b 7")
    path = {"PATH": f"{folder};{environment['PATH']}"}
    done = run([*EXEC, "print-arguments", *ODD_ARGUMENTS], environment | path)
    assert (done.status, json.loads(done.out)) == (7, ODD_ARGUMENTS), done


@pytest.mark.parametrize("argument", [*PERCENT, "a\necho pwned", "a\r\necho pwned"])
def test_a_batch_file_does_not_run_with_arguments_that_cannot_be_quoted(
    environment: dict[str, str], tmp_path: Path, argument: str
) -> None:
    file = batch_file(tmp_path / "run.cmd", f'echo ran >"{tmp_path}\\ran"')
    done = run([*EXEC, str(file), argument], environment)
    what = "a percent sign" if "%" in argument else "a line break"
    assert (done.status, done.out) == (126, b"")
    assert f"run.cmd is a batch file, and cmd.exe cannot be given {what} safely.".encode() in done.err
    assert not (tmp_path / "ran").exists()


def test_a_command_that_cannot_be_run_is_said(environment: dict[str, str], tmp_path: Path) -> None:
    text = tmp_path / "notes.exe"
    text.write_text("This is no program.", encoding="ascii")
    not_found, not_run = run([*EXEC, "no-such-command"], environment), run([*EXEC, str(text)], environment)
    assert (not_found.status, not_run.status) == (127, 126)
    assert not_found.err.startswith(b"Error: The command 'no-such-command' was not found.")
    assert b"notes.exe could not be run" in not_run.err
    assert b"chmod" not in not_run.err


def test_ctrl_c_is_the_commands(environment: dict[str, str]) -> None:
    own_console()
    script = (
        "import sys, time\n"
        "print('ready', flush=True)\n"
        "try: time.sleep(60)\n"
        "except KeyboardInterrupt: time.sleep(0.5); print('interrupted'); sys.exit(7)\n"
    )
    earlier = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        with started([*EXEC, sys.executable, "-c", script], environment) as command:
            command.wait_for("ready")
            interrupt_console()
            done = command.finish()
    finally:
        signal.signal(signal.SIGINT, earlier)
    assert (done.status, done.out) == (7, "ready\ninterrupted\n")
