"""The recording of the demo at the top of the README: an SVG that plays by itself, without scripts.

    python -m tests.support.recording

writes it from a run of ``webex-token demo``. Waits are shortened, and what differs from run to run is replaced by an
example. ``tests/project/test_recording.py`` fails if its text is not that of the demo.
"""

import html
import re
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tests.support.guide_pictures import shown, with_examples
from tests.support.pictures import FOLDER
from tests.support.program import WEBEX_TOKEN, Program

RECORDING = FOLDER / "demo.svg"

_COMMAND = "webex-token demo"
# Characters. Longer lines of the demo are broken at a blank.
_COLUMNS = 100
# Pixels of a character in the font of the README's other pictures.
_ADVANCE, _LEADING, _MARGIN = 8.4, 19.0, 16.0
_ROWS = 24
# Seconds from a line to the next: after a command is typed, after a remark, and between the lines of an answer.
_AFTER_COMMAND, _AFTER_REMARK, _AFTER_LINE = 0.9, 1.2, 0.12
# Seconds in which the last screen can be read before the recording starts again.
_END = 6.0

# The blank that does not break hides the path from ``shown``, which would call it a keyring.
_VARYING = {
    r"plain file \S*(?=/credentials)": "plain\N{NO-BREAK SPACE}file /tmp/webex-token-demo",
    r"…[0-9a-f]{4}\b": "…0f3a",
    r"\((?:\d seconds? ago)\)": "(now)",
}


class Frame(NamedTuple):
    """What the terminal shows from ``start`` on, in seconds: the number of its lines that have scrolled in."""

    start: float
    lines: int


def demo() -> str:
    """What the demo prints, with examples for what varies."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**Program(Path(folder)).environment, "PYTHONUTF8": "1", "TZ": "UTC"}
        done = subprocess.run(
            [WEBEX_TOKEN, "demo"], env=environment, capture_output=True, encoding="utf-8", timeout=120, check=True
        )
    return shown(with_examples(done.stdout, _VARYING)).strip("\n")


def screen_lines(text: str) -> list[str]:
    """The lines of the terminal, the typed command first."""
    lines = [f"$ {_COMMAND}", "", *text.splitlines()]
    return [piece for line in lines for piece in _broken(line)]


def _broken(line: str) -> list[str]:
    return textwrap.wrap(line, _COLUMNS, subsequent_indent="  ", drop_whitespace=True) if line.strip() else [""]


def frames(lines: Sequence[str]) -> list[Frame]:
    """When each line appears."""
    moment, found = 0.0, []
    for number, line in enumerate(lines, 1):
        found.append(Frame(round(moment, 2), number))
        moment += _AFTER_COMMAND if line.startswith("$ ") else _AFTER_REMARK if line.startswith("# ") else _AFTER_LINE
    return found


def svg(text: str) -> str:
    """The animation: each line becomes visible at its moment, and the whole moves up when the terminal is full.

    A reader who asks for less motion (``prefers-reduced-motion``) sees the last screen, and so does a viewer that does
    not know animations.
    """
    lines = screen_lines(text)
    steps = frames(lines)
    whole = steps[-1].start + _END
    width, height = _COLUMNS * _ADVANCE + 2 * _MARGIN, _ROWS * _LEADING + 2 * _MARGIN
    last = max(0, len(lines) - _ROWS)
    return _SVG.format(
        width=round(width),
        height=round(height),
        whole=round(whole, 2),
        margin=_MARGIN,
        last=-last * _LEADING,
        scrolling=_scrolling(steps, whole),
        appearing="\n".join(
            f"@keyframes a{step.lines}{{0%,{_percent(step.start, whole)}{{opacity:0}}"
            f"{_percent(step.start + 0.01, whole)},to{{opacity:1}}}}#a{step.lines}{{animation-name:a{step.lines}}}"
            for step in steps
            if step.start
        ),
        lines="\n".join(_line(number, line) for number, line in enumerate(lines, 1)),
        title=html.escape(f"A recording of {_COMMAND}"),
    )


def _scrolling(steps: Sequence[Frame], whole: float) -> str:
    moves = [(step.start, -(step.lines - _ROWS) * _LEADING) for step in steps if step.lines > _ROWS]
    held = zip([(0.0, 0.0), *moves], [*(moment for moment, _ in moves), whole], strict=True)
    return "".join(
        f"{_percent(start, whole)},{_percent(max(start, end - 0.01), whole)}{{transform:translateY({up:g}px)}}"
        for (start, up), end in held
    )


def _percent(moment: float, whole: float) -> str:
    return f"{min(100.0, 100 * moment / whole):.3f}%"


def _line(number: int, text: str) -> str:
    kind = "c" if text.startswith("$ ") else "r" if text.startswith("# ") else "o"
    baseline = number * _LEADING - 5
    return f'<text id="a{number}" class="{kind}" y="{baseline:g}" xml:space="preserve">{html.escape(text)}</text>'


# A terminal of its own colours, so that it can be read on light and on dark pages alike.
_SVG = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">
<title>{title}</title>
<style>
text{{font:14px ui-monospace,Menlo,Consolas,"DejaVu Sans Mono",monospace;fill:#d8dee6}}
.c{{fill:#ffffff;font-weight:bold}}.r{{fill:#8fc7ff}}
#s{{transform:translateY({last:g}px)}}
@media (prefers-reduced-motion:no-preference){{
#s,text{{animation-duration:{whole}s;animation-iteration-count:infinite;animation-timing-function:step-end}}
#s{{animation-name:s}}
@keyframes s{{{scrolling}}}
{appearing}
}}
</style>
<rect width="{width}" height="{height}" rx="8" fill="#1c2128" stroke="#57606a"/>
<svg x="{margin:g}" y="{margin:g}" width="100%" height="{height}" overflow="hidden"><g id="s">
{lines}
</g></svg>
</svg>
"""


def text_of(picture: str) -> list[str]:
    """The lines in a recording."""
    return [html.unescape(line) for line in re.findall(r"<text [^>]*>([^<]*)</text>", picture)]


def main() -> None:
    """Write the recording."""
    RECORDING.write_text(svg(demo()), encoding="utf-8")
    sys.stdout.write(f"{RECORDING.name} has {RECORDING.stat().st_size} bytes\n")


if __name__ == "__main__":
    main()
