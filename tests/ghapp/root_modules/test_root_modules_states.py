"""States are neither shared nor lost."""

from collections.abc import Mapping

import pytest

from tests.ghapp.root_modules.settings import LOCAL, PARTIAL, S3, all_laid, laid


def shared(files: Mapping[str, str], config: str | None = None) -> dict[str, list[str]]:
    """The causes for shared states, each with the environments and root modules that it stops."""
    found: dict[str, list[str]] = {}
    for environment, members in all_laid(files, config).items():
        for each in members:
            if each.shared_state_cause is not None:
                assert each.cause == each.shared_state_cause
                found.setdefault(each.cause, []).append(f"{each.dir} in {environment}")
    return found


@pytest.mark.parametrize(
    ("backend", "files", "workspace"),
    [
        (S3, {}, "default"),
        (S3, {}, "one"),
        (S3.replace('key    = "network"', 'key = "network"\n    encrypt = true'), {}, "default"),
        ('terraform {\n  backend "mine" {\n    x = 1\n  }\n}\n', {}, "default"),
    ],
)
def test_environments_that_would_share_a_state_are_stopped(
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


def test_backend_files_that_differ_only_in_attributes_that_do_not_locate_the_state_share_it() -> None:
    files = {
        "network/main.tf": PARTIAL,
        "network/staging.backend.hcl": 'bucket = "b"\nkey = "k"\nencrypt = true\n',
        "network/production.backend.hcl": 'bucket = "b"\nkey = "k"\nprofile = "production"\n',
    }
    assert list(shared(files)) == [
        "network (network/main.tf:2): staging and production would share its state: "
        'backend s3 (bucket "b", key "k"), workspace "default"; give each its own workspace or backend_config'
    ]


def test_attributes_that_are_not_literals_are_equal_only_if_their_texts_are() -> None:
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
    """The cause for two root modules that share a state in an environment."""
    return (
        f"{first} in {environment} ({first}/main.tf:2) and {second} in {environment} ({second}/main.tf:2){more} would "
        f'share a state: backend s3 (bucket "states", key "network"), workspace "{environment}"; give each its own'
    )


def test_root_modules_are_not_compared_if_their_backends_do_not_locate_a_state() -> None:
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
            "a has no backend block: its state would be stored in the checkout and be lost; add one (such as s3, gcs "
            "or azurerm, or local with an absolute workspace_dir of its own)",
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
            "would be stored in the checkout and be lost; give it an absolute workspace_dir, or an absolute path in "
            "staging.backend.hcl (the workspace is then default), or use a remote backend",
        ),
        (
            {"a/main.tf": 'terraform {\n  cloud {\n    organization = "acme"\n  }\n}\n'},
            "testing",
            "a has a cloud block (a/main.tf:2), which runs Terraform elsewhere and picks its workspace "
            "itself; use a backend block",
        ),
    ],
)
def test_a_state_that_would_be_lost_is_a_cause_with_a_remedy(
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


def test_a_fixed_workspace_of_the_remote_backend_is_one_state() -> None:
    remote = 'terraform {\n  backend "remote" {\n    organization = "acme"\n    workspaces { %s = "net" }\n  }\n}\n'
    assert next(iter(shared({"a/main.tf": remote % "name"}))) == (
        "a (a/main.tf:2): testing and staging (and 1 more) would share its state: backend remote "
        '(organization "acme", workspaces {"name":"net"}), workspace "default"; '
        "give each its own workspace or backend_config"
    )
    assert laid({"a/main.tf": remote % "prefix"}).cause is None
