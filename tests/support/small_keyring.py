"""A keyring in memory whose entries are small, and a writer that is killed between two of its calls."""

from collections.abc import Callable
from dataclasses import dataclass, field

SERVICE, NAME = "webex-token", "default"


class Killed(BaseException):
    """Stands for the end of the process, after which no handler runs."""


@dataclass
class Counting:
    """A keyring that calls ``before_call`` before each call with the number of calls so far, which ``calls`` counts."""

    before_call: Callable[[int], None] = lambda _: None
    calls: int = 0

    def count(self) -> None:
        self.before_call(self.calls)
        self.calls += 1


@dataclass
class SmallKeyring(Counting):
    """A keyring in memory that refuses entries of more than ``limit`` characters of UTF-16, as Windows' does."""

    limit: int = 1280
    entries: dict[str, str] = field(default_factory=dict)

    def get_password(self, service: str, username: str) -> str | None:
        assert service == SERVICE
        self.count()
        return self.entries.get(username)

    def set_password(self, service: str, username: str, password: str) -> None:
        self.count()
        if len(password.encode("utf-16-le", "surrogatepass")) > 2 * self.limit:
            raise OverflowError("The stub received bad data")
        self.entries[username] = password

    def delete_password(self, service: str, username: str) -> None:
        self.count()
        if username not in self.entries:
            raise LookupError(username)
        del self.entries[username]


def text(size: int, letter: str) -> str:
    """A record of ``size`` characters that differs from those of other letters."""
    return letter * size


def interrupted_at(keyring: Counting, position: int, action: Callable[[], None]) -> bool:
    """Do ``action``, but be killed before its call number ``position``. Returns whether it was killed."""

    def kill(number: int) -> None:
        if number == position:
            raise Killed

    keyring.before_call, keyring.calls = kill, 0
    try:
        action()
    except Killed:
        return True
    finally:
        keyring.before_call = lambda _: None
    return False
