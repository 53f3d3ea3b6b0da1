"""The command line that hands arguments to a batch file, read as cmd.exe and then a program of its own read it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webex_token_cli.errors import CommandNotRunnable
from webex_token_cli.system.processes import batch_command_line, is_batch_file

START, END = 'cmd.exe /e:on /v:off /d /s /c "', '"'

arguments = st.lists(
    st.text(st.characters(codec="utf-8", exclude_characters="%\r\n\0")) | st.text('\\"& ^|<>()!,;=a'),
    max_size=5,
)


def after_cmd(line: str) -> str:
    """What cmd.exe runs: the text between the outer quotes. Nothing in it that cmd.exe obeys is outside of quotes."""
    assert line.startswith(START)
    assert line.endswith(END)
    inner = line.removeprefix(START)[: -len(END)]
    quoted = False
    for character in inner:
        quoted ^= character == '"'
        assert quoted or character in '" '
    assert not quoted
    return inner


def as_program_reads(line: str) -> list[str]:
    """The arguments that Microsoft's C runtime makes of ``line``, by its documentation, "Parsing C command-line
    arguments": 2n backslashes before a quote are n, and a quote after a quote within quotes is one."""
    found: list[str] = []
    position = 0
    while position < len(line):
        if line[position] == " ":
            position += 1
            continue
        argument, quoted = "", False
        while position < len(line) and (quoted or line[position] != " "):
            slashes = len(line[position:]) - len(line[position:].lstrip("\\"))
            position += slashes
            before_quote = line[position : position + 1] == '"'
            argument += "\\" * (slashes // 2 if before_quote else slashes)
            if before_quote and slashes % 2:
                argument += '"'
                position += 1
            elif before_quote and quoted and line[position + 1 : position + 2] == '"':
                argument += '"'
                position += 2
            elif before_quote:
                quoted = not quoted
                position += 1
            elif not slashes:
                argument += line[position]
                position += 1
        found.append(argument)
    return found


@given(arguments)
def test_every_argument_arrives_as_it_was_given(given_arguments: list[str]) -> None:
    line = batch_command_line(r"C:\my tools\run.cmd", given_arguments)
    assert as_program_reads(after_cmd(line)) == [r"C:\my tools\run.cmd", *given_arguments]


@given(arguments, st.sampled_from("%\r\n\0"), st.integers(0, 5))
def test_what_no_quotes_protect_is_refused(others: list[str], character: str, place: int) -> None:
    with pytest.raises(CommandNotRunnable):
        batch_command_line("run.cmd", [*others[:place], f"a{character}b", *others[place:]])


def test_the_refusal_says_what_cannot_be_passed() -> None:
    with pytest.raises(CommandNotRunnable) as refused:
        batch_command_line(r"C:\run.cmd", ["100%"])
    assert refused.value.message == (r"C:\run.cmd is a batch file, and cmd.exe cannot be given a percent sign safely.")
    with pytest.raises(CommandNotRunnable, match="cannot be given a line break safely"):
        batch_command_line("run.cmd", ["a\nb"])


@pytest.mark.parametrize(
    ("path", "is_batch"),
    [
        (r"C:\tools\run.cmd", True),
        (r"C:\tools\RUN.BAT", True),
        # Windows opens the same file without what follows the extension.
        (r"C:\tools\run.bat. .", True),
        (r"C:\tools\run.cmd ", True),
        (r"C:\tools\run.exe", False),
        (r"C:\tools.cmd\run", False),
        (r"C:\tools\cmd", False),
    ],
)
def test_a_batch_file_is_known_by_its_name(path: str, is_batch: bool) -> None:
    assert is_batch_file(path) is is_batch
