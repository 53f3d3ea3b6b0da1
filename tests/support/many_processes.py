"""One host that starts many processes of the program fast: each is forked from a process that has imported all of it.

``python -m tests.support.many_processes`` reads lines of JSON: the arguments, environment variables to set, and a file
for the output. It answers each when the process has ended, with its status. The processes run side by side.
"""

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.folders import ROOT
from tests.support.program import WEBEX_TOKEN, Finished, Program


def serve() -> None:
    """Start what standard input asks for, and report each end on standard output."""
    _import_everything()
    print(json.dumps("ready"), flush=True)
    running: dict[int, int] = {}
    for line in sys.stdin:
        for number, order in enumerate(json.loads(line)):
            running[_fork(order)] = number
        statuses = [0] * len(running)
        while running:
            pid, status = os.wait()
            statuses[running.pop(pid)] = os.waitstatus_to_exitcode(status)
        print(json.dumps(statuses), flush=True)


def _import_everything() -> None:
    import filelock  # noqa: F401
    import hvac  # noqa: F401

    import webex_token_cli.commands.get
    import webex_token_cli.commands.refresh
    import webex_token_cli.commands.watch
    import webex_token_cli.store.keyring.opening
    import webex_token_cli.store.vault.session
    import webex_token_cli.store.vault.store
    import webex_token_cli.webex.client
    import webex_token_cli.webex.http  # noqa: F401


def _fork(order: dict[str, object]) -> int:
    pid = os.fork()
    if pid:
        return pid
    try:
        output = os.open(str(order["output"]), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        errors = os.open(f"{order['output']}.err", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        for descriptor, number in ((os.open(os.devnull, os.O_RDONLY), 0), (output, 1), (errors, 2)):
            os.dup2(descriptor, number)
        variables = order["variables"]
        arguments = order["arguments"]
        assert isinstance(variables, dict)
        assert isinstance(arguments, list)
        os.environ.update(variables)
        sys.argv = [str(WEBEX_TOKEN), *arguments]
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
        from webex_token_cli.main import main

        status = 99
        try:
            main(arguments)
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else 0
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    finally:
        os._exit(98)


@dataclass(frozen=True)
class Order:
    """A process to start: the arguments of the program, and environment variables besides those of its host."""

    arguments: tuple[str, ...]
    variables: dict[str, str]


class HostOfMany:
    """A host whose processes are started together."""

    def __init__(self, program: Program, process: "subprocess.Popen[str]") -> None:
        self._program = program
        self._process = process
        self._lock = threading.Lock()

    def run(self, orders: Sequence[Order]) -> list[Finished]:
        """Start the processes all at once, and return what they came to when the last has ended."""
        with self._lock:
            files = [self._program.home / f"output-{number}" for number in range(len(orders))]
            lines = [
                {"arguments": order.arguments, "variables": order.variables, "output": str(file)}
                for order, file in zip(orders, files, strict=True)
            ]
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            self._process.stdin.write(json.dumps(lines) + "\n")
            self._process.stdin.flush()
            statuses = json.loads(self._process.stdout.readline())
        return [
            Finished(status, _text(file), _text(file.with_name(f"{file.name}.err")))
            for status, file in zip(statuses, files, strict=True)
        ]


@contextlib.contextmanager
def host_of_many(program: Program) -> Iterator[HostOfMany]:
    """A host with the home and the environment of ``program``."""
    program.home.mkdir(parents=True, exist_ok=True)
    environment = program.environment
    environment["PYTHONPATH"] = os.pathsep.join((str(ROOT), environment["PYTHONPATH"]))
    with subprocess.Popen(
        [*program.through, sys.executable, "-m", "tests.support.many_processes"],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert json.loads(process.stdout.readline()) == "ready"
        yield HostOfMany(program, process)
        process.stdin.close()


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8")


if __name__ == "__main__":
    serve()
