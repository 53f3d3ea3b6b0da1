"""The recipes of the documents work as printed, with the real clients.

A proxy answers requests for https://webexapis.com from the sandbox. The JavaScript SDK supports no proxy, so its
own environment variable gives it the sandbox's address.
"""

import importlib
import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.documents import EVERYTHING, block
from tests.support.program import WEBEX_TOKEN, Finished, Program, wait_until
from tests.support.requirements import ON_CI, require
from tests.support.stored import DAY
from tests.support.webexapis import webexapis
from webex_token_cli.sandbox import Rules, Sandbox

pytestmark = pytest.mark.long


@pytest.fixture
def user_environment(signed_in: Program, sandbox: Sandbox, tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of a user who follows the documents: the command is on PATH, and webexapis.com is the sandbox."""
    with webexapis(sandbox.port, tmp_path) as variables:
        path = os.pathsep.join([str(WEBEX_TOKEN.parent), os.environ["PATH"]])
        yield {**signed_in.environment, **variables, "PATH": path}


def shell(command: str, environment: dict[str, str], folder: Path, *flags: str) -> Finished:
    """Run ``command`` in ``folder`` with sh, or with the shell and options in ``flags``."""
    done = subprocess.run(
        [*(flags or ("sh",)), "-c", command],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    return Finished(done.returncode, done.stdout, done.stderr)


def client_used_the_newest_token(sandbox: Sandbox) -> bool:
    """Whether the last request for /people/me came from another program and carried the newest access token."""
    requests = [request.headers for request in sandbox.requests if request.path == "/v1/people/me"]
    headers = {name.lower(): value for name, value in requests[-1].items()}
    by_us = headers["user-agent"].startswith("webex-token")
    return not by_us and headers["authorization"] == f"Bearer {sandbox.grants[-1].access_token}"


def test_the_recipe_for_curl(user_environment: dict[str, str], sandbox: Sandbox, tmp_path: Path) -> None:
    require("curl")
    done = shell(block("curl"), user_environment, tmp_path)
    assert (done.status, done.err, json.loads(done.out)["displayName"]) == (0, "", "Ada Lovelace")
    assert client_used_the_newest_token(sandbox)


@pytest.mark.parametrize("name", ["webexpythonsdk", "wxc_sdk"])
def test_the_recipe_for_a_python_sdk(
    user_environment: dict[str, str], sandbox: Sandbox, tmp_path: Path, name: str
) -> None:
    (tmp_path / "whoami.py").write_text(block(name))
    assert "`webex-token exec -- python whoami.py`" in EVERYTHING
    done = shell("webex-token exec -- python whoami.py", user_environment, tmp_path)
    assert done == Finished(0, "Ada Lovelace\n", "")
    assert client_used_the_newest_token(sandbox)
    refused = shell("python whoami.py", user_environment, tmp_path)
    assert (refused.status, refused.out) == (1, "")
    assert "WEBEX_ACCESS_TOKEN" in refused.err


def test_the_recipe_for_access_token_in_python(
    user_environment: dict[str, str], sandbox: Sandbox, tmp_path: Path
) -> None:
    (tmp_path / "whoami.py").write_text(block("access_token"))
    assert shell("python whoami.py", user_environment, tmp_path) == Finished(0, "Ada Lovelace\n", "")
    assert client_used_the_newest_token(sandbox)


@pytest.fixture
def short_lived(sandbox: Sandbox, signed_in: Program) -> None:
    """Access tokens live ten seconds from now on, and each refresh renews them."""
    sandbox.rules = replace(sandbox.rules, access_ttl=10, renew_after=0)
    assert signed_in.run("refresh").status == 0


@pytest.mark.usefixtures("short_lived")
@pytest.mark.parametrize(
    "name",
    ["TokenAuth with requests", "TokenAuth with httpx", "TokenAuth with wxc_sdk", "TokenAuth with webexpythonsdk"],
)
def test_a_program_outlives_its_tokens(
    user_environment: dict[str, str], sandbox: Sandbox, tmp_path: Path, name: str
) -> None:
    """The program pauses until this test gives it a line, and meanwhile the sandbox's clock moves on."""
    script = re.sub(r"(await asyncio|time)\.sleep\(60\)", "input()", block(name))
    assert script.count("input()") == 1
    (tmp_path / "program.py").write_text(script)
    environment = {**user_environment, "SSL_CERT_FILE": user_environment["REQUESTS_CA_BUNDLE"]}
    running = subprocess.Popen(
        ["python", "-u", "program.py"],
        cwd=tmp_path,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    assert running.stdin is not None
    assert running.stdout is not None
    try:
        for _ in range(4):
            assert running.stdout.readline() == "Ada Lovelace\n"
            assert client_used_the_newest_token(sandbox)
            sandbox.advance(11)
            running.stdin.write("\n")
            running.stdin.flush()
    finally:
        running.kill()
        _, errors = running.communicate()
    assert sandbox.outcomes().count("renewed") >= 4
    assert [secret for secret in sandbox.issued if secret in errors] == []


@pytest.fixture(scope="session")
def javascript(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which the documents' `npm install` command has installed the SDK."""
    require("node", "npm")
    folder = tmp_path_factory.mktemp("node")
    (folder / "package.json").write_text('{"private": true}')
    install = re.search(r"`(npm install .*?)`", EVERYTHING, re.DOTALL)
    assert install
    done = shell(f"{' '.join(install[1].split())} --no-audit --no-fund --loglevel error", dict(os.environ), folder)
    if done.status and not ON_CI:
        pytest.skip(f"no npm registry: {done.err[:200]}")
    assert done.status == 0, done.err
    return folder


def test_the_recipe_for_the_javascript_sdk(
    user_environment: dict[str, str], sandbox: Sandbox, javascript: Path
) -> None:
    (javascript / "whoami.js").write_text(block("node"))
    assert "`webex-token exec -- node whoami.js`" in EVERYTHING
    pointed = {**user_environment, "HYDRA_SERVICE_URL": sandbox.api_url}
    done = shell("webex-token exec -- node whoami.js", pointed, javascript)
    assert (done.status, done.out) == (0, "Ada Lovelace\n")
    assert client_used_the_newest_token(sandbox)


def test_the_recipe_for_cron(
    program: Program, sandbox: Sandbox, keyring_session: dict[str, str], tmp_path: Path
) -> None:
    """The crontab's line runs as cron runs it: with sh, in the home folder, with hardly any environment variables."""
    session = program.having(**keyring_session, WEBEX_TOKEN_STORE=None, WEBEX_TOKEN_HOME=None)
    assert session.run("login", "--api-url", sandbox.api_url).status == 0
    (tmp_path / "report").write_text('#!/bin/sh\necho "$WEBEX_ACCESS_TOKEN"\n')
    (tmp_path / "report").chmod(0o700)
    setting, line = block("cron").splitlines()
    name, _, address = setting.partition("=")
    assert (name, address) == ("DBUS_SESSION_BUS_ADDRESS", "unix:path=/run/user/1000/bus")
    minute_to_weekday, command = line.split()[:5], line.split(maxsplit=5)[5]
    assert minute_to_weekday == ["0", "8", "*", "*", "1-5"]
    command = command.replace("/home/ada/.local/bin/webex-token", str(WEBEX_TOKEN))
    command = command.replace("/home/ada/bin/report", str(tmp_path / "report"))
    cron_environment = {"HOME": str(session.home), "LOGNAME": "ada", "SHELL": "/bin/sh", "PATH": "/usr/bin:/bin"}
    folders = {name: value for name, value in session.environment.items() if name.startswith("XDG_")}
    done = shell(command, {**cron_environment, **folders, **keyring_session}, session.home)
    assert done == Finished(0, f"{sandbox.grants[-1].access_token}\n", "")
    without = shell(command, {**cron_environment, **folders}, session.home)
    assert (without.status, without.out) == (5, "")


def test_the_recipe_for_github_actions(user_environment: dict[str, str], sandbox: Sandbox, tmp_path: Path) -> None:
    step: dict[str, Any] = importlib.import_module("yaml").safe_load(block("actions"))[0]
    assert set(step) == {"name", "env", "run"}
    assert step["env"] == {"WEBEX_SIGN_IN": "${{ secrets.WEBEX_SIGN_IN }}"}
    (tmp_path / "whoami.py").write_text(
        f"{block('wxc_sdk')}import os\nprint(sorted(name for name in os.environ if name.startswith('WEBEX_')))\n"
    )
    exported = shell("webex-token export", user_environment, tmp_path).out.strip()
    other_variables = {name: value for name, value in user_environment.items() if not name.startswith("WEBEX_")}
    runner = {**other_variables, "WEBEX_TOKEN_HOME": str(tmp_path / "runner"), "WEBEX_SIGN_IN": exported}
    done = shell(step["run"], runner, tmp_path, "bash", "-e")  # GitHub runs steps with this shell on Linux.
    assert (done.status, done.err) == (0, "")
    token = sandbox.grants[-1].access_token
    assert done.out.splitlines()[-3:] == [
        f"::add-mask::{token}",
        "Ada Lovelace",
        "['WEBEX_ACCESS_TOKEN', 'WEBEX_TEAMS_ACCESS_TOKEN', 'WEBEX_TOKEN_HOME']",
    ]


def test_the_recipe_for_jobs_with_a_refresh_token(
    user_environment: dict[str, str], sandbox: Sandbox, tmp_path: Path
) -> None:
    (tmp_path / "whoami.py").write_text(block("webexpythonsdk"))
    refresh_token = sandbox.token_response()["refresh_token"]
    job = {**user_environment, "WEBEX_TOKEN_HOME": str(tmp_path / "job"), "WEBEX_REFRESH_TOKEN": refresh_token}
    done = shell(block("from-env"), job, tmp_path, "bash", "-euo", "pipefail")
    assert (done.status, done.out.splitlines()[-1]) == (0, "Ada Lovelace"), done
    assert client_used_the_newest_token(sandbox)


def test_the_recipe_for_direnv(user_environment: dict[str, str], sandbox: Sandbox, tmp_path: Path) -> None:
    require("direnv")
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / ".envrc").write_text(block("direnv"))
    assert shell("direnv allow", user_environment, folder).status == 0
    done = shell("direnv exec . printenv WEBEX_ACCESS_TOKEN", user_environment, folder)
    assert (done.status, done.out) == (0, f"{sandbox.grants[-1].access_token}\n")


def test_the_recipe_for_variables(user_environment: dict[str, str], sandbox: Sandbox, tmp_path: Path) -> None:
    done = shell(f"{block('env')}\nprintenv WEBEX_ACCESS_TOKEN; cat .env", user_environment, tmp_path)
    token = sandbox.grants[-1].access_token
    assert (done.status, done.out) == (0, f"{token}\nWEBEX_ACCESS_TOKEN={token}\n")


class TestSwitchingFromAnotherTool:
    """The recipes that take over the sign-in of another tool."""

    @pytest.fixture
    def rules(self) -> Rules:
        from tests.support.ports import free_port

        return Rules(redirect_uris=(f"http://localhost:{free_port()}/oauth",))

    @pytest.fixture
    def new_user(self, program: Program) -> dict[str, str]:
        """An environment without settings, except those that lead to the sandbox and a store of the test's own."""
        settings = {name for name in program.variables if name.startswith("WEBEX_")}
        needed = {"WEBEX_TOKEN_HOME", "WEBEX_TOKEN_STORE", "WEBEX_TOKEN_API_URL"}
        bare = program.having(**dict.fromkeys(settings - needed))
        path = os.pathsep.join([str(WEBEX_TOKEN.parent), os.environ["PATH"]])
        return {**bare.environment, "PATH": path}

    def test_from_the_sample(self, new_user: dict[str, str], sandbox: Sandbox, rules: Rules, tmp_path: Path) -> None:
        """The file has the lines of sample_environ_vars.sh in the repository webex/integration-refresh."""
        (tmp_path / "sample_environ_vars.sh").write_text(
            f"export MY_APP_PORT=3000\n"
            f"export MY_APP_CLIENT_ID={sandbox.client_id}\n"
            f"export MY_APP_SECRET_ID={sandbox.client_secret}\n"
            f"export MY_APP_REDIRECT_URI={rules.redirect_uris[0]}\n"
            f"export MY_APP_SCOPES=spark%3Aall%20spark%3Akms\n"
            f"export EVENT_LOOP_SLEEP_SECONDS=1800\n"
            f"export EVENT_LOOP_DAYS=2\n"
        )
        script = block("sample").replace("webex-token watch", "exec webex-token watch")
        with (tmp_path / "log").open("wb") as log:
            process = subprocess.Popen(["sh", "-ec", script], cwd=tmp_path, env=new_user, stdout=log, stderr=log)
            try:
                said = "Checking every 30 minutes, and renewing a token 2 days after its last refresh."
                wait_until(lambda: said in (tmp_path / "log").read_text(), (tmp_path / "log").read_text)
                process.send_signal(signal.SIGTERM)
                assert process.wait(20) == 0
            finally:
                process.kill()
        assert sandbox.grants[-1].scopes == ("spark:all", "spark:kms")

    def test_from_wtr(self, new_user: dict[str, str], sandbox: Sandbox, tmp_path: Path) -> None:
        """The file looks as wtr writes it: keys in lower case, times in UTC epoch seconds."""
        answer = sandbox.token_response(("spark:all", "spark:kms"))
        now = 1_800_000_000
        wtr_file = {
            "clientid": sandbox.client_id,
            "expiration": now + answer["expires_in"],
            "refresh_expiration": now + answer["refresh_token_expires_in"],
            "refresh_token": answer["refresh_token"],
            "scopes": "spark:kms spark:all",
            "secret": sandbox.client_secret,
            "token": answer["access_token"],
        }
        (tmp_path / ".wtr-cli.json").write_text(json.dumps(wtr_file, indent=2))
        done = shell(block("wtr"), new_user, tmp_path)
        assert done.err == ""
        assert done.out.splitlines()[0] == "Imported the sign-in of Ada Lovelace <ada@example.com> (profile default)."
        sandbox.advance(2 * DAY)
        assert shell("webex-token refresh", new_user, tmp_path).out.startswith("default: renewed; ")
        token = sandbox.grants[-1].access_token
        assert shell("webex-token get", new_user, tmp_path) == Finished(0, f"{token}\n", "")
        config = Path(new_user["WEBEX_TOKEN_HOME"], "config.ini").read_text()
        assert "redirect_uri = http://localhost:6855\nscopes = spark:kms spark:all\n" in config

    def test_from_wxc_sdk(self, new_user: dict[str, str], sandbox: Sandbox, tmp_path: Path) -> None:
        """wxc_sdk itself writes the file, from a token response of the sandbox."""
        answer = sandbox.token_response()
        writing = (
            "import json, sys; from wxc_sdk.integration import Integration; from wxc_sdk.tokens import Tokens\n"
            "tokens = Tokens.model_validate(json.load(sys.stdin)); tokens.set_expiration()\n"
            "class Signed(Integration):\n    def get_tokens_from_oauth_flow(self): return tokens\n"
            "integration = Signed(client_id='x', client_secret='x', scopes='spark:all', redirect_url='http://localhost')\n"
            "assert integration.get_cached_tokens_from_yml('tokens.yml') is tokens\n"
        )
        subprocess.run(
            ["python", "-c", writing], cwd=tmp_path, env=new_user, input=json.dumps(answer).encode(), check=True
        )
        (tmp_path / "secret.txt").write_text(sandbox.client_secret)
        done = shell(block("yaml").replace("C9…", sandbox.client_id), new_user, tmp_path, "sh", "-e")
        assert (done.status, done.err) == (0, "")
        lines = done.out.splitlines()
        assert lines[0] == "Imported the tokens of Ada Lovelace <ada@example.com> (profile default)."
        assert lines[-1].startswith("default: unchanged; ")
        assert shell("webex-token get", new_user, tmp_path).out == f"{answer['access_token']}\n"
