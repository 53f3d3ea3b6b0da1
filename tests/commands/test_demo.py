"""The demo works on any machine in a few seconds, does not touch the user's files and leaves none behind."""

import os
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.program import ACCEPTING_BROWSER, PROMPT, Program
from webex_token_cli.commands.demo import _Steps
from webex_token_cli.errors import WebexTokenError

pytestmark = pytest.mark.long


@pytest.fixture
def bare(tmp_path: Path) -> Program:
    """The program without a keyring, D-Bus or display, in a home folder that has a file of the user's in it."""
    home = tmp_path / "home"
    (home / ".config").mkdir(parents=True)
    (home / ".config" / "settings").write_text("the user's")
    (tmp_path / "tmp").mkdir()
    return Program(home, {"TMPDIR": str(tmp_path / "tmp")})


def everything_below(folder: Path) -> dict[str, tuple[int, int]]:
    """The modification time and the mode of each file and folder, by path."""
    return {str(path): (path.stat().st_mtime_ns, path.stat().st_mode) for path in (folder, *folder.rglob("*"))}


@pytest.mark.parametrize("arguments", [[], ["--open"]])
def test_the_demo_runs_five_commands_and_leaves_no_files_behind(bare: Program, arguments: list[str]) -> None:
    before = everything_below(bare.home)
    started = time.monotonic()
    # With --open the demo uses the user's own browser. Here that is one that accepts by itself.
    done = bare.having(BROWSER=ACCEPTING_BROWSER if arguments else None).run("demo", *arguments)
    assert time.monotonic() - started < 60
    assert (done.status, done.err) == (0, "")
    assert re.findall(r"^\$ (.*)$", done.out, re.MULTILINE) == [
        "webex-token login" if arguments else "webex-token login --flow browser",
        "webex-token show",
        "webex-token refresh",
        "webex-token watch --interval 1s --max-age 2s",
        "webex-token logout",
    ]
    # The demo sets BROWSER itself where nobody did.
    assert ("because BROWSER is set" in done.out) == bool(arguments)
    for said in (
        "Signed in as Ada Lovelace <ada@example.com>",
        "Refresh token  ████",
        "unchanged; Webex renews at most once in 24 hours",
        "default  renewed: expires",
        "default: removed.",
    ):
        assert said in done.out
    assert everything_below(bare.home) == before
    assert list(Path(bare.variables["TMPDIR"]).iterdir()) == []


def test_the_demo_ignores_the_users_settings_and_modules_of_the_current_folder(
    bare: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Python's -m would take them for those that the commands and the browser import.
    for module in ("click", "token", "webex_token_cli"):
        (tmp_path / f"{module}.py").write_text("raise SystemExit('taken from the current folder')")
    monkeypatch.chdir(tmp_path)
    theirs = bare.having(
        WEBEX_TOKEN_PROFILE="-bad",
        WEBEX_TOKEN_API_URL="https://webexapis.com/v1",
        WEBEX_CLIENT_SECRET="theirs",
        WEBEX_TOKEN_HOME="/nonexistent",
        EVENT_LOOP_DAYS="7",
        HTTP_PROXY="http://127.0.0.1:9",
        http_proxy="http://127.0.0.1:9",
    )
    done = theirs.run("demo")
    assert (done.status, done.err) == (0, "")


def failure_of(step: Callable[[], None]) -> str:
    with pytest.raises(WebexTokenError) as failed:
        step()
    assert failed.value.hint == "Read its message above. `webex-token demo --debug` shows more."
    return failed.value.message


def test_a_step_that_fails_is_named_below_its_output(bare: Program, capsys: pytest.CaptureFixture[str]) -> None:
    steps = _Steps({**bare.environment, "WEBEX_TOKEN_HOME": str(bare.home), "WEBEX_TOKEN_STORE": "file"}, PROMPT)
    assert failure_of(lambda: steps.run("show", "-p", "x")) == (
        "The step `webex-token show -p x` ended with exit status 3."
    )
    assert failure_of(lambda: steps.watch_until_renewed("watch", "--once")) == (
        "The step `webex-token watch --once` ended with exit status 3."
    )
    nobody = "Error: Nobody is signed in as profile x."
    assert [line for line in capsys.readouterr().out.splitlines() if line.startswith("$") or nobody in line] == [
        "$ webex-token show -p x",
        f"  {nobody}",
        "$ webex-token watch --once",
    ]


@pytest.mark.posix  # it needs a named pipe
def test_a_step_that_hangs_is_ended(bare: Program, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "nobody-writes-to-it")
    steps = _Steps(bare.environment, timeout=1)
    assert failure_of(lambda: steps.run("import", str(tmp_path / "nobody-writes-to-it"))).endswith(
        "/nobody-writes-to-it` did not end within 1 second."
    )
