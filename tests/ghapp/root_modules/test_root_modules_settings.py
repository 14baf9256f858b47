"""The settings with which environments run root modules: team, workspace, files, versions."""

from collections.abc import Mapping

import pytest

from checks.configuration import discover, read_file
from ghapp.root_modules import RootModuleSettings, configure_root_modules, files_to_read
from ghapp.terraform import EnginePin
from ghapp.values import EnvironmentName
from tests.ghapp.root_modules.settings import NETWORK, PARTIAL, S3, all_laid, config_of, found_in, laid


def test_without_a_config_the_workspace_is_the_environment() -> None:
    assert laid({"network/main.tf": S3}, "staging") == RootModuleSettings(
        dir="network", environment=EnvironmentName("staging"), team="infra", workspace="staging", backend_values=NETWORK
    )


def test_var_files_and_backend_files_of_the_environment_are_found() -> None:
    files = {
        "network/main.tf": PARTIAL,
        "network/staging.tfvars": "",
        "network/env/staging.tfvars": "",
        "network/env/production.tfvars": "",
        "network/env/staging.backend.hcl": 'bucket = "staging"\nkey = "network"\n',
        "network/env/production.backend.hcl": 'bucket = "production"\nkey = "network"\n',
    }
    settings = laid(files, "staging")
    assert settings.var_files == ("network/staging.tfvars", "network/env/staging.tfvars")
    assert settings.backend_config == ("network/env/staging.backend.hcl",)
    assert settings.workspace == "default"
    assert settings.files[:3] == (*settings.var_files, *settings.backend_config)
    assert laid(files, "testing").workspace == "testing"


def test_the_config_overrides_defaults_and_an_environment_overrides_both() -> None:
    config = """
team: payments
environments: {testing: , staging: {team: sre}}
root_modules:
  - dir: network
    workspace: "{team}-{environment}"
    var_files: ["../common/{environment}-{workspace}.tfvars"]
    extra_arguments: [-parallelism=20, -refresh=false]
    depends_on: [base]
    required_version: ">= 1.9"
    environments:
      staging: {workspace: "{branch}", var_files: [], team: network, extra_arguments: []}
  - dir: base
"""
    files = {
        "network/main.tf": S3.replace("terraform {", 'terraform {\n  required_version = "< 2"'),
        "base/main.tf": S3.replace("network", "base"),
        "common/testing-payments-testing.tfvars": "",
    }
    testing = next(each for each in all_laid(files, config)["testing"] if each.dir == "network")
    assert testing == RootModuleSettings(
        dir="network",
        environment=config_of().testing.name,
        team="payments",
        workspace="payments-testing",
        workspace_is_explicit=True,
        var_files=("common/testing-payments-testing.tfvars",),
        extra_arguments=("-parallelism=20", "-refresh=false"),
        depends_on=("base",),
        required_version=("< 2", ">= 1.9"),
        backend_values=NETWORK,
    )
    assert testing.apply_arguments == ("-parallelism=20",)
    staging = next(each for each in all_laid(files, config)["staging"] if each.dir == "network")
    assert (staging.workspace, staging.var_files, staging.extra_arguments) == ("staging", (), ())
    assert staging.team == "network"


def test_every_placeholder_is_filled_in() -> None:
    template = "{team}-{branch}-{environment}-{root_module}-{workspace}.hcl"
    config = (
        "environments: {eu: {branch: release}}\n"
        f'root_modules: [{{dir: a, team: sre, workspace: "w-{{environment}}", backend_config: ["{template}"]}}]'
    )
    files = {"a/main.tf": S3, "a/sre-release-eu-a-w-eu.hcl": "", "a/sre-testing-testing-a-w-testing.hcl": ""}
    assert laid(files, "eu", config).backend_config == ("a/sre-release-eu-a-w-eu.hcl",)
    assert laid(files, "testing", config).backend_config == ("a/sre-testing-testing-a-w-testing.hcl",)


def test_a_configured_file_that_does_not_exist_is_named() -> None:
    config = 'root_modules: [{dir: network, var_files: ["env/{environment}.tfvars", common.tfvars]}]'
    files = {"network/main.tf": S3, "network/env/staging.tfvars": "", "network/common.tfvars": ""}
    assert laid(files, "staging", config).cause is None
    assert laid(files, "testing", config).cause == (
        "network in testing: network/env/testing.tfvars does not exist, but .github/planward.yml names it; "
        "add the file or leave it out"
    )


def test_a_placeholder_that_gives_an_invalid_workspace_is_a_cause() -> None:
    config = 'environments: {eu: {branch: release/eu}}\nroot_modules: [{dir: a, workspace: "{branch}"}]'
    assert laid({"a/main.tf": S3}, "testing", config).cause is None
    assert laid({"a/main.tf": S3}, "eu", config).cause == (
        'a in eu: Terraform does not accept "release/eu" as the name of a workspace; '
        "write {environment} instead of {branch} or {root_module}"
    )


def test_two_missing_files_are_both_named() -> None:
    config = "root_modules: [{dir: network, var_files: [a.tfvars], backend_config: [b.hcl]}]"
    assert laid({"network/main.tf": PARTIAL}, "testing", config).settings_cause == (
        "network in testing: network/a.tfvars, network/b.hcl do not exist, but .github/planward.yml names them; "
        "add the files or leave them out"
    )


def test_backend_files_are_those_of_all_environments_that_exist() -> None:
    files = {
        "main.tf": PARTIAL,
        "staging.backend.hcl": 'bucket = "s"\nkey = "k"\n',
        "env/production.backend.hcl": 'bucket = "p"\nkey = "k"\n',
        "env/other.backend.hcl": "",
    }
    config = config_of()
    assert files_to_read(config, found_in(files, config), paths=files) == {
        "staging.backend.hcl",
        "env/production.backend.hcl",
    }


def test_files_are_found_through_symlinks() -> None:
    files = {"network/main.tf": PARTIAL, "common/staging.backend.hcl": 'bucket = "b"\nkey = "k"\n', "network/env": ""}
    config = config_of()
    facts = {"network/main.tf": read_file("network/main.tf", PARTIAL.encode())}
    configuration = discover(facts, links={"network/env": "../common"})
    named = files_to_read(config, configuration, paths=files)
    assert named == {"common/staging.backend.hcl"}
    contents = {path: files[path].encode() for path in named}
    laid_out = configure_root_modules(config, configuration, paths=files, contents=contents)
    assert laid_out[EnvironmentName("staging")][0].backend_config == ("network/env/staging.backend.hcl",)
    outside = discover(facts, links={"network/env": "../../common"})
    assert files_to_read(config, outside, paths=files) == frozenset()


def pins(files: Mapping[str, str]) -> tuple[EnginePin, ...]:
    return laid({"live/network/main.tf": S3, **files}).pins


def test_the_nearest_version_file_of_each_kind_pins_the_engine() -> None:
    files = {
        ".terraform-version": "1.5.7\n",
        "live/.terraform-version": "# tfenv\nv1.9.8\n",
        "live/network/.opentofu-version": "1.8.2",
        ".tool-versions": "nodejs 20.1.0\nterraform 1.9.8 1.5.7\nopentofu 1.8.2 # both\n",
        "other/.terraform-version": "1.0.0",
    }
    assert pins(files) == (
        EnginePin(path="live/network/.opentofu-version", product="OpenTofu", version="1.8.2"),
        EnginePin(path="live/.terraform-version", product="Terraform", version="1.9.8"),
        EnginePin(path=".tool-versions", product="Terraform", version="1.9.8"),
        EnginePin(path=".tool-versions", product="OpenTofu", version="1.8.2"),
    )


@pytest.mark.parametrize("text", ["", "latest", "latest:^1.9", "min-required", "1.9", "\x00" * 9, "1.9.8.7\n1.5.7"])
def test_a_version_file_that_names_no_version_pins_nothing(text: str) -> None:
    assert pins({".terraform-version": text}) == ()
