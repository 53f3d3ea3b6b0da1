"""The demo: on any machine, with nothing of the user's, in a few seconds, leaving nothing behind."""

import re
import time
from pathlib import Path

import pytest

from tests.support.program import ACCEPTING_BROWSER, Program


@pytest.fixture
def bare(tmp_path: Path) -> Program:
    """A machine with no account, no keyring, no D-Bus and no display, but a home folder with things in it."""
    home = tmp_path / "home"
    (home / ".config").mkdir(parents=True)
    (home / ".config" / "something").write_text("mine")
    (tmp_path / "tmp").mkdir()
    return Program(home, {"TMPDIR": str(tmp_path / "tmp")})


def everything_below(folder: Path) -> dict[str, tuple[int, int]]:
    return {str(path): (path.stat().st_mtime_ns, path.stat().st_mode) for path in (folder, *folder.rglob("*"))}


@pytest.mark.parametrize("arguments", [[], ["--open"]])
def test_the_demo_shows_it_all_and_leaves_nothing_behind(bare: Program, arguments: list[str]) -> None:
    before = everything_below(bare.home)
    started = time.monotonic()
    # With --open it is the person's own browser, which is set up to accept here.
    done = bare.having(BROWSER=ACCEPTING_BROWSER if arguments else None).run("demo", *arguments)
    assert time.monotonic() - started < 60
    assert (done.status, done.err) == (0, "")
    assert re.findall(r"^\$ (.*)$", done.out, re.MULTILINE) == [
        "webex-token login",
        "webex-token show",
        "webex-token refresh",
        "webex-token watch --interval 1s --max-age 2s",
        "webex-token logout",
    ]
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


def test_the_demo_heeds_nothing_of_the_users_settings(bare: Program) -> None:
    theirs = bare.having(
        WEBEX_TOKEN_PROFILE="-bad",
        WEBEX_TOKEN_API_URL="https://webexapis.com/v1",
        WEBEX_CLIENT_SECRET="theirs",
        WEBEX_TOKEN_HOME="/nonexistent",
        EVENT_LOOP_DAYS="7",
        HTTP_PROXY="http://127.0.0.1:9",
        http_proxy="http://127.0.0.1:9",
    )
    assert theirs.run("demo").status == 0
