"""The providers and modules that the operator allows, as values."""

import pytest

from checks.authority.sources import AllowedSources, address_of

GIT = "git::https://github.com/acme/modules.git"


@pytest.mark.parametrize(
    ("source", "address"),
    [
        (f"{GIT}//network/vpc?ref=v1//x", GIT),
        (f"{GIT}?ref=v1", GIT),
        ("git::ssh://git@github.com/acme/modules.git//vpc", "git::ssh://git@github.com/acme/modules.git"),
        ("registry.terraform.io/acme/vpc/aws//modules/x", "registry.terraform.io/acme/vpc/aws"),
        ("s3::https://s3.amazonaws.com/bucket/vpc.zip", "s3::https://s3.amazonaws.com/bucket/vpc.zip"),
        ("file:///srv/modules", "file:///srv/modules"),
    ],
)
def test_a_source_is_judged_without_the_directory_and_the_reference_in_it(source: str, address: str) -> None:
    assert address_of(source) == address


def test_by_default_every_registry_and_local_modules_are_allowed() -> None:
    providers = ["registry.terraform.io/hashicorp/aws", "registry.example.com:8443/acme/thing"]
    modules = ["", "./network", "../shared", "registry.terraform.io/acme/vpc/aws//modules/x", "app.terraform.io/a/b/c"]
    assert AllowedSources().refusal(providers, modules) is None


@pytest.mark.parametrize(
    "source",
    [GIT, "file:///srv/modules", "https://example.com/vpc.zip", "hg::https://example.com/x", "s3::https://x/y"],
)
def test_by_default_sources_outside_registries_are_refused(source: str) -> None:
    assert AllowedSources().refusal([], ["./network", source]) == (
        f"it uses the module {source}, which the operator does not allow: use another, or ask the operator to add "
        "it to PLANWARD_SOURCES; then press Re-run"
    )


def test_only_sources_that_the_operator_names_are_allowed() -> None:
    mine = ("registry.terraform.io/hashicorp/*", "registry.terraform.io/acme/**", "git::https://github.com/acme/*")
    rules = AllowedSources(patterns=mine)
    aws = "registry.terraform.io/hashicorp/aws"
    assert rules.refusal([aws], [f"{GIT}//vpc?ref=v1", "registry.terraform.io/acme/vpc/aws"]) is None
    refused = rules.refusal(["registry.terraform.io/evil/aws"], ["git::https://github.com/acme-evil/x", f"{GIT}//vpc"])
    assert refused is not None
    assert refused.startswith("it uses the provider registry.terraform.io/evil/aws and 1 more, which the operator does")


def test_registries_can_be_named_beside_others() -> None:
    rules = AllowedSources(patterns=("registries", "git::https://github.com/acme/*"))
    assert rules.refusal(["registry.terraform.io/hashicorp/aws"], [GIT]) is None
    assert rules.refusal([], ["git::https://github.com/evil/x"]) is not None
    assert AllowedSources(patterns=("**",)).refusal(["a/b/c"], ["file:///etc"]) is None


@pytest.mark.parametrize("up", ["..", "%2e%2E", ".%2e"])
def test_an_address_with_parent_directories_matches_no_pattern(up: str) -> None:
    rules = AllowedSources(patterns=("git::https://github.com/acme/**",))
    assert rules.refusal([], ["git::https://github.com/acme/x/y..z"]) is None
    assert rules.refusal([], [f"git::https://github.com/acme/{up}/evil/x"]) is not None
