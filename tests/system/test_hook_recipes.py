"""The recipes of the documents that pass each new token on to another program. Each is run as it is printed there."""

import base64
import os
import re
import shutil
import signal
import stat
import subprocess
from pathlib import Path

import pytest

from tests.support.documents import block
from tests.support.openbao import Server, openbao_command
from tests.support.program import WEBEX_TOKEN, Program, wait_until
from tests.support.requirements import require
from tests.support.signing_in import sign_in
from tests.support.stored import DAY, age
from webex_token_cli.sandbox import Answer, Rules, Sandbox

pytestmark = pytest.mark.long

# The last words of the message with which `watch` ends when no profile is left that it can refresh.
LAST_WORDS_OF_WATCH = "then start again.\n"


@pytest.fixture
def rules(redirect_uri: str) -> Rules:
    return Rules(redirect_uris=(redirect_uri,), renew_after=1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that is first on the PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    return folder


@pytest.fixture
def due(program: Program, sandbox: Sandbox, folder: Path) -> Program:
    """The program with a signed-in profile whose token is due, and which the sandbox will renew."""
    sign_in(program)
    age(program, 2 * DAY)
    sandbox.advance(2)
    path = os.pathsep.join([str(folder), str(WEBEX_TOKEN.parent), os.environ["PATH"]])
    return program.having(PATH=path)


def recipe(name: str, language: str = "sh") -> str:
    return block(name, language).strip()


def run(due: Program, name: str, until: str) -> str:
    """Run the recipe until it has printed ``until``. Returns everything that it printed."""
    output = due.home / "output"
    due.home.mkdir(exist_ok=True)
    with output.open("wb") as file:
        process = subprocess.Popen(
            ["sh", "-c", f"exec {recipe(name)}"], env=due.environment, stdout=file, stderr=subprocess.STDOUT
        )
    try:
        wait_until(lambda: until in output.read_text(), output.read_text, process=process)
        if until != LAST_WORDS_OF_WATCH:
            process.send_signal(signal.SIGTERM)
        assert process.wait(10) == (3 if until == LAST_WORDS_OF_WATCH else 0)
    finally:
        process.kill()
        process.wait()
    assert "hook failed" not in output.read_text()
    return output.read_text()


def test_the_recipe_to_a_file_writes_the_token_with_mode_0600(due: Program) -> None:
    run(due, "to a file", "renewed: ")
    written = due.home / "webex-default"
    assert written.read_text() == due.run("get").out.strip()
    assert stat.S_IMODE(written.stat().st_mode) == 0o600
    assert not (due.home / "webex-default.new").exists()


@pytest.fixture
def vault(folder: Path, openbao: Server) -> dict[str, str]:
    """The variables that lead to an OpenBao server, whose command is on the PATH under the name ``vault``."""
    (folder / "vault").symlink_to(openbao_command())
    return openbao.environment


def test_the_recipe_to_vault_stores_the_token(due: Program, vault: dict[str, str]) -> None:
    due = due.having(VAULT_ADDR=vault["VAULT_ADDR"], VAULT_TOKEN=vault["VAULT_TOKEN"])
    run(due, "to vault", "renewed: ")
    read = ["vault", "kv", "get", "-mount=secret", "-field=token", "webex-default"]
    found = subprocess.run(
        [shutil.which("vault", path=due.variables["PATH"]) or "", *read[1:]],
        env=due.environment, capture_output=True, encoding="utf-8", check=True,
    )  # fmt: skip
    assert found.stdout.strip() == due.run("get").out.strip()


def test_the_recipe_to_kubernetes_applies_a_secret(due: Program, folder: Path) -> None:
    """The real kubectl makes the secret. There is no cluster here, so a file receives what would be applied."""
    require("kubectl")
    applied = due.home / "applied"
    (folder / "kubectl").write_text(
        f'#!/bin/sh\nif [ "$1" = apply ]; then cat > {applied}; else exec {shutil.which("kubectl")} "$@"; fi\n'
    )
    (folder / "kubectl").chmod(0o700)
    run(due, "to kubernetes", "renewed: ")
    token = base64.b64encode(due.run("get").out.strip().encode()).decode()
    assert f"data:\n  token: {token}\n" in applied.read_text()
    assert "kind: Secret\n" in applied.read_text()


def test_the_recipe_to_the_desktop_shows_why_a_sign_in_is_needed(due: Program, sandbox: Sandbox, folder: Path) -> None:
    notification = due.home / "notification"
    (folder / "notify-send").write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {notification}\n')
    (folder / "notify-send").chmod(0o700)
    sandbox.order(Answer("/v1/access_token", 400, {}, '{"error": "invalid_grant"}'))
    run(due, "to the desktop", LAST_WORDS_OF_WATCH)
    title, why = notification.read_text().splitlines()
    assert title == "Webex, profile default"
    assert why == (
        "Profile default: Webex no longer accepts the grant (HTTP 400, “invalid_grant”"
        f"{why[why.index(', tracking ID') :]}"
    )
    assert why.endswith("). Sign in with `webex-token login`.")


def test_the_cron_job_runs_the_hook_of_the_kubernetes_recipe(due: Program, folder: Path) -> None:
    """The command in the manifest renews and exits with 0, with a stub in place of kubectl."""
    manifest = recipe("cronjob", "yaml")
    found = re.search(r"command: \[(.*?)\]\n\s+args: \[\"(.*?)\"\]", manifest)
    assert found is not None
    command, hook = found[1].split(", "), found[2]
    assert hook in recipe("to kubernetes")
    (folder / "kubectl").write_text("#!/bin/sh\ncat > /dev/null\n")
    (folder / "kubectl").chmod(0o700)
    done = subprocess.run([*command, hook], env=due.environment, capture_output=True, encoding="utf-8", check=False)
    assert (done.returncode, '"event": "renewed"' in done.stdout, done.stderr) == (0, True, "")
