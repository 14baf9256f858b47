"""Logins: tokens, AppRole, JWT, Kubernetes, a namespace and a CA."""

import datetime
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from ghapp.vault import SecretsMissing, VaultDenied, VaultLoginRefused, VaultSettings
from tests.ghapp.vault.own_openbao import tls_openbao
from tests.ghapp.vault.reading import policy, read, refusal, settings_of
from tests.ghapp.vault.stub_server import stub_server
from tests.openbao import ROOT_TOKEN, OpenBao


class TestLogins:
    def test_an_approles_token_is_revoked_at_the_end(self, openbao: OpenBao) -> None:
        openbao.put("kv/role/testing/db", a="1")
        client = openbao.client()
        client.sys.enable_auth_method("approle", path="approle")
        policy(openbao, "role", "kv/data/role/*: read", "kv/metadata/role/*: list")
        client.auth.approle.create_or_update_approle("planward", token_policies=["role"], token_ttl="20m")
        role_id = client.auth.approle.read_role_id("planward")["data"]["role_id"]
        secret_id = client.auth.approle.generate_secret_id("planward")["data"]["secret_id"]
        settings = settings_of(openbao, role_id=role_id, secret_id=secret_id)
        before = set(client.list("auth/token/accessors")["data"]["keys"])

        assert read(settings, team="role").tfvars == {"a": "1"}

        assert set(client.list("auth/token/accessors")["data"]["keys"]) == before
        refused = refusal(settings_of(openbao, role_id=role_id, secret_id="s3cret"), team="role")
        assert isinstance(refused, VaultLoginRefused)
        assert str(refused) == (
            f"Vault ({openbao.host}) refuses Planward's login at auth/approle/login: the operator has to check the "
            "role and its credentials. Press Re-run afterwards"
        )

    def test_a_token_is_revoked_also_where_reading_fails(self, openbao: OpenBao) -> None:
        client = openbao.client()
        client.sys.enable_auth_method("approle", path="machines")
        client.auth.approle.create_or_update_approle("none", token_policies=["default"], mount_point="machines")
        settings = settings_of(
            openbao,
            auth_mount="machines",
            role_id=client.auth.approle.read_role_id("none", mount_point="machines")["data"]["role_id"],
            secret_id=client.auth.approle.generate_secret_id("none", mount_point="machines")["data"]["secret_id"],
        )
        before = set(client.list("auth/token/accessors")["data"]["keys"])

        assert isinstance(refusal(settings), VaultDenied)

        assert set(client.list("auth/token/accessors")["data"]["keys"]) == before

    def test_an_operators_token_is_never_revoked(self, openbao: OpenBao) -> None:
        openbao.put("kv/operator/testing/db", a="1")
        token = openbao.client().auth.token.create(policies=["root"], ttl="1h")["auth"]["client_token"]

        read(settings_of(openbao, token=token), team="operator")

        assert openbao.client(token).is_authenticated()

    def test_a_jwt_logs_in_with_the_role_of_team_environment_and_operation(
        self, openbao: OpenBao, tmp_path: Path
    ) -> None:
        openbao.put("kv/pay/testing/db", a="1")
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        public = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        client = openbao.client()
        client.sys.enable_auth_method("jwt")
        client.write_data("auth/jwt/config", data={"jwt_validation_pubkeys": [public.decode()]})
        policy(openbao, "pay-testing", "kv/data/pay/testing/*: read", "kv/metadata/pay/testing/*: list")
        client.write_data(
            "auth/jwt/role/pay-testing-plan",
            data={
                "role_type": "jwt",
                "user_claim": "sub",
                "bound_audiences": ["vault"],
                "token_policies": ["pay-testing"],
                "token_ttl": "10m",
            },
        )
        now = int(time.time())
        claims = {"sub": "planward", "aud": "vault", "iat": now, "nbf": now, "exp": now + 600}
        token = jwt.encode(claims, key, algorithm="RS256")
        (tmp_path / "jwt").write_text(f"{token}\n")
        role = "{team}-{environment}-{operation}"
        settings = settings_of(openbao, token=None, auth_method="jwt", role=role, jwt_file=tmp_path / "jwt")

        assert read(settings, team="pay").tfvars == {"a": "1"}
        by_value = settings_of(openbao, token=None, auth_method="jwt", role=role, jwt=token)
        assert read(by_value, team="pay").tfvars == {"a": "1"}
        for team, environment, operation in (
            ("pay", "testing", "apply"),
            ("pay", "staging", "plan"),
            ("other", "testing", "plan"),
        ):
            refused = refusal(by_value, team=team, environment=environment, operation=operation)
            assert isinstance(refused, VaultLoginRefused)
        assert isinstance(refusal(by_value, team="pay", branch="staging"), VaultDenied)

    def test_kubernetes_logs_in_with_the_service_accounts_token(self, openbao: OpenBao, tmp_path: Path) -> None:
        openbao.put("kv/kube/testing/db", a="1")
        policy(openbao, "kube", "kv/data/kube/*: read", "kv/metadata/kube/*: list")
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        account = {"namespace": "ci", "serviceaccount": {"name": "planward", "uid": "1"}}
        now = int(time.time())
        times = {"iat": now, "nbf": now, "exp": now + 600}
        claims = {"sub": "system:serviceaccount:ci:planward", "kubernetes.io": account, **times}
        token = jwt.encode(claims, key, algorithm="RS256")
        (tmp_path / "token").write_text(token)

        def review(_: str, path: str, body: Any) -> tuple[int, Any]:
            assert path == "/apis/authentication.k8s.io/v1/tokenreviews"
            good = body["spec"]["token"] == token
            user = {"username": "system:serviceaccount:ci:planward", "uid": "1", "groups": []}
            return 201, {**body, "status": {"authenticated": good, "user": user if good else {}}}

        client = openbao.client()
        with stub_server(review) as (address, _):
            client.sys.enable_auth_method("kubernetes")
            client.write_data(
                "auth/kubernetes/config",
                data={
                    "kubernetes_host": address,
                    "token_reviewer_jwt": "reviewer",
                    "kubernetes_ca_cert": certificate(),
                },
            )
            client.write_data(
                "auth/kubernetes/role/kube",
                data={
                    "bound_service_account_names": "planward",
                    "bound_service_account_namespaces": "ci",
                    "token_policies": ["kube"],
                },
            )
            settings = settings_of(
                openbao, token=None, auth_method="kubernetes", role="{team}", jwt_file=tmp_path / "token"
            )
            assert read(settings, team="kube").tfvars == {"a": "1"}
            (tmp_path / "token").write_text(jwt.encode({**claims, "jti": "another"}, key, algorithm="RS256"))
            assert isinstance(refusal(settings, team="kube"), VaultLoginRefused)

    @pytest.mark.parametrize(
        ("settings", "said"),
        [
            ({"auth_method": "jwt", "role": "r"}, "VAULT_JWT is not set, and VAULT_AUTH_METHOD=jwt needs it"),
            ({"auth_method": "jwt", "jwt": "x"}, "VAULT_ROLE is not set, and VAULT_AUTH_METHOD=jwt needs it"),
            (
                {"auth_method": "kubernetes", "role": "r", "jwt_file": Path("/nonexistent/token")},
                "the token for the login to Vault cannot be read from /nonexistent/token: the operator has to mount "
                "it there, or name another file in VAULT_JWT_FILE",
            ),
            (
                {"auth_method": "jwt", "role": "{branch}", "jwt": "x"},
                'VAULT_ROLE "{branch}" contains {branch}, which is not a placeholder: '
                "the placeholders are {team}, {environment}, {operation}",
            ),
        ],
    )
    def test_a_missing_or_invalid_login_setting_is_named(
        self, openbao: OpenBao, settings: Mapping[str, Any], said: str
    ) -> None:
        assert str(refusal(VaultSettings(address=openbao.address, **settings))) == said

    def test_a_namespace(self, openbao: OpenBao) -> None:
        root = openbao.client()
        root.write_data("sys/namespaces/team-a", data={})
        inside = openbao.client()
        inside.adapter.namespace = "team-a"
        inside.sys.enable_secrets_engine("kv", path="kv", options={"version": "1"})
        inside.secrets.kv.v1.create_or_update_secret(path="spaced/testing/x", secret={"a": "1"}, mount_point="kv")

        assert read(settings_of(openbao, namespace="team-a"), team="spaced").tfvars == {"a": "1"}
        assert isinstance(refusal(settings_of(openbao), team="spaced"), SecretsMissing)

    def test_a_ca_file(self, tmp_path: Path) -> None:
        with tls_openbao(tmp_path) as (address, ca_cert):
            trusted = refusal(VaultSettings(address=f"https://{address}", token=ROOT_TOKEN, ca_cert=ca_cert))
            distrusted = refusal(VaultSettings(address=f"https://{address}", token=ROOT_TOKEN))

        assert isinstance(trusted, VaultDenied), "there is no kv mount, and Vault says so"
        assert str(distrusted) == (
            f"Vault ({address}) has a certificate that is not trusted: the operator has to name its CA in "
            "VAULT_CACERT. Press Re-run afterwards"
        )


def certificate() -> str:
    """Make a self-signed certificate. The Kubernetes login of OpenBao requires one even over plain HTTP."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "kubernetes")])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + datetime.timedelta(days=1))
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()
