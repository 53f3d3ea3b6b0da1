"""``export``: what it prints, and where it refuses to print it."""

import json

import pytest

from tests.support.in_process import run_in_process
from tests.support.program import Program
from tests.support.stored import config_file, record_file
from tests.support.terminal import at_a_terminal, end_of
from webex_token_cli.sandbox import Sandbox


def test_an_export_has_the_record_and_the_settings_of_the_profile(signed_in: Program, sandbox: Sandbox) -> None:
    requests = len(sandbox.journal)
    done = signed_in.run("export")
    assert (done.status, done.err, done.out.count("\n")) == (0, "", 1)
    assert json.loads(done.out) == {
        "version": 1,
        "settings": {
            "client_id": sandbox.client_id,
            "redirect_uri": sandbox.redirect_uri,
            "scopes": "spark:all",
            "api_url": sandbox.api_url,
        },
        "record": json.loads(record_file(signed_in).read_text()),
    }
    assert list(json.loads(done.out)) == ["version", "settings", "record"]
    assert len(sandbox.journal) == requests


def test_an_export_has_only_what_config_ini_says(signed_in: Program) -> None:
    config_file(signed_in).write_text("[default]\nstore = file\nscopes = spark:kms\n")
    assert json.loads(signed_in.run("export").out)["settings"] == {"scopes": "spark:kms"}


@pytest.mark.parametrize("options", [[], ["-p", "work"]])
def test_an_export_without_a_sign_in_is_exit_3(program: Program, options: list[str]) -> None:
    name = options[-1] if options else "default"
    done = run_in_process(program, "export", *options)
    assert (done.status, done.out) == (3, "")
    assert done.err.startswith(f"Error: Nobody is signed in as profile {name}.\n")


def test_a_damaged_entry_is_not_exported(signed_in: Program) -> None:
    record_file(signed_in).write_text("{")
    done = signed_in.run("export")
    assert (done.status, done.out) == (5, "")
    assert " is damaged: " in done.err


@pytest.mark.posix
def test_an_export_on_a_terminal_needs_yes(signed_in: Program, sandbox: Sandbox) -> None:
    with at_a_terminal(signed_in, "export") as child:
        status, shown = end_of(child)
    assert status == 2
    assert shown.splitlines() == [
        "Error: An export holds secrets, and standard output is a terminal.",
        "Pipe it to the other machine, as in `webex-token export -p default | ssh HOST webex-token import "
        "-p default`; --yes prints it here all the same.",
    ]
    with at_a_terminal(signed_in, "export", "--yes") as child:
        status, shown = end_of(child)
    assert (status, json.loads(shown)) == (0, json.loads(signed_in.run("export").out))


@pytest.mark.posix
def test_a_terminal_is_refused_before_the_store_is_read(program: Program) -> None:
    with at_a_terminal(program, "export") as child:
        assert end_of(child)[0] == 2
