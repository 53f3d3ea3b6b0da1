"""The README's pictures of the program at a terminal.

    python -m tests.support.pictures

writes the pictures of commands in ``.pictures/`` again; ``guide_pictures`` and ``recording`` write the others. It
runs the installed command in a pseudo-terminal against the sandbox,
whose people are invented. ``tests/project/test_pictures.py`` fails if a picture is not what the program prints today.
"""

import contextlib
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pexpect
from rich.console import Console
from rich.text import Text

from tests.support.folders import ROOT
from tests.support.ports import free_port
from tests.support.program import ACCEPTING_BROWSER, WEBEX_TOKEN, Program
from tests.support.stored import DAY, age
from webex_token_cli.main import COMMANDS
from webex_token_cli.sandbox import Rules, Sandbox

FOLDER = ROOT / ".pictures"

COLUMNS = 100

# Rich's own template loads fonts from a remote server. This one has the same layout without them.
_SVG = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace;
font-size: {char_height}px; line-height: {line_height}px; }}
.{unique_id}-title {{ font-size: 18px; font-weight: bold; font-family: sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" />
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def on_a_terminal(program: Program, *arguments: str) -> str:
    """Run the command in a pseudo-terminal: its output with the colours."""
    child: pexpect.spawn[str] = pexpect.spawn(
        str(WEBEX_TOKEN),
        list(arguments),
        env={**program.environment, "TERM": "xterm-256color", "PYTHONUTF8": "1"},
        encoding="utf-8",
        timeout=30,
        dimensions=(60, COLUMNS),
    )
    child.expect(pexpect.EOF)
    child.wait()
    return str(child.before).replace("\r\n", "\n")


def picture(command: str, shown: str) -> str:
    """An SVG of a terminal in which ``command`` was typed."""
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        console = Console(record=True, width=COLUMNS, file=nowhere, force_terminal=True, color_system="truecolor")
        console.print(Text(f"$ {command}", style="bold"))
        console.print(Text.from_ansi(shown.rstrip("\n")))
        return console.export_svg(title="webex-token", code_format=_SVG, unique_id="t")


@contextlib.contextmanager
def somebody() -> Iterator[Program]:
    """The program with four profiles: a fresh one, two with older tokens, and one that has expired."""
    rules = Rules(redirect_uris=(f"http://localhost:{free_port()}/oauth",))
    with tempfile.TemporaryDirectory() as folder, Sandbox(rules) as sandbox:
        home = Path(folder)
        variables = {
            "WEBEX_TOKEN_HOME": f"{home}/webex-token",
            "WEBEX_TOKEN_STORE": "file",
            "BROWSER": ACCEPTING_BROWSER,
        }
        program = Program(home, {**sandbox.environment, **variables, "TZ": "Europe/Berlin"})
        people = {"default": ("Ada Lovelace", 0), "work": ("Ada Lovelace", 5), "build": ("Build App", 15)}
        for profile, (name, days) in {**people, "old": ("Charles Babbage", 91)}.items():
            address = f"{name.split()[0].lower()}@example.com"
            sandbox.person.update(displayName=name, emails=[address])
            done = program.run("login", "-p", profile, "--scope", "spark:all spark:kms")
            assert done.status == 0, done.err
            age(program, days * DAY, profile)
        yield program


def commands() -> dict[str, tuple[str, ...]]:
    """The name of each picture, and the arguments of the command in it."""
    helps = {f"help-{name}": (name, "--help") for name in COMMANDS}
    return {"show": ("show", "-p", "work"), "show-all": ("show", "--all"), "help": (), **helps}


def words(shown: str) -> list[str]:
    """The words in ``shown``, which is a command's output or a picture of it."""
    text = re.sub(r"<style>.*?</style>|<[^>]*>", " ", shown, flags=re.DOTALL) if "<svg" in shown else shown
    text = re.sub(r"\x1b\[[0-9;]*m", "", text)
    for entity, character in (
        ("&#160;", " "),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", '"'),
        ("&#x27;", "'"),
        ("&amp;", "&"),
    ):
        text = text.replace(entity, character)
    return text.split()


def main() -> None:
    """Write every picture of a command, and remove those of commands that are gone."""
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.glob("help*.svg"):
        old.unlink()
    with somebody() as program:
        for name, arguments in commands().items():
            shown = on_a_terminal(program, *arguments).replace(str(program.home), "/home/ada/.local/share")
            (FOLDER / f"{name}.svg").write_text(picture(" ".join(("webex-token", *arguments)), shown), encoding="utf-8")
    sys.stdout.write(f"{len(commands())} pictures are in {FOLDER.name}/\n")


if __name__ == "__main__":
    main()
