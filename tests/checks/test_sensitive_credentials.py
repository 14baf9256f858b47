"""Well-known credentials are hidden even if nobody marked them; the examples are assembled here, none is real."""

import pytest

from checks.sensitive import REPLACEMENT, Mask

A24, A36, A40 = "a1B2c3D4" * 3, "a1B2c3D4e" * 4, "a1B2c3D4e/" * 4
HEX32 = "0123456789abcdef" * 2
PEM = "PRIVATE KEY-----"


@pytest.mark.parametrize(
    "credential",
    [
        "AKIA" + "IOSFODNN7EXAMPLE",
        "ASIA" + "IOSFODNN7EXAMPLE",
        "AIza" + "x" * 35,
        "GOCSPX-" + "x" * 28,
        "ya29." + "x" * 40,
        "ghp_" + A36,
        "gho_" + A36,
        "ghs_" + A36,
        "ghr_" + A36,
        "github_pat_" + A24,
        "glpat-" + "x" * 20,
        "xoxb-" + "123456789012-abcdef",
        "xoxp-" + "123456789012-abcdef",
        "hvs." + A24,
        "hvb." + A24,
        "sk_live_" + A24,
        "rk_test_" + A24,
        "whsec_" + A24,
        "npm_" + A36,
        "dop_v1_" + HEX32 * 2,
        "SG." + "x" * 22 + "." + "y" * 43,
        "sk-ant-" + "x" * 40,
        "abc8Q~" + "x" * 34,
        "x" * 14 + ".atlasv1." + "y" * 67,
        "eyJhbGciOiJIUzI1NiJ9" + ".eyJzdWIiOiIxMjM0In0" + ".c2lnbmF0dXJl",
        "AGE-SECRET-KEY-1" + "Q" * 58,
        f"-----BEGIN RSA {PEM}\nMIIE\nabc\n-----END RSA {PEM}",
        f"-----BEGIN OPENSSH {PEM}\\nb3Blbn\\n-----END OPENSSH {PEM}",
        f"-----BEGIN {PEM}\nMIIEvQ and then it is cut off".replace(" and then it is cut off", ""),
        "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nlQOYB\n-----END PGP PRIVATE KEY BLOCK-----",
        "LS0tLS1CRUdJTi" + "BSU0EgUFJJVkFURSBLRVktLS0tLQpNSUlFb3dJQkFBS0NBUUVB",
    ],
)
def test_a_well_known_credential_is_hidden(credential: str) -> None:
    for before, after in (("", ""), ('key = "', '" ->'), ("\n+ ", "\n")):
        assert Mask.none().text(before + credential + after).strip() == (before + REPLACEMENT + after).strip()


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("postgres://orders:hunter2@db/orders", f"postgres://orders:{REPLACEMENT}@db/orders"),
        ("https://x-access-token:abc@github.com/a/b", f"https://x-access-token:{REPLACEMENT}@github.com/a/b"),
        ("redis://:p@ss@cache", f"redis://:{REPLACEMENT}@cache"),
        ("Authorization: Basic dXNlcjpwYXNz", f"Authorization: Basic {REPLACEMENT}"),
        ('{"authorization": "Bearer abcdefghij0123456789"}', f'{{"authorization": "Bearer {REPLACEMENT}"}}'),
        ("X-Vault-Token: abcdefgh", f"X-Vault-Token: {REPLACEMENT}"),
        (f'"secret_access_key": "{A40}"', f'"secret_access_key": "{REPLACEMENT}"'),
        (f'{{\\"SecretAccessKey\\":\\"{A40}\\"}}', f'{{\\"SecretAccessKey\\":\\"{REPLACEMENT}\\"}}'),
        (f"aws_secret_access_key = {A40}", f"aws_secret_access_key = {REPLACEMENT}"),
        ("AccountName=a;AccountKey=" + "k" * 86 + "==;x", f"AccountName=a;AccountKey={REPLACEMENT};x"),
        ("https://b.example/c?sv=1&sig=" + "s" * 40, f"https://b.example/c?sv=1&sig={REPLACEMENT}"),
        ("https://hooks.slack.com/services/T000/B000/" + "x" * 24, f"https://hooks.slack.com/services/{REPLACEMENT}"),
        ("token: s." + A24, f"token: s.{REPLACEMENT}"),
        ("s." + A24, f"s.{REPLACEMENT}"),
        (f"Authorization: token -----BEGIN {PEM}\nMIIE\n-----END {PEM}", f"Authorization: token {REPLACEMENT}"),
    ],
)
def test_only_the_secret_of_a_credential_beside_its_name_is_hidden(text: str, seen: str) -> None:
    assert Mask.none().text(text) == seen


@pytest.mark.parametrize(
    "text",
    [
        "https://example.org:8443/path",
        "https://example.org/a@b",
        "git::ssh://git@github.com/acme/modules.git?ref=v1",
        "arn:aws:iam::123456789012:role/AKIAlike",
        "the bearer of good news and other things to come",
        "resources.terraform_data.this",
        "task-runner disk-size sk-learn",
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
        "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----",
        "a.eyJhbGci.b",
        "sha256:" + HEX32 * 2,
        "module.ghp_like",
        "secret_key = var.key",
    ],
)
def test_a_text_that_only_looks_like_a_credential_stays(text: str) -> None:
    assert Mask.none().text(text) == text


def test_many_beginnings_without_an_end_take_no_time() -> None:
    assert Mask.none().text(f"-----BEGIN {PEM}" * 20_000) == REPLACEMENT
    assert "://" in Mask.none().text("://" * 100_000)
    assert Mask.none().text("://a:" * 100_000).startswith("://a:")
