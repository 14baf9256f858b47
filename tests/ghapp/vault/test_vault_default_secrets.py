"""Without a config, the secrets below the branch's path in a real Vault-compatible server."""

import asyncio
import json
import logging
from collections.abc import Sequence

import pytest

from checks.authority.teams import open_by_own_login
from ghapp.vault import DEFAULT_SOURCES, Credentials, SecretsMissing, SecretSource, VaultRun, encode_branch
from ghapp.vault.session import Vault
from tests.ghapp.vault.reading import read, refusal, settings_of
from tests.openbao import ROOT_TOKEN, OpenBao


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

    def test_only_keys_of_lines_other_than_the_default_count_as_requested(self, openbao: OpenBao) -> None:
        openbao.put("kv/asked/testing/db", a="1", b="2")
        openbao.put("kv/asked/shared/db", b="2", c="3")
        sources = (*DEFAULT_SOURCES, SecretSource(path="kv/{team}/shared/db"))

        assert read(settings_of(openbao), sources, team="asked").requested == {"b", "c"}

    def test_planward_can_ask_whether_secrets_exist_without_reading_them(self, openbao: OpenBao) -> None:
        openbao.put("kv/some/testing/deep/db", a="1")
        openbao.put("kv/onlyenv/testing/env", a="1")

        async def any_of(team: str, sources: Sequence[SecretSource] = DEFAULT_SOURCES) -> bool:
            run = VaultRun(team=team, environment="testing", branch="testing", operation="plan")
            async with Vault(settings_of(openbao)).session(run) as session:
                return await session.has_any(sources, open_by_own_login(team))

        assert [asyncio.run(any_of(team)) for team in ("some", "onlyenv", "none")] == [True, True, False]
        exact = [SecretSource(path="kv/{team}/{branch}/db")]
        assert [asyncio.run(any_of(team, exact)) for team in ("some", "none")] == [False, False]

    def test_secrets_within_a_json_document_are_hidden_too(self, openbao: OpenBao) -> None:
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

    def test_a_path_without_secrets_is_a_failure_with_a_remedy(self, openbao: OpenBao) -> None:
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

    def test_kv_version_1_is_detected(self, openbao: OpenBao) -> None:
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

    def test_the_repr_of_credentials_and_settings_contains_no_secret(self, openbao: OpenBao) -> None:
        openbao.put("kv/shown/testing/db", a="s3cret")

        assert "s3cret" not in repr(read(settings_of(openbao), team="shown"))
        assert ROOT_TOKEN not in repr(settings_of(openbao))


def test_secrets_that_are_read_are_not_logged(openbao: OpenBao, caplog: pytest.LogCaptureFixture) -> None:
    openbao.put("kv/logged/testing/db", a="s3cret")
    with caplog.at_level(logging.DEBUG):
        read(settings_of(openbao), team="logged")

    assert "s3cret" not in caplog.text
    assert ROOT_TOKEN not in caplog.text
