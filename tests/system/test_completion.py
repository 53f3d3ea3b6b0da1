"""Completion in the shells themselves, and what they ask the program for."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pexpect
import pytest

from tests.support.imports import HEAVY
from tests.support.program import WEBEX_TOKEN, Program
from tests.support.requirements import require
from webex_token_cli.main import COMMANDS

pytestmark = pytest.mark.long


@pytest.fixture
def program(program: Program) -> Program:
    """With two profiles and a command of the person's to complete, and ours where a shell finds it."""
    home = Path(program.variables["WEBEX_TOKEN_HOME"])
    home.mkdir()
    program.home.mkdir()
    (home / "config.ini").write_text("[work]\nstore = file\n\n[ada@example.com]\nstore = file\n")
    (program.home / "bin").mkdir()
    for name, mode in (("report-of-ada", 0o755), ("report-of-ada.txt", 0o644)):
        (program.home / "bin" / name).touch(mode=mode)
    path = os.pathsep.join([str(WEBEX_TOKEN.parent), str(program.home / "bin"), os.environ["PATH"]])
    return program.having(PATH=path, PS1="> ", TERM="dumb")


# A shell that has nothing of its user's, and what has it complete.
SHELLS = {
    "bash": (["--norc", "--noprofile", "-i"], 'eval "$(webex-token completion bash)"'),
    "zsh": (["-f", "-i"], 'autoload -Uz compinit; compinit -D -u; eval "$(webex-token completion zsh)"'),
}


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("wat", "watch "),
        ("--debug wat", "--debug watch "),
        ("get --min", "get --min-valid "),
        ("login --flow br", "login --flow browser "),
        ("login --prompt sel", "login --prompt select_account "),
        ("completion f", "completion fish "),
        ("get -p wo", "get -p work "),
        ("watch -p wo", "watch -p work "),
        ("doctor -p work -p a", "doctor -p work -p ada@example.com "),
        ("get --profile ada@ex", "get --profile ada@example.com "),
        ("get --profile=wo", "get --profile=work "),
        ("get --profile=ada@ex", "get --profile=ada@example.com "),
        ("get -p ada@", "get -p ada@example.com "),
        ("import ./tok", "import ./tokens.json "),
        ("exec -- report-of", "exec -- report-of-ada "),
        ("exec -p work report-of", "exec -p work report-of-ada "),
        ("exec -- cat ./tok", "exec -- cat ./tokens.json "),
        ("login --scope 'spark:all spark:kms' --flow br", "login --scope 'spark:all spark:kms' --flow browser "),
        (r"""login --login-hint "a \" b"c\ d --flow br""", r"""login --login-hint "a \" b"c\ d --flow browser """),
    ],
)
def test_what_tab_makes_of_a_line(program: Program, tmp_path: Path, shell: str, typed: str, completed: str) -> None:
    require(shell)
    (tmp_path / "tokens.json").touch()
    arguments, setup = SHELLS[shell]
    terminal: pexpect.spawn[str] = pexpect.spawn(
        shell, arguments, env=program.environment, cwd=tmp_path, encoding="utf-8", timeout=20, dimensions=(50, 300)
    )
    try:
        terminal.expect("> ")
        terminal.sendline(f"{setup}; echo set'' up")
        terminal.expect("set up\r\n")
        terminal.expect("> ")
        terminal.send(f"webex-token {typed}\t")
        assert shown(terminal, f"webex-token {completed}") == f"webex-token {completed}"
    finally:
        terminal.close(force=True)


def shown(terminal: "pexpect.spawn[str]", hoped_for: str) -> str:
    """The line as it stands on the terminal once it is what was hoped for, or nothing more comes."""
    line, deadline = "", time.monotonic() + 20
    raw = ""
    while line != hoped_for and time.monotonic() < deadline:
        raw += terminal.read_nonblocking(4096, timeout=20)
        line = ""
        at = 0
        for character in re.sub(r"\x1b\[\?2004[hl]", "", raw):
            if character == "\b":
                at -= 1
            else:
                line, at = line[:at] + character + line[at + 1 :], at + 1
    return line


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("wat", ["watch"]),
        ("get --min", ["--min-valid"]),
        ("login --flow ", ["auto", "browser", "device", "paste", "service-app"]),
        ("login --prompt ", ["none", "select_account"]),
        ("get --format ", ["env", "header", "json", "token"]),
        ("completion ", ["bash", "fish", "powershell", "zsh"]),
        ("get -p ", ["ada@example.com", "work"]),
        ("watch --profile wo", ["work"]),
        ("get --profile=ada@ex", ["--profile=ada@example.com"]),
        ("import ./tok", ["./tokens.json"]),
        ("login --tls-cert=./tok", ["--tls-cert=./tokens.json"]),
        ("exec -- report-of", ["report-of-ada"]),
        ("exec -- cat ./tok", ["./tokens.json"]),
    ],
)
def test_what_fish_offers(program: Program, tmp_path: Path, typed: str, offered: list[str]) -> None:
    require("fish")
    (tmp_path / "tokens.json").touch()
    done = subprocess.run(
        ["fish", "--no-config", "-c", f"webex-token completion fish | source; complete -C 'webex-token {typed}'"],
        env=program.environment,
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    assert done.stderr == ""
    assert sorted(line.partition("\t")[0] for line in done.stdout.splitlines()) == offered


def asked(program: Program, *words: str, flags: tuple[str, ...] = ()) -> "subprocess.CompletedProcess[str]":
    """What the program answers to a shell that completes the last of the words."""
    command = program.having(
        COMP_WORDS=" ".join(("webex-token", *words)), COMP_CWORD=str(len(words)), _WEBEX_TOKEN_COMPLETE="bash_complete"
    )
    return subprocess.run(
        [sys.executable, *flags, "-m", "webex_token_cli"],
        env=command.environment,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def test_the_verbs_are_offered_in_their_order_and_none_is_imported_for_it(program: Program) -> None:
    done = asked(program, "", flags=("-X", "importtime"))
    assert [line.removeprefix("plain,") for line in done.stdout.splitlines()] == list(COMMANDS)
    assert set(re.findall(r"webex_token_cli\.commands\.\w+", done.stderr)) == set()


def test_profiles_are_told_without_importing_anything_heavy(program: Program) -> None:
    done = asked(program, "watch", "-p", "", flags=("-X", "importtime"))
    assert done.stdout == "plain,work\nplain,ada@example.com\n"
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert imported & HEAVY == set()


@pytest.mark.parametrize("home", ["~nobody-of-that-name", "/dev/null/x", "broken"])
def test_a_config_that_cannot_be_read_is_no_noise(program: Program, tmp_path: Path, home: str) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "config.ini").write_bytes(b"[\xff]")
    done = asked(program.having(WEBEX_TOKEN_HOME=str(tmp_path / home) if home == "broken" else home), "get", "-p", "")
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "", "")


def test_another_shell_is_wrong_usage(program: Program) -> None:
    done = program.run("completion", "tcsh")
    assert (done.status, done.out) == (2, "")
    assert "'tcsh' is not one of 'bash', 'zsh', 'fish', 'powershell'" in done.err


def asked_by_powershell(program: Program, *before: str, word: str) -> list[str]:
    """What the program answers to PowerShell, which completes the word after others."""
    given = {"COMP_WORDS": "\n".join(["webex-token", *before]), "_WEBEX_TOKEN_COMPLETE": "powershell_complete"}
    if word:  # PowerShell removes a variable that is set to nothing
        given["COMP_CWORD"] = word
    done = program.having(**given).run()
    assert (done.status, done.err) == (0, "")
    return done.out.splitlines()


def test_what_powershell_is_offered(program: Program) -> None:
    assert [
        asked_by_powershell(program, word="wat"),
        asked_by_powershell(program, "get", "-p", word=""),
        asked_by_powershell(program, "get", word="--profile=ada@ex"),
        asked_by_powershell(program, "login", "--flow", word="br"),
        asked_by_powershell(program, "exec", "--", word="report-of"),
        asked_by_powershell(program, "doctor", "-p", r"C:\some folder\x", "-p", word="wo"),
        asked_by_powershell(program, "get", "--min-valid", "5 -p", word=""),
        asked_by_powershell(program, "import", word=r".\tok"),
    ] == [
        ["plain\twatch\tKeep the tokens fresh until you stop it."],
        ["plain\twork\t", "plain\tada@example.com\t"],
        ["plain\tada@example.com\t"],
        ["plain\tbrowser\t"],
        ["plain\treport-of-ada\t"],
        ["plain\twork\t"],
        [""],  # a space does not end a word of PowerShell's
        ["file\t.\\tok\t"],
    ]


def test_the_script_for_powershell_is_printed(program: Program) -> None:
    done = program.run("completion", "powershell")
    assert (done.status, done.err) == (0, "")
    assert done.out.startswith("Register-ArgumentCompleter -Native -CommandName webex-token, webex-token.exe ")
    # Python's own escapes have not changed the script.
    assert done.out.count('"`n"') == 1
    assert done.out.count("{") == done.out.count("}")
    assert r"""-match '[\s''`"$;,&|<>(){}]')""" in done.out
