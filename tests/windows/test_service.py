"""``service`` with a real ``schtasks``, and the supervisor that the task starts.

Wine's ``schtasks`` creates and deletes tasks, but neither shows nor runs them, and it takes elements that the schema
does not have. On Windows itself these tests have not run.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from webex_token_cli.service.definition import ServiceDefinition
from webex_token_cli.service.manager import CommandResult, ServiceStatus, run_command
from webex_token_cli.service.task_scheduler import ScheduledTask, current_user, windowless
from webex_token_cli.system.files import write_whole

SYSTEM = Path(os.environ["SYSTEMROOT"]) / "System32"
SUPERVISOR = (str(windowless(Path(sys.executable))), "-m", "webex_token_cli.cli.supervised")

# Writes a line a tenth of a second, until it is ended.
TICKING = "import sys, time\nwhile True: open(sys.argv[1], 'a').write('x'); time.sleep(0.1)"


def run_as_test(command: Sequence[str]) -> CommandResult:
    """Run a command of schtasks about a task of another name."""
    return run_command([f"{word}-test" if word.startswith("webex-token-") else word for word in command])


@pytest.fixture
def task(tmp_path: Path) -> Iterator[ScheduledTask]:
    """A task of this user under another name than that of the service, which is deleted afterwards."""
    user = current_user(run_command, SYSTEM, rf"{os.environ.get('USERDOMAIN', '.')}\{os.environ['USERNAME']}")
    task = ScheduledTask(
        path=tmp_path / "task.xml",
        run=lambda command: run_command(
            [f"{word}-test" if word.startswith("webex-token-") else word for word in command]
        ),
        user=user,
        log_file=tmp_path / "a log" / "webex-token.log",
        interpreter=windowless(Path(sys.executable)),
        system=SYSTEM,
    )
    yield task
    task.run([str(SYSTEM / "schtasks.exe"), "/Delete", "/TN", task.name, "/F"])


def test_schtasks_takes_the_xml_replaces_the_task_and_deletes_it(task: ScheduledTask) -> None:
    definition = ServiceDefinition((sys.executable, "-c", "print('ä & <b> %PATH%')"), {"WEBEX_TOKEN_STORE": "file"})
    write_whole(task.path, task.text(definition), mode=0o644, encoding=task.encoding)
    for _ in range(2):
        task._create()
    task.stop(ServiceStatus(known=True))
    assert task.run([str(SYSTEM / "schtasks.exe"), "/Delete", "/TN", task.name, "/F"]).status == 1


def test_the_supervisor_sets_variables_writes_the_log_and_returns_the_status(tmp_path: Path) -> None:
    log = tmp_path / "new folder" / "webex-token.log"
    code = 'import os, sys; print(os.environ["A"], sys.argv[1:], sys.stdin.read()); sys.exit(3)'
    arguments = [*SUPERVISOR, str(log), "A=x^25;y", "--", sys.executable, "-c", code, 'a "b" \\', "c"]
    assert subprocess.run(arguments, stdin=subprocess.DEVNULL, check=False).returncode == 3
    assert log.read_text() == "x%y ['a \"b\" \\\\', 'c'] \n"


def test_what_the_supervisor_started_ends_with_it(tmp_path: Path) -> None:
    ticks = tmp_path / "ticks"
    arguments = [*SUPERVISOR, str(tmp_path / "log"), "--", sys.executable, "-c", TICKING, str(ticks)]
    with subprocess.Popen(arguments, stdin=subprocess.DEVNULL) as supervisor:
        deadline = time.monotonic() + 30
        while not ticks.exists():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        supervisor.kill()
    time.sleep(0.5)  # the end of a job is not waited for
    before = ticks.stat().st_size
    time.sleep(0.5)
    assert ticks.stat().st_size == before
