"""A private D-Bus session with an unlocked GNOME Keyring: nothing of the user's own is reached."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

_START = """
printf 'password' | gnome-keyring-daemon --unlock --components=secrets >/dev/null
echo "$DBUS_SESSION_BUS_ADDRESS"
read -r _
"""

REQUIRED = ("dbus-run-session", "gnome-keyring-daemon")


@contextlib.contextmanager
def desktop(folder: Path) -> Iterator[dict[str, str]]:
    """The variables that lead to a keyring of its own, whose files lie in ``folder``."""
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
