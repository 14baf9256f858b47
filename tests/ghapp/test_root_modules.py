"""How environments run root modules: workspace, files, and states that are neither shared nor lost."""

from collections.abc import Mapping

import pytest

from checks.configuration import Configuration, discover, read_file
from ghapp.repository_config import ConfigInvalid, RepositoryConfig, read_config
from ghapp.root_modules import RootModuleSettings, Survey, configure_root_modules, files_to_read, reconfigured
from ghapp.terraform import EnginePin
from ghapp.values import TESTING, EnvironmentName

S3 = 'terraform {\n  backend "s3" {\n    bucket = "states"\n    key    = "network"\n  }\n}\n'
NETWORK = {"bucket": "states", "key": "network"}
PARTIAL = 'terraform {\n  backend "s3" {}\n}\n'
LOCAL = 'terraform {\n  backend "local" {}\n}\n'
BRANCHES = ("staging", "production")


def config_of(text: str | None = None) -> RepositoryConfig:
    content = None if text is None else text.encode()
    return read_config(content, branches=BRANCHES, repository_name="infra")


def found_in(files: Mapping[str, str], config: RepositoryConfig) -> Configuration:
    explicit = None if config.root_modules is None else [entry.dir for entry in config.root_modules]
    facts = {path: read_file(path, text.encode()) for path, text in files.items() if path.endswith(".tf")}
    return discover(facts, explicit=explicit)


def laid(files: Mapping[str, str], environment: str = "testing", config: str | None = None) -> RootModuleSettings:
    """The settings of the one root module."""
    settings = all_laid(files, config)[environment]
    assert len(settings) == 1
    return settings[0]


def all_laid(files: Mapping[str, str], config: str | None = None) -> Mapping[str, tuple[RootModuleSettings, ...]]:
    read = config_of(config)
    configuration = found_in(files, read)
    named = files_to_read(read, configuration, paths=files)
    contents = {path: files[path].encode() for path in named}
    found = configure_root_modules(read, configuration, paths=files, contents=contents)
    return {str(name): settings for name, settings in found.items()}


def shared(files: Mapping[str, str], config: str | None = None) -> dict[str, list[str]]:
    """What is said of states that are shared, each with the environments and root modules that it stops."""
    found: dict[str, list[str]] = {}
    for environment, members in all_laid(files, config).items():
        for each in members:
            if each.shared_state_cause is not None:
                assert each.cause == each.shared_state_cause
                found.setdefault(each.cause, []).append(f"{each.dir} in {environment}")
    return found


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


def test_a_placeholder_that_makes_no_workspace_is_a_cause() -> None:
    config = 'environments: {eu: {branch: release/eu}}\nroot_modules: [{dir: a, workspace: "{branch}"}]'
    assert laid({"a/main.tf": S3}, "testing", config).cause is None
    assert laid({"a/main.tf": S3}, "eu", config).cause == (
        'a in eu: "release/eu" is no name of a workspace that Terraform takes; '
        "write {environment} instead of {branch} or {root_module}"
    )


def test_two_missing_files_are_both_named() -> None:
    config = "root_modules: [{dir: network, var_files: [a.tfvars], backend_config: [b.hcl]}]"
    assert laid({"network/main.tf": PARTIAL}, "testing", config).settings_cause == (
        "network in testing: network/a.tfvars, network/b.hcl do not exist, but .github/planward.yml names them; "
        "add the files or leave them out"
    )


@pytest.mark.parametrize(
    ("backend", "files", "workspace"),
    [
        (S3, {}, "default"),
        (S3, {}, "one"),
        (S3.replace('key    = "network"', 'key = "network"\n    encrypt = true'), {}, "default"),
        ('terraform {\n  backend "mine" {\n    x = 1\n  }\n}\n', {}, "default"),
    ],
)
def test_environments_that_come_to_one_state_are_stopped(
    backend: str, files: Mapping[str, str], workspace: str
) -> None:
    config = f"environments: {{staging: {{}}}}\nroot_modules: [{{dir: network, workspace: {workspace}}}]"
    [(cause, stopped)] = shared({"network/main.tf": backend, **files}, config).items()
    assert cause.startswith("network (network/main.tf:2): testing and staging would share its state: backend ")
    assert cause.endswith(f'workspace "{workspace}"; give each its own workspace or backend_config')
    assert stopped == ["network in testing", "network in staging"]


def test_a_testing_that_is_never_planned_stops_no_other_environment() -> None:
    config = (
        "environments: {{testing: {{plan: {plan}}}, staging: {{}}}}\nroot_modules: [{{dir: network, workspace: one}}]"
    )
    assert shared({"network/main.tf": S3}, config.format(plan="never")) == {}
    [stopped] = shared({"network/main.tf": S3}, config.format(plan="always")).values()
    assert stopped == ["network in testing", "network in staging"]


def test_the_cause_names_environments_root_module_and_place_and_stops_nothing_else() -> None:
    files = {"network/main.tf": S3, "network/staging.backend.hcl": "", "network/env/production.backend.hcl": ""}
    assert shared({**files, "app/main.tf": S3.replace("network", "app")}) == {
        "network (network/main.tf:2): staging and production would share its state: "
        'backend s3 (bucket "states", key "network"), workspace "default"; '
        "give each its own workspace or backend_config": ["network in staging", "network in production"]
    }


def test_backend_files_that_differ_only_in_what_does_not_locate_the_state_share_it() -> None:
    files = {
        "network/main.tf": PARTIAL,
        "network/staging.backend.hcl": 'bucket = "b"\nkey = "k"\nencrypt = true\n',
        "network/production.backend.hcl": 'bucket = "b"\nkey = "k"\nprofile = "production"\n',
    }
    assert list(shared(files)) == [
        "network (network/main.tf:2): staging and production would share its state: "
        'backend s3 (bucket "b", key "k"), workspace "default"; give each its own workspace or backend_config'
    ]


def test_an_attribute_that_is_not_a_literal_is_equal_only_where_the_text_is() -> None:
    files = {
        "network/main.tf": PARTIAL,
        "network/staging.backend.hcl": 'bucket = "b"\nkey = join("/", ["a"])\n',
        "network/production.backend.hcl": 'bucket = "b"\nkey = join("/", ["b"])\n',
    }
    assert laid(files, "staging").backend_values == {"bucket": "b"}
    files["network/production.backend.hcl"] = files["network/staging.backend.hcl"]
    assert list(shared(files)) == [
        "network (network/main.tf:2): staging and production would share its state: "
        'backend s3 (bucket "b", key …), workspace "default"; give each its own workspace or backend_config'
    ]


def test_root_modules_with_one_state_are_stopped_and_no_others() -> None:
    files = {"a/main.tf": S3, "b/main.tf": S3, "c/main.tf": S3.replace("network", "c")}
    assert shared(files) == {
        sharing("a", "b", each): [f"a in {each}", f"b in {each}"] for each in ("testing", "staging", "production")
    }
    assert shared({**files, "d/main.tf": S3}, "environments: {}") == {
        sharing("a", "b", "testing", " (and 1 more)"): ["a in testing", "b in testing"],
        sharing("a", "d", "testing", " (and 1 more)"): ["d in testing"],
    }


def sharing(first: str, second: str, environment: str, more: str = "") -> str:
    """What is said of two root modules that share a state in an environment."""
    return (
        f"{first} in {environment} ({first}/main.tf:2) and {second} in {environment} ({second}/main.tf:2){more} would "
        f'share a state: backend s3 (bucket "states", key "network"), workspace "{environment}"; give each its own'
    )


def test_two_root_modules_are_not_compared_by_a_backend_that_does_not_say_enough() -> None:
    assert len(all_laid({"a/main.tf": PARTIAL, "b/main.tf": PARTIAL})["testing"]) == 2


def test_a_connection_string_is_never_shown() -> None:
    backend = 'terraform {\n  backend "pg" {\n    conn_str = "postgres://u:hunter2@db/x"\n  }\n}\n'
    cause = next(iter(shared({"network/main.tf": backend}, "root_modules: [{dir: network, workspace: default}]")))
    assert "hunter2" not in cause
    assert "backend pg (conn_str …)" in cause


@pytest.mark.parametrize(
    ("files", "environment", "cause"),
    [
        (
            {"a/main.tf": 'resource "terraform_data" "x" {}\n'},
            "testing",
            "a has no backend block: its state would lie in the checkout and be lost; add one (such as s3, gcs or "
            "azurerm, or local with an absolute workspace_dir of its own)",
        ),
        (
            {"a/main.tf": LOCAL, "a/testing.backend.hcl": 'path = "testing.tfstate"\n'},
            "testing",
            'a in testing: the local backend (a/main.tf:2) keeps the state at "testing.tfstate", in the checkout, '
            "where it would be lost; give it an absolute path or use a remote backend",
        ),
        (
            {"a/main.tf": LOCAL, "a/testing.backend.hcl": ""},
            "testing",
            'a in testing: the local backend (a/main.tf:2) keeps the state at "terraform.tfstate", in the checkout, '
            "where it would be lost; give it an absolute path or use a remote backend",
        ),
        (
            {"a/main.tf": LOCAL.replace("{}", '{ path = "/states/a" }')},
            "staging",
            'a in staging: the local backend (a/main.tf:2) ignores path in the workspace "staging", and its state '
            "would lie in the checkout and be lost; give it an absolute workspace_dir, or an absolute path in "
            "staging.backend.hcl (the workspace is then default), or use a remote backend",
        ),
        (
            {"a/main.tf": 'terraform {\n  cloud {\n    organization = "acme"\n  }\n}\n'},
            "testing",
            "a keeps its state by a cloud block (a/main.tf:2), which runs Terraform elsewhere and picks its workspace "
            "itself; use a backend block",
        ),
    ],
)
def test_a_state_that_would_be_lost_is_a_cause_with_the_way_out(
    files: Mapping[str, str], environment: str, cause: str
) -> None:
    settings = laid(files, environment)
    assert settings.lost_state_cause == cause
    assert settings.cause == cause


@pytest.mark.parametrize(
    "files",
    [
        {"a/main.tf": LOCAL.replace("{}", '{ workspace_dir = "/states" }')},
        {"a/main.tf": LOCAL, "a/env/testing.backend.hcl": 'path = "/states/testing"\n'},
        {"a/main.tf": S3},
    ],
)
def test_a_state_outside_of_the_checkout_lasts(files: Mapping[str, str]) -> None:
    assert laid(files).cause is None


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


def test_a_change_of_the_config_touches_the_root_modules_that_it_changes() -> None:
    files = {"a/main.tf": S3, "b/main.tf": S3.replace("network", "b")}
    before = all_laid(files, "root_modules: [{dir: a}, {dir: b}]")["testing"]
    after = all_laid(files, "root_modules: [{dir: a}, {dir: b, extra_arguments: [-parallelism=2]}]")["testing"]
    assert reconfigured(before, after) == ("b",)
    assert reconfigured(before, before) == ()
    assert reconfigured(before[:1], before) == ("b",)


def test_a_fixed_workspace_of_the_remote_backend_is_one_state() -> None:
    remote = 'terraform {\n  backend "remote" {\n    organization = "acme"\n    workspaces { %s = "net" }\n  }\n}\n'
    assert next(iter(shared({"a/main.tf": remote % "name"}))) == (
        "a (a/main.tf:2): testing and staging (and 1 more) would share its state: backend remote "
        '(organization "acme", workspaces {"name":"net"}), workspace "default"; '
        "give each its own workspace or backend_config"
    )
    assert laid({"a/main.tf": remote % "prefix"}).cause is None


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


def surveyed(files: Mapping[str, str], text: str | None = None) -> Survey:
    config = config_of(text)
    configuration = found_in(files, config)
    contents = {path: files[path].encode() for path in files_to_read(config, configuration, paths=files)}
    layout = configure_root_modules(config, configuration, paths=files, contents=contents)
    return Survey(config=config, configuration=configuration, laid=layout)


def test_watched_paths_touch_their_root_module_in_the_environments_that_they_mean() -> None:
    files = {"live/network/main.tf": S3, "live/json/staging/x.json": ""}
    config = 'root_modules: [{dir: live/network, watch: ["../json/{environment}/**"]}]'
    found = surveyed(files, config)
    changed = ["live/json/staging/x.json"]
    assert found.touched(EnvironmentName("staging"), changed).dirs == ("live/network",)
    assert found.touched(TESTING, changed).dirs == ()
    with pytest.raises(ConfigInvalid, match="leads out of the repository"):
        surveyed(files, 'root_modules: [{dir: live/network, watch: ["../../../json/**"]}]')


def test_a_version_file_that_changes_or_goes_touches_its_root_modules() -> None:
    without = {"live/network/main.tf": S3, "app/main.tf": S3.replace("network", "app")}
    changed = ["live/.terraform-version"]
    for files in ({**without, "live/.terraform-version": "1.9.8"}, without):
        assert surveyed(files).touched(TESTING, changed).dirs == ("live/network",)


def test_a_var_file_that_is_deleted_touches_its_root_module_in_its_environment() -> None:
    found = surveyed({"network/main.tf": S3})
    for deleted in ("network/staging.tfvars", "network/env/staging.tfvars", "network/env/staging.backend.hcl"):
        assert found.touched(EnvironmentName("staging"), [deleted]).dirs == ("network",)
        assert found.touched(TESTING, [deleted]).dirs == ()
    configured = laid(
        {"network/main.tf": S3, "x.tfvars": ""}, "staging", "root_modules: [{dir: network, var_files: []}]"
    )
    assert "network/staging.tfvars" not in configured.files
