"""Lines for another terminal, in the language of its shell."""

import pytest

from webex_token_cli.cli.pasted_lines import assignments, service_app_commands, uses_powershell

VARIABLES = {"A": r"C:\Users\Ada O'Neil", "B": "b"}


@pytest.mark.parametrize(
    ("powershell", "lines"),
    [
        (True, [r"$env:A = 'C:\Users\Ada O''Neil'", "$env:B = 'b'"]),
        (False, ["export A='C:\\Users\\Ada O'\"'\"'Neil'", "export B=b"]),
    ],
)
def test_variables_are_set_as_the_shell_reads_them(powershell: bool, lines: list[str]) -> None:
    assert list(assignments(VARIABLES, powershell)) == lines


@pytest.mark.parametrize(("powershell", "variable"), [(True, "--app $env:WEBEX_"), (False, "--app $WEBEX_")])
def test_a_service_app_signs_in_in_either_shell(powershell: bool, variable: str) -> None:
    assert variable in service_app_commands(powershell)


@pytest.mark.parametrize(
    ("is_windows", "environment", "expected"),
    [(True, {}, True), (True, {"MSYSTEM": "MINGW64"}, False), (False, {}, False)],
)
def test_powershell_is_the_shell_of_windows_except_in_gits(
    is_windows: bool, environment: dict[str, str], expected: bool
) -> None:
    assert uses_powershell(environment, is_windows) == expected
