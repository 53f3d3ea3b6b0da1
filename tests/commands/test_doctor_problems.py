"""``doctor``: problems of the configuration, the port, the browser, the network and the clock."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.doctor_report import END_OF_PROBLEM, HEALTHY, report, settled
from tests.support.in_process import run_in_process
from tests.support.ports import free_port
from tests.support.program import Program
from tests.support.stored import config_file
from webex_token_cli.sandbox import Sandbox


def test_a_config_with_one_unusable_section_of_two(signed_in: Program, sandbox: Sandbox) -> None:
    written = config_file(signed_in).read_text()
    config_file(signed_in).write_text(
        f"scopes = x\n[broken]\nclient_id = x\nwhat is this\n{written}client_secret = y\nredirect_url = z\n[a b]\n"
    )
    fix = (
        "> The settings are client_id, redirect_uri, scopes, api_url, store, keyring, application_id, org_id, "
        "with_profile; correct the line or delete it."
    )
    assert settled(run_in_process(signed_in, "doctor"), signed_in, sandbox) == (
        2,
        report(
            "problem",
            "\n1 problem and 4 warnings.\n",
            config="✗ problem config   <home>/config.ini cannot be read in line 4, in section [broken].\n"
            "> Each line is key = value, and each key occurs once; correct the line or delete it.\n"
            "! warning config   <home>/config.ini has scopes in line 1, before the first section.\n"
            "> Move it into a section.\n"
            f"! warning config   <home>/config.ini has client_secret in line 11, in section [default], which is not a "
            f"setting.\n{fix}\n"
            f"! warning config   <home>/config.ini has redirect_url in line 12, in section [default], which is not a "
            f"setting.\n{fix}\n"
            "! warning config   <home>/config.ini has a section in line 13 whose name is not a valid profile name.\n"
            "> Rename or delete it.",
            profile="– skipped profile  Profile broken was not checked, because its settings cannot be used.\n"
            f"> Correct the configuration first.\n{HEALTHY['profile']}",
        ),
        "",
    )


def test_lines_of_other_profiles_than_the_named_one_are_not_reported(signed_in: Program, sandbox: Sandbox) -> None:
    with config_file(signed_in).open("a") as config:
        config.write("[other]\nclient_secret = y\n")
    done = settled(run_in_process(signed_in, "doctor", "-p", "default"), signed_in, sandbox)
    config_line = HEALTHY["config"].replace("1 profile", "2 profiles")
    assert done == (0, report("ok", "\nNo problems found.\n", config=config_line), "")


@pytest.mark.parametrize(
    ("text", "variables", "message"),
    [
        (
            "[default]\nwhat is this\n",
            {},
            "<home>/config.ini cannot be read in line 2, in section [default].\n"
            "> Each line is key = value, and each key occurs once; correct the line or delete it.",
        ),
        (
            "[default]\n\xff\n",
            {},
            "<home>/config.ini could not be read (it is not UTF-8).\n"
            "> Correct the file or its permissions, or move it away.",
        ),
        (
            "[default]\nstore = drawer\n",
            {"WEBEX_TOKEN_STORE": None},
            "'drawer' is not a credential store (profile default).\n"
            "> Use keyring, file or vault in --store, WEBEX_TOKEN_STORE or config.ini.",
        ),
        (
            "[default]\n",
            {"WEBEX_TOKEN_API_URL": "http://example.com"},
            "'http://example.com' cannot be the API base URL.\n"
            "> Give an https:// address such as https://webexapis.com/v1, or http:// to a loopback address.",
        ),
        (
            "[default]\n",
            {"WEBEX_REDIRECT_URI": "localhost"},
            "The redirect URI 'localhost' is not a URI with a scheme and a host.\n"
            "> Register http://localhost:8000/oauth with the integration and use that.",
        ),
    ],
)
def test_a_config_that_cannot_be_used(
    signed_in: Program, sandbox: Sandbox, text: str, variables: dict[str, str | None], message: str
) -> None:
    config_file(signed_in).write_bytes(text.encode("latin-1"))
    not_checked = (
        "– skipped {:<8} Not checked, because the settings cannot be used.\n> Correct the configuration first."
    )
    readable = "\xff" not in text
    assert settled(run_in_process(signed_in.having(**variables), "doctor"), signed_in, sandbox) == (
        2,
        report(
            "problem",
            END_OF_PROBLEM,
            config=f"✗ problem config   {message}",
            **{each: not_checked.format(each) for each in ("store", "port", "network", "clock")},
            profile="– skipped profile  Profile default was not checked, because its settings cannot be used.\n"
            "> Correct the configuration first."
            if readable
            else "",
        ),
        "",
    )


def test_a_wrong_variable_of_watch_is_a_problem(signed_in: Program, sandbox: Sandbox) -> None:
    done = settled(run_in_process(signed_in.having(EVENT_LOOP_DAYS="soon"), "doctor"), signed_in, sandbox)
    message = (
        "The environment variable EVENT_LOOP_DAYS is wrong: 'soon' is not a duration; write seconds, or a number with "
        "s, m, h, d"
    )
    assert done == (
        2,
        report(
            "problem", END_OF_PROBLEM, config=f"✗ problem config   {message} or w, such as 90m.\n> Correct or unset it."
        ),
        "",
    )


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_a_taken_port_is_a_problem(signed_in: Program, sandbox: Sandbox, address: str) -> None:
    port = int(sandbox.redirect_uri.partition("//localhost:")[2].partition("/")[0])
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.create_server((address, port), family=family):
        done = settled(signed_in.run("doctor"), signed_in, sandbox)
    this_process = f"{Path('/proc/self/comm').read_text().strip()} (process {os.getpid()})"
    assert done == (
        2,
        report(
            "problem",
            END_OF_PROBLEM,
            port=f"✗ problem port     Port <port>, where <redirect> leads, is taken by another program. "
            f"It is {this_process}.\n"
            "> End that program (another login, perhaps), or register a redirect URI with another port and give it "
            "with --redirect-uri; `webex-token login --flow paste` needs no port at all.",
        ),
        "",
    )


def test_a_redirect_uri_of_another_machine_needs_no_port(signed_in: Program, sandbox: Sandbox) -> None:
    elsewhere = "https://apps.example.com/oauth"
    done = settled(run_in_process(signed_in.having(WEBEX_REDIRECT_URI=elsewhere), "doctor"), signed_in, sandbox)
    port = f"✓ ok  port     {elsewhere} leads to another machine, so no port of this one is needed."
    assert done == (0, report("ok", "\nNo problems found.\n", port=port), "")


NONE_HERE = "No browser can be opened here, because"
NONE_FOUND = "No browser was found, although"
INSTALL = "Install one, or name it in BROWSER. "


@pytest.mark.parametrize(
    ("variables", "message", "fix"),
    [
        ({}, f"{NONE_HERE} there is no display (DISPLAY, WAYLAND_DISPLAY).", ""),
        ({"SSH_TTY": "/dev/1"}, f"{NONE_HERE} this is an SSH session (SSH_TTY), and your browser is elsewhere.", ""),
        ({"DISPLAY": ":0", "PATH": "/nowhere"}, f"{NONE_FOUND} there is a display (DISPLAY).", INSTALL),
        ({"BROWSER": "no-such-browser %s"}, f"{NONE_FOUND} BROWSER is set.", INSTALL),
        ({"BROWSER": "no-such-browser"}, f"{NONE_FOUND} BROWSER is set.", INSTALL),
    ],
)
def test_no_browser_is_a_warning(
    signed_in: Program, sandbox: Sandbox, variables: dict[str, str], message: str, fix: str
) -> None:
    done = settled(run_in_process(signed_in.having(**{"BROWSER": None, **variables}), "doctor"), signed_in, sandbox)
    other_flows = "Sign in with `webex-token login --flow paste` and a browser elsewhere, or with --flow device."
    assert done == (
        0,
        report("warning", "\n1 warning.\n", browser=f"! warning browser  {message}\n> {fix}{other_flows}"),
        "",
    )


def test_an_unreachable_webex_is_a_problem(signed_in: Program, sandbox: Sandbox) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}/v1"
    unreachable = signed_in.having(WEBEX_TOKEN_API_URL=nowhere)
    done = settled(run_in_process(unreachable, "doctor"), signed_in, sandbox)
    assert done == (
        4,
        report(
            "problem",
            END_OF_PROBLEM,
            network=f"✗ problem network  {nowhere[7:-3]} could not be reached.\n> Check the network, then try again.",
            clock="– skipped clock    Webex's time is not known.\n> Repair the network first.",
        ),
        "",
    )


@pytest.mark.parametrize(("move", "direction"), [(Sandbox.advance, "behind"), (Sandbox.set_back, "ahead of")])
def test_a_clock_that_is_an_hour_off_is_a_problem(
    signed_in: Program, sandbox: Sandbox, move: Callable[[Sandbox, str], None], direction: str
) -> None:
    move(sandbox, "1h")
    assert settled(run_in_process(signed_in, "doctor"), signed_in, sandbox) == (
        2,
        report(
            "problem",
            END_OF_PROBLEM,
            clock=f"✗ problem clock    This machine's clock is 60 minutes {direction} Webex's.\n> Correct it "
            "(`timedatectl set-ntp true` on Linux), because the tokens' lifetimes are counted by it.",
        ),
        "",
    )
