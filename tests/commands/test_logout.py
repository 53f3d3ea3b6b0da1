"""logout: what is removed, and what stays."""

from pathlib import Path

from tests.support.program import Finished, Program
from tests.support.signing_in import sign_in
from tests.support.stored import record_file


def test_logout_forgets_everything(signed_in: Program) -> None:
    home = Path(signed_in.variables["WEBEX_TOKEN_HOME"])
    done = signed_in.run("logout")
    assert done == Finished(0, "default: removed.\n", "")
    left = {str(p.relative_to(home)) for p in home.rglob("*") if p.is_file() and not p.name.endswith(".lock")}
    assert left == {"config.ini"}
    assert (home / "config.ini").read_text() == ""
    assert signed_in.run("show").status == 3
    assert signed_in.run("logout").status == 3


def test_logout_leaves_other_profiles_and_comments_alone(signed_in: Program) -> None:
    sign_in(signed_in, "other")
    config = Path(signed_in.variables["WEBEX_TOKEN_HOME"], "config.ini")
    config.write_text(f"# mine\n{config.read_text()}")
    assert signed_in.run("logout").status == 0
    assert config.read_text().startswith("# mine\n[other]\n")
    assert signed_in.run("get", "-p", "other").status == 0
    assert signed_in.run("logout", "--all").status == 0
    assert config.read_text() == "# mine\n"


def test_an_entry_that_others_may_read_can_still_be_removed(signed_in: Program) -> None:
    record_file(signed_in).chmod(0o644)
    assert signed_in.run("get").status == 5
    assert (signed_in.run("logout").status, record_file(signed_in).exists()) == (0, False)


def test_logout_of_all_goes_on_after_one_that_fails(signed_in: Program) -> None:
    for name in ("broken", "last"):
        sign_in(signed_in, name)
    record_file(signed_in, "broken").unlink()
    record_file(signed_in, "broken").mkdir()
    done = signed_in.run("logout", "--all")
    assert done.status == 5
    assert [record_file(signed_in, name).exists() for name in ("default", "broken", "last")] == [False, True, False]
