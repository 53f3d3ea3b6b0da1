"""exec: what the shell sees is what it would see without it, and the command sees the token and no other secret."""

import contextlib
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pexpect
import pytest

from tests.support.program import WEBEX_TOKEN, Finished, Program, wait_until
from tests.support.stored import DAY, age
from webex_token_cli.commands.exec import environment_of_child
from webex_token_cli.errors import CommandNotFound, CommandNotRunnable
from webex_token_cli.sandbox import Answer, Sandbox
from webex_token_cli.system.processes import as_exit_status, run_beside, uncoerced
from webex_token_cli.tokens import TokenRecord

EXEC = (str(WEBEX_TOKEN), "exec", "--")


@dataclass(frozen=True)
class Child:
    """A command, what it reads, and a shell's line around it in which ``"$@"`` is the command."""

    command: tuple[str, ...]
    reads: bytes = b""
    within: str = 'exec "$@"'


def sh(script: str, *arguments: str, reads: bytes = b"", within: str = 'exec "$@"') -> Child:
    return Child(("sh", "-c", script, *arguments), reads, within)


SIGNALS = "grep -E '^Sig(Blk|Ign|Cgt)' /proc/self/status"

CHILDREN = {
    "exits 0": Child(("true",)),
    "exits 1": Child(("false",)),
    "exits 42": sh("exit 42"),
    "exits 255": sh("exit 255"),
    "dies of SIGTERM": sh("kill -TERM $$"),
    "dies of SIGKILL": sh("kill -KILL $$"),
    "dies of SIGINT": sh("kill -INT $$"),
    "dies of SIGPIPE": sh("kill -PIPE $$"),
    "dies of its reader's end": Child(("yes",), within='set -o pipefail; "$@" | head -1; echo $?'),
    "prints a megabyte": sh("head -c 1048576 /dev/zero; head -c 1048576 /dev/zero >&2"),
    "reads standard input": Child(("cat",), reads=bytes(range(256)) * 4096),
    "leaves standard input to the next": Child(("true",), reads=b"untouched", within='"$@"; cat'),
    "has options like ours": Child(("printf", "[%s]", "-p", "x", "--help", "--debug", "--", "--env", "", " ", "-v")),
    "has a name like ours": Child(("echo", "exec", "--", "get")),
    "ignores and blocks no signal": sh(SIGNALS),
    "ignores what its parent ignored": sh(SIGNALS, within="trap '' HUP INT TERM USR1; exec \"$@\""),
    "has its descriptors": sh("ls /proc/self/fd"),
    "has none where none were": sh("ls /proc/self/fd", within='exec "$@" 0<&- 2>&-'),
    "has one that was handed on": sh("cat <&7; ls /proc/self/fd", within='exec "$@" 7</etc/hostname'),
    "stands where it was started": sh('pwd; umask; nice; ulimit -a; echo "$0"', within='cd /usr; umask 027; exec "$@"'),
    "has no locale but its own": sh("locale; env | grep ^L | sort", within='unset LC_ALL LC_CTYPE; LANG=C exec "$@"'),
    "has the locale that was set": sh("env | grep ^L", within='unset LC_ALL; LC_CTYPE=C LANG=C exec "$@"'),
    "has a variable that is no text": sh("env | grep -a ^ODD=", within="ODD=$(printf '\\377=\\200') exec \"$@\""),
    "is a folder": Child(("/usr",), within='"$@" 2>/dev/null; echo $?'),
    "is not there": Child(("webex-token-no-such-command",), within='"$@" 2>/dev/null; echo $?'),
    "is not there, with a path": Child(("./no-such-command",), within='"$@" 2>/dev/null; echo $?'),
    "may not be executed": Child(("/etc/hostname",), within='"$@" 2>/dev/null; echo $?'),
    "has no name": Child(("",), within='"$@" 2>/dev/null; echo $?'),
}


def seen(child: Child, program: Program, *before: str) -> tuple[int, bytes, bytes]:
    """Everything that the caller of the command sees of it."""
    done = subprocess.run(
        ["bash", "-c", child.within, "bash", *before, *child.command],
        env=program.environment,
        input=child.reads,
        capture_output=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("name", CHILDREN)
def test_whoever_starts_it_sees_what_they_would_see_without_exec(signed_in: Program, name: str) -> None:
    # A variable that makes Python write everything at once would be missed by nobody, and hide what is not flushed.
    program = signed_in.having(PYTHONUNBUFFERED=None)
    assert seen(CHILDREN[name], program, *EXEC) == seen(CHILDREN[name], program)


@pytest.mark.parametrize("name", ["has options like ours", "has a name like ours"])
def test_the_dashes_may_be_left_out(signed_in: Program, name: str) -> None:
    assert seen(CHILDREN[name], signed_in, *EXEC[:-1]) == seen(CHILDREN[name], signed_in)


def test_a_script_without_a_first_line_is_run_by_the_shell(signed_in: Program, tmp_path: Path) -> None:
    script = tmp_path / "plain"
    script.write_text('echo "$# of them, the last is ${2}"; exit 9\n')
    script.chmod(0o700)
    child = Child((str(script), "a", "b c"))
    assert seen(child, signed_in, *EXEC) == seen(child, signed_in) == (9, b"2 of them, the last is b c\n", b"")
    by_name = Child(("plain", "a", "b c"), within=f'PATH={tmp_path}:$PATH; exec "$@"')
    assert seen(by_name, signed_in, *EXEC) == (9, b"2 of them, the last is b c\n", b"")


def test_the_first_that_can_be_run_on_path_is_run(signed_in: Program, tmp_path: Path) -> None:
    for folder, mode in (("first", 0o600), ("second", 0o700), ("third", 0o700)):
        file = tmp_path / folder / "tool"
        file.parent.mkdir()
        file.write_text(f"#!/bin/sh\necho {folder}\n")
        file.chmod(mode)
    path = ":".join(str(tmp_path / folder) for folder in ("none", "first/tool", "first", "second", "third"))
    child = Child(("tool",), within=f'PATH={path}:$PATH; exec "$@"')
    assert seen(child, signed_in, *EXEC) == seen(child, signed_in) == (0, b"second\n", b"")


IN_A_TERMINAL = {
    "talks": ("sh", "-c", "test -t 0 -a -t 1 -a -t 2; echo $?; stty -a; echo ready; read x; echo got $x; exit 3"),
    "leads its session": (
        "sh",
        "-c",
        "ps -o pid=,pgid=,sid=,tpgid= -p $$ | xargs -n1 | uniq | wc -l; echo ready",
    ),
    "is interrupted": ("sh", "-c", "echo ready; exec sleep 60"),
    "catches the interrupt": ("sh", "-c", "trap 'echo caught; exit 7' INT; echo ready; while :; do sleep 0.05; done"),
    "ignores the interrupt": ("sh", "-c", "trap '' INT; echo ready; read x; echo got $x"),
}


@pytest.mark.parametrize("name", IN_A_TERMINAL)
def test_the_terminal_is_the_commands(signed_in: Program, name: str) -> None:
    def at_the_terminal(*command: str) -> tuple[int | None, int | None, str]:
        child = pexpect.spawn(
            command[0], list(command[1:]), env=signed_in.environment, encoding="utf-8", timeout=20, dimensions=(30, 99)
        )
        child.expect("ready\r\n")
        shown = str(child.before)
        if "interrupt" in name:
            child.sendintr()
        if "read x" in IN_A_TERMINAL[name][2]:
            child.sendline("words")
        child.expect(pexpect.EOF)
        child.close()
        return child.exitstatus, child.signalstatus, shown + str(child.before)

    told = at_the_terminal(*IN_A_TERMINAL[name])
    assert at_the_terminal(*EXEC, *IN_A_TERMINAL[name]) == told
    if name == "is interrupted":
        assert told[:2] == (None, signal.SIGINT)


@pytest.mark.parametrize("store", ["file", "keyring"])
def test_the_command_has_the_token_and_no_other_secret(
    program: Program, sandbox: Sandbox, request: pytest.FixtureRequest, store: str
) -> None:
    session = request.getfixturevalue("keyring_session") if store == "keyring" else {}
    program = program.having(**session, WEBEX_TOKEN_STORE=store, WEBEX_TOKEN_PROFILE=f"exec-{store}")
    assert program.run("login").status == 0
    sandbox.advance(2 * DAY)
    first = program.run("get").out.strip()
    record = program.run("export").out
    loaded = program.having(
        MY_APP_SECRET=sandbox.client_secret,
        MY_SIGN_IN=record,
        MY_FORM=f"grant_type=refresh_token&refresh_token={sandbox.grants[-1].refresh_token}&client_id=C1",
        SPARK_ACCESS_TOKEN=first,
        CISCO_SPARK_ACCESS_TOKEN="another",
        WEBEX_REFRESH_TOKEN="that of another sign-in",
        WEBEX_ACCESS_TOKEN="old",
        UNTOUCHED="a secret of somebody else's",
    )
    with loaded.started(
        "exec", "--min-valid", "14d", "--env", "MY_TOKEN", "--env", "_T2", "--", "sleep", "60"
    ) as child:
        of_it = Path("/proc", str(child.process.pid))
        wait_until(lambda: (of_it / "comm").read_text() == "sleep\n", lambda: child.err, process=child.process)
        environment = dict(each.split("=", 1) for each in (of_it / "environ").read_text().split("\0") if each)
        arguments = (of_it / "cmdline").read_text()
        expected = {"0": "/dev/null", "1": str(child._out), "2": str(child._err)}
        # The command itself opens files of its language for a moment.
        wait_until(lambda: descriptors_of(child.process.pid) == expected, lambda: descriptors_of(child.process.pid))
    token = sandbox.grants[-1].access_token
    assert token != first
    names = ("WEBEX_ACCESS_TOKEN", "WEBEX_TEAMS_ACCESS_TOKEN", "MY_TOKEN", "_T2")
    assert environment == {
        **program.having(WEBEX_CLIENT_SECRET=None).environment,
        **dict.fromkeys(names, token),
        "UNTOUCHED": "a secret of somebody else's",
    }
    assert arguments == "sleep\x0060\x00"
    others = sandbox.issued - {token}
    assert len(others) >= 3
    assert [secret for secret in others if secret in f"{environment}{arguments}"] == []


def descriptors_of(process: int) -> dict[str, str]:
    """The open file descriptors of a process, and what each leads to."""
    found = {}
    for name in Path("/proc", str(process), "fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # it was closed meanwhile
            found[name.name] = str(name.readlink())
    return found


def record(refresh_token: str, client_secret: str) -> TokenRecord:
    return TokenRecord("the-token", 0, refresh_token, None, 0, 0, "client-id", client_secret)


def test_a_short_secret_is_looked_for_as_a_whole_value() -> None:
    given = {
        "A": "short",
        "B": "shorter",
        "C": "is-a-long-refresh-token-or-so",
        "D": "has is-a-long-refresh-token in it",
    }
    assert environment_of_child(given, record("is-a-long-refresh-token", "short"), ["T"]) == {
        "B": "shorter",
        "T": "the-token",
    }
    # An entry may be without either; nothing is then "in" every value.
    assert environment_of_child({"E": "", "F": "x"}, record("", ""), []) == {"E": "", "F": "x"}


def test_a_name_given_comes_after_what_is_removed(signed_in: Program, sandbox: Sandbox) -> None:
    done = signed_in.run("exec", "--env", "SPARK_ACCESS_TOKEN", "printenv", "SPARK_ACCESS_TOKEN")
    assert done == Finished(0, f"{sandbox.grants[0].access_token}\n", "")


def test_it_refreshes_first_when_too_little_is_left(signed_in: Program, sandbox: Sandbox) -> None:
    def token(*options: str) -> str:
        return signed_in.run("exec", *options, "--", "printenv", "WEBEX_ACCESS_TOKEN").out

    first = signed_in.run("get").out
    sandbox.advance(2 * DAY)
    assert token("--min-valid", "13d") == first
    second = token("--min-valid", "14d")
    assert second == f"{sandbox.grants[0].access_token}\n" != first
    assert sandbox.outcomes() == ["signed in", "renewed"]


def test_a_living_token_is_handed_on_with_a_warning_when_webex_is_down(signed_in: Program, sandbox: Sandbox) -> None:
    sandbox.order(Answer("/v1/access_token", 503, times=9))
    done = signed_in.run("exec", "--min-valid", "14d", "--", "printenv", "WEBEX_ACCESS_TOKEN")
    assert (done.status, done.out) == (0, f"{sandbox.grants[0].access_token}\n")
    assert done.err.startswith("Warning: the access token was not refreshed. Webex cannot answer now (HTTP 503")


def test_without_a_living_token_nothing_is_run(signed_in: Program, sandbox: Sandbox, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    assert signed_in.run("exec", "-p", "nobody", "touch", str(ran)) == signed_in.run("get", "-p", "nobody")
    age(signed_in, 15 * DAY)
    sandbox.order(Answer("/v1/access_token", 503, times=1))
    assert signed_in.run("exec", "touch", str(ran)).status == 4
    sandbox.order(Answer("/v1/access_token", 400, {}, '{"error": "invalid_grant"}'))
    assert signed_in.run("exec", "touch", str(ran)).status == 3
    assert not ran.exists()
    assert signed_in.run("exec", "touch", str(ran)).status == 0
    assert ran.exists()


def test_a_command_that_cannot_be_run_is_said(signed_in: Program, tmp_path: Path) -> None:
    for name, text, mode in (
        ("plain", "#!/bin/sh\n", 0o600),
        ("lost", "#!/no/such/interpreter\n", 0o700),
    ):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(mode)
    not_found = "Check its spelling, and that its folder is in PATH.\n"
    not_run = "Make it executable (chmod +x), or name the program that runs it first.\n"
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for command, status, message, hint in (
        (["no-such-thing"], 127, "The command 'no-such-thing' was not found.", not_found),
        (["--", ""], 127, "The command '' was not found.", not_found),
        (["--", "--env"], 127, "The command '--env' was not found.", not_found),
        ([f"{tmp_path}/none"], 127, f"The command '{tmp_path}/none' was not found.", not_found),
        ([f"{tmp_path}/plain/x"], 127, f"The command '{tmp_path}/plain/x' was not found.", not_found),
        (
            [f"{tmp_path}/lost"],
            127,
            f"The interpreter that {tmp_path}/lost names was not found.",
            "Correct its first line.\n",
        ),
        ([f"{tmp_path}/plain"], 126, f"{tmp_path}/plain could not be run (Permission denied).", not_run),
        ([f"{tmp_path}"], 126, f"{tmp_path} could not be run (Permission denied).", not_run),
        ([f"{tmp_path}/loop"], 126, f"{tmp_path}/loop could not be run (Too many levels of symbolic links).", not_run),
    ):
        assert signed_in.run("exec", *command) == Finished(status, "", f"Error: {message}\n{hint}")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Error: Missing argument '-- CMD [ARG]...'."),
        (["--"], "Error: Missing argument '-- CMD [ARG]...'."),
        (["--env", "9X", "--", "true"], "Error: --env takes only the name of a variable, not '9X'."),
        (["--env", "", "--", "true"], "Error: --env takes only the name of a variable, not ''."),
        (["--env", "A-B", "--", "true"], "Error: --env takes only the name of a variable, not 'A-B'."),
        (["--env", "Ä", "--", "true"], "Error: --env takes only the name of a variable, not 'Ä'."),
        (["--env", "A\n", "--", "true"], "Error: --env takes only the name of a variable, not 'A\\n'."),
        (
            ["--env", "TOKEN=hidden", "--", "true"],
            "Error: --env takes only the name of a variable, not 'TOKEN' with a value.",
        ),
        (["--min-valid", "0", "--", "true"], "a duration must be at least a second"),
        (["--no-such-option", "true"], "No such option"),
        (["-p", ".x", "true"], "Error: '.x' cannot name a profile."),
    ],
)
def test_wrong_usage(program: Program, arguments: list[str], message: str) -> None:
    done = program.run("exec", *arguments)
    assert (done.status, done.out) == (2, "")
    assert message in done.err
    assert "hidden" not in done.err


def test_where_no_process_can_be_replaced_one_runs_beside() -> None:
    environment = dict(os.environ)
    for status in (0, 1, 42, 255):
        assert run_beside([sys.executable, "-c", f"import os; os._exit({status})"], environment) == status
    assert run_beside(["sh", "-c", 'test "$GIVEN" = word'], {**environment, "GIVEN": "word"}) == 0
    with pytest.raises(CommandNotFound):
        run_beside(["no-such-thing"], environment)
    with pytest.raises(CommandNotRunnable):
        run_beside(["true", "x" * 2**17], environment)
    # What a Windows process ends with that Ctrl-C ended.
    assert as_exit_status(0xC000013A) & 0xFFFFFFFF == 0xC000013A
    assert -(2**31) <= as_exit_status(0xC000013A) < 2**31


def test_an_interrupt_is_the_commands_that_runs_beside() -> None:
    script = (
        "import sys; from webex_token_cli.system.processes import run_beside; "
        "sys.exit(run_beside(['sh', '-c', 'echo ready; read x; exit 5'], {'PATH': '/usr/bin:/bin'}))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        process.stdin.write("go\n")
        process.stdin.close()
        assert process.wait(20) == 5


@pytest.mark.parametrize(
    ("now", "at_start", "handed_on"),
    [
        ({"LC_CTYPE": "C.UTF-8", "A": "b"}, b"A=b\0", {"A": "b"}),
        ({"LC_CTYPE": "C.UTF-8"}, b"XLC_CTYPE=x\0LC_CTYPE=C\0", {"LC_CTYPE": "C"}),
        ({"LC_CTYPE": "C.UTF-8"}, b"LC_CTYPE=C.UTF-8\0", {"LC_CTYPE": "C.UTF-8"}),
        ({"LC_CTYPE": "C.UTF-8"}, None, {"LC_CTYPE": "C.UTF-8"}),
        ({"LC_CTYPE": "de_DE.UTF-8"}, b"", {"LC_CTYPE": "de_DE.UTF-8"}),
        ({"A": "b"}, b"LC_CTYPE=C\0", {"A": "b"}),
    ],
)
def test_the_locale_that_python_set_is_not_handed_on(
    tmp_path: Path, now: dict[str, str], at_start: bytes | None, handed_on: dict[str, str]
) -> None:
    file = tmp_path / "environ"
    if at_start is not None:
        file.write_bytes(at_start)
    assert uncoerced(now, file) == handed_on
