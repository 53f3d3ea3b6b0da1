"""Sessions with the Secret Services of other desktops: KeePassXC and KWallet, unlocked, and never the user's own."""

import contextlib
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from jeepney import DBusAddress, MessageType, new_method_call  # type: ignore[import-untyped]
from jeepney.bus_messages import DBus  # type: ignore[import-untyped]
from jeepney.io.blocking import open_dbus_connection  # type: ignore[import-untyped]

from tests.support.desktop import bus_at
from webex_token_cli.system.timeouts import TimeoutExceeded

_NAME = "org.freedesktop.secrets"

# Both are Qt programs, which need no screen with this.
_WITHOUT_SCREEN = {"QT_QPA_PLATFORM": "offscreen", "LANG": "C.UTF-8"}

# A database whose root group is exposed to the Secret Service: that is a value in the database, not a setting.
_DATABASE = """<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<KeePassFile>
  <Meta>
    <RecycleBinEnabled>True</RecycleBinEnabled>
    <CustomData><Item>
      <Key>FDO_SECRETS_EXPOSED_GROUP</Key><Value>{00010203-0405-0607-0809-0a0b0c0d0e0f}</Value>
    </Item></CustomData>
  </Meta>
  <Root><Group><UUID>AAECAwQFBgcICQoLDA0ODw==</UUID><Name>Root</Name></Group></Root>
</KeePassFile>
"""
_KEEPASSXC_SETTINGS = """[General]
ConfigVersion=2
UpdateCheckMessageShown=true
AutoReloadOnChange=false
[Security]
LockDatabaseIdle=false
LockDatabaseScreenLock=false
LockDatabaseOnUserSwitch=false
[GUI]
CheckForUpdates=false
[FdoSecrets]
Enabled=true
ConfirmAccessItem=false
ConfirmDeleteItem=false
ShowNotification=false
"""
_KWALLET_SETTINGS = """[Wallet]
Enabled=true
First Use=false
Use One Wallet=true
Prompt on Open=false
Leave Open=true
Default Wallet=kdewallet
[org.freedesktop.secrets]
apiEnabled=true
"""
# The length of the key that KDE's sign-in derives from the person's password, and of its salt.
_KWALLET_KEY = 56


# What KWallet says of a session that it has ended itself: it does so at times, when another program's one ends.
_LOST_SESSION = "Can't find session"


class NothingTold(Exception):
    """Another program got an empty secret: KWallet gives one at times, where it has an entry."""


class Service(NamedTuple):
    """A Secret Service that runs. ``variables`` are those of the environment that lead to it."""

    variables: dict[str, str]
    process: subprocess.Popen[bytes]

    def has_failed(self, error: Exception) -> bool:
        """Whether ``error`` is the service's own.

        It has crashed, waits for somebody, has lost a program's session, or has told another program nothing.
        """
        if isinstance(error, (TimeoutExceeded, NothingTold)):
            return True
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(1)
        return self.process.poll() is not None or _LOST_SESSION in f"{error} {getattr(error, 'stderr', '')}"


@contextlib.contextmanager
def keepassxc(folder: Path) -> Iterator[Service]:
    """A session with a KeePassXC whose database is open."""
    with _session(folder) as environment:
        (folder / "database.xml").write_text(_DATABASE)
        (folder / "keepassxc.ini").write_text(_KEEPASSXC_SETTINGS)
        database = str(folder / "database.kdbx")
        subprocess.run(
            ["keepassxc-cli", "import", "--decryption-time", "100", "-p", str(folder / "database.xml"), database],
            env=environment, input=b"password\npassword\n", capture_output=True, check=True,
        )  # fmt: skip
        settings = [f"--config={folder / 'keepassxc.ini'}", f"--localconfig={folder / 'local.ini'}"]
        with _running(["keepassxc", *settings, "--pw-stdin", database], environment, stdin=b"password\n") as process:
            _wait_for_collection(environment, process)
            yield Service({"DBUS_SESSION_BUS_ADDRESS": environment["DBUS_SESSION_BUS_ADDRESS"]}, process)


@contextlib.contextmanager
def kwallet(folder: Path) -> Iterator[Service]:
    """A session with a KWallet that is open."""
    with _session(folder) as environment:
        wallets = folder / "data" / "kwalletd"
        wallets.mkdir(parents=True)
        (wallets / "kdewallet.salt").write_bytes(bytes(_KWALLET_KEY))
        config = folder / "config"
        config.mkdir()
        (config / "kwalletrc").write_text(_KWALLET_SETTINGS)
        # The first start makes the wallet. The Secret Service has the wallets that it finds when it starts.
        with _kwalletd(environment):
            _wait_until(lambda: _wallet_is_open(environment))
        with _kwalletd(environment) as process:
            _wait_until(lambda: _wallet_is_open(environment))
            _unlock(environment)
            yield Service({"DBUS_SESSION_BUS_ADDRESS": environment["DBUS_SESSION_BUS_ADDRESS"]}, process)


@contextlib.contextmanager
def _kwalletd(environment: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """KWallet as KDE's sign-in starts it: with the key of the wallet, and the session's variables over a socket."""
    at = f"{environment['XDG_RUNTIME_DIR']}/kwallet-{time.monotonic_ns()}"
    reader, writer = os.pipe()
    with socket.socket(socket.AF_UNIX) as listener, open(reader, "rb"):  # noqa: PTH123 - it is a descriptor
        os.write(writer, b"k" * _KWALLET_KEY)
        os.close(writer)
        listener.bind(at)
        listener.listen()
        descriptors = (reader, listener.fileno())
        command = ["kwalletd5", "--pam-login", *map(str, descriptors)]
        with _running(command, {**environment, "PAM_KWALLET5_LOGIN": at}, descriptors) as process:
            with socket.socket(socket.AF_UNIX) as login:
                login.connect(at)
                login.sendall("".join(f"{name}={value}\n" for name, value in environment.items()).encode())
            yield process


def _unlock(environment: Mapping[str, str]) -> None:
    """Unlock the collection of the wallet, which asks nobody because the wallet is open."""
    import secretstorage

    with open_dbus_connection(environment["DBUS_SESSION_BUS_ADDRESS"]) as connection:
        secretstorage.get_collection_by_alias(connection, "default").unlock(timeout=10)


def _wallet_is_open(environment: Mapping[str, str]) -> bool:
    kwalletd = DBusAddress("/modules/kwalletd5", "org.kde.kwalletd5", "org.kde.KWallet")
    with open_dbus_connection(environment["DBUS_SESSION_BUS_ADDRESS"]) as connection:
        if not connection.send_and_get_reply(DBus().NameHasOwner("org.kde.kwalletd5")).body[0]:
            return False
        reply = connection.send_and_get_reply(new_method_call(kwalletd, "isOpen", "s", ("kdewallet",)))
        return reply.header.message_type is MessageType.method_return and bool(reply.body[0])


@contextlib.contextmanager
def _session(folder: Path) -> Iterator[dict[str, str]]:
    """A session without a Secret Service, whose files lie in ``folder``. Yields its environment."""
    runtime = folder / "runtime"
    runtime.mkdir(parents=True, mode=0o700)
    address = f"unix:path={runtime}/bus"
    environment = {
        **_WITHOUT_SCREEN,
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder / "config"),
        "XDG_DATA_HOME": str(folder / "data"),
        "XDG_RUNTIME_DIR": str(runtime),
        "TMPDIR": str(runtime),  # KeePassXC runs once for each user and folder of temporary files
        "DBUS_SESSION_BUS_ADDRESS": address,
    }
    with bus_at(address, environment):
        yield environment


@contextlib.contextmanager
def _running(
    command: list[str], environment: Mapping[str, str], descriptors: tuple[int, ...] = (), stdin: bytes = b""
) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is given ``stdin`` and that is killed at the end."""
    with subprocess.Popen(
        command,
        env=environment,
        pass_fds=descriptors,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            assert process.stdin is not None
            process.stdin.write(stdin)
            process.stdin.close()
            yield process
        finally:
            process.kill()  # at SIGTERM, KeePassXC may ask a question that nobody sees


def _wait_for_collection(environment: Mapping[str, str], process: subprocess.Popen[bytes]) -> None:
    """Wait until the Secret Service has an unlocked default collection."""
    import secretstorage

    def is_ready() -> bool:
        assert process.poll() is None, "the Secret Service has ended"
        with open_dbus_connection(environment["DBUS_SESSION_BUS_ADDRESS"]) as connection:
            if not connection.send_and_get_reply(DBus().NameHasOwner(_NAME)).body[0]:
                return False
            with contextlib.suppress(secretstorage.SecretStorageException):
                return not secretstorage.get_collection_by_alias(connection, "default").is_locked()
            return False

    _wait_until(is_ready)


def _wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "the Secret Service did not start"
        time.sleep(0.02)
