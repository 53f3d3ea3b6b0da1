"""Failures of the store during a watch: what stays stored, what is reported, and that no answer of Webex is lost."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.desktop import REQUIRED, lock, unlock
from tests.support.program import Program, wait_until
from tests.support.requirements import ON_CI, require
from tests.support.rounds import Failure, Round, expected, one_round, round_of, seen
from tests.support.world import DAY
from webex_token_cli.sandbox import Answer, Rules, Sandbox
from webex_token_cli.store.records import decode
from webex_token_cli.tokens import TokenRecord

pytestmark = pytest.mark.long

RENEWED = (
    '{"access_token": "the-new-access-token", "expires_in": 1209599, "refresh_token": "the-new-refresh-token", '
    '"refresh_token_expires_in": 7775999}'
)
NO_ROOM = (
    "Room for a new record could not be reserved in the file store HOME/credentials: "
    "HOME/credentials/webex-token+default.json: No space left on device."
)
MAKE_ROOM_HINT = "Check the owner, the permissions (0600, the folder 0700) and the free space there, then try again."
UNLOCK_HINT = "Unlock the keyring and try again; on a machine without one, see --store file."
NO_KEYRING_HINT = (
    "Start or install it, then try again; or sign in again with `webex-token login`, which uses the keyring that this "
    "machine has now, or a file with --store file."
)

# The folder of records becomes a small disk of its own, which is then filled to its last block.
FULL_DISK = """
cp -a "$WEBEX_TOKEN_HOME/credentials" "$WEBEX_TOKEN_HOME/aside"
mount -t tmpfs -o size=64k,mode=700 full "$WEBEX_TOKEN_HOME/credentials"
cp -a "$WEBEX_TOKEN_HOME/aside/." "$WEBEX_TOKEN_HOME/credentials"
! dd if=/dev/zero of="$WEBEX_TOKEN_HOME/credentials/filler" bs=4k 2>/dev/null
"""
READ_ONLY_DISK = """
mount --bind "$WEBEX_TOKEN_HOME/credentials" "$WEBEX_TOKEN_HOME/credentials"
mount -o remount,bind,ro "$WEBEX_TOKEN_HOME/credentials"
"""
# Root may write into any folder, unless it gives up these capabilities.
READ_ONLY_FOLDER = """
touch "$WEBEX_TOKEN_HOME/credentials/webex-token+default.json.lock"
chmod 500 "$WEBEX_TOKEN_HOME/credentials"
set -- setpriv --bounding-set=-dac_override,-dac_read_search "$@"
"""
# The files of a GNOME Keyring on a disk that is full from the sign-in to the end of the command, and then has room.
KEYRING_ON_A_FULL_DISK = """
mkdir -p "$XDG_DATA_HOME"
mount -t tmpfs -o size=128k,mode=700 small "$XDG_DATA_HOME"
exec dbus-run-session -- sh -euc '
printf password | gnome-keyring-daemon --unlock --components=secrets >/dev/null
"$1" login --flow device
! dd if=/dev/zero of="$XDG_DATA_HOME/filler" bs=1k 2>/dev/null
"$@" && status=0 || status=$?
rm "$XDG_DATA_HOME/filler"
"$1" refresh
exit $status
' sh "$@"
"""
# Only the program sees the changed disk, so it copies the record to where the test can read it.
RUN_AND_COPY_RECORD = """
"$@" && status=0 || status=$?
cp "$WEBEX_TOKEN_HOME/credentials/webex-token+default.json" "$WEBEX_TOKEN_HOME/record.json"
exit $status
"""


@pytest.fixture
def rules(redirect_uri: str) -> Rules:
    return Rules(redirect_uris=(redirect_uri,), auto_approve=True, device_interval=1)


def with_disks(program: Program, script: str) -> Program:
    """The program with a view of the disks of its own, which the shell ``script`` changes first."""
    unshare = ("unshare", "--map-root-user", "--mount")
    if subprocess.run([*unshare, "true"], check=False, capture_output=True).returncode:
        (pytest.fail if ON_CI else pytest.skip)("this machine does not let a program change its view of the disks")
    return replace(program, through=(*unshare, "sh", "-euc", script, "sh"))


@pytest.mark.parametrize(
    ("script", "failure", "requests"),
    [
        (FULL_DISK, Failure("failed", NO_ROOM, MAKE_ROOM_HINT, 5, tracked=False), 0),
        (
            READ_ONLY_FOLDER,
            Failure(
                "failed",
                "Nothing can be stored in HOME/credentials (Permission denied).",
                "Check the owner and permissions of HOME/credentials, and how its disk is mounted, then try again.",
                5,
                tracked=False,
            ),
            0,
        ),
        (
            READ_ONLY_DISK,
            Failure(
                "failed",
                "The lock HOME/credentials/webex-token+default.json.lock could not be acquired "
                "(Read-only file system).",
                "Check that file's owner and permissions, then try again.",
                5,
                tracked=False,
            ),
            0,
        ),
    ],
    ids=["disk full", "read-only folder", "read-only disk"],
)
def test_a_disk_that_cannot_be_written_leaves_the_old_record(
    program: Program,
    sandbox: Sandbox,
    record: TokenRecord,
    homes: tuple[Path, Path],
    script: str,
    failure: Failure,
    requests: int,
) -> None:
    sandbox.order(Answer("/v1/access_token", 200, {}, RENEWED, times=2))
    assert round_of(with_disks(program, script + RUN_AND_COPY_RECORD), *homes) == expected(failure, record)
    assert [decode((home / "record.json").read_text(), "") for home in homes] == [record, record]
    assert len(sandbox.outcomes()) == requests


def test_a_watch_asks_webex_once_the_disk_has_room_again(
    program: Program, sandbox: Sandbox, homes: tuple[Path, Path]
) -> None:
    sandbox.order(Answer("/v1/access_token", 200, {}, RENEWED))
    on_a_full_disk = with_disks(program, f'{FULL_DISK}exec "$@"').having(WEBEX_TOKEN_HOME=str(homes[0]))
    with on_a_full_disk.started("watch", "-p", "default") as watch:
        watch.wait_for("failed: Room for a new record could not be reserved in the file store ")
        assert sandbox.outcomes() == []
        disk = Path(f"/proc/{watch.process.pid}/root{homes[0]}/credentials")
        (disk / "filler").unlink()
        watch.wait_for("renewed: ")
        stored = json.loads((disk / "webex-token+default.json").read_text())
    assert (stored["access_token"], stored["refresh_token"]) == ("the-new-access-token", "the-new-refresh-token")
    assert sandbox.outcomes() == ["fault"]  # Webex was asked only once


def round_in_both_formats(program: Program) -> Round:
    """The result of a round with a text log and then one with a JSON log, over the same keyring."""
    return seen(*(program.run(*one_round(form)) for form in ("text", "json")))


def test_a_round_reports_a_locked_keyring_and_a_missing_keyring(program: Program, own_desktop: dict[str, str]) -> None:
    program = program.having(**own_desktop, WEBEX_TOKEN_STORE=None)
    assert program.run("login", "--flow", "device").status == 0
    token = program.run("get").out
    lock(program.environment)
    error = "An entry could not be read in the keyring (SecretService Keyring): Failed to unlock the collection!."
    assert round_in_both_formats(program) == expected(Failure("failed", error, UNLOCK_HINT, 5, tracked=False), None)
    error = (
        "The keyring that holds this sign-in, keyring.backends.SecretService.Keyring, cannot be used now: Unable to "
        "initialize SecretService: Environment variable DBUS_SESSION_BUS_ADDRESS is unset."
    )
    without_keyring = program.having(DBUS_SESSION_BUS_ADDRESS=None)
    assert round_in_both_formats(without_keyring) == expected(
        Failure("failed", error, NO_KEYRING_HINT, 5, tracked=False), None
    )
    unlock(program.environment)
    assert program.run("get", "--no-refresh").out == token


def test_an_answer_for_a_keyring_that_locks_meanwhile_is_stored_after_it_is_unlocked(
    program: Program, sandbox: Sandbox, own_desktop: dict[str, str]
) -> None:
    program = program.having(**own_desktop, WEBEX_TOKEN_STORE=None)
    assert program.run("login", "--flow", "device").status == 0
    exported = json.loads(program.run("export").out)
    exported["record"]["refreshed_at"] -= 2 * DAY
    assert program.run("import", stdin=json.dumps(exported)).status == 0
    sandbox.order(Answer("/v1/access_token", 200, {}, RENEWED, delay=2.0))
    with program.started("watch") as watch:
        wait_until(lambda: sandbox.in_flight > 0)
        lock(program.environment)
        watch.wait_for("failed: Webex answered the refresh, but its answer could not be stored: An entry could not be ")
        unlock(program.environment)
        watch.wait_for("renewed: ")
    assert program.run("get", "--no-refresh").out == "the-new-access-token\n"
    assert sandbox.outcomes()[-1:] == ["fault"]
    assert sandbox.outcomes().count("fault") == 1


def test_a_gnome_keyring_on_a_full_disk_is_noticed_before_webex_is_asked(
    program: Program, sandbox: Sandbox, tmp_path: Path
) -> None:
    require(*REQUIRED)
    (tmp_path / "runtime").mkdir(mode=0o700)
    with_keyring = program.having(
        WEBEX_TOKEN_STORE=None, WEBEX_TOKEN_PROFILE="full-disk", XDG_RUNTIME_DIR=str(tmp_path / "runtime")
    )
    done = with_disks(with_keyring, KEYRING_ON_A_FULL_DISK).run("refresh")
    assert done.status == 5, done.err
    assert "Error: Room for a new record could not be reserved in the keyring (SecretService Keyring): " in done.err
    assert "full-disk: unchanged; " in done.out  # once there is room again
    assert sandbox.outcomes() == ["unchanged"]
