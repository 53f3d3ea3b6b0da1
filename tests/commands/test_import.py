"""``import``: where its input comes from, and input that it cannot use."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings

from tests.support.imported import EXPORT, any_document, as_bytes, having, without
from tests.support.in_process import run_in_process
from tests.support.ports import free_port
from tests.support.program import WEBEX_TOKEN, Finished, Program
from tests.support.records import ANSWER
from tests.support.stored import stored_files
from tests.support.terminal import at_a_terminal, end_of
from webex_token_cli.main import run
from webex_token_cli.sandbox import Sandbox
from webex_token_cli.store.records import decode


def test_standard_input_from_a_terminal_is_refused(other_machine: Program) -> None:
    for arguments in (["import", "-p", "work"], ["import", "-p", "work", "-"]):
        with at_a_terminal(other_machine, *arguments) as child:
            status, shown = end_of(child)
        assert status == 2
        assert shown.splitlines() == [
            "Error: There is nothing to import: standard input is a terminal.",
            "Pipe it, as in `webex-token export -p work | ssh HOST webex-token import -p work`, or name a FILE.",
        ]


def test_a_closed_standard_input_is_refused(other_machine: Program) -> None:
    done = subprocess.run(
        ["sh", "-c", f"{WEBEX_TOKEN} import <&-"], env=other_machine.environment, capture_output=True, encoding="utf-8"
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Error: There is nothing to import: standard input is closed.\n")


def test_a_file_that_cannot_be_read_is_named(other_machine: Program, tmp_path: Path) -> None:
    for file, why in ((tmp_path / "none", "No such file or directory"), (tmp_path, "Is a directory")):
        assert run_in_process(other_machine, "import", str(file)) == Finished(
            2, "", f"Error: {file} could not be read ({why}).\nName a file that you may read, or pipe its contents.\n"
        )


def test_reading_stops_at_the_longest_usable_input(other_machine: Program) -> None:
    with Path("/dev/zero").open("rb") as endless, other_machine.started("import", stdin=endless.fileno()) as piped:
        done = piped.finish()
    assert (done.status, done.err.splitlines()[0]) == (
        2,
        "Error: The input cannot be imported: it is longer than 64 KiB.",
    )
    assert other_machine.run("import", "/dev/zero").status == 2


@pytest.mark.parametrize(
    "offered", [b"", b"[", having(ANSWER, None, "refresh_token"), without(EXPORT, "record", "changed_at")]
)
def test_an_unusable_document_changes_nothing_that_is_stored(
    signed_in: Program, tmp_path: Path, sandbox: Sandbox, offered: object
) -> None:
    before, requests = stored_files(signed_in), len(sandbox.journal)
    file = tmp_path / "given"
    file.write_bytes(as_bytes(offered))
    for done in (
        run_in_process(signed_in, "import", str(file)),
        run_in_process(signed_in, "--debug", "import", stdin=as_bytes(offered).decode()),
    ):
        assert (done.status, done.out) == (2, "")
        assert done.err.startswith("Error: The input cannot be imported: ")
    assert stored_files(signed_in) == before
    assert len(sandbox.journal) == requests


@given(any_document)
@settings(max_examples=150, deadline=None)
def test_an_import_of_any_document_stores_a_record_or_is_exit_2(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    home = tmp_path_factory.mktemp("home")
    (home / "given").write_bytes(data)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "WEBEX_TOKEN_HOME": str(home),
            "WEBEX_TOKEN_STORE": "file",
            "WEBEX_CLIENT_ID": "client-id",
            "WEBEX_CLIENT_SECRET": "client-secret",
            "WEBEX_TOKEN_API_URL": f"http://127.0.0.1:{free_port()}/v1",
        }.items():
            patch.setenv(name, value)
        status = run(["import", str(home / "given")])
        assert status in {0, 2}
        entry = home / "credentials" / "webex-token+default.json"
        assert entry.exists() == (home / "config.ini").exists() == (status == 0)
        if status == 0:
            assert decode(entry.read_text(), "it").refresh_token
            assert run(["show"]) in {0, 3}
