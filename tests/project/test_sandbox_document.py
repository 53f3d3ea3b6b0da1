"""The page on the sandbox has every option, preset, kind of fault and path of its control, and its examples run."""

import inspect
import json
import re
import subprocess
import sys
from typing import Any

import click
import pytest

from tests.support.documents import block, document
from tests.support.program import WEBEX_TOKEN, Program
from tests.support.sandbox_client import asked, fetch
from webex_token_cli.commands.sandbox import command
from webex_token_cli.sandbox import KINDS, PRESETS, Answer, Fault, Rules, Sandbox, description

PAGE = document(".github/docs/sandbox.md").text


@pytest.fixture
def rules(redirect_uri: str) -> Rules:
    """A refresh renews each time."""
    return Rules(redirect_uris=(redirect_uri,), renew_after=0)


def table(heading: str) -> list[list[str]]:
    """The rows of the last table below ``heading``, without that heading of its own."""
    part = re.split(r"^#+ ", PAGE.split(f"# {heading}\n", 1)[1], flags=re.MULTILINE)[0]
    rows = [line.strip("|").split(" | ") for line in part.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows[2:]]


def named(heading: str) -> list[str]:
    """The names in the first column of the table below ``heading``."""
    return [name for row in table(heading) for name in re.findall(r"`([^`]+)`", row[0])]


def test_it_has_every_kind_of_fault_in_the_sandboxs_own_words() -> None:
    assert [(row[0].strip("`"), row[1]) for row in table("Faults")] == list(KINDS.items())


def test_it_has_every_preset_as_it_is() -> None:
    shown = {row[0].strip("`"): (row[1], row[2], "not extend" not in row[3]) for row in table("Presets")}
    assert shown == {
        name: (in_words(rules.access_ttl), in_words(rules.refresh_ttl), rules.extends_refresh_token)
        for name in PRESETS
        for rules in [Rules.preset(name)]
    }


def in_words(seconds: float) -> str:
    """A lifetime in hours below two days, else in days, rounded to the nearest."""
    return f"{round(seconds / 3600)} hours" if seconds < 172_800 else f"{round(seconds / 86_400)} days"


def test_it_has_every_option() -> None:
    common = {"--verbose", "--debug", "-v"}
    options = {name for option in command.params if isinstance(option, click.Option) for name in option.opts}
    assert set(named("Options")) == options - common


def test_it_has_every_key_of_the_line_of_json(sandbox: Sandbox) -> None:
    assert set(named("From a test")) - {"https://webexapis.com/v1"} >= set(description(sandbox))


def test_it_has_every_path_of_the_control() -> None:
    code = inspect.getsource(sys.modules["webex_token_cli.sandbox.http.control"])
    answered = re.findall(r'\("(GET|POST|DELETE)", (?:f"\{CONTROL_BASE\}/([a-z-]+)"|_(GRANTS))\)', code)
    paths = {(method, f"/{path or grants.lower()}") for method, path, grants in answered}
    shown = {tuple(name.split(" ")) for name in named("Control over HTTP") if re.match(r"[A-Z]+ /", name)}
    assert shown == {*paths, ("DELETE", "/grants/ID")}


def test_its_examples_of_faults_are_faults() -> None:
    for words in re.findall(r"`((?:refresh|code|device|people)=[^`…]+)`", PAGE):
        assert str(Fault.parse(words)).partition("@")[0] == words.partition("@")[0]


def printed(program: Program, *words: str) -> str:
    path = f"{WEBEX_TOKEN.parent}:/usr/local/bin:/usr/bin:/bin"
    done = subprocess.run(
        words, env=program.having(PATH=path).environment, capture_output=True, encoding="utf-8", timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_its_example_in_python_runs(program: Program) -> None:
    out = printed(program, sys.executable, "-c", block("sandbox in python", "python"))
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/v1 1209599\n", out)


def documents(text: str) -> list[dict[str, Any]]:
    """The JSON objects in ``text``, one after the other."""
    found, decoder = [], json.JSONDecoder()
    while text:
        each, end = decoder.raw_decode(text)
        found.append(each)
        text = text[end:].lstrip()
    return found


def test_its_examples_of_the_control_run(program: Program, sandbox: Sandbox) -> None:
    out = printed(program, "bash", "-euo", "pipefail", "-c", block("sandbox control", "sh"))
    tokens, fault, answer, clock, grants, journal, revoked, reset = documents(out)
    assert (tokens["expires_in"], fault["fault"], answer["fault"]) == (
        599,
        "refresh=429:30*2@1",
        "/v1/people/me=403*2",
    )
    assert clock["now"] == pytest.approx(sandbox.now() + 13 * 86_400, abs=60)
    assert (len(grants["grants"]), journal, revoked, reset) == (1, {"entries": []}, {}, {})
    assert (sandbox.faults, sandbox.grants) == ([], [])


def test_its_entry_of_the_journal_is_that_of_a_refresh(sandbox: Sandbox) -> None:
    shown = json.loads(block("sandbox journal", "json").replace("C9…", sandbox.client_id))
    body = shown["body"].replace("<client secret 1>", sandbox.client_secret)
    form = body.replace("<refresh token 1>", sandbox.token_response()["refresh_token"])
    headers = {name: value for name, value in shown["headers"].items() if name not in {"Host", "Content-Length"}}
    fetch(f"{sandbox.api_url}/access_token", dict(part.split("=") for part in form.split("&")), **headers)
    (entry,) = asked(sandbox, "GET", "/journal")[1]["entries"]
    for name in ("Accept-Encoding", "Connection"):  # what curl does not send
        del entry["headers"][name]
    entry["headers"]["Host"], entry["moment"] = shown["headers"]["Host"], shown["moment"]
    assert entry == shown


def test_an_answer_has_the_fields_that_it_shows() -> None:
    example = re.findall(r"'(\{\"answer\".*?\})'", block("sandbox control"), re.DOTALL)[0]
    fields = {name for name in inspect.signature(Answer).parameters if name != "came"}
    assert set(json.loads(example)["answer"]) == fields
