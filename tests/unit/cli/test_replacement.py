"""Whose sign-in another one replaces, as the store that the profile leaves tells."""

from pathlib import Path

import pytest

from tests.support.records import FULL_RECORD
from webex_token_cli.application import Application
from webex_token_cli.cli.replacement import person_before
from webex_token_cli.config.settings import Overrides, Profile


@pytest.mark.parametrize("damaged", [False, True])
def test_a_store_that_cannot_be_read_does_not_tell_who_was_signed_in(tmp_path: Path, damaged: bool) -> None:
    told = list[str]()
    application = Application({"WEBEX_TOKEN_HOME": str(tmp_path)}, detail=told.append)
    application.config.save(Profile("work", client_id="c", store="file"))
    application.store("file").save("work", FULL_RECORD)
    if damaged:
        (tmp_path / "credentials" / "webex-token+work.json").write_text("{}")
    person = person_before(application, application.settings("work", Overrides(store="keyring")), None)
    assert (person, len(told)) == ((None, 1) if damaged else (FULL_RECORD.person, 0))
    assert all(each.startswith("Who was signed in before is not known. ") for each in told)
