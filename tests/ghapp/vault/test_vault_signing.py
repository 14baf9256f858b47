"""Signatures with a key that never leaves Vault."""

import asyncio

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from ghapp.vault import VaultDenied, VaultRun, VaultSettings
from ghapp.vault.session import Vault
from tests.ghapp.vault.reading import settings_of
from tests.openbao import OpenBao


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

    def test_a_signing_key_that_may_not_be_used_is_reported(self, openbao: OpenBao) -> None:
        token = openbao.client().auth.token.create(policies=["default"])["auth"]["client_token"]

        with pytest.raises(VaultDenied) as denied:
            self.sign(settings_of(openbao, token=token), "app")

        assert str(denied.value) == (
            f"Vault ({openbao.host}) denies Planward access to transit/sign/app: the policy of Planward's login must "
            f"allow update there, and the key "
            "has to exist"
        )
