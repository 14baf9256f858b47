"""The errors when Vault is away, is sealed, or denies something."""

from pathlib import Path

from ghapp.vault import SecretSource, VaultDenied, VaultLoginRefused, VaultSealed, VaultSettings, VaultUnreachable
from tests.ghapp.vault.own_openbao import sealed_openbao
from tests.ghapp.vault.reading import policy, read, refusal, settings_of
from tests.openbao import OpenBao


class TestVaultThatDoesNotAnswerAsItShould:
    def test_a_server_that_is_away(self) -> None:
        refused = refusal(VaultSettings(address="http://user:pass@127.0.0.1:9", token="t0ken", patience_s=0.3))

        assert isinstance(refused, VaultUnreachable)
        assert str(refused) == (
            "Vault (127.0.0.1:9) cannot be reached: the operator has to check that VAULT_ADDR is right and Vault is "
            "up. Press Re-run afterwards"
        )

    def test_a_token_that_is_not_good(self, openbao: OpenBao) -> None:
        refused = refusal(settings_of(openbao, token="t0ken"))

        assert isinstance(refused, VaultLoginRefused)
        assert str(refused) == (
            f"Vault ({openbao.host}) does not accept Planward's token: the operator has to set a new "
            "VAULT_TOKEN. Press Re-run afterwards"
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
            f"Vault ({openbao.host}) denies Planward access to kv/kept/staging/: the policy of Planward's login must "
            f"allow read there and list on "
            "the folders"
        )

    def test_a_mount_that_is_not_there_is_denied_by_vault(self, openbao: OpenBao) -> None:
        refused = refusal(settings_of(openbao), [SecretSource(path="nowhere/x")])

        assert isinstance(refused, VaultDenied)

    def test_without_a_way_to_log_in_to_vault_the_settings_are_named(self, openbao: OpenBao) -> None:
        assert str(refusal(VaultSettings(address=openbao.address))) == (
            "VAULT_ADDR is set, but no way to log in: the operator has to set VAULT_TOKEN, "
            "or VAULT_ROLE_ID with VAULT_SECRET_ID, or VAULT_AUTH_METHOD with VAULT_ROLE"
        )

    def test_a_sealed_server(self, tmp_path: Path) -> None:
        with sealed_openbao(tmp_path) as address:
            refused = refusal(VaultSettings(address=f"http://{address}", token="t0ken"))

        assert isinstance(refused, VaultSealed)
        assert str(refused) == f"Vault ({address}) is sealed: the operator has to unseal it. Press Re-run afterwards"

    def test_no_foreign_exception_comes_along(self) -> None:
        refused = refusal(VaultSettings(address="http://user:pass@127.0.0.1:9", token="t0ken", patience_s=0.3))

        assert refused.__cause__ is None
        assert refused.__suppress_context__
