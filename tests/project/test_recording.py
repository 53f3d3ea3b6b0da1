"""The recording at the top of the README shows what the demo says today, wherever it is shown."""

import re
from xml.etree import ElementTree

import pytest

from tests.support.documents import README
from tests.support.recording import RECORDING, demo, frames, screen_lines, svg, text_of

PICTURE = RECORDING.read_text(encoding="utf-8")


@pytest.mark.long
def test_the_recording_has_the_lines_of_the_demo() -> None:
    """How many rounds the watch makes before it renews the token depends on the machine."""

    def settled(lines: list[str]) -> list[str]:
        text = re.sub(r"(?m)^  \S+ \S+ \S+  default  .*\n(?:  (?!\S+ \S+ \S+  default).*\n)*", "", "\n".join(lines))
        return text.splitlines()

    remedy = "Run python -m tests.support.recording to record it again."
    assert settled(text_of(PICTURE)) == settled(screen_lines(demo())), remedy
    assert re.search(r"default  renewed: expires", PICTURE)


def test_the_readme_begins_with_it_and_it_plays_without_scripts() -> None:
    assert README.text.index("](.pictures/demo.svg)") < README.text.index("\n## Register")
    assert len(PICTURE) < 200_000
    names = {element.tag.rpartition("}")[2] for element in ElementTree.fromstring(PICTURE).iter()}
    assert names == {"svg", "title", "style", "rect", "g", "text"}
    assert not re.search(r"(?i)\bhref|url\(|@import|\son\w+=", PICTURE)


def test_who_asks_for_less_motion_sees_the_last_screen() -> None:
    still, _, moving = PICTURE.partition("@media (prefers-reduced-motion:no-preference)")
    assert ("animation" in still, "animation-name:s" in moving) == (False, True)
    assert re.search(r"#s\{transform:translateY\(-\d+px\)\}", still)


def test_a_command_and_a_remark_stay_longer_than_a_line_of_an_answer() -> None:
    assert [frame.start for frame in frames(["# remark", "$ command", "answer", "answer"])] == [0.0, 1.2, 2.1, 2.22]


def test_what_is_told_by_angle_brackets_is_shown_as_such() -> None:
    assert text_of(svg("Ada <ada@example.com> & more"))[-1] == "Ada <ada@example.com> & more"
