"""A process that uses stores beside others: ``python -m tests.support.store_worker TASK SECONDS PROFILE…``.

It prints ``ready`` after the first time, waits for a line on standard input, and prints what it did, as JSON, when the
seconds are over. An error ends it with a traceback.
"""

import json
import os
import random
import string
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from webex_token_cli.application import Application
from webex_token_cli.config.settings import Profile
from webex_token_cli.tokens import TokenRecord

# Short ones are one entry of Credential Manager, and long ones two to five parts and a head.
SIZES = (10, 2000, 5000)


def refresh(application: Application, profiles: list[str], found: dict[str, Any]) -> None:
    """Redeem the refresh token of a profile."""
    profile = random.choice(profiles)
    application.refresher(application.settings(profile)).refresh(profile)
    found["refreshes"] = found.get("refreshes", 0) + 1


def observe(application: Application, profiles: list[str], found: dict[str, Any]) -> None:
    """Note each refresh token that is stored, in the order in which they are seen."""
    for profile in profiles:
        _, record = application.stored(profile)
        seen = found.setdefault(profile, [])
        if seen[-1:] != [record.refresh_token]:
            seen.append(record.refresh_token)


def probe_store(application: Application, profiles: list[str], found: dict[str, Any]) -> None:
    """Do what `doctor` does with the store of the profiles."""
    application.store_of(application.settings(profiles[0])).check()
    found["probes"] = found.get("probes", 0) + 1


def read(application: Application, profiles: list[str], found: dict[str, Any]) -> None:
    """Read config.ini and the record anew, as a new process does."""
    fresh = Application(application.environment)
    _, record = fresh.stored(random.choice(profiles))
    assert is_whole(record)
    found["reads"] = found.get("reads", 0) + 1


def write(application: Application, profiles: list[str], found: dict[str, Any]) -> None:
    """Write a profile's record and its section."""
    profile = random.choice(profiles)
    _save(application, profile, random.randrange(10**6))
    settings = application.settings(profile)
    application.config.save(Profile.of(settings)._replace(scopes=f"spark:all {'x' * random.randrange(1, 999)}"))
    found["writes"] = found.get("writes", 0) + 1


def save(application: Application, profiles: list[str], found: dict[str, Any]) -> None:
    """Write the profile's record, a newer one each time."""
    found["saved"] = found.get("saved", 0) + 1
    _save(application, profiles[0], found["saved"])


TASKS: dict[str, Callable[[Application, list[str], dict[str, Any]], None]] = {
    "refresh": refresh,
    "observe": observe,
    "probe": probe_store,
    "read": read,
    "write": write,
    "save": save,
}


def numbered(record: TokenRecord, number: int) -> TokenRecord:
    """``record`` with an access token that shows whether all of it is of one write."""
    letter = string.ascii_letters[number % len(string.ascii_letters)]
    return replace(record, access_token=letter * SIZES[number % len(SIZES)], changed_at=number)


def is_whole(record: TokenRecord) -> bool:
    """Whether all of ``record`` is of one write."""
    return record == numbered(record, record.changed_at)


def _save(application: Application, profile: str, number: int) -> None:
    store = application.store_of(application.settings(profile))
    with store.changing(profile):
        record = store.load(profile)
        assert record is not None
        assert is_whole(record)
        store.save(profile, numbered(record, number))


def main() -> None:
    task, seconds, *profiles = sys.argv[1:]
    application, found = Application(os.environ), dict[str, Any]()
    TASKS[task](application, profiles, found)  # what the first time imports is none of the seconds
    print("ready", flush=True)
    sys.stdin.readline()
    deadline = time.monotonic() + float(seconds)
    while time.monotonic() < deadline:
        TASKS[task](application, profiles, found)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
