"""``TokenAuth`` in processes that are forked from one that has used it, as a preforking server's workers are."""

import subprocess
import sys

import pytest

from tests.support.program import Program
from webex_token_cli.sandbox import Sandbox

pytestmark = pytest.mark.posix

# A child looks the token up again, because its clock is a minute ahead. One that hangs is ended by its alarm.
_PROGRAM = """
import os, signal, sys, threading, time
import requests
from webex_token_cli import TokenAuth

ahead, has_lock = 0, threading.Event()

def clock():
    if threading.current_thread().name == "looks the token up":
        has_lock.set()
        threading.Event().wait()
    return time.time() + ahead

auth = TokenAuth("forked", clock=clock)

def status():
    return requests.get(sys.argv[1] + "/people/me", auth=auth, timeout=30).status_code

def child():
    global ahead
    ahead = 61
    signal.alarm(30)
    try:
        tell(status())
    except Exception as error:
        tell(error)
    finally:
        os._exit(0)

def tell(what):
    os.write(1, f"{{what}}\\n".encode())  # a line in one piece: the children write at the same time

tell(status())
{before}
for _ in range(4):
    os.fork() or child()
for _ in range(4):
    os.wait()
"""

_ANOTHER_THREAD_LOOKS = """
threading.Thread(target=status, name="looks the token up", daemon=True).start()
has_lock.wait()
"""

_ITS_THREADS_HAVE_ENDED = """
while threading.active_count() > 1:
    time.sleep(0.05)
"""


@pytest.mark.parametrize(
    ("store", "before"),
    [
        pytest.param("file", "", id="right after a look-up"),
        pytest.param("file", _ANOTHER_THREAD_LOOKS, id="during a look-up by another thread"),
        pytest.param("keyring", _ITS_THREADS_HAVE_ENDED, id="with a connection to the keyring"),
    ],
)
def test_a_forked_process_looks_the_token_up_itself(
    program: Program, sandbox: Sandbox, request: pytest.FixtureRequest, store: str, before: str
) -> None:
    session = request.getfixturevalue("keyring_session") if store == "keyring" else {}
    program = program.having(**session, WEBEX_TOKEN_STORE=store)
    assert program.run("login", "-p", "forked").status == 0
    done = subprocess.run(
        # Python 3.12 and newer warn of any fork in a process that has threads.
        [sys.executable, "-W", "error", "-W", "ignore::DeprecationWarning", "-c",
         _PROGRAM.format(before=before), sandbox.api_url],
        env=program.environment, capture_output=True, encoding="utf-8", timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout.splitlines(), done.stderr) == (0, ["200"] * 5, "")
