"""The report of ``doctor`` for a machine on which everything works, and reports that differ in some lines."""

import re

from tests.support.program import Finished, Program
from tests.support.stored import TIME
from webex_token_cli.sandbox import Sandbox


def settled(done: Finished, program: Program, sandbox: Sandbox) -> tuple[int, str, str]:
    """Exit status, report and standard error of ``doctor``, with placeholders for what differs between runs."""
    redirect = sandbox.redirect_uri
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
    return done.status, re.sub(TIME, "<time>", out), done.err


HEALTHY = {
    "config": "✓ ok  config   <home>/config.ini names 1 profile, and every setting in it can be used.",
    "store": "✓ ok  store    An entry of 2,706 characters was written to the file store <home>/credentials, read and "
    "removed.",
    "port": "✓ ok  port     Port <port>, where <redirect> leads, is free on 127.0.0.1 and ::1.",
    "browser": "✓ ok  browser  A browser can be opened here, because BROWSER is set.",
    "network": "✓ ok  network  <webex> answers.",
    "clock": "✓ ok  clock    This machine's clock agrees with Webex's.",
    "profile": "✓ ok  profile  Profile default: the access token expires <time> (in 14 days), the refresh token <time> "
    "(in 90 days).",
}

END_OF_PROBLEM = "\n1 problem.\n"

NOT_CHECKED = (
    "– skipped profile  Profile {} was not checked, because its store does not work.\n> Repair the store first."
)


def report(widest: str, end: str, **other: str) -> str:
    """The report of a healthy machine whose lines for the checks in ``other`` are replaced.

    ``widest`` is the longest word in the column of results, and ``end`` the last lines. A line that begins with "> " is
    the fix for the finding above it. An empty text leaves a check out.
    """
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
