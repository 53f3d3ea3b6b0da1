"""A private D-Bus session with an unlocked GNOME Keyring, so that no test reaches the user's own."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

_START = """
printf 'password' | gnome-keyring-daemon --unlock --components=secrets >/dev/null
echo "$DBUS_SESSION_BUS_ADDRESS"
read -r _
"""

_LOCK = "import secretstorage; secretstorage.get_default_collection(secretstorage.dbus_init()).lock()"
# GNOME's own dialog calls this method with the password that a person has typed.
_UNLOCK = """
import secretstorage
from jeepney import DBusAddress, new_method_call
from secretstorage.util import format_secret, open_session
bus = secretstorage.dbus_init()
service = DBusAddress(
    "/org/freedesktop/secrets", "org.freedesktop.secrets",
    "org.gnome.keyring.InternalUnsupportedGuiltRiddenInterface",
)
password = format_secret(open_session(bus), b"password", "text/plain")
path = secretstorage.get_default_collection(bus).collection_path
bus.send_and_get_reply(new_method_call(service, "UnlockWithMasterPassword", "o(oayays)", (path, password)))
"""

REQUIRED = ("dbus-run-session", "gnome-keyring-daemon")


@contextlib.contextmanager
def desktop(folder: Path) -> Iterator[dict[str, str]]:
    """Run a session whose files lie in ``folder``. Yields the environment variables that lead to it."""
    runtime = folder / "runtime"
    runtime.mkdir(parents=True, mode=0o700)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "XDG_DATA_HOME": str(folder / "data"),
        "XDG_RUNTIME_DIR": str(runtime),
    }
    session = subprocess.Popen(
        ["dbus-run-session", "--", "sh", "-c", _START],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        encoding="utf-8",
    )
    with session:
        assert session.stdin is not None
        assert session.stdout is not None
        try:
            address = session.stdout.readline().strip()
            assert address, "D-Bus or the keyring did not start"
            yield {"DBUS_SESSION_BUS_ADDRESS": address}
        finally:
            session.stdin.close()
            session.wait(10)


@contextlib.contextmanager
def bus_at(address: str, environment: Mapping[str, str]) -> Iterator[None]:
    """A D-Bus session at an address that is known before it starts. The bus is killed at the end."""
    Path(address.removeprefix("unix:path=")).unlink(missing_ok=True)
    start_bus = ["dbus-daemon", "--session", f"--address={address}", "--nofork", "--nopidfile", "--print-address"]
    with subprocess.Popen(start_bus, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as bus:
        try:
            assert bus.stdout is not None
            assert bus.stdout.readline(), "D-Bus did not start"
            yield
        finally:
            bus.kill()


@contextlib.contextmanager
def desktop_at(address: str, folder: Path) -> Iterator[None]:
    """A session at a D-Bus address that is known before it starts, with a keyring whose files lie in ``folder``.

    The keyring ends with the bus. A later session finds what an earlier one has stored.
    """
    runtime = folder / "runtime"
    runtime.mkdir(parents=True, mode=0o700, exist_ok=True)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "XDG_DATA_HOME": str(folder / "data"),
        "XDG_RUNTIME_DIR": str(runtime),
        "DBUS_SESSION_BUS_ADDRESS": address,
    }
    with bus_at(address, environment):
        subprocess.run(
            ["gnome-keyring-daemon", "--unlock", "--components=secrets"], env=environment, input=b"password",
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True,
        )  # fmt: skip
        yield


def lock(environment: Mapping[str, str]) -> None:
    """Lock the keyring of the session that ``environment`` leads to, as a screen lock may."""
    subprocess.run([sys.executable, "-c", _LOCK], env=environment, check=True)


def unlock(environment: Mapping[str, str]) -> None:
    """Unlock the keyring of the session that ``environment`` leads to."""
    subprocess.run([sys.executable, "-c", _UNLOCK], env=environment, check=True)
