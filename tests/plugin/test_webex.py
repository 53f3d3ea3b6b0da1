"""What the fixture has, used by tests of this project as by those of anybody."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from tests.support.program import Program
from tests.support.signing_in import sign_in
from tests.support.stored import files_below
from webex_token_cli import TokenAuth, access_token
from webex_token_cli.config.settings import DEFAULT_REDIRECT_URI
from webex_token_cli.errors import ConfigurationError
from webex_token_cli.sandbox import Answer, Rules, Sandbox
from webex_token_cli.testing import Webex, arrange
from webex_token_cli.testing.report import transcript

TWO_PEOPLE = pytest.mark.webex(people=["Ada Lovelace <ada@example.com>", "Grace Hopper <grace@example.com>"])


def without_values(document: object) -> object:
    """What a JSON document is made of, without what differs between two sandboxes."""
    if isinstance(document, dict):
        return {key: without_values(value) for key, value in document.items()}
    return type(document)


def test_a_sign_in_is_stored_as_login_stores_it(webex: Webex, program: Program) -> None:
    webex.sign_in("work")
    sign_in(program, "work")
    ours, theirs = files_below(webex.home), files_below(Path(program.variables["WEBEX_TOKEN_HOME"]))
    assert ours.keys() == theirs.keys()
    record = "credentials/webex-token+work.json"
    assert without_values(json.loads(ours[record])) == without_values(json.loads(theirs[record]))
    config, expected = (text["config.ini"] for text in (ours, theirs))
    assert [line.partition(" = ")[0] for line in config.splitlines()] == [
        line.partition(" = ")[0] for line in expected.splitlines()
    ]


@TWO_PEOPLE
def test_a_sign_in_tells_its_facts_and_sends_nothing(webex: Webex) -> None:
    signed_in = webex.sign_in("home", scopes=["spark:all", "spark:kms"], expires_in="10m", person="grace@example.com")
    told = dataclasses.asdict(signed_in)
    left = told.pop("access_token_expires_at") - webex.now(), told.pop("refresh_token_expires_at") - webex.now()
    assert left == pytest.approx((600, 90 * 86_400), abs=5)
    assert told == {
        "profile": "home",
        "display_name": "Grace Hopper",
        "email": "grace@example.com",
        "person_id": webex.people[1]["id"],
        "scopes": ("spark:all", "spark:kms"),
    }
    assert webex.requests == []
    assert access_token("home") == webex.grants[0].access_token


def test_tests_side_by_side_have_redirects_to_ports_of_their_own(webex: Webex, tmp_path: Path) -> None:
    with Webex(tmp_path) as beside, Sandbox(Rules()) as not_beside:
        assert not_beside.redirect_uri == DEFAULT_REDIRECT_URI
        assert len({DEFAULT_REDIRECT_URI, webex.redirect_uri, beside.redirect_uri}) == 3


@pytest.mark.parametrize("uri", [DEFAULT_REDIRECT_URI, "http://localhost:9/oauth"])
def test_a_redirect_uri_that_is_named_stays_under_other_rules_also_the_usual_one(tmp_path: Path, uri: str) -> None:
    rules, _ = arrange([((), {"redirect_uris": uri})])
    with Webex(tmp_path, rules) as webex:
        assert webex.redirect_uri == uri
        webex.rules = Rules(rotate=True)
        assert (webex.redirect_uri, webex.rules.rotate) == (uri, True)


def test_no_client_asks_a_proxy_for_the_sandbox(webex: Webex, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert requests.get(f"{webex.api_url}/people/me", timeout=10).status_code == 401


@TWO_PEOPLE
def test_a_token_is_one_of_the_person_that_is_named(webex: Webex) -> None:
    for person in webex.people:
        token = webex.token(person=person["emails"][0])
        assert webex.person_of(token) == person


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            {"person": "alan@example.com"},
            "Nobody in the sandbox has the address 'alan@example.com'. The addresses are ",
        ),
        ({"expires_in": "soon"}, "'soon' is not a duration"),
    ],
)
def test_a_sign_in_that_cannot_be_is_refused_in_words(webex: Webex, wrong: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        webex.sign_in(**wrong)
    with pytest.raises(ConfigurationError):
        webex.sign_in(".hidden")
    assert files_below(webex.home) == {}


def test_time_passes_for_all_profiles_and_a_damaged_one_is_left_alone(webex: Webex) -> None:
    for profile in ("damaged", "one", "two"):
        webex.sign_in(profile)
    damaged = webex.home / "credentials" / "webex-token+damaged.json"
    damaged.write_text("{}")
    with (webex.home / "config.ini").open("a") as config:
        config.write("[without-a-record]\nstore = file\n")
    webex.advance("15d")
    assert [access_token(name) for name in ("one", "two")] == [grant.access_token for grant in webex.grants[1:]]
    assert webex.outcomes() == ["renewed", "renewed"]
    assert damaged.read_text() == "{}"
    assert not (webex.home / "credentials" / "webex-token+without-a-record.json").exists()


def test_a_token_auth_from_before_is_answered_after_time_has_passed(webex: Webex) -> None:
    webex.sign_in()
    with requests.Session() as session:
        session.auth = TokenAuth()
        for _ in range(2):
            assert session.get(f"{webex.api_url}/people/me", timeout=10).status_code == 200
            webex.advance("15d")
    assert webex.outcomes("/v1/people/me") == ["", "invalid_token", ""]


@pytest.mark.webex(rotate=True)
def test_the_transcript_of_everything_has_no_secret_in_it(webex: Webex) -> None:
    webex.sign_in()
    webex.advance("15d")
    access_token()
    requests.get(f"{webex.api_url}/people/me", auth=TokenAuth(), timeout=10)
    requests.get(f"{webex.api_url}/people/me", headers={"Authorization": "Bearer of-another-person"}, timeout=10)
    subprocess.run([sys.executable, "-m", "webex_token_cli", "login"], check=True, capture_output=True)
    webex.order(Answer("/v1/access_token", 502, {"Via": "1.1 proxy"}, "<html>" + 1000 * "."), required=False)
    webex.order(Answer("/v1/access_token", 200, {}, 999 * "."), required=False)
    for _ in range(2):
        requests.post(f"{webex.api_url}/access_token", data={"client_secret": "typed-wrong"}, timeout=10)
    told = transcript(webex)
    assert [secret for secret in webex.issued if secret in told] == []
    assert "typed-wrong" not in told
    assert "of-another-person" not in told
    for part in (
        "> Authorization: Bearer <access token 2>",
        "code=<authorization code 1>",
        "< (a page of 1006 characters)",
        "… (999 characters)",
    ):
        assert part in told


def test_a_fault_is_missed_until_it_comes_unless_it_is_optional(webex: Webex) -> None:
    fault = webex.fault("people=503")
    webex.fault("people=429", required=False)
    webex.order(Answer("/nowhere", 404), required=False)
    assert webex.missed_faults == [fault]
    requests.get(f"{webex.api_url}/people/me", timeout=10)
    assert webex.missed_faults == []


def test_the_closest_marker_counts_and_rules_are_read_as_people_write_them() -> None:
    near = {"access_ttl": "10m", "scopes": "spark:kms spark:all", "redirect_uris": ["http://localhost:9/"]}
    rules, people = arrange([((), near), ((), {"access_ttl": 5, "preset": "device", "people": ["A <a@example.com>"]})])
    assert rules == Rules(
        access_ttl=600,
        refresh_ttl=7_697_038,
        renew_after=0,
        devices_get_jwts=True,
        scopes=frozenset({"spark:kms", "spark:all"}),
        redirect_uris=("http://localhost:9/",),
    )
    assert [person["displayName"] for person in people] == ["A"]
    grace = {"id": "2", "displayName": "Grace"}
    assert arrange([((), {"people": [grace]})])[1] == [grace]
    assert arrange([((), {"people": "A <a@example.com>"})])[1] == people


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rotat": True}, "has no argument 'rotat'. The names are preset, people, access_ttl, "),
        ({"preset": "guest"}, "has no preset 'guest'. The presets are integration, contact-center, "),
        ({"people": ["Ada"]}, "has 'Ada' among its people, which is not like "),
        ({"people": [5]}, "has 5 among its people, which is not like "),
        ({"people": 5}, "has people=5, which is no sequence of people."),
        ({"access_ttl": "soon"}, "has no usable access_ttl: 'soon' is not a duration such as 30s, 10m, 2h or 13d."),
        ({"access_ttl": True}, "has no usable access_ttl: True is not a duration such as 30s, 10m, 2h or 13d."),
        ({"redirect_uris": 5}, "has redirect_uris=5, which is neither a text nor a sequence of texts."),
        ({"scopes": [5]}, "has scopes=[5], which is neither a text nor a sequence of texts."),
        ({"rotate": "yes"}, "has rotate='yes', which is neither True nor False"),
    ],
)
def test_a_marker_that_says_something_wrong_is_refused_in_words(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match="The marker webex") as caught:
        arrange([((), arguments)])
    assert message in str(caught.value)
    assert not str(caught.value).endswith("..")


def test_a_marker_without_names_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match="arguments by name only, not 'device'"):
        arrange([(("device",), {})])
