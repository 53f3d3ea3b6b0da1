"""The key-value engine of Vault and OpenBao (KV version 2): versions of keys, written with check-and-set.

https://openbao.org/api-docs/secret/kv/kv-v2/ describes the requests. A write names the version that it replaces, and
the server refuses it if another version is the current one.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple
from urllib.parse import quote

import requests

from webex_token_cli.errors import StoreUnavailable, StoreUnreachable
from webex_token_cli.store.vault import failures
from webex_token_cli.store.vault.requester import Forbidden, OutcomeUnknown, Requester, outcome_unknown

# Versions that remain of each key: the present one, and the one before it until it is destroyed.
MAX_VERSIONS = 2

# The number of versions that a key has if nobody has set another one, so that earlier ones are gone.
_DEFAULT_MAX_VERSIONS = 10

# Text that is shorter is no token, and would be masked wherever a message has the same letters.
_SHORTEST_SECRET = 8


class Version(NamedTuple):
    """What the server answered about a key.

    ``number`` is 0 if the key has no version. ``values`` is the decoded JSON; None if there is none, or if the version
    was deleted or destroyed. ``created_at`` is when the version was written, by the clock of the node that was active
    then; 0.0 if there is no version. ``read_at`` is the clock of the node that answered, which has whole seconds.
    Both are UTC epoch seconds.
    """

    number: int
    values: object | None
    created_at: float
    read_at: float


class VersionConflict(Exception):
    """A write was refused by check-and-set: another version is the current one."""


@dataclass(slots=True, eq=False, repr=False)
class KeyValueEngine:
    """The keys below ``prefix`` in the key-value engine at ``mount``.

    Every call takes at most as long as ``requester`` lets it. It raises StoreUnreachable if the same call may succeed
    later, and another StoreUnavailable if not. ``say`` shows a warning.
    """

    requester: Requester
    mount: str
    prefix: str
    say: Callable[[str], None]
    _is_version_2: bool = field(default=False, init=False)
    _warned: bool = field(default=False, init=False)
    _uncertain: set[str] = field(default_factory=set, init=False)

    @property
    def place(self) -> str:
        """What messages call it."""
        return self.requester.place

    def read(self, key: str) -> Version:
        """The current version of ``key``.

        A standby node answers as well, with what was current about a tenth of a second before. After a write of this
        engine, and after a VersionConflict or OutcomeUnknown, the version is current if the server is OpenBao 2.7 or
        newer, or has one node that answers. A write checks the current version in any case.
        """
        deadline = self.requester.deadline()
        if key in self._uncertain:
            self._set_metadata(deadline, key)  # the answer names the present state, for which the session then asks
            self._uncertain.discard(key)
        answer = self.requester.request(
            deadline,
            lambda kv: kv.read_secret_version(self._path(key), mount_point=self.mount, raise_on_deleted_version=False),
            self._capability("read", "data", key),
        )
        if answer.status_code == 404 and failures.errors_of(answer) == []:
            self._require_version_2(deadline)
            return Version(0, None, 0.0, self._date(answer))
        if answer.status_code not in {200, 404}:
            raise self._failure(answer)
        data = (failures.json_of(answer) or {}).get("data")
        if not isinstance(data, dict):
            raise self._failure(answer) if answer.status_code == 404 else self._unexpected(answer)
        try:
            metadata = data["metadata"]
            number, created = _number(metadata["version"]), _epoch_seconds(metadata["created_time"])
        except (KeyError, TypeError, ValueError):
            raise failures.not_version_2(self.place) from None
        self._is_version_2 = True  # no other engine has versions
        return Version(number, data.get("data"), created, self._date(answer))

    def write(self, key: str, values: Mapping[str, Any], after: int) -> int:
        """Write ``values`` as the version of ``key`` that follows version ``after``; 0 if the key has no version.

        Returns the number of the new version. Raises VersionConflict if another version is the current one, and
        OutcomeUnknown if no answer came. Neither says that this write did not happen: a proxy may have sent it twice.
        A standby node that has not seen the last write yet also refuses with VersionConflict. Reading tells.
        """
        try:
            return self._write(key, values, after)
        except (VersionConflict, OutcomeUnknown):
            self._uncertain.add(key)
            raise

    def _write(self, key: str, values: Mapping[str, Any], after: int) -> int:
        deadline = self.requester.deadline()
        self._require_version_2(deadline)
        answer = self.requester.request(
            deadline,
            lambda kv: kv.create_or_update_secret(self._path(key), dict(values), cas=after, mount_point=self.mount),
            self._capability("create and update", "data", key),
            is_write=True,
        )
        if answer.status_code == 400 and any("did not match" in each for each in failures.errors_of(answer) or ()):
            if answer.history:  # the node before may have passed the same write on
                raise outcome_unknown(self._unexpected(answer))
            raise VersionConflict
        if answer.status_code == 204:
            raise failures.not_version_2(self.place)
        if answer.status_code != 200:
            error = self._failure(answer, _texts(values))
            is_certain = answer.status_code < 500 or failures.is_sealed(answer)
            raise error if is_certain else outcome_unknown(error)
        try:
            return _number(failures.object_in(answer, "data")["version"])
        except (KeyError, ValueError):
            raise outcome_unknown(self._unexpected(answer)) from None

    def names(self) -> list[str]:
        """The keys below the prefix, without those in folders below it."""
        deadline = self.requester.deadline()
        answer = self.requester.request(
            deadline,
            lambda kv: kv.list_secrets(self.prefix, mount_point=self.mount),
            f"list on {self.mount}/metadata/{self.prefix}",
        )
        if answer.status_code == 404 and failures.errors_of(answer) == []:
            self._require_version_2(deadline)
            return []
        if answer.status_code != 200:
            raise self._failure(answer)
        names = failures.object_in(answer, "data").get("keys")
        if not isinstance(names, list):
            raise self._unexpected(answer)
        return [name for name in names if isinstance(name, str) and not name.endswith("/")]

    def prepare(self, key: str) -> None:
        """Have the server require check-and-set for ``key``, and store no more versions of it than are needed.

        A policy that forbids this is passed over: writes check and set all the same.
        """
        deadline = self.requester.deadline()
        self._require_version_2(deadline)
        self._set_metadata(deadline, key)

    def destroy_before(self, key: str, number: int) -> None:
        """Destroy what is stored of the versions of ``key`` before version ``number``.

        A policy that forbids this is warned of once: the server removes old versions only when newer ones are written.
        """
        versions = list(range(max(1, number - _DEFAULT_MAX_VERSIONS), number))
        if not versions:
            return
        is_allowed = self._change(
            self.requester.deadline(),
            lambda kv: kv.destroy_secret_versions(self._path(key), versions, mount_point=self.mount),
        )
        if not is_allowed and not self._warned:
            self._warned = True
            self.say(
                f"Warning: {self.place} does not allow to destroy old versions, so that former tokens remain there "
                f"for a while. Allow {self._capability('update', 'destroy', key)}."
            )

    # -- requests --------------------------------------------------------------------------------------

    def _set_metadata(self, deadline: float, key: str) -> None:
        self._change(
            deadline,
            lambda kv: kv.update_metadata(
                self._path(key), max_versions=MAX_VERSIONS, cas_required=True, mount_point=self.mount
            ),
        )

    def _change(self, deadline: float, call: Callable[[Any], requests.Response]) -> bool:
        """Make a change that may be repeated. Returns False if a policy forbids it."""
        try:
            answer = self.requester.request(deadline, call, "")
        except Forbidden:
            return False
        if answer.status_code not in {200, 204}:
            raise self._failure(answer)
        if answer.status_code == 200 and failures.json_of(answer) is None:
            raise self._unexpected(answer)
        return True

    def _require_version_2(self, deadline: float) -> None:
        """Raise StoreUnavailable if the mount is another engine, which would answer the same requests differently.

        A key-value engine of version 1 stores the whole request as a secret, without any check.
        """
        if self._is_version_2:
            return
        client = self.requester.step(deadline, self.requester.connection.client)
        answer = self.requester.step(
            deadline, lambda: client.adapter.get(f"/v1/sys/internal/ui/mounts/{quote(self.mount)}")
        )
        if answer.status_code == 403:  # either there is no mount, or no access to it: the request itself will tell
            return
        if answer.status_code != 200:
            raise self._failure(answer)
        data = failures.object_in(answer, "data")
        if not data:
            raise self._unexpected(answer)
        options = data.get("options")
        if data.get("type") != "kv" or not isinstance(options, dict) or options.get("version") != "2":
            raise failures.not_version_2(self.place)
        self._is_version_2 = True

    def _date(self, answer: requests.Response) -> float:
        """The server's clock when it answered (RFC 9110 section 6.6.1)."""
        try:
            moment = parsedate_to_datetime(answer.headers.get("Date", ""))
        except (TypeError, ValueError, OverflowError):
            raise StoreUnavailable(
                f"The answer of {self.place} has no date.",
                "Something on the way removes the header Date, by which the store tells the time: have it let through.",
            ) from None
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()

    def _path(self, key: str) -> str:
        return f"{self.prefix}/{key}" if self.prefix else key

    def _capability(self, verbs: str, kind: str, key: str) -> str:
        return f"{verbs} on {self.mount}/{kind}/{self._path(key)}"

    def _failure(self, answer: requests.Response, secrets: Iterable[str] = ()) -> StoreUnavailable:
        return failures.failure(self.place, answer, [*self.requester.connection.secrets, *secrets])

    def _unexpected(self, answer: requests.Response) -> StoreUnreachable:
        return failures.unexpected(self.place, answer)


def _number(value: object) -> int:
    """The number of a version. Raises ValueError if ``value`` is none."""
    if type(value) is not int or value < 1:
        raise ValueError("not a number of a version")
    return value


def _epoch_seconds(text: str) -> float:
    """The UTC epoch seconds of an RFC 3339 time with nanoseconds, of which the last three digits are dropped."""
    return datetime.fromisoformat(text).timestamp()


def _texts(values: object) -> Iterator[str]:
    """The texts in ``values`` that may be secrets."""
    if isinstance(values, str):
        if len(values) >= _SHORTEST_SECRET:
            yield values
    elif isinstance(values, Mapping):
        for each in values.values():
            yield from _texts(each)
    elif isinstance(values, list | tuple):
        for each in values:
            yield from _texts(each)
