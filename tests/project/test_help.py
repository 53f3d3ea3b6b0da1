"""Help that a person can work from: every name and every option has its words, its place in the documents, completion.

The tests walk the tree of commands, so they hold for a name that is new today.
"""

import contextlib
import io
import os
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.shell_completion import ShellComplete

from tests.support.documents import EVERYTHING
from tests.support.folders import SUPPORT
from tests.support.program import Program
from webex_token_cli.config.settings import STORES
from webex_token_cli.main import COMMANDS, group, run
from webex_token_cli.sandbox import Rules, Sandbox

OVERHEARD = SUPPORT / "overheard"

# Every name has these, and the documents say so once.
COMMON = {"-v", "--verbose", "--debug", "-h", "--help"}


def tree(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command below ``command``, by the words that lead to it."""
    if path:
        yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from tree(below, (*path, name))


TREE = dict(tree(group))
LEAVES = {path: command for path, command in TREE.items() if not isinstance(command, click.Group)}
OPTIONS = [
    (path, option) for path, command in TREE.items() for option in command.params if isinstance(option, click.Option)
]


def named(path: tuple[str, ...]) -> str:
    return " ".join(path)


def option_id(value: object) -> str:
    return named(value) if isinstance(value, tuple) else value.opts[-1] if isinstance(value, click.Option) else ""


def helped(path: tuple[str, ...], columns: int = 300) -> str:
    """The help text; a process for each option would add nothing but its start."""
    out, err = io.StringIO(), io.StringIO()
    with (
        pytest.MonkeyPatch.context() as patched,
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        patched.setenv("COLUMNS", str(columns))
        assert run([*path, "--help"]) == 0
    assert err.getvalue() == ""
    return out.getvalue()


def unwrapped(text: str) -> str:
    return " ".join(text.split())


# Words.


@pytest.mark.parametrize("path", TREE, ids=named)
def test_every_command_says_what_it_is_for_and_gives_an_example_and_its_exit_statuses(
    path: tuple[str, ...],
) -> None:
    text = helped(path)
    if path in LEAVES:
        example = re.search(r"^  Example:\n((?:    .+\n)+)", text, re.MULTILINE)
        assert example is not None
        assert f"webex-token {named(path)}" in example[1]
        statuses = re.search(r"Exit status: (.*?)\n(?:\n|$)", text, re.DOTALL)
        assert statuses is not None
        assert re.search(r"\b\d+\b", statuses[1])
    for part in ("--verbose", "--debug", "-h, --help"):
        assert part in text or path not in LEAVES
    purpose = unwrapped(text).partition(named(path))[2]
    assert re.search(r"[A-Z][a-z]+ .+\.", purpose)


def test_the_program_alone_shows_the_verbs_in_the_order_in_which_a_person_meets_them(program: Program) -> None:
    alone = program.run()
    assert (alone.status, alone.err) == (0, "")
    shown = re.findall(r"^  ([a-z]+)  +(.+)$", alone.out.partition("Commands:\n")[2], re.MULTILINE)
    assert shown == list(COMMANDS.items())
    assert next(iter(COMMANDS)) == "login"


@pytest.mark.parametrize("path", TREE, ids=named)
def test_the_installed_command_prints_the_same_help(program: Program, path: tuple[str, ...]) -> None:
    done = program.having(COLUMNS="300").run(*path, "--help")
    assert (done.status, done.out, done.err) == (0, helped(path), "")


@pytest.mark.parametrize("name", COMMANDS)
def test_the_purpose_in_the_list_is_the_commands_own(name: str) -> None:
    assert TREE[(name,)].get_short_help_str(200) == COMMANDS[name]


@pytest.mark.parametrize(("path", "option"), OPTIONS, ids=option_id)
def test_every_option_has_help(path: tuple[str, ...], option: click.Option) -> None:
    assert option.help
    assert option.help[0].isupper() or option.help.partition(":")[0] in {"browser"}
    assert "." in option.help
    assert unwrapped(option.help) in unwrapped(helped(path))


@pytest.mark.parametrize("columns", [100, 300])
@pytest.mark.parametrize("path", [(), *TREE], ids=named)
def test_help_fits_and_no_section_of_it_is_empty(path: tuple[str, ...], columns: int) -> None:
    lines = helped(path, columns).splitlines()
    assert max(map(len, lines)) <= min(columns, 100)
    for number, line in enumerate(lines):
        heading = re.fullmatch(r"( *)[A-Z][A-Za-z ]*:", line)
        if heading:
            below = lines[number + 1] if number + 1 < len(lines) else ""
            assert below.startswith(f"{heading[1]}  ")
            assert below.strip()


# The environment.

# The arguments that run a command, if they are not its name alone. None stands for a command that is not run:
# it only starts the other commands, or a server.
RUNS: dict[str, list[str] | None] = {
    "login": ["login", "--flow", "device"],
    "watch": ["watch", "--once"],
    "get": ["get", "--min-valid", "30d"],
    "import": ["import", "tokens.json"],
    "exec": ["exec", "--", "true"],
    "service": ["service", "status"],
    "completion": ["completion", "bash"],
    "demo": None,
    "sandbox": None,
}


@pytest.fixture
def rules(redirect_uri: str) -> Rules:
    return Rules(redirect_uris=(redirect_uri,), auto_approve=True, device_interval=1, renew_after=0)


@pytest.mark.parametrize("name", [name for name in COMMANDS if RUNS.get(name, [name]) is not None])
def test_every_variable_that_a_command_reads_is_in_its_help(
    program: Program, sandbox: Sandbox, tmp_path: Path, name: str
) -> None:
    assert program.run("login").status == 0
    (tmp_path / "home").mkdir(exist_ok=True)
    config = Path(program.variables["WEBEX_TOKEN_HOME"])
    # The same without a variable of this program's: in the folders that the platform gives.
    without = Program(program.home, {"PYTHONPATH": str(OVERHEARD), "OVERHEARD": str(tmp_path / "overheard")})
    for place in (".config/webex-token", ".local/share/webex-token"):
        folder = program.home / place
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.symlink_to(config)
    exported = program.run("export").out
    arguments = RUNS.get(name, [name]) or []
    done = without.run(*("-" if each == "tokens.json" else each for each in arguments), stdin=exported)
    assert done.status == 0 or name == "service", done.err
    read = set(re.findall(r"^(?:WEBEX|EVENT_LOOP)_\w+$", (tmp_path / "overheard").read_text(), re.MULTILINE))
    assert {variable for variable in read if variable not in helped((name,))} == set()


# The documents.


def documented_options() -> dict[tuple[str, ...], set[str]]:
    """The options that the documents' table of commands has for each."""
    rows = re.findall(r"^\| `webex-token ([a-z]+(?: [a-z]+)*)[^`]*` \| ([^|]*) \|", EVERYTHING, re.MULTILINE)
    return {tuple(words.split()): set(re.findall(r"`(-[-a-z]+)", options)) for words, options in rows}


@pytest.mark.parametrize("path", LEAVES, ids=named)
def test_every_command_has_a_place_in_the_documents_with_all_its_options(path: tuple[str, ...]) -> None:
    options = {name for option in LEAVES[path].params if isinstance(option, click.Option) for name in option.opts}
    remedy = "Correct the options in the command's row in .github/docs/commands.md."
    assert documented_options()[path] == options - COMMON, remedy


def test_the_documents_name_no_command_that_does_not_exist() -> None:
    assert set(documented_options()) == set(LEAVES)


# Completion.


def completed(path: tuple[str, ...], incomplete: str) -> set[str]:
    shell = ShellComplete(group, {}, "webex-token", "_WEBEX_TOKEN_COMPLETE")
    return {item.value for item in shell.get_completions(list(path), incomplete)}


@pytest.mark.parametrize("path", TREE, ids=named)
def test_every_command_is_completed(path: tuple[str, ...]) -> None:
    assert path[-1] in completed(path[:-1], "")
    assert path[-1] in completed(path[:-1], path[-1][:2])


@pytest.mark.parametrize(("path", "option"), OPTIONS, ids=option_id)
def test_every_option_is_completed_and_so_is_what_it_takes(path: tuple[str, ...], option: click.Option) -> None:
    long = option.opts[-1]
    assert long in completed(path, long[:4])
    if isinstance(option.type, click.Choice):
        assert completed((*path, long), "") == set(option.type.choices)
    if long == "--profile":
        home = Path(os.environ["WEBEX_TOKEN_HOME"])
        home.mkdir()
        (home / "config.ini").write_text("[work]\n[default]\n")
        assert completed((*path, long), "") == {"work", "default"}
        assert completed((*path, "-p"), "w") == {"work"}


def test_what_the_choices_are() -> None:
    assert completed(("login", "--store"), "") == set(STORES)
    assert completed(("completion",), "") == {"bash", "zsh", "fish", "powershell"}
