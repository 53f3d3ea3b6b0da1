"""Hook commands: what they are given, how long they may take, and that no argument holds a token."""

import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.program import wait_until
from webex_token_cli.refresh.hooks import HookFailed, run_hook

pytestmark = pytest.mark.posix

TOKEN = "the-new-access-token"

BY_HAND = "The tokens are stored all the same; run it by hand to see its error."

# Saves everything that others can see of the process, and its standard input.
TELL_EVERYTHING = """
for file in cmdline environ; do tr '\\0' '\\n' < /proc/$$/$file > "$TOLD/$file"; done
tr '\\0' '\\n' < /proc/$PPID/cmdline > "$TOLD/parent"
cat > "$TOLD/stdin"
echo said by the hook
"""


def environment(tmp_path: Path) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "TOLD": str(tmp_path)}


def after(*moments: float) -> Callable[[], float]:
    """A clock that shows these times, and then the last of them 40 times more."""
    shown: Iterator[float] = itertools.chain(moments, itertools.repeat(moments[-1], 40))
    return lambda: next(shown)  # raises StopIteration if the hook is never killed


def gone(file: Path) -> bool:
    """Whether the process whose number is in ``file`` has ended."""
    stat = Path(f"/proc/{file.read_text().strip()}/stat")
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z"


def test_a_hook_gets_the_token_on_standard_input_only(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    run_hook(TELL_EVERYTHING, {**environment(tmp_path), "ASKED": "1"}, TOKEN)
    assert (tmp_path / "stdin").read_bytes() == TOKEN.encode()
    assert "ASKED=1\n" in (tmp_path / "environ").read_text()
    assert TOKEN not in "".join((tmp_path / name).read_text() for name in ("cmdline", "environ", "parent"))
    assert capfd.readouterr() == ("", "said by the hook\n")


def test_a_hook_need_not_read_its_standard_input(tmp_path: Path) -> None:
    run_hook("exec true", environment(tmp_path), "x" * 1_000_000)
    run_hook("exec 0<&-; sleep 0.3", environment(tmp_path), "x" * 1_000_000)


@pytest.mark.parametrize(
    ("command", "how"),
    [
        ("exit 1", "ended with exit status 1"),
        ("exit 3", "ended with exit status 3"),
        ("no-such-command", "ended with exit status 127"),
        ("'", "ended with exit status 2"),
        ("kill -HUP $$", "was ended by SIGHUP"),
        ("kill -TERM $$", "was ended by SIGTERM"),
        ("kill -40 $$", "was ended by signal 40"),
    ],
)
def test_a_failure_is_reported_without_the_token(tmp_path: Path, command: str, how: str) -> None:
    with pytest.raises(HookFailed) as raised:
        run_hook(command, environment(tmp_path), TOKEN)
    assert (raised.value.message, raised.value.hint) == (f"The command {how}.", BY_HAND)


def test_a_hook_that_cannot_be_started(tmp_path: Path) -> None:
    with pytest.raises(HookFailed) as raised:
        run_hook("true", {"LONG": "x" * 10_000_000}, TOKEN)
    assert raised.value.message == "The command could not be started (Argument list too long)."


@pytest.mark.parametrize(
    ("clock", "stopping", "why"),
    [
        (after(0, 59, 60), False, "did not end within 60 seconds"),
        (after(0, 1, 2, 6), True, "had not ended when the watch ended"),
    ],
    ids=["too long", "the watch ends"],
)
def test_a_hook_that_takes_too_long_is_killed_with_its_children(
    tmp_path: Path, clock: Callable[[], float], stopping: bool, why: str
) -> None:
    command = 'sleep 20 & echo $! > "$TOLD/child"; echo $$ > "$TOLD/self"; trap "" TERM; wait'
    with pytest.raises(HookFailed) as raised:
        run_hook(command, environment(tmp_path), TOKEN, clock=clock, stopping=lambda: stopping)
    assert raised.value.message == f"The command {why}, and was killed."
    wait_until(lambda: gone(tmp_path / "child") and gone(tmp_path / "self"), timeout=5)


def test_a_hook_may_end_within_the_grace_period(tmp_path: Path) -> None:
    command = 'sleep 0.6; cat > "$TOLD/stdin"'
    run_hook(command, environment(tmp_path), TOKEN, clock=after(0, 55, 59), stopping=lambda: True)
    assert (tmp_path / "stdin").read_text() == TOKEN


def test_a_hook_has_a_minute_while_the_watch_goes_on(tmp_path: Path) -> None:
    run_hook('sleep 0.6; cat > "$TOLD/stdin"', environment(tmp_path), TOKEN, clock=after(0, 1, 59))
    assert (tmp_path / "stdin").read_text() == TOKEN
