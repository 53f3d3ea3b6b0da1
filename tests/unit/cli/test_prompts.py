"""The client secret, as it is read from a file or from standard input."""

import io
import sys
from pathlib import Path

import pytest

from webex_token_cli.application import Application
from webex_token_cli.cli.prompts import client_secret
from webex_token_cli.config.settings import Overrides, Profile, resolve
from webex_token_cli.errors import ConfigurationError

SETTINGS = resolve(Profile("p", "C9"), Overrides())
SECRET = "s" * 64


class Source:
    """A file, or standard input in an encoding that is not UTF-8."""

    def __init__(self, file: Path, stdin: pytest.MonkeyPatch | None) -> None:
        self._file, self._stdin = file, stdin

    def read(self, data: bytes) -> str:
        """The client secret if it holds ``data``."""
        self._file.write_bytes(data)
        if self._stdin is not None:
            self._stdin.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data), encoding="cp1252"))
        return client_secret(Application({}), SETTINGS, "-" if self._stdin else str(self._file), None)


@pytest.fixture(params=["file", "standard input"])
def source(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Source:
    return Source(tmp_path / "secret", monkeypatch if request.param == "standard input" else None)


@pytest.mark.parametrize(
    "data",
    [SECRET.encode(), f"{SECRET}\r\n".encode("utf-8-sig"), f" {SECRET}\n\n".encode()],
    ids=["", "mark", "blanks"],
)
def test_a_byte_order_mark_and_blanks_around_the_secret_are_left_out(source: Source, data: bytes) -> None:
    assert source.read(data) == SECRET


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"s" * 1025, "could not be read from .* \\(it is longer than 1,024 bytes\\)"),
        (SECRET.encode("utf-16"), "could not be read from .* \\(it is not UTF-8\\)"),
        (b"one\ntwo\n", "is empty or not one line of text"),
    ],
    ids=["long", "UTF-16", "two lines"],
)
def test_what_is_not_only_a_secret_is_refused(source: Source, data: bytes, why: str) -> None:
    assert source.read(b"s" * 1024) == "s" * 1024
    with pytest.raises(ConfigurationError, match=why):
        source.read(data)
