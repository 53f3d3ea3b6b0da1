"""Logging in to a real OpenBao: tokens, AppRoles, service accounts, certificates and namespaces."""

import base64
import contextlib
import json
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import certifi
import hvac
import pytest

from tests.support.openbao import Server, dev_server
from tests.support.program import wait_until
from tests.support.wires import serving
from webex_token_cli.errors import ConfigurationError, StoreUnavailable, StoreUnreachable
from webex_token_cli.store.vault.authentication import open_engine
from webex_token_cli.store.vault.key_value import KeyValueEngine

pytestmark = pytest.mark.long


@pytest.fixture
def policy(openbao: Server, mount: str) -> str:
    """The name of a policy that allows everything in the mount."""
    rules = f'path "{mount}/*" {{ capabilities = ["create", "update", "read", "list"] }}'
    openbao.admin.sys.create_or_update_policy(mount, rules)
    return mount


def opened(server: Server, mount: str = "secret", **variables: str) -> KeyValueEngine:
    """The engine as somebody without a token and home folder opens it."""
    path = {"VAULT_ADDR": server.address, "WEBEX_TOKEN_VAULT_PATH": f"{mount}/webex-token"}
    return open_engine({**path, **variables}, lambda _: None)


def works(engine: KeyValueEngine) -> bool:
    return engine.write("ada", {"turn": 1}, 0) == 1 and engine.names() == ["ada"]


# -- tokens ----------------------------------------------------------------------------------------------


def test_the_token_that_vault_login_wrote_is_used_and_read_again_when_it_is_refused(
    openbao: Server, mount: str, policy: str, tmp_path: Path
) -> None:
    file = tmp_path / ".vault-token"
    first, second = (openbao.admin.auth.token.create(policies=[policy])["auth"]["client_token"] for _ in range(2))
    file.write_text(first + "\n")
    engine = opened(openbao, mount, HOME=str(tmp_path))
    assert works(engine)
    openbao.admin.auth.token.revoke(first)
    with pytest.raises(StoreUnavailable, match="does not accept the Vault token") as raised:
        engine.read("ada")
    assert "`bao login`" in raised.value.hint
    file.write_text(second)
    assert engine.read("ada").number == 1


def test_a_variable_of_openbao_comes_before_one_of_vault(openbao: Server, mount: str) -> None:
    wrong = {"VAULT_ADDR": "https://vault.invalid", "VAULT_TOKEN": "wrong"}
    assert works(opened(openbao, mount, **wrong, BAO_ADDR=openbao.address, BAO_TOKEN=openbao.token))


def test_neither_hvac_nor_requests_takes_anything_from_the_users_own_environment(
    openbao: Server, mount: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".vault-token").write_text(openbao.token)
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login bearer password root\n")
    for name, value in {"HOME": str(tmp_path), **openbao.environment, "HTTP_PROXY": "http://127.0.0.1:9"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match="a way to log in"):
        opened(openbao, mount).read("ada")
    assert works(opened(openbao, mount, VAULT_TOKEN=openbao.token))


# -- AppRole ---------------------------------------------------------------------------------------------


@pytest.fixture
def role(openbao: Server, policy: str) -> Iterator[tuple[str, str]]:
    """The role id and a secret id of an AppRole at a mount point of its own, whose tokens live for a second."""
    admin = openbao.admin
    admin.sys.enable_auth_method("approle", path=policy)
    admin.auth.approle.create_or_update_approle(
        "watch", token_policies=[policy], token_ttl="1s", token_max_ttl="1s", mount_point=policy
    )
    role_id = admin.auth.approle.read_role_id("watch", mount_point=policy)["data"]["role_id"]
    secret_id = admin.auth.approle.generate_secret_id("watch", mount_point=policy)["data"]["secret_id"]
    yield role_id, secret_id
    admin.sys.disable_auth_method(policy)


def test_an_approle_logs_in_once_and_again_when_its_token_has_lapsed(
    openbao: Server, mount: str, role: tuple[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "secret-id"
    file.write_text(role[1] + "\n")
    variables = {"VAULT_ROLE_ID": role[0], "VAULT_SECRET_ID_FILE": str(file), "VAULT_APPROLE_MOUNT_POINT": mount}
    engine = opened(openbao, mount, **variables)
    assert works(engine)
    token = engine.requester.connection.client().token
    assert engine.read("ada").number == 1
    assert engine.requester.connection.client().token == token
    wait_until(lambda: not _lives(openbao, token))
    assert engine.write("ada", {"turn": 2}, 1) == 2
    assert engine.requester.connection.client().token != token


def _lives(server: Server, token: str) -> bool:
    return bool(hvac.Client(server.address, token).is_authenticated())


def test_an_approle_whose_secret_id_is_wrong_is_refused_without_showing_it(
    openbao: Server, mount: str, role: tuple[str, str], tmp_path: Path
) -> None:
    variables = {"VAULT_ROLE_ID": role[0], "VAULT_SECRET_ID": "wrong-secret-id", "VAULT_APPROLE_MOUNT_POINT": mount}
    with pytest.raises(StoreUnavailable, match="does not accept the AppRole") as raised:
        opened(openbao, mount, **variables).read("ada")
    assert raised.value.exit_status == 5
    assert "wrong-secret-id" not in raised.value.message
    assert role[0] not in raised.value.message


def test_a_secret_id_that_an_answer_repeats_is_masked() -> None:
    body = b'{"errors": ["no role has wrong-secret-id"]}'

    def repeat(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))

    with serving(repeat) as url:
        variables = {
            "VAULT_ADDR": url.removesuffix("/v1"),
            "VAULT_ROLE_ID": "no-role",
            "VAULT_SECRET_ID": "wrong-secret-id",
        }
        with pytest.raises(StoreUnavailable, match="no role has …") as raised:
            open_engine(variables, lambda _: None).read("ada")
    assert "wrong-secret-id" not in raised.value.message


def test_an_approle_at_no_mount_point_is_refused(openbao: Server, mount: str, role: tuple[str, str]) -> None:
    with pytest.raises(StoreUnavailable, match="does not accept the AppRole at auth/nowhere") as raised:
        opened(openbao, mount, VAULT_ROLE_ID=role[0], VAULT_APPROLE_MOUNT_POINT="nowhere").read("ada")
    assert "VAULT_APPROLE_MOUNT_POINT" in raised.value.hint


def test_a_server_that_is_sealed_at_the_login_is_unreachable_for_now(tmp_path: Path) -> None:
    with dev_server(tmp_path / "openbao") as server:
        server.admin.sys.seal()
        with pytest.raises(StoreUnreachable, match="is sealed"):
            opened(server, VAULT_ROLE_ID="role", VAULT_SECRET_ID="secret").write("ada", {}, 0)


# -- Kubernetes ------------------------------------------------------------------------------------------


@contextlib.contextmanager
def kubernetes_api(service_account: str) -> Iterator[str]:
    """An API server of Kubernetes that reviews tokens: every token belongs to ``service_account``, "NAMESPACE:NAME"."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            user = {"username": f"system:serviceaccount:{service_account}", "uid": "uid", "groups": []}
            body = json.dumps(
                {
                    "kind": "TokenReview",
                    "apiVersion": "authentication.k8s.io/v1",
                    "status": {"authenticated": True, "user": user},
                }
            ).encode()
            self.send_response(201)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


def _jwt(claims: Mapping[str, object]) -> str:
    """A token whose signature nobody checks: the API server reviews it."""
    parts = (json.dumps({"alg": "RS256", "typ": "JWT"}), json.dumps(claims), "signature")
    return ".".join(base64.urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in parts)


def service_account_token(namespace: str, name: str) -> str:
    account = {"namespace": namespace, "serviceaccount": {"name": name, "uid": "uid"}}
    return _jwt({"iss": "https://kubernetes.default.svc", "sub": f"system:serviceaccount:{namespace}:{name}",
                 "iat": 1, "nbf": 1, "exp": 4102444800, "kubernetes.io": account})  # fmt: skip


def test_a_pod_logs_in_with_its_service_account(openbao: Server, mount: str, policy: str, tmp_path: Path) -> None:
    admin = openbao.admin
    admin.sys.enable_auth_method("kubernetes", path=mount)
    file = tmp_path / "token"
    file.write_text(service_account_token("webex", "watch"))
    variables = {"VAULT_K8S_TOKEN_FILE": str(file), "VAULT_K8S_MOUNT_POINT": mount}
    with kubernetes_api("webex:watch") as api:
        admin.auth.kubernetes.configure(
            api, token_reviewer_jwt=service_account_token("vault", "vault"), disable_local_ca_jwt=True,
            kubernetes_ca_cert=ssl.DER_cert_to_PEM_cert(_some_certificate()),
            mount_point=mount,
        )  # fmt: skip
        for role, name in (("watch", "watch"), ("other", "other")):
            admin.auth.kubernetes.create_role(role, [name], ["webex"], policies=[policy], mount_point=mount)
        assert works(opened(openbao, mount, VAULT_K8S_ROLE="watch", **variables))
        with pytest.raises(StoreUnavailable, match="does not accept the service account with role 'other'") as raised:
            opened(openbao, mount, VAULT_K8S_ROLE="other", **variables).read("ada")
        assert file.read_text() not in raised.value.message
        assert raised.value.exit_status == 5


# -- certificates ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tls_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with dev_server(tmp_path_factory.mktemp("openbao-tls"), tls=True) as server:
        yield server


def test_the_authority_is_a_file_a_folder_or_a_text(tls_server: Server, tmp_path: Path) -> None:
    assert tls_server.ca is not None
    authority = Path(tls_server.ca)
    folder = tmp_path / "authorities"
    folder.mkdir()
    (folder / "any-name.pem").write_text(authority.read_text())
    for variables in (
        {"VAULT_CACERT": str(authority)},
        {"VAULT_CAPATH": str(folder)},
        {"VAULT_CACERT_BYTES": authority.read_text()},
    ):
        assert opened(tls_server, VAULT_TOKEN="root", **variables).read("ada").number == 0


def test_no_other_authority_is_trusted_than_the_one_that_is_named(
    tls_server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert tls_server.ca is not None
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", tls_server.ca)
    assert opened(tls_server, VAULT_TOKEN="root").read("ada").number == 0
    another = tmp_path / "another.pem"
    another.write_text(ssl.DER_cert_to_PEM_cert(_some_certificate()))
    monkeypatch.setattr("requests.adapters.DEFAULT_CA_BUNDLE_PATH", tls_server.ca)
    with pytest.raises(StoreUnreachable, match="No trusted TLS connection"):
        opened(tls_server, VAULT_TOKEN="root", VAULT_CACERT=str(another)).read("ada")


def _some_certificate() -> bytes:
    """A certificate that has nothing to do with the server's."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(certifi.where())
    return context.get_ca_certs(binary_form=True)[0]


# -- namespaces ------------------------------------------------------------------------------------------


def test_the_entries_of_a_namespace_are_its_own(openbao: Server) -> None:
    openbao.admin.adapter.post("/v1/sys/namespaces/team", json={})
    variables = {"VAULT_TOKEN": openbao.token, "VAULT_NAMESPACE": "team/"}
    admin = openbao.admin
    admin.adapter.namespace = "team"
    admin.sys.enable_secrets_engine("kv", path="kv", options={"version": "2"})
    engine = opened(openbao, "kv", **variables)
    wait_until(lambda: _is_ready(engine))
    assert works(engine)
    assert engine.place == f"Vault ({openbao.address}, team/kv/webex-token)"


def _is_ready(engine: KeyValueEngine) -> bool:
    try:
        engine.read("ada")
    except StoreUnreachable:
        return False
    return True
