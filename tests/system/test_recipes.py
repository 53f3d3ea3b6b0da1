"""The README's recipes, word by word, with the real clients; what changes is the environment around them.

What goes to https://webexapis.com is answered by the sandbox, by way of a proxy. The JavaScript SDK knows no
proxy; it is told another address by the variable that it reads for that.
"""

import importlib
import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.folders import README
from tests.support.program import WEBEX_TOKEN, Finished, Program, wait_until
from tests.support.requirements import ON_CI, require
from tests.support.stored import DAY
from tests.support.webexapis import webexapis
from webex_token_cli.sandbox.grants import Rules
from webex_token_cli.sandbox.server import Sandbox


def recipe(name: str) -> str:
    found = re.search(rf"<!-- recipe: {name} -->\n```\w+\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
    assert found, name
    return found[1]


@pytest.fixture
def around(signed_in: Program, sandbox: Sandbox, tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of the person who follows the README: the command on PATH, and Webex where it always is."""
    with webexapis(sandbox.port, tmp_path) as variables:
        path = os.pathsep.join([str(WEBEX_TOKEN.parent), os.environ["PATH"]])
        yield {**signed_in.environment, **variables, "PATH": path}


def shell(command: str, environment: dict[str, str], folder: Path, *flags: str) -> Finished:
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


def asked_as_ada(sandbox: Sandbox) -> bool:
    """Whether a client, and not this program, has asked the sandbox who this is, with the newest token."""
    asked = [heard.headers for heard in sandbox.heard if heard.path == "/v1/people/me"]
    headers = {name.lower(): value for name, value in asked[-1].items()}
    by_us = headers["user-agent"].startswith("webex-token")
    return not by_us and headers["authorization"] == f"Bearer {sandbox.webex.grants[-1].access_token}"


def test_curl(around: dict[str, str], sandbox: Sandbox, tmp_path: Path) -> None:
    require("curl")
    done = shell(recipe("curl"), around, tmp_path)
    assert (done.status, done.err, json.loads(done.out)["displayName"]) == (0, "", "Ada Lovelace")
    assert asked_as_ada(sandbox)


@pytest.mark.parametrize("name", ["webexpythonsdk", "wxc_sdk"])
def test_an_sdk_for_python(around: dict[str, str], sandbox: Sandbox, tmp_path: Path, name: str) -> None:
    (tmp_path / "whoami.py").write_text(recipe(name))
    assert "`webex-token exec -- python whoami.py`" in README
    done = shell("webex-token exec -- python whoami.py", around, tmp_path)
    assert done == Finished(0, "Ada Lovelace\n", "")
    assert asked_as_ada(sandbox)
    refused = shell("python whoami.py", around, tmp_path)
    assert (refused.status, refused.out) == (1, "")
    assert "WEBEX_ACCESS_TOKEN" in refused.err


def test_a_program_that_asks_for_the_token(around: dict[str, str], sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "whoami.py").write_text(recipe("access_token"))
    assert shell("python whoami.py", around, tmp_path) == Finished(0, "Ada Lovelace\n", "")
    assert asked_as_ada(sandbox)


@pytest.fixture(scope="session")
def javascript(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the SDK that the README says to install."""
    require("node", "npm")
    folder = tmp_path_factory.mktemp("node")
    (folder / "package.json").write_text('{"private": true}')
    told = re.search(r"`(npm install .*?)`", README, re.DOTALL)
    assert told
    done = shell(f"{' '.join(told[1].split())} --no-audit --no-fund --loglevel error", dict(os.environ), folder)
    if done.status and not ON_CI:
        pytest.skip(f"no npm registry: {done.err[:200]}")
    assert done.status == 0, done.err
    return folder


def test_the_sdk_for_javascript(around: dict[str, str], sandbox: Sandbox, javascript: Path) -> None:
    (javascript / "whoami.js").write_text(recipe("node"))
    assert "`webex-token exec -- node whoami.js`" in README
    pointed = {**around, "HYDRA_SERVICE_URL": sandbox.api_url}
    done = shell("webex-token exec -- node whoami.js", pointed, javascript)
    assert (done.status, done.out) == (0, "Ada Lovelace\n")
    assert asked_as_ada(sandbox)


def test_cron(program: Program, sandbox: Sandbox, keyring_session: dict[str, str], tmp_path: Path) -> None:
    """A crontab's variables and command, as cron runs it: by sh, in the home folder, with next to no environment."""
    session = program.having(**keyring_session, WEBEX_TOKEN_STORE=None, WEBEX_TOKEN_HOME=None)
    assert session.run("login", "--api-url", sandbox.api_url).status == 0
    (tmp_path / "report").write_text('#!/bin/sh\necho "$WEBEX_ACCESS_TOKEN"\n')
    (tmp_path / "report").chmod(0o700)
    setting, line = recipe("cron").splitlines()
    name, _, address = setting.partition("=")
    assert (name, address) == ("DBUS_SESSION_BUS_ADDRESS", "unix:path=/run/user/1000/bus")
    minute_to_weekday, command = line.split()[:5], line.split(maxsplit=5)[5]
    assert minute_to_weekday == ["0", "8", "*", "*", "1-5"]
    command = command.replace("/home/ada/.local/bin/webex-token", str(WEBEX_TOKEN))
    command = command.replace("/home/ada/bin/report", str(tmp_path / "report"))
    crons = {"HOME": str(session.home), "LOGNAME": "ada", "SHELL": "/bin/sh", "PATH": "/usr/bin:/bin"}
    folders = {name: value for name, value in session.environment.items() if name.startswith("XDG_")}
    done = shell(command, {**crons, **folders, **keyring_session}, session.home)
    assert done == Finished(0, f"{sandbox.webex.grants[-1].access_token}\n", "")
    without = shell(command, {**crons, **folders}, session.home)
    assert (without.status, without.out) == (5, "")


def test_a_step_of_github_actions(around: dict[str, str], sandbox: Sandbox, tmp_path: Path) -> None:
    step: dict[str, Any] = importlib.import_module("yaml").safe_load(recipe("actions"))[0]
    assert set(step) == {"name", "env", "run"}
    assert step["env"] == {"WEBEX_SIGN_IN": "${{ secrets.WEBEX_SIGN_IN }}"}
    (tmp_path / "whoami.py").write_text(
        f"{recipe('wxc_sdk')}import os\nprint(sorted(name for name in os.environ if name.startswith('WEBEX_')))\n"
    )
    exported = shell("webex-token export", around, tmp_path).out.strip()
    nothing_of_ours = {name: value for name, value in around.items() if not name.startswith("WEBEX_")}
    runner = {**nothing_of_ours, "WEBEX_TOKEN_HOME": str(tmp_path / "runner"), "WEBEX_SIGN_IN": exported}
    done = shell(step["run"], runner, tmp_path, "bash", "-e")  # the shell that a step has on Linux
    assert (done.status, done.err) == (0, "")
    token = sandbox.webex.grants[-1].access_token
    assert done.out.splitlines()[-3:] == [
        f"::add-mask::{token}",
        "Ada Lovelace",
        "['WEBEX_ACCESS_TOKEN', 'WEBEX_TEAMS_ACCESS_TOKEN', 'WEBEX_TOKEN_HOME']",
    ]


def test_direnv(around: dict[str, str], sandbox: Sandbox, tmp_path: Path) -> None:
    require("direnv")
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / ".envrc").write_text(recipe("direnv"))
    assert shell("direnv allow", around, folder).status == 0
    done = shell("direnv exec . printenv WEBEX_ACCESS_TOKEN", around, folder)
    assert (done.status, done.out) == (0, f"{sandbox.webex.grants[-1].access_token}\n")


class TestMovingOver:
    @pytest.fixture
    def rules(self) -> Rules:
        from tests.support.ports import free_port

        return Rules(redirect_uris=(f"http://localhost:{free_port()}/oauth",))

    @pytest.fixture
    def elsewhere(self, program: Program) -> dict[str, str]:
        """A machine on which nothing is set up but what points at the sandbox."""
        ours = [name for name in program.variables if name.startswith("WEBEX_")]
        kept = {"WEBEX_TOKEN_HOME", "WEBEX_TOKEN_STORE", "WEBEX_TOKEN_API_URL"}
        bare = program.having(**dict.fromkeys(set(ours) - kept))
        path = os.pathsep.join([str(WEBEX_TOKEN.parent), os.environ["PATH"]])
        return {**bare.environment, "PATH": path}

    def test_from_the_sample(self, elsewhere: dict[str, str], sandbox: Sandbox, rules: Rules, tmp_path: Path) -> None:
        """The file has the lines of webex/integration-refresh's sample_environ_vars.sh."""
        (tmp_path / "sample_environ_vars.sh").write_text(
            f"export MY_APP_PORT=3000\n"
            f"export MY_APP_CLIENT_ID={sandbox.webex.client_id}\n"
            f"export MY_APP_SECRET_ID={sandbox.webex.client_secret}\n"
            f"export MY_APP_REDIRECT_URI={rules.redirect_uris[0]}\n"
            f"export MY_APP_SCOPES=spark%3Aall%20spark%3Akms\n"
            f"export EVENT_LOOP_SLEEP_SECONDS=1800\n"
            f"export EVENT_LOOP_DAYS=2\n"
        )
        script = recipe("sample").replace("webex-token watch", "exec webex-token watch")
        with (tmp_path / "log").open("wb") as log:
            process = subprocess.Popen(["sh", "-ec", script], cwd=tmp_path, env=elsewhere, stdout=log, stderr=log)
            try:
                said = "Checking every 30 minutes, and renewing a token 2 days after its last refresh."
                wait_until(lambda: said in (tmp_path / "log").read_text(), (tmp_path / "log").read_text)
                process.send_signal(signal.SIGTERM)
                assert process.wait(20) == 0
            finally:
                process.kill()
        assert sandbox.webex.grants[-1].scopes == ("spark:all", "spark:kms")

    def test_from_wtr(self, elsewhere: dict[str, str], sandbox: Sandbox, tmp_path: Path) -> None:
        """The file is as viper writes it for wtr: keys in lower case, times in epoch seconds."""
        answer = sandbox.webex._response(sandbox.webex._new_grant(("spark:all", "spark:kms")))
        now = 1_800_000_000
        kept = {
            "clientid": sandbox.webex.client_id,
            "expiration": now + answer["expires_in"],
            "refresh_expiration": now + answer["refresh_token_expires_in"],
            "refresh_token": answer["refresh_token"],
            "scopes": "spark:kms spark:all",
            "secret": sandbox.webex.client_secret,
            "token": answer["access_token"],
        }
        (tmp_path / ".wtr-cli.json").write_text(json.dumps(kept, indent=2))
        done = shell(recipe("wtr"), elsewhere, tmp_path)
        assert done.err == ""
        assert done.out.splitlines()[0] == "Imported the sign-in of Ada Lovelace <ada@example.com> (profile default)."
        sandbox.webex.advance(2 * DAY)
        assert shell("webex-token refresh", elsewhere, tmp_path).out.startswith("default: renewed; ")
        token = sandbox.webex.grants[-1].access_token
        assert shell("webex-token get", elsewhere, tmp_path) == Finished(0, f"{token}\n", "")
        config = Path(elsewhere["WEBEX_TOKEN_HOME"], "config.ini").read_text()
        assert "redirect_uri = http://localhost:6855\nscopes = spark:kms spark:all\n" in config

    def test_from_wxc_sdk(self, elsewhere: dict[str, str], sandbox: Sandbox, tmp_path: Path) -> None:
        """The file is written by wxc_sdk itself, from what the sandbox answered."""
        answer = sandbox.webex._response(sandbox.webex._new_grant(("spark:all",)))
        writing = (
            "import json, sys; from wxc_sdk.integration import Integration; from wxc_sdk.tokens import Tokens\n"
            "tokens = Tokens.model_validate(json.load(sys.stdin)); tokens.set_expiration()\n"
            "class Signed(Integration):\n    def get_tokens_from_oauth_flow(self): return tokens\n"
            "integration = Signed(client_id='x', client_secret='x', scopes='spark:all', redirect_url='http://localhost')\n"
            "assert integration.get_cached_tokens_from_yml('tokens.yml') is tokens\n"
        )
        subprocess.run(
            ["python", "-c", writing], cwd=tmp_path, env=elsewhere, input=json.dumps(answer).encode(), check=True
        )
        (tmp_path / "secret.txt").write_text(sandbox.webex.client_secret)
        done = shell(recipe("yaml").replace("C9…", sandbox.webex.client_id), elsewhere, tmp_path, "sh", "-e")
        assert (done.status, done.err) == (0, "")
        lines = done.out.splitlines()
        assert lines[0] == "Imported the tokens of Ada Lovelace <ada@example.com> (profile default)."
        assert lines[-1].startswith("default: unchanged; ")
        assert shell("webex-token get", elsewhere, tmp_path).out == f"{answer['access_token']}\n"
