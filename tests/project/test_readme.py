"""The documents tell the truth: their commands print what they say, and every variable and exit status is there."""

import json
import os
import re
import signal
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.documents import DOCUMENTS, EVERYTHING, document
from tests.support.folders import ROOT
from tests.support.ports import free_port
from tests.support.program import WEBEX_TOKEN, Program, wait_until
from tests.support.stored import record_file
from tests.support.systemctl import FakeSystemd
from webex_token_cli.refresh.refresher import Result
from webex_token_cli.sandbox import Rules, Sandbox
from webex_token_cli.sandbox.accepting_browser import answer


@dataclass(frozen=True)
class Example:
    """A command of a document, and what the document says the command prints."""

    command: str
    output: str


def examples(text: str) -> list[Example]:
    found = []
    for block in re.findall(r"^```console\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            found.append(Example(command, output.strip("\n")))
    return found


# What differs from run to run.
_VARYING = [
    (re.compile(r"\S+/authorize\?\S+"), "<address>"),
    (re.compile(r"(?<=, because ).*"), "<why>"),
    (re.compile(r"\S+/config\.ini"), "<config>"),
    (re.compile(r"\b(Port |localhost:)\d+"), r"\1<port>"),
    (re.compile(r"https?://\S+/v1 answers"), "<webex> answers"),
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \w+"), "<time>"),
    (re.compile(r"\((?:now|\d+ seconds? ago)\)"), "(just now)"),
    (re.compile(r"…[0-9a-f]{4}\b"), "<client id>"),
    (re.compile(r"ROUTER_[^)]+"), "<tracking id>"),
    (re.compile(r"(?<=plain file )\S+"), "<file>."),
    (re.compile(r"\S+/webex-token\.service"), "<unit>"),
    (re.compile(r"(?<=ExecStart=)\S+"), "<command>"),
    (re.compile(r"^Environment=.*\n", re.MULTILINE), ""),
]


def settled(text: str) -> str:
    for pattern, name in _VARYING:
        text = pattern.sub(name, text)
    return text.strip("\n")


@pytest.fixture
def rules() -> Rules:
    return Rules(redirect_uris=(f"http://localhost:{free_port()}/oauth",))


# How many examples each document has.
EXAMPLES = {
    "README.md": 11,
    ".github/docs/getting-started.md": 2,
    ".github/docs/sign-in.md": 4,
    ".github/docs/watch.md": 4,
}


def test_no_document_with_examples_is_forgotten() -> None:
    assert {each.name: len(examples(each.text)) for each in DOCUMENTS if examples(each.text)} == EXAMPLES


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_commands_print_what_the_documents_say(
    program: Program, sandbox: Sandbox, own_desktop: dict[str, str], tmp_path: Path, name: str
) -> None:
    """The README begins with the first sign-in. The other documents are for a person who is signed in."""
    settings = program.having(**own_desktop, WEBEX_TOKEN_STORE=None)
    if name != "README.md":
        assert settings.run("login").status == 0
    if name == ".github/docs/sign-in.md":
        helping = ("--profile", "work", "--scope", "spark:all spark:applications_token")
        assert settings.run("login", *helping).status == 0
    another_machine(tmp_path / "ssh", tmp_path / "another-machine")
    service_app(sandbox, tmp_path)
    systemd = FakeSystemd(tmp_path / "systemd", program.home / ".config/systemd/user/webex-token.service")
    systemd.prepare()
    systemd.set(says="")
    path = os.pathsep.join([str(tmp_path), str(systemd.folder), str(WEBEX_TOKEN.parent), os.environ["PATH"]])
    environment = {**settings.environment, "PATH": path}
    written = examples(document(name).text)
    shown = [Example(each.command, settled(run(each, environment, sandbox, tmp_path))) for each in written]
    assert shown == [Example(each.command, settled(each.output)) for each in written]


def another_machine(ssh: Path, home: Path) -> None:
    """An ``ssh`` that runs the command here, with another home."""
    ssh.write_text(f'#!/bin/sh\nshift\nWEBEX_TOKEN_HOME={home} exec "$@"\n')
    ssh.chmod(0o700)


def service_app(sandbox: Sandbox, folder: Path) -> None:
    """What its page shows of a Service App, in files."""
    (folder / "secret.txt").write_text(sandbox.client_secret)
    (folder / "tokens.json").write_text(json.dumps(sandbox.token_response()))


def with_service_app(command: str, sandbox: Sandbox, folder: Path) -> str:
    """The command with the ids of a Service App, which an admin has authorized, and has revoked once before."""
    apps, org_id = sandbox.service_apps, sandbox.person["orgId"]
    app = apps.registered[0] if apps.registered else apps.register()
    sandbox.revoke_service_app(app)
    app.authorized = True
    (folder / "secret.txt").write_text(app.client_secret)
    command = command.replace("--app Y2lz…", f"--app {app.application_id}").replace("--org Y2lz…", f"--org {org_id}")
    return command.replace("C9…", app.client_id)


def run(example: Example, environment: dict[str, str], sandbox: Sandbox, folder: Path) -> str:
    """What the command prints, as on a terminal: both streams together."""
    command = example.command
    if "--profile build" in command:
        command = with_service_app(command, sandbox, folder)
    command = command.replace("https://webexapis.com/v1", sandbox.api_url).replace("C9…", sandbox.client_id)
    if "tokens.json" in command:
        sandbox.person.update(displayName="Build App", emails=["build-app@example.com"])
    log = folder / f"log-{time.monotonic_ns()}"
    with log.open("wb") as file:
        process = subprocess.Popen(
            ["sh", "-c", f"exec {command}" if command.startswith("webex-token") else command],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    if "--no-browser" in command:
        threading.Thread(target=_accept_by_hand, args=(log,), daemon=True).start()
    if command == "webex-token watch":
        lines = example.output.count("\n") + 1
        wait_until(lambda: log.read_text().count("\n") >= lines, log.read_text, process=process)
        process.send_signal(signal.SIGTERM)
    assert process.wait(30) == (1 if "Error: " in example.output else 0), log.read_text()
    return log.read_text()


def _accept_by_hand(log: Path) -> None:
    wait_until(lambda: re.search(r"/authorize\?\S+\n", log.read_text()), log.read_text)
    answer(next(word for word in log.read_text().split() if "/authorize?" in word))


def test_every_variable_and_exit_status_is_told() -> None:
    sources = "".join(
        path.read_text() for path in (ROOT / "webex_token_cli").rglob("*.py") if "sandbox" not in path.parts
    )
    variables = set(re.findall(r'"((?:WEBEX|EVENT_LOOP)_[A-Z_]+)"', sources)) - {"WEBEX_", "EVENT_LOOP_"}
    assert {name for name in variables if f"`{name}`" not in EVERYTHING} == set()
    from webex_token_cli import errors

    statuses = {kind.exit_status for kind in vars(errors).values() if hasattr(kind, "exit_status")}
    assert {str(status) for status in statuses} <= set(re.findall(r"^\| (\d+) \|", EVERYTHING, re.MULTILINE))


def documented_keys(name: str, heading: str) -> set[str]:
    """The keys in the first column of the table under ``heading``."""
    section = document(name).text.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    firsts = re.findall(r"^\| (`.*?) \|", section, re.MULTILINE)
    return {key for first in firsts for key in re.findall(r"`([^`]+)`", first)}


def test_every_key_of_the_json_of_show_and_doctor_is_documented(signed_in: Program) -> None:
    shown = json.loads(signed_in.run("show", "--json").out)["profiles"]["default"]
    only_of_failures = {"error", "hint", "exit_status"}
    remedy = "Correct the keys in 'The JSON of show' in .github/docs/commands.md."
    assert documented_keys(".github/docs/commands.md", "The JSON of show") == set(shown) | only_of_failures, remedy
    report = json.loads(signed_in.run("doctor", "--json").out)
    keys = {*report, *(f"findings[].{key}" for finding in report["findings"] for key in finding)}
    assert documented_keys(".github/docs/commands.md", "The JSON of doctor") == keys


def test_every_key_of_the_json_of_the_other_commands_is_documented(program: Program) -> None:
    stored = json.loads(program.run("login", "--json").out)
    imported = json.loads(program.run("import", "--json", stdin=program.run("export").out).out)
    told = documented_keys(".github/docs/commands.md", "The JSON of login and import")
    assert (told - {"lifetimes_counted_from_now"}, told) == (set(stored), set(imported))
    refreshed = json.loads(program.run("refresh", "--json").out)["profiles"]["default"]
    lost = record_file(program)
    lost.unlink()
    failed = json.loads(program.run("refresh", "--all", "--json").out)["profiles"]["default"]
    assert documented_keys(".github/docs/commands.md", "The JSON of refresh") == {*refreshed, *failed}
    results = re.findall(r"^\| `result` \| (.*) \|$", document(".github/docs/commands.md").text, re.MULTILINE)[0]
    assert set(re.findall("`([^`]+)`", results)) == {*map(str, Result), "failed"}


def test_every_key_of_the_log_for_machines_is_documented(signed_in: Program) -> None:
    line = signed_in.run("watch", "--once", "--log-format", "json").out.splitlines()[0]
    assert documented_keys(".github/docs/watch.md", "The log for machines") == set(json.loads(line))


def test_the_top_level_holds_what_it_should() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, encoding="utf-8", check=False)
    if listed.returncode:
        pytest.skip("not in a git checkout")
    top = {line.split("/")[0] for line in listed.stdout.splitlines()}
    assert {name for name in top if not name.startswith(".")} == {
        "LICENSE",
        "README.md",
        "pyproject.toml",
        "tests",
        "webex_token_cli",
    }
