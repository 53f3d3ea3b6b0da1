"""The XML of the task, by the rules of the Task Scheduler's schema, and what is asked of ``schtasks``."""

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from pathlib import Path, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webex_token_cli.errors import ConfigurationError, WebexTokenError
from webex_token_cli.service.definition import ServiceDefinition
from webex_token_cli.service.manager import CommandResult, ServiceStatus
from webex_token_cli.service.supervisor import escaped, unescaped
from webex_token_cli.service.task_scheduler import ScheduledTask, current_user, windowless

NAMESPACE = "http://schemas.microsoft.com/windows/2004/02/mit/task"
SID = "S-1-5-21-1004336348-1177238915-682003330-1001"


def no_command(_: Sequence[str]) -> CommandResult:
    raise AssertionError("The test expects no command.")


def task(run: "FakeSchtasks | None" = None, path: Path = Path("/nowhere.xml")) -> ScheduledTask:
    return ScheduledTask(
        path=path,
        run=run or no_command,
        user=SID,
        log_file=PureWindowsPath(r"C:\Users\Ada B\AppData\Local\webex-token\Logs\webex-token.log"),  # type: ignore[arg-type]
        interpreter=PureWindowsPath(r"C:\A & B\pythonw.exe"),  # type: ignore[arg-type]
        system=PureWindowsPath(r"C:\Windows\System32"),  # type: ignore[arg-type]
        sleep=lambda _: None,
    )


DEFINITION = ServiceDefinition(
    (r"C:\A & B\python.exe", "-m", "webex_token_cli", "watch", '--on-change=echo "%PATH%" $(x) > a<b'),
    {"WEBEX_TOKEN_STORE": "file", "WEBEX_TOKEN_HOME": r"D:\Ada's <folder>"},
)


def parsed(text: str) -> ET.Element:
    return ET.fromstring(text.encode("utf-16"))


def values(element: ET.Element) -> dict[str, str]:
    return {child.tag.removeprefix(f"{{{NAMESPACE}}}"): child.text or "" for child in element}


def found(root: ET.Element, path: str) -> ET.Element:
    element = root.find(path, {"": NAMESPACE})
    assert element is not None
    return element


def test_the_task_starts_at_the_logon_of_its_user_alone_and_nothing_ends_it() -> None:
    root = parsed(task().text(DEFINITION))
    assert (root.tag, root.get("version")) == (f"{{{NAMESPACE}}}Task", "1.2")
    # A sequence in the schema: the elements of every trigger first, then UserId.
    assert list(values(found(root, "Triggers/LogonTrigger")).items()) == [("Enabled", "true"), ("UserId", SID)]
    assert values(found(root, "Principals/Principal")) == {
        "UserId": SID,
        "LogonType": "InteractiveToken",
        "RunLevel": "LeastPrivilege",
    }
    settings = values(found(root, "Settings"))
    assert values(found(root, "Settings/RestartOnFailure")) == {"Interval": "PT1M", "Count": "3"}
    assert (
        settings.items()
        >= {
            "MultipleInstancesPolicy": "IgnoreNew",
            "DisallowStartIfOnBatteries": "false",
            "StopIfGoingOnBatteries": "false",
            "StartWhenAvailable": "true",
            "RunOnlyIfNetworkAvailable": "false",
            "RunOnlyIfIdle": "false",
            "Enabled": "true",
            "Hidden": "true",
            "ExecutionTimeLimit": "PT0S",
        }.items()
    )


# The elements of each complex type in the Task Scheduler's schema, version 1.2, of which none may occur twice.
SCHEMA = {
    "Task": {"RegistrationInfo", "Triggers", "Principals", "Settings", "Data", "Actions"},
    "RegistrationInfo": {
        "Author", "Date", "Description", "Documentation", "SecurityDescriptor", "Source", "URI", "Version",
    },
    "Triggers": {"LogonTrigger"},
    "LogonTrigger": {"Enabled", "StartBoundary", "EndBoundary", "Repetition", "ExecutionTimeLimit", "UserId", "Delay"},
    "Principals": {"Principal"},
    "Principal": {"UserId", "LogonType", "GroupId", "DisplayName", "RunLevel"},
    "Settings": {
        "AllowStartOnDemand", "RestartOnFailure", "MultipleInstancesPolicy", "DisallowStartIfOnBatteries",
        "StopIfGoingOnBatteries", "AllowHardTerminate", "StartWhenAvailable", "NetworkProfileName",
        "RunOnlyIfNetworkAvailable", "WakeToRun", "Enabled", "Hidden", "DeleteExpiredTaskAfter", "IdleSettings",
        "NetworkSettings", "ExecutionTimeLimit", "Priority", "RunOnlyIfIdle",
    },
    "RestartOnFailure": {"Interval", "Count"},
    "Actions": {"Exec"},
    "Exec": {"Command", "Arguments", "WorkingDirectory"},
}  # fmt: skip


def test_the_xml_has_only_what_the_schema_has() -> None:
    def examine(element: ET.Element) -> None:
        name = element.tag.removeprefix(f"{{{NAMESPACE}}}")
        children = list(values(element))
        assert len(children) == len(list(element)), name
        assert set(children) <= SCHEMA.get(name, set()), name
        for child in element:
            examine(child)

    examine(parsed(task().text(DEFINITION)))


def arguments_of(line: str) -> list[str]:
    """The words of a command line, by the rules of Microsoft's C library for a line without %NAME%."""
    words: list[str] = []
    word, quoted, at, begun = "", False, 0, False
    while at < len(line):
        backslashes = len(line) - at - len(line[at:].lstrip("\\"))
        following = line[at + backslashes : at + backslashes + 1]
        if backslashes and following == '"':
            word += "\\" * (backslashes // 2)
            at += backslashes
            if backslashes % 2:
                word, at = word + '"', at + 1
            continue
        if backslashes:
            word, at, begun = word + "\\" * backslashes, at + backslashes, True
        elif following == '"':
            quoted, at, begun = not quoted, at + 1, True
        elif following in " \t" and not quoted:
            words += [word] if begun or word else []
            word, at, begun = "", at + 1, False
        else:
            word, at, begun = word + following, at + 1, True
    return [*words, word] if begun or word else words


@given(st.lists(st.text(), max_size=4), st.text(st.characters(exclude_characters="\0"), max_size=20))
def test_each_word_and_variable_arrives_as_it_is(words: list[str], value: str) -> None:
    definition = ServiceDefinition((r"C:\x.exe", *words), {"WEBEX_TOKEN_HOME": value})
    line = found(parsed(task().text(definition)), "Actions/Exec/Arguments").text
    assert line is not None
    assert "%" not in line
    assert "$" not in line
    module, *arrived = arguments_of(line)[1:]
    assert module == "webex_token_cli.cli.supervised"
    assert [unescaped(word) for word in arrived] == [
        r"C:\Users\Ada B\AppData\Local\webex-token\Logs\webex-token.log",
        f"WEBEX_TOKEN_HOME={value}",
        "--",
        *definition.command,
    ]


def test_an_ordinary_command_is_readable() -> None:
    root = parsed(task().text(ServiceDefinition((r"C:\x\webex-token.exe", "watch"), {"WEBEX_TOKEN_STORE": "file"})))
    assert values(found(root, "Actions/Exec")) == {
        "Command": r"C:\A & B\pythonw.exe",
        "Arguments": r'-m webex_token_cli.cli.supervised "C:\Users\Ada B\AppData\Local\webex-token\Logs\webex-token'
        r'.log" WEBEX_TOKEN_STORE=file -- C:\x\webex-token.exe watch',
    }
    assert escaped("100% $(x) ^25; \x1b") == "100^25; ^24;(x) ^5e;25; ^1b;"


def test_the_log_is_shown_by_powershell_whatever_its_path() -> None:
    there = PureWindowsPath(r"C:\Ada's\webex-token.log")
    shown = ScheduledTask(Path(), no_command, SID, there, Path(), Path())  # type: ignore[arg-type]
    assert shown.log == r"Get-Content -Wait 'C:\Ada''s\webex-token.log'"


class FakeSchtasks:
    """Answers each ``schtasks`` command with the result that is set for its first argument."""

    def __init__(self, **results: CommandResult) -> None:
        self.results = results
        self.calls: list[list[str]] = []

    def __call__(self, command: Sequence[str]) -> CommandResult:
        assert command[0] == r"C:\Windows\System32\schtasks.exe"
        self.calls.append(list(command[1:]))
        return self.results.get(command[1].removeprefix("/"), CommandResult(0))


def row(last_result: str) -> str:
    return f'"PC","\\t","N/A","Ready","Interactive only","11/23/2026 2:05:12 PM","{last_result}","N/A"\n'


@pytest.mark.parametrize(
    ("last_result", "status"),
    [
        ("267009", ServiceStatus(known=True, enabled=True, running=True, since="11/23/2026 2:05:12 PM", state="Ready")),
        # A second logon of the user while the task runs.
        (
            "-2147020576",
            ServiceStatus(known=True, enabled=True, running=True, since="11/23/2026 2:05:12 PM", state="Ready"),
        ),
        ("267011", ServiceStatus(known=True, enabled=True, state="Ready")),
        ("3", ServiceStatus(known=True, enabled=True, state="Ready", ended_with=3)),
        ("0", ServiceStatus(known=True, enabled=True, state="Ready", ended_with=0)),
        ("-1073741510", ServiceStatus(known=True, enabled=True, state="Ready")),
    ],
)
def test_the_status_comes_from_the_number_of_the_last_result(last_result: str, status: ServiceStatus) -> None:
    assert task(FakeSchtasks(Query=CommandResult(0, row(last_result)))).status() == status


@pytest.mark.parametrize("out", ["", "INFO: nothing\n", row("soon")])
def test_an_answer_in_another_form_is_an_error(out: str) -> None:
    with pytest.raises(WebexTokenError) as refused:
        task(FakeSchtasks(Query=CommandResult(0, out))).status()
    assert refused.value.message == "schtasks describes the task in a form that this program does not know."


@pytest.mark.parametrize(
    "result", [CommandResult(127, err="schtasks.exe: No such file"), CommandResult(124, err="slow")]
)
def test_without_a_task_scheduler_there_is_no_service(result: CommandResult) -> None:
    with pytest.raises(ConfigurationError, match="The Task Scheduler cannot be asked: "):
        task(FakeSchtasks(Query=result)).status()


def test_a_task_that_does_not_end_is_not_replaced() -> None:
    fake = FakeSchtasks(Query=CommandResult(0, row("267009")))
    with pytest.raises(WebexTokenError) as refused:
        task(fake).start(task(fake).status(), changed=True)
    assert refused.value.message == "The Task Scheduler did not end the task."
    assert not any(call[0] == "/Create" for call in fake.calls)


def test_a_file_without_a_task_needs_no_command_to_be_stopped() -> None:
    fake = FakeSchtasks()
    task(fake).stop(ServiceStatus())
    assert fake.calls == []


def test_python_without_a_console_is_used_where_there_is_one(tmp_path: Path) -> None:
    assert windowless(tmp_path / "python.exe") == tmp_path / "python.exe"
    (tmp_path / "pythonw.exe").touch()
    assert windowless(tmp_path / "python.exe") == tmp_path / "pythonw.exe"


@pytest.mark.parametrize(
    ("result", "user"),
    [
        (CommandResult(0, f'"desktop\\ada","{SID}"\r\n'), SID),
        (CommandResult(0, "desktop\\ada\r\n"), "desktop\\ada"),
        (CommandResult(127, err="whoami.exe: No such file or directory"), "desktop\\ada"),
    ],
)
def test_the_user_is_named_by_the_sid_where_windows_tells_it(result: CommandResult, user: str) -> None:
    def run(command: Sequence[str]) -> CommandResult:
        assert command == [str(Path("/w/whoami.exe")), "/user", "/fo", "csv", "/nh"]
        return result

    assert current_user(run, Path("/w"), "desktop\\ada") == user


def test_the_name_of_a_task_has_no_folder_in_it() -> None:
    named = ScheduledTask(Path(), no_command, "desk top\\ada", Path(), Path(), Path())
    assert named.name == "webex-token-desk-top-ada"
