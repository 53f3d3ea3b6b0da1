"""The application: what several processes of one user may do to one profile at the same time."""

import contextlib
import itertools
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.records import FULL_RECORD, NOW, RESPONSE
from webex_token_cli.application import Application
from webex_token_cli.cli.terminal import Terminal
from webex_token_cli.config.file import ConfigFile
from webex_token_cli.config.settings import Overrides, Profile
from webex_token_cli.errors import ConfigurationError
from webex_token_cli.main import group
from webex_token_cli.profiles import changing, remember
from webex_token_cli.signin.authorization import Proof
from webex_token_cli.signin.finish import SignIn
from webex_token_cli.token_response import TokenResponse
from webex_token_cli.tokens import TokenRecord
from webex_token_cli.transfer.documents import Export
from webex_token_cli.transfer.imports import import_export


@dataclass
class Gate:
    """Stops a process where it takes the lock of config.ini for the ``closed_at``-th time, until ``opened`` is set."""

    closed_at: int
    arrived: threading.Event = field(default_factory=threading.Event)
    opened: threading.Event = field(default_factory=threading.Event)
    passed: int = 0

    @contextlib.contextmanager
    def __call__(self) -> Iterator[None]:
        self.passed += 1
        if self.passed == self.closed_at:
            self.arrived.set()
            assert self.opened.wait(20)
        yield


class Webex:
    """Gives tokens for any code, to nobody in particular."""

    def exchange_code(self, code: str, **_: object) -> TokenResponse:
        return RESPONSE

    def person(self, _: str) -> None:
        return None


def behind(gate: Gate, home: Path) -> Application:
    """The application of one process, which ``gate`` stops."""
    application = Application({"WEBEX_TOKEN_HOME": str(home), "WEBEX_TOKEN_STORE": "file"})
    application._config = ConfigFile(home / "config.ini", gate)
    return application


def import_(application: Application) -> None:
    settings = Profile("work", client_id="c", store="file")
    export = Export({"client_id": "c"}, FULL_RECORD)
    import_export(application, settings, export, Overrides(store="file"), lambda _: None)


def login(application: Application) -> None:
    store = application.store("file")
    SignIn(
        client=Webex(),  # type: ignore[arg-type]
        store=store,
        section=Profile("work", client_id="c", store="file"),
        client_id="c",
        client_secret="s",
        redirect_uri="http://localhost:8000/oauth",
        scopes=("spark:all",),
        changing=lambda: changing(application, "work", store),
        remember=lambda section: remember(application, section),
        warn=application.say,
        clock=lambda: NOW,
    ).exchange("the-code", Proof.fresh())


def logout(application: Application) -> None:
    class Told(Terminal):
        def application(self, *_: object, **__: object) -> Application:
            return application

    # A command that is run outside its group would remember that its help has no short option.
    group.main(["logout", "-p", "work"], obj=Told({}), standalone_mode=False)


Change = Callable[[Application], None]

# The record that each change leaves.
LEFT: dict[Change, TokenRecord | None] = {
    login: TokenRecord.signed_in(RESPONSE, "c", "s", NOW),
    import_: FULL_RECORD,
    logout: None,
}


@pytest.mark.parametrize("closed_at", [1, 2])
@pytest.mark.parametrize(("first", "second"), tuple(itertools.permutations(LEFT, 2)), ids=lambda each: each.__name__)
def test_a_record_and_its_section_come_and_go_together(
    tmp_path: Path, first: Change, second: Change, closed_at: int
) -> None:
    """Another process does all that it can while a first one is stopped half way, whatever the first one holds."""
    import_(behind(Gate(0), tmp_path))
    gate = Gate(closed_at)
    slow = threading.Thread(target=first, args=[behind(gate, tmp_path)])
    slow.start()
    while slow.is_alive() and not gate.arrived.wait(0.01):
        pass
    quick = threading.Thread(target=second, args=[behind(Gate(0), tmp_path)])
    quick.start()
    quick.join(0.3)  # it ends within this time, or it waits for a lock of the first
    gate.opened.set()
    slow.join(20)
    quick.join(20)
    after = behind(Gate(0), tmp_path)
    assert after.store("file").load("work") == LEFT[second]
    assert after.config.names() == ([] if LEFT[second] is None else ["work"])


@pytest.mark.posix  # it needs a symbolic link
def test_settings_that_cannot_be_written_are_an_error_where_no_other_store_has_them(tmp_path: Path) -> None:
    application = Application({"WEBEX_TOKEN_HOME": str(tmp_path)})
    (tmp_path / "config.ini").symlink_to("/proc/nowhere/config.ini")
    with pytest.raises(ConfigurationError) as refused:
        remember(application, Profile("work", client_id="c", store="file"))
    assert refused.value.message == f"{tmp_path / 'config.ini'} could not be written (No such file or directory)."
