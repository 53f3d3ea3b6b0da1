"""``doctor``: its whole report, and that it leaves nothing behind and shows no secret."""

import json
import os
import platform
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.desktop import desktop, lock
from tests.support.keyring_choice import using
from tests.support.ports import free_port
from tests.support.program import Finished, Program
from tests.support.stored import DAY, age, record_file
from webex_token_cli import __version__
from webex_token_cli.sandbox.rules import Rules
from webex_token_cli.sandbox.server import Sandbox
from webex_token_cli.store.credentials import SERVICE
from webex_token_cli.store.probe import ENTRY, RECORD


@pytest.fixture
def rules(redirect_uri: str) -> Rules:
    return Rules(redirect_uris=(redirect_uri,), auto_approve=True, device_interval=1)


def config_of(program: Program) -> Path:
    return Path(program.variables["WEBEX_TOKEN_HOME"], "config.ini")


def settled(done: Finished, program: Program, sandbox: Sandbox) -> tuple[int, str, str]:
    """What was found, with placeholders for what differs from run to run."""
    redirect = sandbox.webex.rules.redirect_uris[0]
    names = {
        program.variables["WEBEX_TOKEN_HOME"]: "<home>",
        sandbox.api_url: "<webex>",
        f"127.0.0.1:{sandbox.port}": "<webex>",
        redirect: "<redirect>",
        f"Port {redirect.partition('//localhost:')[2].partition('/')[0]}": "Port <port>",
    }
    out = done.out
    for value, name in names.items():
        out = out.replace(value, name)
    return done.status, re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", "<time>", out), done.err


HEALTHY = {
    "config": "✓ ok  config   <home>/config.ini names 1 profile, and every setting in it can be used.",
    "store": "✓ ok  store    An entry of 2,706 characters was written to the file store <home>/credentials, read and "
    "removed.",
    "port": "✓ ok  port     Port <port>, where <redirect> leads, is free on 127.0.0.1 and ::1.",
    "browser": "✓ ok  browser  A browser can be opened here, because BROWSER is set.",
    "network": "✓ ok  network  <webex> answers.",
    "clock": "✓ ok  clock    This machine's clock agrees with Webex's.",
    "profile": "✓ ok  profile  Profile default: the access token expires <time> (in 13 days), the refresh token <time> "
    "(in 89 days).",
}
END_OF_PROBLEM = "\n1 problem.\n"


def report(widest: str, end: str, **other: str) -> str:
    """The report of a healthy machine, but for ``other`` lines, each with its fix below; "" leaves one out."""
    wide = {"ok": 6, "warning": 11, "problem": 11, "skipped": 11}[widest]
    lines = []
    for check, line in HEALTHY.items():
        for each in filter(None, other.get(check, line).split("\n")):
            if each.startswith("> "):
                lines.append(" " * (wide + 9) + each[2:])
            else:
                left, word, rest = each.split(maxsplit=2)
                lines.append(f"{f'{left} {word}':<{wide}}{rest}")
    return "\n".join([*lines, end])


def test_a_healthy_machine(signed_in: Program, sandbox: Sandbox) -> None:
    done = settled(signed_in.run("doctor"), signed_in, sandbox)
    assert done == (0, report("ok", "\nNo problems found.\n"), "")


def test_a_healthy_machine_with_two_profiles_as_json(signed_in: Program, sandbox: Sandbox) -> None:
    assert signed_in.run("login", "-p", "work").status == 0
    done = signed_in.run("doctor", "--json")
    now = json.loads(done.out)["now"]
    status, out, err = settled(done, signed_in, sandbox)
    texts = {check: line.split(maxsplit=3)[3] for check, line in HEALTHY.items()}
    found = [
        ("config", "<home>/config.ini", texts["config"].replace("1 profile", "2 profiles")),
        ("store", "file", texts["store"]),
        ("port", "<redirect>", texts["port"]),
        ("browser", "", texts["browser"]),
        ("network", "<webex>", texts["network"]),
        ("clock", "<webex>", texts["clock"]),
        ("profile", "default", texts["profile"]),
        ("profile", "work", texts["profile"].replace("default", "work")),
    ]
    assert (status, err) == (0, "")
    assert json.loads(out) == {
        "version": 1,
        "now": now,
        "program": {
            "version": __version__,
            "python": platform.python_version(),
            "platform": platform.platform(),
        },
        "exit_status": 0,
        "findings": [
            {"check": check, "subject": subject, "level": "ok", "message": message, "fix": None, "exit_status": 0}
            for check, subject, message in found
        ],
    }


def test_a_problem_as_json(signed_in: Program, sandbox: Sandbox) -> None:
    record_file(signed_in).unlink()
    done = signed_in.run("doctor", "--json")
    assert (done.status, json.loads(done.out)["exit_status"]) == (3, 3)
    assert json.loads(done.out)["findings"][-1] == {
        "check": "profile",
        "subject": "default",
        "level": "problem",
        "message": "Nobody is signed in as profile default.",
        "fix": "Sign in with `webex-token login`.",
        "exit_status": 3,
    }


def test_before_anybody_has_signed_in(program: Program, sandbox: Sandbox) -> None:
    assert settled(program.run("doctor"), program, sandbox) == (
        3,
        report(
            "problem",
            END_OF_PROBLEM,
            config="✓ ok config   <home>/config.ini names no profile yet; `webex-token login` adds one.",
            profile="✗ problem profile  Nobody is signed in as profile default.\n> Sign in with `webex-token login`.",
        ),
        "",
    )


NOT_CHECKED = (
    "– skipped profile  Profile {} was not checked, because its store does not work.\n> Repair the store first."
)
# The user names of all entries in the keyring.
ITEMS = """
import json, secretstorage
items = secretstorage.get_default_collection(secretstorage.dbus_init()).get_all_items()
print(json.dumps([item.get_attributes()["username"] for item in items]))
"""
NO_KEYRING = (
    "✗ problem store    This machine has no keyring to store tokens in: no Secret Service, KWallet, macOS Keychain or "
    "Windows Credential Manager answers.\n"
    "> On Linux install and start gnome-keyring with D-Bus (apt install gnome-keyring dbus), or KWallet; if that "
    "is not possible, `--store file` (or WEBEX_TOKEN_STORE=file) stores them unencrypted in a file that "
    "only you can read."
)


def test_no_keyring(program: Program, sandbox: Sandbox) -> None:
    without = program.having(WEBEX_TOKEN_STORE=None)
    assert settled(without.run("doctor"), program, sandbox) == (
        5,
        report(
            "problem",
            END_OF_PROBLEM,
            config="✓ ok config   <home>/config.ini names no profile yet; `webex-token login` adds one.",
            store=NO_KEYRING,
            profile=NOT_CHECKED.format("default"),
        ),
        "",
    )


def test_a_gnome_keyring_that_works_and_one_that_is_locked(
    program: Program, sandbox: Sandbox, keyring_session: dict[str, str], tmp_path: Path
) -> None:
    with desktop(tmp_path / "desktop") as variables:
        there = program.having(**variables, WEBEX_TOKEN_STORE=None)
        assert there.run("login", "-p", "there").status == 0
        profile = HEALTHY["profile"].replace("default", "there")
        store = HEALTHY["store"].replace("file store <home>/credentials", "keyring (SecretService Keyring)")
        assert settled(there.run("doctor"), program, sandbox) == (
            0,
            report("ok", "\nNo problems found.\n", store=store, profile=profile),
            "",
        )
        left = subprocess.run([sys.executable, "-c", ITEMS], env=there.environment, capture_output=True, check=True)
        assert json.loads(left.stdout) == ["there"]
        lock(there.environment)
        locked_store = (
            "✗ problem store    An entry could not be written in the keyring (SecretService Keyring): Failed to unlock "
            "the collection!.\n> Unlock the keyring and try again; on a machine without one, see --store file."
        )
        assert settled(there.run("doctor"), program, sandbox) == (
            5,
            report("problem", END_OF_PROBLEM, store=locked_store, profile=NOT_CHECKED.format("there")),
            "",
        )


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_the_port_is_taken(signed_in: Program, sandbox: Sandbox, address: str) -> None:
    port = int(sandbox.webex.rules.redirect_uris[0].partition("//localhost:")[2].partition("/")[0])
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.create_server((address, port), family=family):
        done = settled(signed_in.run("doctor"), signed_in, sandbox)
    me = f"{Path('/proc/self/comm').read_text().strip()} (process {os.getpid()})"
    assert done == (
        2,
        report(
            "problem",
            END_OF_PROBLEM,
            port=f"✗ problem port     Port <port>, where <redirect> leads, is taken by another program. It is {me}.\n"
            "> End that program (another login, perhaps), or register a redirect URI with another port and give it "
            "with --redirect-uri; `webex-token login --flow paste` needs no port at all.",
        ),
        "",
    )


@pytest.mark.parametrize(("seconds", "words"), [(3600, "behind"), (-3600, "ahead of")])
def test_a_clock_an_hour_off(signed_in: Program, sandbox: Sandbox, seconds: int, words: str) -> None:
    sandbox.webex.advance(seconds)
    assert settled(signed_in.run("doctor"), signed_in, sandbox) == (
        2,
        report(
            "problem",
            END_OF_PROBLEM,
            clock=f"✗ problem clock    This machine's clock is 60 minutes {words} Webex's.\n> Correct it "
            "(`timedatectl set-ntp true` on Linux), because the tokens' lifetimes are counted by it.",
        ),
        "",
    )


def test_webex_cannot_be_reached(signed_in: Program, sandbox: Sandbox) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}/v1"
    done = settled(signed_in.having(WEBEX_TOKEN_API_URL=nowhere).run("doctor"), signed_in, sandbox)
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


def test_a_config_that_is_broken_in_one_of_two_sections(signed_in: Program, sandbox: Sandbox) -> None:
    written = config_of(signed_in).read_text()
    config_of(signed_in).write_text(
        f"scopes = x\n[broken]\nclient_id = x\nwhat is this\n{written}client_secret = y\nredirect_url = z\n[a b]\n"
    )
    fix = "> The settings are client_id, redirect_uri, scopes, api_url, store; correct the line or delete it."
    assert settled(signed_in.run("doctor"), signed_in, sandbox) == (
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


@pytest.mark.parametrize(
    ("text", "variables", "said"),
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
            "> Use keyring or file in --store, WEBEX_TOKEN_STORE or config.ini.",
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
def test_a_config_that_cannot_be_used_at_all(
    signed_in: Program, sandbox: Sandbox, text: str, variables: dict[str, str | None], said: str
) -> None:
    config_of(signed_in).write_bytes(text.encode("latin-1"))
    not_checked = (
        "– skipped {:<8} Not checked, because the settings cannot be used.\n> Correct the configuration first."
    )
    named = "\xff" not in text
    assert settled(signed_in.having(**variables).run("doctor"), signed_in, sandbox) == (
        2,
        report(
            "problem",
            END_OF_PROBLEM,
            config=f"✗ problem config   {said}",
            **{each: not_checked.format(each) for each in ("store", "port", "network", "clock")},
            profile="– skipped profile  Profile default was not checked, because its settings cannot be used.\n"
            "> Correct the configuration first."
            if named
            else "",
        ),
        "",
    )


def test_a_wrong_variable_of_watch_is_a_problem(signed_in: Program, sandbox: Sandbox) -> None:
    done = settled(signed_in.having(EVENT_LOOP_DAYS="soon").run("doctor"), signed_in, sandbox)
    said = (
        "The environment variable EVENT_LOOP_DAYS is wrong: 'soon' is not a duration; write seconds, or a number with "
        "s, m, h, d"
    )
    assert done == (
        2,
        report(
            "problem", END_OF_PROBLEM, config=f"✗ problem config   {said} or w, such as 90m.\n> Correct or unset it."
        ),
        "",
    )


NONE_HERE = "No browser can be opened here, because"
NONE_FOUND = "No browser was found, although"
INSTALL = "Install one, or name it in BROWSER. "


@pytest.mark.parametrize(
    ("variables", "said", "fix"),
    [
        ({}, f"{NONE_HERE} there is no display (DISPLAY, WAYLAND_DISPLAY).", ""),
        ({"SSH_TTY": "/dev/1"}, f"{NONE_HERE} this is an SSH session (SSH_TTY), and your browser is elsewhere.", ""),
        ({"DISPLAY": ":0", "PATH": "/nowhere"}, f"{NONE_FOUND} there is a display (DISPLAY).", INSTALL),
        ({"BROWSER": "no-such-browser %s"}, f"{NONE_FOUND} BROWSER is set.", INSTALL),
        ({"BROWSER": "no-such-browser"}, f"{NONE_FOUND} BROWSER is set.", INSTALL),
    ],
)
def test_no_browser_is_a_warning(
    signed_in: Program, sandbox: Sandbox, variables: dict[str, str], said: str, fix: str
) -> None:
    done = settled(signed_in.having(**{"BROWSER": None, **variables}).run("doctor"), signed_in, sandbox)
    other_flows = "Sign in with `webex-token login --flow paste` and a browser elsewhere, or with --flow device."
    assert done == (
        0,
        report("warning", "\n1 warning.\n", browser=f"! warning browser  {said}\n> {fix}{other_flows}"),
        "",
    )


def test_a_redirect_uri_of_another_machine_needs_no_port(signed_in: Program, sandbox: Sandbox) -> None:
    elsewhere = "https://apps.example.com/oauth"
    done = settled(signed_in.having(WEBEX_REDIRECT_URI=elsewhere).run("doctor"), signed_in, sandbox)
    port = f"✓ ok  port     {elsewhere} leads to another machine, so no port of this one is needed."
    assert done == (0, report("ok", "\nNo problems found.\n", port=port), "")


def test_only_the_profiles_that_are_named(signed_in: Program) -> None:
    assert signed_in.run("login", "-p", "work").status == 0
    config_of(signed_in).write_text(f"{config_of(signed_in).read_text()}[broken]\nwhat is this\n")

    def checked(*arguments: str, **variables: str) -> list[str]:
        found = json.loads(signed_in.having(**variables).run("doctor", "--json", *arguments).out)["findings"]
        return [each["subject"] for each in found if each["check"] == "profile"]

    assert checked() == ["default", "work", "broken"]
    assert checked("-p", "work", "-p", "new", "-p", "work") == ["work", "new"]
    assert checked(WEBEX_TOKEN_PROFILE="work") == ["work"]
    assert signed_in.run("doctor", "-p", "work").status == 0


def test_the_marks_are_left_out_if_standard_output_cannot_encode_them(signed_in: Program) -> None:
    done = signed_in.having(PYTHONIOENCODING="ascii").run("doctor")
    assert done.status == 0
    assert {line.split()[0] for line in done.out.splitlines()[:-2]} == {"ok"}


def test_verbose_names_each_check_and_debug_each_request(signed_in: Program, sandbox: Sandbox) -> None:
    uri = sandbox.webex.rules.redirect_uris[0]
    assert signed_in.run("-v", "doctor").err == (
        f"Trying the file store …\nChecking the port of {uri} …\nLooking for a browser …\n"
    )
    assert re.search(
        r"^debug: GET /.well-known/openid-configuration 200 ", signed_in.run("doctor", "--debug").err, re.MULTILINE
    )


def test_a_damaged_entry_is_a_problem_of_the_store(signed_in: Program) -> None:
    record_file(signed_in).write_text('{"version": 1, "access_token": 7')
    done = signed_in.run("doctor")
    assert done.status == 5
    assert "✗ problem  profile  The entry 'default' in plain file" in done.out
    assert "Nothing was changed; sign in with `webex-token login` to replace it." in done.out


def test_a_refresh_token_that_runs_out_is_a_warning(signed_in: Program) -> None:
    age(signed_in, 80 * DAY)
    done = signed_in.run("doctor")
    assert done.status == 0
    assert "! warning  profile  Profile default: the access token expired " in done.out


# The store's probe.


@pytest.mark.xdist_group("keyring")
@pytest.mark.parametrize(
    ("keyring", "status", "said"),
    [
        ("Shelf", 0, "An entry of 2,706 characters was written to the keyring (Shelf), read and removed."),
        ("Limited", 0, "An entry of 2,706 characters was written to the keyring (Limited), read and removed."),
        ("Locked", 5, "An entry could not be written in the keyring (Shelf): Failed to unlock the collection!."),
        ("Foreign", 5, "An entry could not be written in the keyring (Shelf): 0x8007: cannot keep "),
        ("Forgetful", 5, "The keyring (Shelf) accepted the record but did not store it."),
        ("Unreadable", 5, "An entry could not be read back in the keyring (Shelf): the daemon was restarted."),
    ],
)
def test_the_probe_entry_is_gone_whatever_the_keyring_does(
    program: Program, tmp_path: Path, keyring: str, status: int, said: str
) -> None:
    with_it = using(keyring, program, tmp_path)
    done = with_it.run("doctor", "--json")
    store = next(each for each in json.loads(done.out)["findings"] if each["check"] == "store")
    assert store["message"].replace(keyring, "Shelf").startswith(said.replace(keyring, "Shelf"))
    assert store["exit_status"] == status
    assert (store["fix"] is None) == (status == 0)
    shelf = tmp_path / "shelf.json"
    assert not shelf.exists() or json.loads(shelf.read_text()) == {}


@pytest.mark.xdist_group("keyring")
def test_a_keyring_that_does_not_remove_the_probe_entry(program: Program, tmp_path: Path) -> None:
    done = using("Clinging", program, tmp_path).run("doctor")
    assert done.status == 5
    assert "did not remove an entry, but reported success." in done.out
    assert f"Remove the entry '{ENTRY}' of '{SERVICE}' there by hand" in done.out


@pytest.mark.xdist_group("keyring")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_the_probe_entry_is_gone_when_it_is_ended_in_the_middle(
    program: Program, tmp_path: Path, number: signal.Signals
) -> None:
    shelf = tmp_path / "shelf.json"
    with using("Dawdling", program, tmp_path).started("doctor") as doctor:
        doctor.wait_for("Waiting for the keyring")
        assert list(json.loads(shelf.read_text())) == [ENTRY]
        doctor.process.send_signal(number)
        done = doctor.finish()
    assert done.status == (130 if number == signal.SIGINT else -number)
    assert json.loads(shelf.read_text()) == {}


@pytest.mark.xdist_group("keyring")
def test_a_probe_entry_left_by_an_earlier_run_is_removed(program: Program, tmp_path: Path) -> None:
    with using("Dawdling", program, tmp_path).started("doctor") as doctor:
        doctor.wait_for("Waiting for the keyring")
    shelf = tmp_path / "shelf.json"
    assert list(json.loads(shelf.read_text())) == [ENTRY]
    assert using("Shelf", program, tmp_path).run("doctor").status == 3
    assert json.loads(shelf.read_text()) == {}


@pytest.mark.xdist_group("keyring")
def test_two_runs_at_once_do_not_remove_each_others_probe_entry(program: Program, tmp_path: Path) -> None:
    with using("Dawdling", program, tmp_path).started("doctor") as first:
        first.wait_for("Waiting for the keyring")
        with using("Shelf", program, tmp_path).started("doctor") as second:
            second.wait_for("Waiting for another webex-token that holds")
            first.process.terminate()
            assert second.finish().status == 3
    assert json.loads((tmp_path / "shelf.json").read_text()) == {}


def test_a_folder_that_other_users_may_read(signed_in: Program) -> None:
    record_file(signed_in).parent.chmod(0o755)
    done = signed_in.run("doctor")
    assert done.status == 5
    assert "others may use it (mode 0755)" in done.out


def test_no_profile_can_have_the_probes_name(program: Program) -> None:
    assert program.run("show", "-p", ENTRY).status == 2


def test_the_probe_is_as_large_as_a_record_with_a_jwt() -> None:
    assert len(RECORD.access_token) == 2000
