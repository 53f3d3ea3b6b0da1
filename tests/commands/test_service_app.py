"""A Service App signs in with the help of a person's profile, and heals in the same way."""

import contextlib
import json
import re

import pytest

from tests.support.in_process import run_in_process
from tests.support.program import Program
from tests.support.signing_in import sign_in
from tests.support.stored import DAY, TIME, age, config_file, record_file
from webex_token_cli.sandbox import Answer, Sandbox, ServiceApp

HELPER = "spark:all spark:applications_token"


@pytest.fixture
def app(sandbox: Sandbox) -> ServiceApp:
    """A Service App that an admin has authorized."""
    app = sandbox.service_apps.register()
    app.authorized = True
    return app


@pytest.fixture
def helped(program: Program, app: ServiceApp) -> Program:
    """A program whose profile ``work`` may get the tokens of Service Apps; its variables name the app's client."""
    sign_in(program, "work", HELPER)
    return program.having(WEBEX_CLIENT_ID=app.client_id, WEBEX_CLIENT_SECRET=app.client_secret)


def login_arguments(sandbox: Sandbox, app: ServiceApp, **changed: str) -> list[str]:
    values = {"app": app.application_id, "org": sandbox.person["orgId"], "with": "work", **changed}
    options = [word for name, value in values.items() for word in (f"--{name}", value)]
    return ["login", "-p", "app", "--flow", "service-app", *options]


@pytest.fixture
def with_app(helped: Program, sandbox: Sandbox, app: ServiceApp) -> Program:
    """A program whose profile ``app`` is a Service App's; its variables name no client any more."""
    assert run_in_process(helped, *login_arguments(sandbox, app)).status == 0
    return helped.having(WEBEX_CLIENT_ID=None, WEBEX_CLIENT_SECRET=None)


def test_a_service_app_signs_in_without_a_browser_and_remembers_how(
    helped: Program, sandbox: Sandbox, app: ServiceApp
) -> None:
    helper_token = sandbox.grants[0].access_token
    done = helped.having(BROWSER="false").run(*login_arguments(sandbox, app))
    assert (done.status, done.err) == (0, "")
    assert re.sub(TIME, "TIME", done.out).startswith(
        "Signed in as Ada Lovelace <ada@example.com> (profile app).\n"
        "If its refresh token expires or is revoked, it gets new tokens with profile work.\n"
        "The access token expires TIME (in 14 days).\n"
    )
    asked = next(request for request in sandbox.requests if request.path.startswith("/v1/applications/"))
    assert (asked.method, asked.path) == ("POST", f"/v1/applications/{app.application_id.replace('=', '%3D')}/token")
    assert asked.headers["Authorization"] == f"Bearer {helper_token}"
    assert json.loads(asked.body) == {
        "clientId": app.client_id,
        "clientSecret": app.client_secret,
        "targetOrgId": sandbox.person["orgId"],
    }
    section = config_file(helped).read_text().partition("[app]\n")[2].splitlines()
    assert [line for line in section if line.startswith(("application_id", "org_id", "with_profile", "scopes"))] == [
        f"application_id = {app.application_id}",
        f"org_id = {sandbox.person['orgId']}",
        "with_profile = work",
    ]
    assert run_in_process(helped, "get", "-p", "app").out.strip() == sandbox.grants[1].access_token


def test_the_helping_profile_is_refreshed_first_if_its_token_has_expired_or_is_refused(
    helped: Program, sandbox: Sandbox, app: ServiceApp
) -> None:
    sandbox.advance(20 * DAY)
    age(helped, 20 * DAY, "work")
    assert run_in_process(helped, *login_arguments(sandbox, app)).status == 0
    assert sandbox.outcomes() == ["signed in", "renewed"]
    sandbox.advance(20 * DAY)  # the profile does not know
    assert run_in_process(helped, *login_arguments(sandbox, app)).status == 0
    assert sandbox.outcomes() == ["signed in", "renewed", "renewed"]


PATH = "/v1/applications/{}/token"


def order(sandbox: Sandbox, app: ServiceApp, status: int, body: str) -> None:
    sandbox.order(Answer(PATH.format(app.application_id.replace("=", "%3D")), status, {}, body))


@pytest.mark.parametrize(
    ("status", "body", "exit_status", "message", "hint"),
    [
        (403, '{"message": "no"}', 2, "Webex gives no tokens for this Service App (HTTP 403, “no”", "Full Admin"),
        (404, '{"message": "no"}', 2, "Webex knows no application with this id (HTTP 404", "Compare --app"),
        (400, '{"message": "Invalid client secret"}', 3, "Webex does not accept the client id and client", "Compare"),
        (400, '{"message": "refresh token"}', 1, "Webex refused the request (HTTP 400", "tracking ID"),
        (503, "{}", 4, "Webex cannot answer now (HTTP 503", "Try again later"),
        (403, "<html>", 4, "The answer (HTTP 403) did not come from Webex", "sign-in of its own"),
        (200, "{}", 4, "The answer (HTTP 200) did not come from Webex", "sign-in of its own"),
    ],
)
def test_a_refused_service_app_is_told_what_to_do(
    helped: Program,
    sandbox: Sandbox,
    app: ServiceApp,
    status: int,
    body: str,
    exit_status: int,
    message: str,
    hint: str,
) -> None:
    order(sandbox, app, status, body)
    done = run_in_process(helped, *login_arguments(sandbox, app))
    assert (done.status, done.out) == (exit_status, "")
    assert f"Error: {message}" in done.err
    assert hint in done.err
    assert not record_file(helped, "app").exists()


def test_an_admin_who_has_not_authorized_it_is_named(helped: Program, sandbox: Sandbox, app: ServiceApp) -> None:
    app.authorized = False
    done = run_in_process(helped, *login_arguments(sandbox, app))
    assert done.status == 2
    assert done.err.endswith(
        "A Full Admin of the organization has to authorize it in Control Hub, under Apps, Service Apps; then try "
        "again. --org must name that organization.\n"
    )


def test_the_helping_profile_needs_the_scope(helped: Program, sandbox: Sandbox, app: ServiceApp) -> None:
    sign_in(helped.having(**sandbox.environment), "plain", "spark:all")
    requests = len(sandbox.journal)
    done = run_in_process(helped, *login_arguments(sandbox, app, **{"with": "plain"}))
    assert done.status == 2
    assert done.err.startswith("Error: The sign-in of profile plain lacks the scope spark:applications_token")
    assert '`webex-token login --profile plain --scope "spark:all spark:applications_token"`' in done.err
    assert len(sandbox.journal) == requests


def test_a_helping_profile_that_needs_a_sign_in_is_named(helped: Program, sandbox: Sandbox, app: ServiceApp) -> None:
    done = run_in_process(helped, *login_arguments(sandbox, app, **{"with": "nobody"}))
    assert (done.status, done.out) == (3, "")
    assert done.err.splitlines() == [
        "Error: Profile nobody, with which the Service App gets its tokens, needs a sign-in: Nobody is signed in as "
        "profile nobody.",
        "Sign in with `webex-token login --profile nobody`.",
    ]


def test_neither_itself_nor_another_service_app_nor_another_webex_can_help(
    with_app: Program, sandbox: Sandbox, app: ServiceApp
) -> None:
    program = with_app.having(WEBEX_CLIENT_ID=app.client_id, WEBEX_CLIENT_SECRET=app.client_secret)
    done = run_in_process(program, *login_arguments(sandbox, app, **{"with": "app"}))
    assert (done.status, "only a person's can get tokens" in done.err) == (2, True)
    other = login_arguments(sandbox, app, **{"with": "app"})
    other[2] = "other"
    done = run_in_process(program, *other)
    assert (done.status, "only a person's can get tokens" in done.err) == (2, True)
    requests = len(sandbox.journal)
    config = config_file(program)
    config.write_text(
        config.read_text().replace(f"api_url = {sandbox.api_url}", "api_url = https://webexapis.com/v1", 1)
    )
    program = program.having(WEBEX_TOKEN_API_URL=None)
    done = run_in_process(program, *login_arguments(sandbox, app), "--api-url", sandbox.api_url)
    assert (done.status, "is signed in at https://webexapis.com/v1" in done.err) == (2, True)
    assert len(sandbox.journal) == requests


COMPLETE = ["--flow", "service-app", "--app", "a", "--org", "o", "--with", "work"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--flow", "service-app"], "A Service App needs --app and --org and --with as well."),
        (["--flow", "service-app", "--app", "a", "--with", "work"], "A Service App needs --org as well."),
        (
            [*COMPLETE, "--redirect-uri", "nonsense\nfoo bar"],
            "The redirect URI 'nonsense foo bar' is not a URI",
        ),
        (
            [*COMPLETE, "--listen", "x", "--timeout", "1s", "--add-scope", "kms", "--prompt", "none"],
            "--flow service-app has no use for --listen and --timeout and --prompt and --add-scope.\n"
            "Leave it out, or use --flow browser.\n",
        ),
        (["--flow", "device", "--app", "a"], "--app, --org and --with are for a Service App"),
        (["--org", "a"], "--app, --org and --with are for a Service App"),
        (["--flow", "service-app", "--app", "a b", "--org", "o", "--with", "work"], "'a b' is not an id."),
        (["--flow", "service-app", "--app", "a", "--org", "o", "--with", "../x"], "'../x' cannot name a profile."),
    ],
)
def test_wrong_options_are_refused(helped: Program, sandbox: Sandbox, arguments: list[str], message: str) -> None:
    requests = len(sandbox.journal)
    done = run_in_process(helped, "login", "-p", "app", *arguments)
    assert (done.status, done.out) == (2, "")
    assert message in done.err
    assert len(sandbox.journal) == requests


# Healing.


def work_signs_in_again(program: Program, sandbox: Sandbox) -> None:
    done = run_in_process(program.having(**sandbox.environment), "login", "-p", "work", "--scope", HELPER)
    assert done.status == 0


def revoked_and_authorized_again(sandbox: Sandbox, app: ServiceApp) -> None:
    sandbox.revoke_service_app(app)
    app.authorized = True


def test_refresh_gets_a_new_pair_when_the_refresh_token_is_revoked_and_says_so(
    with_app: Program, sandbox: Sandbox, app: ServiceApp
) -> None:
    revoked_and_authorized_again(sandbox, app)
    done = run_in_process(with_app, "refresh", "-p", "app")
    assert (done.status, done.err) == (0, "")
    assert re.sub(TIME, "TIME", done.out) == (
        "app: new pair; Webex no longer accepted the refresh token and gave the Service App new tokens; the new access "
        "token expires TIME (in 14 days).\n"
    )
    assert run_in_process(with_app, "get", "-p", "app").out.strip() == sandbox.grants[-1].access_token
    assert run_in_process(with_app, "show", "--check", "-p", "app").status == 0
    revoked_and_authorized_again(sandbox, app)
    done = run_in_process(with_app, "refresh", "-p", "app", "--json")
    assert json.loads(done.out)["profiles"]["app"]["result"] == "new pair"


def test_get_gets_a_new_pair_after_the_refresh_token_has_lapsed(
    with_app: Program, sandbox: Sandbox, app: ServiceApp
) -> None:
    sandbox.advance(100 * DAY)
    age(with_app, 100 * DAY, "app")
    work_signs_in_again(with_app, sandbox)  # its refresh token has lapsed as well
    done = run_in_process(with_app, "get", "-p", "app")
    assert (done.status, done.err) == (0, "")
    assert done.out.strip() == sandbox.grants[-1].access_token
    assert sandbox.grants[-1].client_id == app.client_id


def test_show_says_that_lapsed_tokens_need_no_sign_in(with_app: Program) -> None:
    age(with_app, 100 * DAY, "app")
    done = run_in_process(with_app, "show", "-p", "app")
    assert (done.status, done.err) == (
        0,
        "Both tokens of profile app have expired. `webex-token refresh --profile app` gets the Service App new ones "
        "with profile work.\n",
    )


@pytest.mark.posix
def test_watch_gets_a_new_pair_and_the_hook_gets_its_token(
    with_app: Program, sandbox: Sandbox, app: ServiceApp
) -> None:
    age(with_app, 2 * DAY, "app")
    revoked_and_authorized_again(sandbox, app)
    done = with_app.run("watch", "--once", "-p", "app", "--on-change", "cat >&2")
    assert done.status == 0
    assert "new pair: Webex no longer accepted the refresh token and gave the Service App a new pair; exp" in done.out
    assert done.err == sandbox.grants[-1].access_token


@pytest.mark.posix
def test_a_service_app_that_is_not_authorized_calls_for_attention_and_nothing_is_lost(
    with_app: Program, sandbox: Sandbox, app: ServiceApp
) -> None:
    age(with_app, 2 * DAY, "app")
    before = record_file(with_app, "app").read_text()
    sandbox.revoke_service_app(app)
    done = with_app.run("watch", "--once", "-p", "app", "--on-attention", "cat >&2", "--log-format", "json")
    assert done.status == 2
    event = json.loads(done.out.splitlines()[0])
    assert (event["event"], event["attention"]) == ("failed", "Service App gets no tokens")
    assert event["error"].startswith(
        "Profile app: Webex no longer accepts its refresh token, and it got no new tokens. Webex gives no tokens for "
        "this Service App (HTTP 403"
    )
    assert "A Full Admin of the organization has to authorize it in Control Hub" in event["attention_message"]
    assert record_file(with_app, "app").read_text() == before


def test_a_helping_profile_whose_grant_has_ended_is_what_is_said(
    with_app: Program, sandbox: Sandbox, app: ServiceApp
) -> None:
    revoked_and_authorized_again(sandbox, app)
    sandbox.revoke()
    done = run_in_process(with_app, "refresh", "-p", "app")
    assert (done.status, done.out) == (3, "")
    first, second = done.err.splitlines()
    assert first.startswith(
        "Error: Profile app: Webex no longer accepts its refresh token, and it got no new tokens. Profile work, with "
        "which the Service App gets its tokens, needs a sign-in: Profile work: Webex no longer accepts the grant"
    )
    assert second == "Sign in with `webex-token login --profile work`."
    work_signs_in_again(with_app, sandbox)
    assert run_in_process(with_app, "refresh", "-p", "app").status == 0


def test_a_new_pair_is_asked_for_once_by_many_at_once(with_app: Program, sandbox: Sandbox, app: ServiceApp) -> None:
    age(with_app, 20 * DAY, "app")
    revoked_and_authorized_again(sandbox, app)
    with contextlib.ExitStack() as stack:
        running = [stack.enter_context(with_app.started("get", "-p", "app")) for _ in range(6)]
        finished = [each.finish() for each in running]
    assert {(each.status, each.out.strip()) for each in finished} == {(0, sandbox.grants[-1].access_token)}
    assert len([grant for grant in sandbox.grants if grant.client_id == app.client_id]) == 2


def test_a_plain_login_signs_the_service_app_in_again(with_app: Program, sandbox: Sandbox, app: ServiceApp) -> None:
    sandbox.revoke_service_app(app)
    app.authorized = True
    done = run_in_process(with_app, "login", "-p", "app")
    assert (done.status, done.err) == (0, "")
    assert sandbox.grants[-1].client_id == app.client_id


def test_a_person_who_signs_in_replaces_the_service_app(with_app: Program, sandbox: Sandbox) -> None:
    program = with_app.having(**sandbox.environment)
    done = run_in_process(program, "login", "-p", "app", "--flow", "browser", "--replace")
    assert done.status == 0
    assert "application_id" not in config_file(with_app).read_text()


def test_an_export_carries_how_the_service_app_gets_its_tokens(
    with_app: Program, sandbox: Sandbox, app: ServiceApp
) -> None:
    exported = run_in_process(with_app, "export", "-p", "app").out
    before = config_file(with_app).read_text().partition("[app]")[2]
    assert run_in_process(with_app, "logout", "-p", "app").status == 0
    assert run_in_process(with_app, "import", "-p", "app", stdin=exported).status == 0
    assert config_file(with_app).read_text().partition("[app]")[2] == before
    revoked_and_authorized_again(sandbox, app)
    assert "new pair" in run_in_process(with_app, "refresh", "-p", "app").out
    document = json.loads(exported)
    document["settings"]["with_profile"] = "../work"
    done = run_in_process(with_app, "import", "-p", "app", stdin=json.dumps(document))
    assert (done.status, "its setting with_profile is wrong" in done.err) == (2, True)


def test_a_section_that_lacks_a_part_is_reported(with_app: Program) -> None:
    config = config_file(with_app)
    config.write_text(re.sub(r"org_id = .*\n", "", config.read_text()))
    done = run_in_process(with_app, "refresh", "-p", "app")
    assert (done.status, done.out) == (2, "")
    assert "The Service App of profile app is incomplete: config.ini lacks org_id." in done.err


def test_no_secret_of_a_service_app_is_printed(with_app: Program, sandbox: Sandbox, app: ServiceApp) -> None:
    printed = []
    for status in (400, 403, 404, 401, 503):
        body = json.dumps({"message": f"{app.client_secret} {sandbox.grants[0].access_token}"})
        order(sandbox, app, status, body)
        revoked_and_authorized_again(sandbox, app)
        done = run_in_process(with_app, "--debug", "refresh", "-p", "app")
        printed.append(done.out + done.err)
    printed.append(run_in_process(with_app, "--debug", "login", "-p", "app").err)
    secrets = sandbox.issued
    assert [secret for secret in secrets for text in printed if secret in text] == []
