"""Every error message that the program can end with, collected from its source, for the page that explains them.

    python -m tests.support.messages

writes the tables in ``.github/docs/troubleshooting.md`` again. ``tests/project/test_messages.py`` fails if they are not
those of the program.
"""

import ast
import functools
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support.folders import ROOT
from webex_token_cli import errors

PACKAGE = ROOT / "webex_token_cli"
PAGE = ROOT / ".github/docs/troubleshooting.md"
START, END = "<!-- messages -->\n", "<!-- end of messages -->\n"

VARYING = "…"
"""Stands for what differs from one time to the next."""

# Usage errors are click's, whose exit status is that of our own wrong usage.
_USAGE = ("UsageError", "BadParameter")
_STATUS = {
    **{name: kind.exit_status for name, kind in vars(errors).items() if hasattr(kind, "exit_status")},
    **dict.fromkeys(_USAGE, 2),
}

# The heading for the messages of each module, by the beginning of its path. The first that fits counts.
HEADINGS = {
    "signin/loopback/certificate": "Certificates for an https redirect URI",
    "signin/service_app": "Service Apps",
    "cli/service_app": "Service Apps",
    "signin/": "Signing in",
    "cli/signin": "Signing in",
    "cli/login_options": "Signing in",
    "cli/prompts": "Signing in",
    "cli/replacement": "Signing in",
    "commands/login": "Signing in",
    "webex/": "Webex and the network",
    "token_auth": "Webex and the network",
    "store/vault/": "OpenBao and Vault",
    "store/": "Where the tokens are stored",
    "config/": "Settings and profiles",
    "cli/options": "Settings and profiles",
    "cli/mistyped": "Settings and profiles",
    "cli/groups": "Settings and profiles",
    "application": "Settings and profiles",
    "transfer/": "Import and export",
    "commands/import_": "Import and export",
    "commands/export": "Import and export",
    "refresh/": "Refreshing, and watch",
    "commands/watch": "Refreshing, and watch",
    "cli/watch": "Refreshing, and watch",
    "metrics/": "Refreshing, and watch",
    "programs": "Refreshing, and watch",
    "service/": "The service",
    "commands/service": "The service",
    "": "Other commands",
}


@dataclass(frozen=True, slots=True, order=True)
class Message:
    """An error's sentence, what the program says to do about it, and its status. ``hint`` is empty if it tells none."""

    text: str
    hint: str
    exit_status: int
    module: str

    @property
    def heading(self) -> str:
        """The heading under which the message is explained."""
        return next(heading for start, heading in HEADINGS.items() if self.module.startswith(start))

    @property
    def row(self) -> str:
        """The line of the table. A vertical line would end a cell."""
        return f"| {_cell(self.text)} | {_cell(self.hint)} | {self.exit_status} |"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").replace("<", "&lt;").split())


def messages() -> list[Message]:
    """All messages with words that can be searched for, in the order of the alphabet."""
    found = {message.text: message for message in _collected() if len(re.findall(r"[A-Za-z]{2,}", message.text)) > 1}
    return sorted(found.values(), key=lambda message: (message.text.lstrip(f"{VARYING}. ").lower(), message))


def _collected() -> Iterator[Message]:
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        tree = _parsed(path)
        for function in ast.walk(tree):
            if not isinstance(function, ast.FunctionDef):
                continue
            for call in (node for node in ast.walk(function) if isinstance(node, ast.Call) and node.args):
                kind = ast.unparse(call.func).rpartition(".")[2]
                if kind in _STATUS and "sandbox" not in name:
                    words = [_words(argument, function, tree) for argument in call.args[:2]]
                    hint = words[1] if len(words) > 1 and kind not in _USAGE and words[1] != VARYING else ""
                    yield Message(words[0], hint, _STATUS[kind], name)


@functools.cache
def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _words(node: ast.expr | None, function: ast.AST, tree: ast.Module) -> str:
    """The text of an expression, with VARYING for what is only known when the program runs."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=values):
            text = "".join(_words(value, function, tree) for value in values)
            return re.sub(rf"{VARYING}+", VARYING, text)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _words(left, function, tree) + _words(right, function, tree)
        case ast.Name(id=name):
            return _assigned(name, function, tree) or _assigned(name, tree, tree) or VARYING
        case ast.Call(func=ast.Name(id=name)):
            return _returned(name) or VARYING
    return VARYING


def _assigned(name: str, scope: ast.AST, tree: ast.Module) -> str:
    values = [
        node.value
        for node in ast.walk(scope)
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == name for t in node.targets)
    ]
    return _words(values[0], ast.Pass(), tree) if len(values) == 1 else ""


def _returned(name: str) -> str:
    """What a function of that name returns, if it is one text."""
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in _parsed(path).body:
            if isinstance(node, ast.FunctionDef) and node.name == name:
                returns = [each.value for each in ast.walk(node) if isinstance(each, ast.Return)]
                return _words(returns[0], node, _parsed(path)) if len(returns) == 1 else ""
    return ""


def tables() -> str:
    """The tables of the page, in Markdown."""
    lines = []
    for heading in dict.fromkeys(HEADINGS.values()):
        rows = [message.row for message in messages() if message.heading == heading]
        lines += [
            f"### {heading}",
            "",
            "| message | what the program says to do | exit status |",
            "| --- | --- | --- |",
        ]
        lines += [*rows, ""]
    return "\n".join(lines)


def main() -> None:
    """Write the tables into the page."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(START)
    after = rest.partition(END)[2]
    PAGE.write_text(f"{before}{START}\n{tables()}\n{END}{after}", encoding="utf-8")
    sys.stdout.write(f"{len(messages())} messages are in {PAGE.name}\n")


if __name__ == "__main__":
    main()
