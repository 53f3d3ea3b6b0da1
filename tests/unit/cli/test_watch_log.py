"""The lines of a watch: a warning about a profile, lines that were lost, and the end of the terminal."""

import io
import json
import sys
from dataclasses import replace

import pytest

from tests.support.world import RECORD, START
from webex_token_cli.cli.watch_log import TextLog, lost_lines, profiles_in_words, terminal_is_gone
from webex_token_cli.refresh.events import Event, Kind
from webex_token_cli.refresh.schedule import Attention, ProfileState


def test_what_a_person_has_to_do_is_a_warning_and_no_line_of_the_log() -> None:
    shown, said = list[str](), list[str]()
    attention = Attention.RUNNING_OUT, "the refresh token expires soon. Sign in with `webex-token login`."
    log = TextLog(shown.append, said.append, everything=False)
    log.event(Event(START, "work", Kind.FRESH, RECORD, next_at=START + 60, is_news=False, attention=attention))
    assert (shown, said) == (
        [],
        ["Warning: profile work: the refresh token expires soon. Sign in with `webex-token login`."],
    )


def test_lost_lines_are_told_as_json_where_the_log_is_json() -> None:
    told = json.loads(lost_lines(START, 2, "No space left on device", as_json=True))
    assert {key: value for key, value in told.items() if value is not None} == {
        "version": 1,
        "time": START,
        "event": "lines lost",
        "message": "2 lines of this log could not be written before now (No space left on device). The renewals went "
        "on.",
    }


def test_a_profile_whose_expiry_webex_did_not_tell() -> None:
    unknown = ProfileState(replace(RECORD, access_expires_at=None))
    assert profiles_in_words({"ada": unknown}, START) == "ada expiry unknown"


@pytest.mark.posix
def test_streams_that_are_closed_or_no_files_are_no_terminal_that_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = io.StringIO()
    closed.close()
    for name, stream in (("__stdin__", None), ("__stdout__", closed), ("__stderr__", io.StringIO())):
        monkeypatch.setattr(sys, name, stream)
    assert not terminal_is_gone()
