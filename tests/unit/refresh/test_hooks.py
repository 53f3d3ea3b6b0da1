"""Hook commands: what they are given, how long they may take, and that no argument holds a token."""

import itertools
import os
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.program import Program, wait_until
from tests.support.rounds import due_record, store_in, stored_in
from webex_token_cli.refresh.hooks import HookFailed, run_hook
from webex_token_cli.sandbox.faults import Fault
from webex_token_cli.sandbox.server import Sandbox

TOKEN = "the-new-access-token"
RENEWED = f'{{"access_token": "{TOKEN}", "expires_in": 1209599, "refresh_token": "r"}}'
REVOKED = '{"error": "invalid_grant", "error_description": "The refresh token was revoked."}'

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
        ("exit 3", "ended with exit status 3"),
        ("no-such-command", "ended with exit status 127"),
        ("'", "ended with exit status 2"),
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


@pytest.fixture
def stale(program: Program, tmp_path: Path) -> Program:
    """The program with a token that is due, and with the variables that a service manager sets."""
    store_in(Path(program.variables["WEBEX_TOKEN_HOME"]), due_record())
    return program.having(NOTIFY_SOCKET=str(tmp_path / "nobody"), WATCHDOG_USEC="60000000", TOLD=str(tmp_path))


def told(tmp_path: Path, name: str) -> dict[str, str]:
    """The variables in a hook's environment."""
    lines = (tmp_path / name).read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line)


def test_a_renewal_runs_the_hook_for_it(stale: Program, sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.order(Fault("/v1/access_token", 200, {}, RENEWED))
    stale = stale.having(UNDER_ANOTHER_NAME=f"it is {due_record().client_secret}")
    done = stale.run("watch", "--once", "-p", "default", "--on-change", TELL_EVERYTHING, "--on-attention", "exit 1")
    assert (done.status, done.err) == (0, "said by the hook\n")
    assert re.fullmatch(r"\S+ \S+ UTC  default  renewed: .*\n", done.out)
    assert (tmp_path / "stdin").read_bytes() == TOKEN.encode()
    variables = told(tmp_path, "environ")
    ours = stale.environment
    assert variables.pop("WEBEX_TOKEN_PROFILE") == "default"
    removed = {"UNDER_ANOTHER_NAME", "WEBEX_CLIENT_SECRET", "NOTIFY_SOCKET", "WATCHDOG_USEC"}
    assert removed < set(ours)
    assert {name: variables[name] for name in variables if name in ours} == {
        name: value for name, value in ours.items() if name not in removed
    }
    seen = "".join((tmp_path / name).read_text() for name in ("cmdline", "environ", "parent"))
    record = due_record()
    secrets = (TOKEN, *record.secrets, sandbox.webex.client_secret)
    assert not [secret for secret in secrets if secret and secret in seen]


def test_a_hook_that_fails_is_reported_and_the_token_is_stored(stale: Program, sandbox: Sandbox) -> None:
    sandbox.order(Fault("/v1/access_token", 200, {}, RENEWED))
    done = stale.run("watch", "--once", "-p", "default", "--on-change", "cat >&2; exit 7")
    kinds = [line.split("  ")[2] for line in done.out.splitlines()]
    assert (done.status, kinds[1:]) == (
        0, [f"hook failed: The command ended with exit status 7. {BY_HAND}"],
    )  # fmt: skip
    assert kinds[0].startswith("renewed: ")
    stored = stored_in(Path(stale.variables["WEBEX_TOKEN_HOME"]))
    assert stored is not None
    assert stored.access_token == TOKEN


def test_a_profile_that_needs_a_person_runs_the_hook_for_that(stale: Program, sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.order(Fault("/v1/access_token", 400, {}, REVOKED))
    done = stale.run("watch", "--once", "-p", "default", "--on-attention", TELL_EVERYTHING, "--on-change", "exit 1")
    assert (done.status, done.err) == (3, "said by the hook\n")
    why = (tmp_path / "stdin").read_text()
    assert re.fullmatch(
        r"Profile default: Webex no longer accepts the grant \(HTTP 400, “The refresh token was revoked.”, "
        r"tracking ID \S+\). Sign in with `webex-token login`.\n",
        why,
    )
    variables = told(tmp_path, "environ")
    assert (variables["WEBEX_TOKEN_PROFILE"], variables["WEBEX_TOKEN_ATTENTION"]) == ("default", why.rstrip("\n"))
    assert done.out.endswith(f"  default  needs sign-in: {why}")


def test_a_stop_does_not_wait_for_a_hook_that_hangs(stale: Program, sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.order(Fault("/v1/access_token", 200, {}, RENEWED))
    command = 'echo $$ > "$TOLD/self"; exec sleep 30'
    with stale.started("watch", "-p", "default", "--on-change", command) as watch:
        wait_until(lambda: (tmp_path / "self").exists() and (tmp_path / "self").read_text())
        asked = time.monotonic()
        watch.process.terminate()
        done = watch.finish()
    assert time.monotonic() - asked < 8
    assert done.status == 0
    assert "  default  hook failed: The command had not ended when the watch ended, and was killed. " in done.out
    assert gone(tmp_path / "self")
