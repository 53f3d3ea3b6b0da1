"""The manual pages, made from the help of each command.

    python -m tests.support.man_pages

writes every page in ``.github/packaging/man/`` again, in man(7), which both man-db and mandoc read.
``tests/project/test_man_pages.py`` fails if a page is not what the help says today.
"""

import inspect
import re
import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from tests.support.folders import ROOT
from webex_token_cli._version import __version__
from webex_token_cli.main import group

FOLDER = ROOT / ".github/packaging/man"

# Shorter than the 80 characters that mandoc asks for, because escapes make a line longer.
_COLUMNS = 68

_EXAMPLE = "\b\nExample:\n"
_EXIT_STATUS = "Exit status:"
_ENVIRONMENT = "Environment:"

_ESCAPES = {"\\": "\\e", "-": "\\-", "'": "\\(aq", "`": "\\(ga", "…": "\\[u2026]"}


def pages() -> dict[str, str]:
    """The text of each page, by the name of its file."""
    return {f"{_title(context)}.1": _page(context) for context in _tree(group, "webex-token", None)}


def write(folder: Path = FOLDER) -> None:
    """Write all pages, and remove those of commands that no longer exist."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.1"):
        old.unlink()
    for name, text in pages().items():
        (folder / name).write_text(text, encoding="utf-8")


def _tree(command: click.Command, name: str, above: click.Context | None) -> Iterator[click.Context]:
    """The contexts of a command and of all below it."""
    context = click.Context(command, parent=above, info_name=name, **command.context_settings)
    yield context
    for below in _below(context):
        yield from _tree(below, below.name or "", context)


def _below(context: click.Context) -> list[click.Command]:
    if not isinstance(context.command, click.Group):
        return []
    names = context.command.list_commands(context)
    return [command for name in names if (command := context.command.get_command(context, name)) is not None]


def _title(context: click.Context) -> str:
    return context.command_path.replace(" ", "-")


def _page(context: click.Context) -> str:
    command = context.command
    paragraphs = inspect.cleandoc(command.help or "").split("\n\n")
    examples = [each for each in paragraphs if each.startswith(_EXAMPLE)]
    statuses = [each for each in paragraphs if each.startswith(_EXIT_STATUS)]
    described = [each for each in paragraphs if each not in (*examples, *statuses)]
    environment = command.epilog or ""
    if not environment.startswith(_ENVIRONMENT):
        described, environment = [*described, environment], ""
    options = [each for each in command.get_params(context) if isinstance(each, click.Option)]
    sections = {
        "NAME": f"{_escaped(_title(context))} \\- {_escaped(_phrase(command))}",
        "SYNOPSIS": f".B {_escaped(context.command_path)}\n{_escaped(' '.join(command.collect_usage_pieces(context)))}",
        "DESCRIPTION": "\n.PP\n".join(_filled(each) for each in described if each),
        "OPTIONS": _entries(record for each in options if (record := each.get_help_record(context))),
        "COMMANDS": _entries((f"{_title(context)}-{each.name}(1)", _phrase(each)) for each in _below(context)),
        "ENVIRONMENT": _filled(environment.removeprefix(_ENVIRONMENT)),
        "EXIT STATUS": "\n".join(_filled(each.removeprefix(_EXIT_STATUS)) for each in statuses),
        "EXAMPLES": "\n".join(_as_typed(each.removeprefix(_EXAMPLE)) for each in examples),
        "SEE ALSO": f".BR {_escaped(_title(context.parent))} (1)" if context.parent else "",
    }
    top = f'.TH {_escaped(_title(context).upper())} 1 {_date()} "webex\\-token {__version__}" "User Commands"\n'
    return top + "".join(f".SH {name}\n{text}\n" for name, text in sections.items() if text)


def _date() -> str:
    """The day of this version, from the changelog. With the day of its making, a page would be another each day."""
    changelog = (ROOT / ".github/CHANGELOG.md").read_text(encoding="utf-8")
    heading = re.search(rf"^## {re.escape(__version__)} - (\d{{4}}-\d\d-\d\d)$", changelog, re.MULTILINE)
    assert heading, f"The changelog has no heading '## {__version__} - YYYY-MM-DD'."
    return heading[1]


def _phrase(command: click.Command) -> str:
    """What the command does, as the index of manual pages shows it: without a capital and a full stop."""
    summary = command.get_short_help_str(limit=200)
    return (summary[:1].lower() + summary[1:]).rstrip(".")


def _entries(records: Iterable[tuple[str, str]]) -> str:
    """A list of terms, each with its explanation."""
    return "\n".join(f".TP\n.B {_escaped(term)}\n{_filled(explained)}" for term, explained in records)


def _filled(text: str) -> str:
    """Text that is filled anew. Each sentence starts a line, as man(7) wants it."""
    sentences = re.sub(r"(?<=[.;]) (?=\S)", "\n", " ".join(text.split())).splitlines()
    wrapped = [
        line
        for sentence in sentences
        for line in textwrap.wrap(sentence, _COLUMNS, break_long_words=False, break_on_hyphens=False)
    ]
    return "\n".join(map(_line, wrapped))


def _as_typed(text: str) -> str:
    """Lines that stay as they are, such as commands."""
    return "\n".join([".nf", *map(_line, inspect.cleandoc(text).splitlines()), ".fi"])


def _line(text: str) -> str:
    """A line of text; a full stop at its start would make it a request."""
    return f"\\&{_escaped(text)}" if text.startswith(".") else _escaped(text)


def _escaped(text: str) -> str:
    """Text without the characters that roff changes. Its hyphens can be searched for and copied."""
    return "".join(_ESCAPES.get(character, character) for character in text)


if __name__ == "__main__":
    write()
