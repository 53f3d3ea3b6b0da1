"""login --flow paste: the installed command, through a pipe and at a terminal."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest

from tests.support.program import PROMPT, WEBEX_TOKEN, Program, wait_until
from tests.support.redirects import redirected_to
from tests.support.terminal import at_a_terminal, end_of, read
from webex_token_cli.sandbox import Sandbox
from webex_token_cli.signin.paste import Unusable

pytestmark = pytest.mark.posix  # it needs pseudo-terminals

ANOTHER = Unusable("That address belongs to another sign-in: its state does not match. Open the address above again.")


def test_through_a_pipe(program: Program, sandbox: Sandbox, tmp_path: Path) -> None:
    there, here = os.pipe()
    with program.started("login", "--flow", "paste", stdin=there) as login:
        os.close(there)
        os.write(here, f"  {redirected_to(sandbox, login.url())}\n".encode())
        done = login.finish()
    os.close(here)
    assert (done.status, done.out.splitlines()[0]) == (
        0,
        "Signed in as Ada Lovelace <ada@example.com> (profile default).",
    )
    assert program.run("get").status == 0


def test_a_pipe_with_another_state_is_refused(program: Program) -> None:
    done = program.run("login", "--flow", "paste", stdin=f"http://localhost/?code=x&state={'B' * 43}\n")
    assert (done.status, done.out) == (6, "")
    assert f"Error: {ANOTHER.why}\n" in done.err
    assert not Path(program.variables["WEBEX_TOKEN_HOME"], "config.ini").exists()


def test_no_input_at_all(program: Program) -> None:
    done = program.run("login", "--flow", "paste")
    assert (done.status, done.out) == (6, "")
    assert "Error: Nothing was pasted.\n" in done.err


@pytest.fixture
def terminal(program: Program) -> "Iterator[pexpect.spawn[str]]":
    """The program at a terminal, in an SSH session."""
    over_ssh = program.having(BROWSER=None, SSH_CONNECTION="10.0.0.1 5 10.0.0.2 22")
    with at_a_terminal(over_ssh, "login") as child:
        yield child


def url_at(terminal: "pexpect.spawn[str]") -> str:
    url = read(terminal, r"(http://\S+/authorize\?\S+)")
    terminal.expect_exact("press Enter:")
    wait_until(lambda: not terminal.getecho())
    return url


def test_a_person_pastes_over_ssh_and_does_not_see_the_code(
    terminal: "pexpect.spawn[str]", program: Program, sandbox: Sandbox
) -> None:
    terminal.expect_exact("Signing in with --flow paste, because this is an SSH session (SSH_CONNECTION)")
    address = redirected_to(sandbox, url_at(terminal))
    terminal.send("hunter2\n")
    terminal.expect_exact("That is neither an address nor a code. Paste the address that the browser ends at:")
    terminal.send(f"{program.variables['WEBEX_CLIENT_SECRET']}\n")
    terminal.expect_exact("That is the client id or the client secret of the integration.")
    terminal.send(f"http://localhost:8000/oauth?code=stale&state={'B' * 43}\n")
    terminal.expect_exact("belongs to another sign-in")
    terminal.send(f" '{address[:60]}\n{address[60:90]}\n{address[90:]}'\n")
    terminal.expect_exact("Signed in as Ada Lovelace <ada@example.com> (profile default).")
    shown = str(terminal.before)
    status, rest = end_of(terminal)
    assert status == 0
    assert sandbox.latest_authorization().code[:20] not in shown + rest
    assert len(sandbox.outcomes("/v1/access_token")) == 1  # nothing but the right code was sent


def test_what_a_long_paste_leaves_behind_does_not_reach_the_shell(program: Program) -> None:
    """A shell reads what is left in the terminal, and runs it."""
    over_ssh = program.having(BROWSER=None, SSH_CONNECTION="10.0.0.1 5 10.0.0.2 22")
    child: pexpect.spawn[str] = pexpect.spawn(
        "sh", ["-c", f"{WEBEX_TOKEN} login; echo ended; cat"], env=over_ssh.environment, encoding="utf-8", timeout=20
    )
    url_at(child)
    for _ in range(4):
        child.send("hunter2\n")
        child.expect_exact("neither an address nor a code. Paste")
    child.send("hunter2\nrm -r important\n")
    child.expect_exact("ended")
    child.sendeof()
    child.expect(pexpect.EOF)
    child.close()
    assert "important" not in str(child.before)


@pytest.mark.parametrize(("key", "status", "said"), [("\x04", 6, "Nothing was pasted."), ("\x03", 130, "Interrupted.")])
def test_ctrl_d_and_ctrl_c_end_it_and_give_the_echo_back(
    terminal: "pexpect.spawn[str]", key: str, status: int, said: str
) -> None:
    url_at(terminal)
    asked = time.monotonic()
    terminal.send(key)
    terminal.expect_exact(said)
    wait_until(terminal.getecho)
    ended, rest = end_of(terminal)
    assert ended == status
    assert time.monotonic() - asked < PROMPT
    assert "Traceback" not in rest


def test_a_browser_that_does_not_open_falls_to_pasting(program: Program, sandbox: Sandbox) -> None:
    broken = program.having(BROWSER="/nonexistent/browser %s")
    with at_a_terminal(broken, "login") as child:
        child.expect_exact("Signing in with --flow browser, because BROWSER is set.")
        child.expect_exact("No browser opened. Continuing with --flow paste.")
        child.send(redirected_to(sandbox, url_at(child)) + "\n")
        child.expect_exact("Signed in as Ada Lovelace")
        assert end_of(child)[0] == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_a_signal_gives_the_echo_back_too(terminal: "pexpect.spawn[str]", number: signal.Signals) -> None:
    url_at(terminal)
    terminal.kill(number)
    wait_until(terminal.getecho)
    terminal.expect(pexpect.EOF)
    terminal.wait()
    assert terminal.signalstatus == number
