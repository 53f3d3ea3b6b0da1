"""The advice on how to add a library fits the way in which the program was installed."""

from pathlib import Path

import pytest

from webex_token_cli.system.libraries import how_to_add

_RECEIPT = (
    '[tool]\nrequirements = [{ name = "webex-token-cli", path = "/wheel" }, { name = "segno" }, { name = "hvac" }]\n'
)


@pytest.mark.parametrize(
    ("file", "text", "advice"),
    [
        ("pyvenv.cfg", "", "pip install 'webex-token-cli[vault]'"),
        ("pipx_metadata.json", "{}", "pipx inject webex-token-cli hvac"),
        ("uv-receipt.toml", "", "uv tool install --with hvac webex-token-cli"),
        ("uv-receipt.toml", _RECEIPT, "uv tool install --with segno --with hvac webex-token-cli"),
    ],
)
def test_the_advice_is_a_command_of_the_installer(tmp_path: Path, file: str, text: str, advice: str) -> None:
    (tmp_path / file).write_text(text, encoding="utf-8")
    assert how_to_add("hvac", "vault", tmp_path) == f"Install it with `{advice}`."


def test_a_library_without_an_extra_is_named_itself(tmp_path: Path) -> None:
    assert how_to_add("pysocks", None, tmp_path) == "Install it with `pip install pysocks`."
