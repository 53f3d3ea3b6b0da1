"""What each parser must do with a changed example: read it as it should be, or refuse it in clear words."""

import contextlib
import json
import re
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qsl

from tests.support.foreign_input.examined import CODE, SECRET, check_error, check_words
from tests.support.records import NOW
from tests.support.small_keyring import SERVICE, SmallKeyring
from webex_token_cli.config.sections import ignored_lines_of, parse_sections, profile_in, with_section, without_section
from webex_token_cli.config.settings import KEYS, Overrides, Profile, resolve
from webex_token_cli.errors import ConfigurationError, StoreUnavailable
from webex_token_cli.sandbox import Fault
from webex_token_cli.signin.authorization import RedirectURI, Refusal, read_redirect
from webex_token_cli.signin.paste import Unusable, read_pasted
from webex_token_cli.store import records
from webex_token_cli.store.keyring.splitting import Head, SplittingKeyring
from webex_token_cli.store.vault.entry import Entry
from webex_token_cli.times import parse_duration
from webex_token_cli.transfer import documents
from webex_token_cli.transfer.environment import read_variables
from webex_token_cli.webex.responses import epoch_seconds, http_date, retry_after

STATE = "c3RhdGUtb2YtYS10ZXN0LXdpdGgtMjU2LWJpdHMtb2YtcmFuZG9t"


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


# -- signing in ------------------------------------------------------------------------------------------


def check_redirect(data: bytes) -> None:
    """The query of a redirect."""
    query = data.decode("latin-1").encode("ascii", "replace").decode()  # the listener takes ASCII only
    found = read_redirect(query, STATE, ("spark:all",))
    if isinstance(found, Refusal):
        check_error(found.error, (CODE,))
    if found is not None:
        assert [value for name, value in parse_qsl(query) if name == "state"] == [STATE]
        assert CODE not in repr(found)


def check_paste(data: bytes) -> None:
    """What a person pasted."""
    found = read_pasted(_text(data), STATE, ("spark:all",), frozenset({CODE}))
    if isinstance(found, Unusable):
        check_words(found.why)
    elif isinstance(found, Refusal):
        check_error(found.error, (CODE,))
    else:
        # A paste may be broken anywhere. Whole again, it has a state, or is a code that is none of the other secrets.
        whole = "".join(re.sub("\x1b\\[20[01]~", "", _text(data)).split())
        assert found.code != CODE or "state=" in whole


def check_redirect_uri(data: bytes) -> None:
    """A redirect URI."""
    try:
        found = RedirectURI.parse(_text(data))
    except ConfigurationError as error:
        check_error(error, ())
    else:
        assert RedirectURI.parse(found.uri) == found
        assert 0 < found.port < 65536
        assert found.path.startswith("/")
        assert all(map(str.isascii, found.hosts))


# -- config.ini ------------------------------------------------------------------------------------------


def check_config(data: bytes) -> None:
    """The text of ``config.ini``, which is also rewritten."""
    text = data.decode("utf-8-sig", "replace")
    sections = parse_sections(text)
    for line in (line for section in sections.all for line in ignored_lines_of(section)):
        assert line.section.isprintable()
        assert len(line.section) <= 64
    for name in ("default", "Work"):
        try:
            profile = profile_in(sections, name, Path("config.ini"))
            RedirectURI.parse(resolve(profile, Overrides()).redirect_uri)
        except ConfigurationError as error:
            check_error(error, ())
    with contextlib.suppress(ConfigurationError):
        work, other = (profile_in(sections, name, Path("config.ini")) for name in ("Work", "default"))
        changed = work._replace(client_id="another")
        saved = parse_sections(with_section(text, "Work", changed.settings))
        assert profile_in(saved, "Work", Path("config.ini")) == changed
        assert profile_in(saved, "default", Path("config.ini")) == other
        assert "Work" not in parse_sections(without_section(text, "Work")).by_name


# -- what is stored --------------------------------------------------------------------------------------


def check_record(data: bytes) -> None:
    """The entry of a record."""
    try:
        record = records.decode(_text(data), "The entry")
    except StoreUnavailable as error:
        check_error(error)
    else:
        assert records.decode(records.encode(record), "The entry") == record
        assert SECRET not in repr(replace(record, person=None, client_id="", scopes=()))
        json.dumps(records.as_values(record), ensure_ascii=False).encode()  # all of it can be shown


def check_head(data: bytes) -> None:
    """The head of a split entry."""
    found = Head.parse(_text(data))
    if found is not None:
        assert list(map(type, found)) == [int, int, str]
        assert found.set in {0, 1}
        assert Head.parse(found.encoded()) == found


def check_split_entry(data: bytes) -> None:
    """The entries of a keyring with one that is split: a JSON object of their texts."""
    try:
        body = json.loads(data)
        found = {name: text for name, text in body.items() if isinstance(text, str)}
    except (ValueError, AttributeError, RecursionError):
        return
    keyring = SplittingKeyring(SmallKeyring(entries=found), 20)
    text = keyring.get_password(SERVICE, "p")
    assert text is None or isinstance(text, str)
    keyring.set_password(SERVICE, "p", "a new record of many characters")
    assert keyring.get_password(SERVICE, "p") == "a new record of many characters"
    keyring.delete_password(SERVICE, "p")
    assert keyring.get_password(SERVICE, "p") is None


def split(text: str) -> dict[str, str]:
    """The entries of a small keyring that hold ``text`` in parts."""
    keyring = SmallKeyring()
    SplittingKeyring(keyring, 20).set_password(SERVICE, "p", text)
    return keyring.entries


def check_vault_entry(data: bytes) -> None:
    """The value of an entry in Vault."""
    try:
        values = json.loads(data)
    except (ValueError, RecursionError):
        return
    try:
        entry = Entry.parse("default", values, "The entry")
    except StoreUnavailable as error:
        check_error(error)
    else:
        again = json.loads(json.dumps(entry.encoded()))
        assert Entry.parse("default", again, "The entry") == entry
        section = parse_sections(with_section("", "default", entry.settings.settings))
        assert profile_in(section, "default", Path("config.ini")) == entry.settings


# -- what is imported ------------------------------------------------------------------------------------


def check_imported(data: bytes) -> None:
    """What ``import`` reads."""
    try:
        found = documents.read(data)
    except ConfigurationError as error:
        check_error(error)
        return
    if isinstance(found, documents.Export):
        again = documents.read(documents.export(Profile("p", **found.settings), found.record).encode())
        assert again == replace(found, names_person=True)
        assert set(found.settings) <= set(KEYS) - {"store", "keyring"}
        found = replace(found, settings={}, record=replace(found.record, client_id="", scopes=None, person=None))
    else:
        found = replace(found, scopes=None)
    assert SECRET not in repr(found)  # what is left of it has no text that is shown


def check_variables(data: bytes) -> None:
    """The variables of an environment, one on each line."""
    pairs = (line.partition("=") for line in data.decode("utf-8", "surrogateescape").splitlines())
    environment = {name: value for name, _, value in pairs}
    try:
        found = read_variables(environment, has_client_id=True, has_client_secret=True)
    except ConfigurationError as error:
        check_error(error)
    else:
        assert found.refresh_token.isascii()
        assert SECRET not in repr(found)


# -- dates and durations ---------------------------------------------------------------------------------


def check_date(data: bytes) -> None:
    """A date, a wait or milliseconds of an answer."""
    text = data.decode("latin-1")
    moment, wait, seconds = http_date(text), retry_after(text, NOW), epoch_seconds(text)
    assert moment is None or isinstance(moment, float)
    assert wait is None or 0 <= wait < 10**12
    assert seconds is None or isinstance(seconds, int)


def check_duration(data: bytes) -> None:
    """A duration of a person."""
    try:
        assert 1 <= parse_duration(_text(data)) < 10**10
    except ValueError as error:
        check_words(f"{error}.", secrets=())


def check_fault(data: bytes) -> None:
    """The words of a fault of the sandbox."""
    try:
        fault = Fault.parse(_text(data))
    except ValueError as error:
        check_words(f"{str(error).removesuffix('.')}.", secrets=())
    else:
        assert Fault.parse(str(fault)) == fault
