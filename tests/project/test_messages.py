"""The page on troubleshooting has every error message of the program, with what the program says to do about it."""

import pytest

from tests.support.documents import document
from tests.support.messages import END, HEADINGS, START, messages, tables
from webex_token_cli.config.settings import STORES

PAGE = document(".github/docs/troubleshooting.md")


def test_every_message_is_explained() -> None:
    written = PAGE.text.partition(START)[2].partition(END)[0]
    assert written.strip() == tables().strip(), "Run python -m tests.support.messages to write the tables again."


@pytest.mark.parametrize(
    ("text", "hint", "exit_status"),
    [
        ("No profile is stored.", "Sign in with `webex-token login…`.", 3),
        ("… is not a credential store (profile …).", f"Use {STORES[0]}, {STORES[1]} or {STORES[2]} in --store", 2),
        ("The sign-in was denied in the browser.", "To sign in, run `webex-token login` again and accept.", 6),
        ("… is not an id.", "Copy it from …, without blanks.", 2),
    ],
)
def test_messages_are_collected_with_what_to_do_and_the_exit_status(text: str, hint: str, exit_status: int) -> None:
    (found,) = [message for message in messages() if message.text == text]
    assert (found.hint.startswith(hint), found.exit_status) == (True, exit_status)


def test_no_heading_is_without_messages() -> None:
    assert {message.heading for message in messages()} == set(HEADINGS.values())
