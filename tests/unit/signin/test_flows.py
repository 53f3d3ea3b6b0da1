"""Which flow suits where: a table, a row a machine."""

import pytest

from webex_token_cli.errors import ConfigurationError
from webex_token_cli.signin.flows import Choice, Flow, Situation, choose

SSH = {"SSH_CONNECTION": "10.0.0.1 5 10.0.0.2 22"}
NOT_HERE = "and nobody is at a terminal to paste into."


def chosen(
    platform: str,
    environment: dict[str, str],
    interactive: bool = True,
    redirect_is_local: bool = True,
    listens: bool = False,
    opens_browser: bool = True,
) -> Choice | str:
    try:
        return choose(
            Situation(platform, environment, interactive),
            redirect_is_local=redirect_is_local,
            listens=listens,
            opens_browser=opens_browser,
        )
    except ConfigurationError as error:
        return error.message


@pytest.mark.parametrize(
    ("platform", "environment", "choice"),
    [
        ("linux", {"DISPLAY": ":0"}, Choice(Flow.BROWSER, "there is a display (DISPLAY)")),
        (
            "linux",
            {"WAYLAND_DISPLAY": "wayland-0", "DISPLAY": ":0"},
            Choice(Flow.BROWSER, "there is a display (WAYLAND_DISPLAY)"),
        ),
        ("linux", {}, Choice(Flow.PASTE, "there is no display (DISPLAY, WAYLAND_DISPLAY)")),
        ("linux", {"DISPLAY": ""}, Choice(Flow.PASTE, "there is no display (DISPLAY, WAYLAND_DISPLAY)")),
        ("freebsd14", {"DISPLAY": ":0"}, Choice(Flow.BROWSER, "there is a display (DISPLAY)")),
        (
            "linux",
            {**SSH, "DISPLAY": "localhost:10.0"},
            Choice(Flow.PASTE, "this is an SSH session (SSH_CONNECTION), and your browser is elsewhere"),
        ),
        (
            "darwin",
            {"SSH_TTY": "/dev/ttys1"},
            Choice(Flow.PASTE, "this is an SSH session (SSH_TTY), and your browser is elsewhere"),
        ),
        ("linux", {**SSH, "BROWSER": "/usr/bin/helper"}, Choice(Flow.BROWSER, "BROWSER is set")),
        ("linux", {"BROWSER": "w3m"}, Choice(Flow.BROWSER, "BROWSER is set")),
        ("linux", {"CI": "true", "DISPLAY": ":99"}, Choice(Flow.PASTE, "this is a CI run (CI)")),
        ("darwin", {}, Choice(Flow.BROWSER, "this is a Mac")),
        ("win32", {}, Choice(Flow.BROWSER, "this is Windows")),
        (
            "linux",
            {"WSL_DISTRO_NAME": "Debian"},
            Choice(Flow.BROWSER, "this is WSL (WSL_DISTRO_NAME), and Windows' browser reaches this listener"),
        ),
    ],
)
def test_where_a_person_is_at_a_terminal(platform: str, environment: dict[str, str], choice: Choice) -> None:
    assert chosen(platform, environment) == choice
    if choice.flow is Flow.PASTE:
        expected: Choice | str = f"No browser can be opened here, because {choice.why}, {NOT_HERE}"
    else:
        expected = choice
    assert chosen(platform, environment, interactive=False) == expected


@pytest.mark.parametrize("environment", [{}, SSH, {"DISPLAY": ":0"}, {"CI": "1"}])
def test_options_come_before_the_environment(environment: dict[str, str]) -> None:
    assert chosen("linux", environment, listens=True, redirect_is_local=False, interactive=False) == Choice(
        Flow.BROWSER, "--listen says where the redirect arrives"
    )
    assert chosen("linux", environment, opens_browser=False, interactive=False) == Choice(
        Flow.BROWSER, "--no-browser leaves the opening to you"
    )
    assert chosen("linux", environment, redirect_is_local=False) == Choice(
        Flow.PASTE, "the redirect URI leads to another machine"
    )


def test_the_error_names_the_flows() -> None:
    with pytest.raises(ConfigurationError) as raised:
        choose(Situation("linux", {}, False), redirect_is_local=True, listens=False, opens_browser=True)
    for flow in ("--flow browser", "--flow paste", "--flow device"):
        assert flow in raised.value.hint
