"""The end of a sign-in: what must be free before the code is sent, and what no signal may separate."""

import contextlib
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import FrameType

import pytest

from tests.support.records import NOW, RESPONSE
from webex_token_cli.config.settings import Profile
from webex_token_cli.errors import StoreUnavailable
from webex_token_cli.signin.authorization import Proof
from webex_token_cli.signin.device import DeviceFlow
from webex_token_cli.signin.finish import SignIn
from webex_token_cli.store.file.opening import open_file_store
from webex_token_cli.store.local.locks import locked
from webex_token_cli.system.signals import defer_signals
from webex_token_cli.token_response import DeviceCode, Pending, TokenResponse
from webex_token_cli.tokens import TokenRecord

RECORD = TokenRecord.signed_in(RESPONSE, "client-id", "client-secret", NOW)


@dataclass
class Scene:
    """A sign-in with a stand-in for Webex, and all that happens in it, in order.

    ``during`` is called with the name of each step, at its beginning.
    """

    folder: Path
    happened: list[str] = field(default_factory=list)
    during: Callable[[str], None] = lambda _: None
    polls: list[Pending | TokenResponse] = field(default_factory=list)

    def step(self, name: str) -> None:
        self.happened.append(name)
        self.during(name)

    @property
    def lock(self) -> Path:
        return self.folder / "profile.lock"

    @contextlib.contextmanager
    def changing(self) -> Iterator[None]:
        with locked(self.lock, lambda _: None, timeout=0.3):
            self.step("locked")
            yield
            self.step("unlocked")

    def exchange_code(self, code: str, **_: object) -> TokenResponse:
        self.step("exchange")
        return RESPONSE

    def person(self, _: str) -> None:
        self.step("person")

    def authorize_device(self, **_: object) -> DeviceCode:
        return DeviceCode("d", "u", "https://w.example", None, 300, 5)

    def poll_device(self, code: DeviceCode, **_: object) -> Pending | TokenResponse:
        self.step("poll")
        return self.polls.pop(0)

    def sign_in(self) -> SignIn:
        store = open_file_store(self.folder)

        class Noting(type(store.keyring)):  # type: ignore[misc]
            def set_password(_, service: str, username: str, password: str) -> None:
                self.step("record")
                store.keyring.set_password(service, username, password)

        return SignIn(
            client=self,  # type: ignore[arg-type]
            store=replace(store, keyring=Noting(self.folder)),
            section=Profile("default"),
            client_id="client-id",
            client_secret="client-secret",
            redirect_uri="http://localhost:8000/oauth",
            scopes=("spark:all",),
            changing=self.changing,
            remember=lambda _: self.step("section"),
            warn=self.happened.append,
            clock=lambda: NOW,
            defer_signals=defer_signals,
        )

    def device_flow(self) -> DeviceFlow:
        return DeviceFlow(
            self,
            "client-id",
            "client-secret",
            ("spark:all",),
            show=lambda _: None,
            changing=self.changing,
            sleep=lambda _: None,
            clock=iter(range(1000)).__next__,
        )


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path / "credentials")


def test_the_code_is_exchanged_under_the_lock(scene: Scene) -> None:
    assert scene.sign_in().exchange("the-code", Proof.fresh()) == RECORD
    assert scene.happened == ["locked", "exchange", "person", "record", "section", "unlocked"]


def test_a_code_is_not_spent_while_the_lock_is_held(scene: Scene) -> None:
    with locked(scene.lock, lambda _: None), pytest.raises(StoreUnavailable, match="has held the lock"):
        scene.sign_in().exchange("the-code", Proof.fresh())
    assert scene.happened == []


def test_a_poll_that_may_bring_the_tokens_is_made_under_the_lock_in_which_they_are_stored(scene: Scene) -> None:
    scene.polls = [Pending(), RESPONSE]
    assert scene.device_flow().sign_in(scene.sign_in().keep) == RECORD
    pending, last = ["locked", "poll", "unlocked"], ["locked", "poll", "person", "record", "section", "unlocked"]
    assert scene.happened == [*pending, *last]


def test_a_device_code_is_not_spent_while_the_lock_is_held(scene: Scene) -> None:
    scene.polls = [RESPONSE]
    with locked(scene.lock, lambda _: None), pytest.raises(StoreUnavailable, match="has held the lock"):
        scene.device_flow().sign_in(scene.sign_in().keep)
    assert scene.happened == []


@pytest.mark.parametrize("step", ["record", "section"])
def test_ctrl_c_while_the_tokens_are_being_stored_is_too_late(scene: Scene, step: str) -> None:
    scene.during = lambda name: signal.raise_signal(signal.SIGINT) if name == step else None
    assert scene.sign_in().exchange("the-code", Proof.fresh()) == RECORD
    assert scene.happened[-2:] == ["section", "unlocked"]
    assert open_file_store(scene.folder).load("default") == RECORD


def test_ctrl_c_while_nothing_can_be_stored_cancels(scene: Scene) -> None:
    def fail(step: str) -> None:
        if step == "record":
            signal.raise_signal(signal.SIGINT)
            raise OSError("The disk is full.")

    scene.during = fail
    with pytest.raises(KeyboardInterrupt):
        scene.sign_in().exchange("the-code", Proof.fresh())
    assert open_file_store(scene.folder).load("default") is None


@pytest.mark.parametrize(
    "number", [signal.SIGTERM, pytest.param(getattr(signal, "SIGHUP", None), marks=pytest.mark.posix)]
)
def test_a_signal_between_the_record_and_the_section_waits_until_both_are_stored(
    scene: Scene, number: signal.Signals
) -> None:
    def handler(_: int, __: FrameType | None) -> None:
        scene.happened.append("signal")

    before = signal.signal(number, handler)
    try:
        scene.during = lambda name: signal.raise_signal(number) if name == "record" else None
        scene.sign_in().exchange("the-code", Proof.fresh())
    finally:
        signal.signal(number, before)
    assert scene.happened[-4:] == ["record", "section", "signal", "unlocked"]
