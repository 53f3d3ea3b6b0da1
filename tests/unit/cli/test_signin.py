"""Sign-in at a terminal: its questions, the code of a device, and what stands in for a browser or standard input."""

import sys
import webbrowser

import pytest

from webex_token_cli.application import Application
from webex_token_cli.cli import signin
from webex_token_cli.main import run
from webex_token_cli.token_response import DeviceCode


def test_a_closed_standard_input_has_no_place_to_paste_into(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    for name in ("WEBEX_CLIENT_ID", "WEBEX_CLIENT_SECRET"):
        monkeypatch.setenv(name, "x")
    assert run(["login", "--flow", "paste", "--store", "file"]) == 2
    assert capfd.readouterr() == (
        "",
        "Error: There is no standard input to paste into.\nUse --flow device, or a terminal.\n",
    )


@pytest.mark.parametrize(
    ("typed", "affirmed"),
    [(["", " Y "], True), (["yes"], True), (["n"], False), (["", None], False), ([], False)],
)
def test_a_question_of_the_paste_flow_is_affirmed_by_a_y_alone(typed: list[str | None], affirmed: bool) -> None:
    said, left = list[str](), list(typed)

    def lines(timeout: float | None) -> str | None:
        assert timeout == 60.0
        if not left:
            raise EOFError
        return left.pop(0)

    ask = signin._question_in(lines, Application({}, say=said.append), 60.0)
    assert ask("Replace it?") is affirmed
    assert said == ["Replace it? Type y or n, which is not shown, and press Enter:"]


BARE = (
    "Open this address in a browser on any machine:\n\n  https://webex.example/verify\n\n"
    "and enter the code\n\n  123456\n\n"
)
WITH_THE_CODE = "Or open this one, which has the code in it:\n\n  https://webex.example/verify?userCode=a\n\n"


@pytest.mark.parametrize(
    ("complete", "shown"), [(None, BARE), ("https://webex.example/verify?userCode=a", BARE + WITH_THE_CODE)]
)
def test_a_device_code_is_shown_as_well_without_an_address_that_has_it_or_a_library_that_draws(
    complete: str | None, shown: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(signin, "_at_a_terminal", lambda: True)
    monkeypatch.setitem(sys.modules, "segno", None)  # as if the extra were not installed
    signin._show_code(DeviceCode("device", "123456", "https://webex.example/verify", complete, 300, 5))
    assert capfd.readouterr() == ("", shown)


@pytest.mark.parametrize("browser", [" ", "' %s"])
def test_a_browser_that_cannot_be_read_opens_nothing(browser: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROWSER", browser)
    monkeypatch.setattr(webbrowser, "_tryorder", None)  # it is looked up once in a process
    monkeypatch.setattr(webbrowser, "_browsers", {})
    assert signin._open_browser("http://localhost:8000/oauth") is False
