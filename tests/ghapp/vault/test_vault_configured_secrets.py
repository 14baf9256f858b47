"""The secrets that the config names: paths, fields, new names, and paths that are refused."""

import pytest

from ghapp.vault import SecretPathInvalid, SecretsContradict, SecretSource
from tests.ghapp.vault.reading import read, refusal, settings_of
from tests.openbao import OpenBao


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
            'the secret kv/nokey/testing/db has no key "pasword", but `secrets` in '
            ".github/planward.yml asks for it: add it to the secret, or correct .github/planward.yml"
        )

    def test_a_secret_that_is_named_and_not_there(self, openbao: OpenBao) -> None:
        source = SecretSource(path="kv/{team}/{environment}/db", form="env")

        assert str(refusal(settings_of(openbao), [source], team="named", environment="staging")) == (
            "there is no secret at kv/named/staging/db in Vault: write it there, or remove its line from `secrets` "
            "in .github/planward.yml"
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
                'the key "A" of the secret kv/bad/testing/env contains a NUL, and no environment variable can '
                "contain one: correct it in Vault",
            ),
        ],
    )
    def test_a_key_or_value_that_cannot_be_in_the_environment_is_refused(
        self, openbao: OpenBao, key: str, value: str, said: str
    ) -> None:
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
            ("kv/{team}/x", "+", '{team} in the secrets\' path has the part "+", which no path in Vault may have'),
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
                'the secrets\' path "kv/{tem}/x" contains {tem}, which is not a placeholder: '
                "the placeholders are {team}, {branch}, {environment}, {operation}",
            ),
        ],
    )
    def test_each_says_why(self, openbao: OpenBao, path: str, team: str, said: str) -> None:
        refused = refusal(settings_of(openbao), [SecretSource(path=path)], team=team)

        assert isinstance(refused, SecretPathInvalid)
        assert str(refused) == said
