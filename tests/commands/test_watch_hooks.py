"""watch --on-change and --on-attention: the commands that a watch runs."""

import re
import time
from pathlib import Path

import pytest

from tests.support.program import PROMPT, Program, wait_until
from tests.support.rounds import due_record, store_in, stored_in
from webex_token_cli.sandbox import Answer, Sandbox

TOKEN = "the-new-access-token"


RENEWED = f'{{"access_token": "{TOKEN}", "expires_in": 1209599, "refresh_token": "r"}}'


REVOKED = '{"error": "invalid_grant", "error_description": "The refresh token was revoked."}'


BY_HAND = "The tokens are stored all the same; run it by hand to see its error."


# Whatever other users of the machine could see of a process, and what it was given besides.
TELL_EVERYTHING = """
for file in cmdline environ; do tr '\\0' '\\n' < /proc/$$/$file > "$TOLD/$file"; done
tr '\\0' '\\n' < /proc/$PPID/cmdline > "$TOLD/parent"
cat > "$TOLD/stdin"
echo said by the hook
"""


def gone(file: Path) -> bool:
    """Whether the process whose number is in ``file`` has ended."""
    stat = Path(f"/proc/{file.read_text().strip()}/stat")
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z"


@pytest.fixture
def stale(program: Program, tmp_path: Path) -> Program:
    """The program, with a token that is due, under a service manager that has told it things."""
    store_in(Path(program.variables["WEBEX_TOKEN_HOME"]), due_record())
    return program.having(NOTIFY_SOCKET=str(tmp_path / "nobody"), WATCHDOG_USEC="60000000", TOLD=str(tmp_path))


def told(tmp_path: Path, name: str) -> dict[str, str]:
    """The variables in a hook's environment."""
    lines = (tmp_path / name).read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line)


def test_a_renewal_runs_the_one_for_it(stale: Program, sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.order(Answer("/v1/access_token", 200, {}, RENEWED))
    stale = stale.having(UNDER_ANOTHER_NAME=f"it is {due_record().client_secret}", WEBEX_REFRESH_TOKEN="of another")
    done = stale.run("watch", "--once", "-p", "default", "--on-change", TELL_EVERYTHING, "--on-attention", "exit 1")
    assert (done.status, done.err) == (0, "said by the hook\n")
    assert re.fullmatch(r"\S+ \S+ UTC  default  renewed: .*\n", done.out)
    assert (tmp_path / "stdin").read_bytes() == TOKEN.encode()
    variables = told(tmp_path, "environ")
    ours = stale.environment
    assert variables.pop("WEBEX_TOKEN_PROFILE") == "default"
    kept_back = {"UNDER_ANOTHER_NAME", "WEBEX_CLIENT_SECRET", "WEBEX_REFRESH_TOKEN", "NOTIFY_SOCKET", "WATCHDOG_USEC"}
    assert kept_back < set(ours)
    assert {name: variables[name] for name in variables if name in ours} == {
        name: value for name, value in ours.items() if name not in kept_back
    }
    seen = "".join((tmp_path / name).read_text() for name in ("cmdline", "environ", "parent"))
    record = due_record()
    secrets = (TOKEN, *record.secrets, sandbox.client_secret)
    assert not [secret for secret in secrets if secret and secret in seen]


def test_one_that_fails_is_told_of_and_costs_nothing(stale: Program, sandbox: Sandbox) -> None:
    sandbox.order(Answer("/v1/access_token", 200, {}, RENEWED))
    done = stale.run("watch", "--once", "-p", "default", "--on-change", "cat >&2; exit 7")
    kinds = [line.split("  ")[2] for line in done.out.splitlines()]
    assert (done.status, kinds[1:]) == (
        0, [f"hook failed: The command ended with exit status 7. {BY_HAND}"],
    )  # fmt: skip
    assert kinds[0].startswith("renewed: ")
    stored = stored_in(Path(stale.variables["WEBEX_TOKEN_HOME"]))
    assert stored is not None
    assert stored.access_token == TOKEN


def test_a_profile_that_needs_a_person_runs_the_one_for_that(stale: Program, sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.order(Answer("/v1/access_token", 400, {}, REVOKED))
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


def test_a_stop_does_not_wait_for_one_that_hangs(stale: Program, sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.order(Answer("/v1/access_token", 200, {}, RENEWED))
    command = 'echo $$ > "$TOLD/self"; exec sleep 30'
    with stale.started("watch", "-p", "default", "--on-change", command) as watch:
        wait_until(lambda: (tmp_path / "self").exists() and (tmp_path / "self").read_text())
        asked = time.monotonic()
        watch.process.terminate()
        done = watch.finish()
    assert time.monotonic() - asked < 5 + PROMPT
    assert done.status == 0
    assert "  default  hook failed: The command had not ended when the watch ended, and was killed. " in done.out
    assert gone(tmp_path / "self")
