"""What ``show`` looks like in an old code page, and that the document about Windows shows just that."""

import json
import re
import subprocess

import pytest

from tests.support.documents import block
from tests.support.program import WEBEX_TOKEN, Program
from tests.support.signing_in import sign_in
from webex_token_cli.sandbox import Sandbox

NAME = "Zoë Łukasiewicz"
DOCUMENTED = {"utf-8": "show in utf-8", "cp1252": "show in cp1252", "cp437": "show in cp437"}

# What differs from run to run.
_VARYING = [
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"), "<time>"),
    (re.compile(r"\((?:now|\d+ seconds? ago)\)"), "(just now)"),
    (re.compile(r"(?<=Integration    )(\W+)[0-9a-f]{4}"), r"\1<client id>"),
    (re.compile(r"(?<=plain file ).*"), "<file>"),
]


def settled(text: str) -> str:
    for pattern, name in _VARYING:
        text = pattern.sub(name, text)
    return text


@pytest.fixture
def signed_in(program: Program, sandbox: Sandbox) -> Program:
    """The program after the sign-in of a person whose name is not in every code page, in a zone without a name."""
    sandbox.person.update(displayName=NAME, emails=["zoe@example.com"])
    sign_in(program)
    return program.having(TZ="<+01>-1")


def printed(program: Program, encoding: str, *arguments: str) -> str:
    done = subprocess.run(
        [WEBEX_TOKEN, *arguments],
        env=program.having(PYTHONIOENCODING=encoding).environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=True,
    )
    assert done.stderr == b""
    return done.stdout.decode(encoding)


@pytest.mark.parametrize(("encoding", "name"), DOCUMENTED.items())
def test_show_prints_what_the_document_shows(signed_in: Program, encoding: str, name: str) -> None:
    assert settled(printed(signed_in, encoding, "show")) == settled(block(name, "text"))


def test_an_ascii_stream_gets_ascii(signed_in: Program) -> None:
    shown = printed(signed_in, "ascii", "show")
    assert "Person         Zoe Lukasiewicz <zoe@example.com>\n" in shown
    assert "Access token   ####################  expires " in shown


@pytest.mark.parametrize("encoding", ["utf-8", "cp437", "ascii"])
def test_json_has_the_whole_name_in_every_encoding(signed_in: Program, encoding: str) -> None:
    (profile,) = json.loads(printed(signed_in, encoding, "show", "--json"))["profiles"].values()
    assert profile["person"]["display_name"] == NAME
    assert profile["client_id"].startswith("…")
