"""Hosts with a network of their own: network namespaces of Linux, each with two cables to this machine."""

import contextlib
import itertools
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.support.folders import ROOT
from tests.support.requirements import ON_CI, require

_NUMBERS = itertools.count(os.getpid() % 200)


@dataclass(frozen=True)
class Cable:
    """A cable from this machine, at ``address``, to a host. ``device`` is its end here."""

    device: str
    address: str

    def cut(self) -> None:
        _ip("link", "set", self.device, "down")

    def mend(self) -> None:
        _ip("link", "set", self.device, "up")


@dataclass(frozen=True)
class Namespace:
    """A network that reaches only what is at the ends of its cables. ``through`` starts a program in it."""

    name: str
    cables: tuple[Cable, Cable]

    @property
    def through(self) -> tuple[str, ...]:
        return ("ip", "netns", "exec", self.name)

    @contextlib.contextmanager
    def forwarding(self, port: int, address: str) -> Iterator[None]:
        """Have 127.0.0.1:``port`` in the namespace lead to the same port at ``address``.

        The program sends tokens without TLS on loopback only.
        """
        command = [*self.through, sys.executable, "-m", "tests.support.namespaces", str(port), address]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            try:
                assert process.stdout.readline() == b"ready\n"
                yield
            finally:
                process.kill()


@contextlib.contextmanager
def namespace() -> Iterator[Namespace]:
    """A namespace with two cables. The test is skipped where there can be none; on CI it fails."""
    require("ip")
    number = next(_NUMBERS)
    name = f"webex-token-{os.getpid()}-{number}"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True, check=False)
    if made.returncode:
        said = f"no network namespace can be made here: {made.stderr.strip()}"
        if ON_CI:
            pytest.fail(said)
        pytest.skip(said)
    try:
        _ip("-n", name, "link", "set", "lo", "up")
        yield Namespace(name, (_cable(name, number, 1), _cable(name, number, 2)))
    finally:
        _ip("netns", "del", name)


def _cable(name: str, number: int, index: int) -> Cable:
    here, there = f"wt{number}h{index}", f"wt{number}n{index}"
    network = f"10.{200 + index}.{number}"
    _ip("link", "add", here, "type", "veth", "peer", "name", there, "netns", name)
    _ip("addr", "add", f"{network}.1/24", "dev", here)
    _ip("-n", name, "addr", "add", f"{network}.2/24", "dev", there)
    _ip("-n", name, "link", "set", there, "up")
    _ip("link", "set", here, "up")
    return Cable(here, f"{network}.1")


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


def _forward(port: int, address: str) -> None:
    with socket.create_server(("127.0.0.1", port)) as server:
        print("ready", flush=True)
        while True:
            connection, _ = server.accept()
            threading.Thread(target=_connect, args=(connection, address, port), daemon=True).start()


def _connect(connection: socket.socket, address: str, port: int) -> None:
    with connection, contextlib.suppress(OSError), socket.create_connection((address, port), timeout=5) as there:
        there.settimeout(None)
        threading.Thread(target=_copy, args=(there, connection), daemon=True).start()
        _copy(connection, there)


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


if __name__ == "__main__":
    _forward(int(sys.argv[1]), sys.argv[2])
