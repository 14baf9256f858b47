"""The root modules that a change of paths touches, and why."""

import pytest

from checks.configuration import discover, read_file
from checks.configuration.file_facts import FileFacts, Problem
from checks.configuration.impact import Touched, touched
from tests.checks.repositories import backend, call, repository

APP = backend("app") + call("../modules/vpc") + 'locals {\n  a = file("${path.module}/policy.json")\n}\n'
FILES = {
    "app/main.tf": APP,
    "net/main.tf": backend("net"),
    "modules/vpc/main.tf": call("../subnet") + 'locals {\n  a = templatefile("${path.module}/t/x.tftpl", {})\n}\n',
    "modules/subnet/main.tf": 'locals {\n  a = fileset("${path.module}/rules", "*.json")\n  b = file("hosts")\n}\n',
    "modules/other/main.tf": "",
}


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("app/main.tf", "its own file app/main.tf"),
        ("app/gone.tf", "its own file app/gone.tf"),
        ("app/new.tofu", "its own file app/new.tofu"),
        ("app/x_override.tf.json", "its own file app/x_override.tf.json"),
        ("app/terraform.tfvars", "its own file app/terraform.tfvars"),
        ("app/x.auto.tfvars.json", "its own file app/x.auto.tfvars.json"),
        ("app/.terraform.lock.hcl", "its own file app/.terraform.lock.hcl"),
        ("app", "its own directory app"),
        ("app/env/testing.tfvars", "app/env/testing.tfvars, which it is configured with"),
        ("shared.backend.hcl", "shared.backend.hcl, which it is configured with"),
        ("modules/vpc/main.tf", "module modules/vpc, which it calls"),
        ("modules/vpc/new.tf", "module modules/vpc, which it calls"),
        ("modules/vpc", "module modules/vpc, which it calls"),
        ("modules/subnet/main.tf", "module modules/subnet, which it calls"),
        ("app/policy.json", "app/policy.json, which app/main.tf reads"),
        ("modules/vpc/t/x.tftpl", "modules/vpc/t/x.tftpl, which modules/vpc/main.tf reads"),
        ("modules/subnet/rules/new.json", "modules/subnet/rules/new.json, which modules/subnet/main.tf reads"),
        ("app/hosts", "app/hosts, which modules/subnet/main.tf reads"),
        ("README.md", None),
        ("app/README.md", None),
        ("app/production.tfvars", None),
        ("app/env/main.tf", None),
        ("modules/vpc/README.md", None),
        ("modules/vpc/.terraform.lock.hcl", None),
        ("modules/vpc/t/y.tftpl", None),
        ("modules/other/main.tf", None),
        ("modules/vpc2/main.tf", None),
        ("application/main.tf", None),
    ],
)
def test_a_root_module_that_one_path_touches_has_a_reason(path: str, reason: str | None) -> None:
    extra = {"app": ["app/env/testing.tfvars", "app/../shared.backend.hcl"]}

    found = touched(repository(FILES), [path], extra=extra)

    assert found == Touched(root_modules=(("app", reason),) if reason else (), deleted=())


@pytest.mark.parametrize(
    ("path", "is_touched"),
    [
        ("live/data/x.yaml", True),
        ("live/x.yaml", True),
        ("lib/data/x.yaml", True),
        ("live/README.md", False),
        ("live/.ci/x.yaml", False),
        ("live/inner/x.yaml", False),
        ("other/x.yaml", False),
        ("json/x.yaml", True),
        ("x.yaml", True),
        ("README.md", False),
    ],
)
def test_if_file_names_are_computed_every_file_below_or_beside_the_directory_counts(
    path: str, is_touched: bool
) -> None:
    files = {
        "live/main.tf": backend("live") + call("../lib"),
        "live/inner/main.tf": backend("inner"),
        "other/main.tf": backend("other"),
        "lib/main.tf": "locals {\n  a = yamldecode(file(var.path))\n}\n",
    }

    assert bool(touched(repository(files), [path]).dirs) is is_touched


@pytest.mark.parametrize(
    ("watch", "path", "is_touched"),
    [
        (["json/**"], "json/a/x.json", True),
        (["json"], "json/a/x.json", True),
        (["json/*.json"], "json/x.json", True),
        (["json/*.json"], "json/a/x.json", False),
        (["**/*.json"], "a/b/x.json", True),
        (["json/**"], "yaml/x.yaml", False),
        ([], "json/x.json", False),
        (["json/**"], "live/x.json", True),
    ],
)
def test_watch_decides_which_files_outside_of_the_directory_count(
    watch: list[str], path: str, is_touched: bool
) -> None:
    found = repository({"live/main.tf": backend("live") + "locals {\n  a = file(var.path)\n}\n"})

    assert bool(touched(found, [path], watch={"live": watch}).dirs) is is_touched


def test_a_reference_to_the_top_directory_means_the_whole_repository() -> None:
    found = repository({"app/main.tf": backend("app") + 'locals {\n  a = "${path.module}/.."\n}\n'})

    assert touched(found, ["src/main.py"]).dirs == ("app",)


def test_a_change_of_no_paths_touches_nothing() -> None:
    assert touched(repository({"a/main.tf": "x = {"}), []) == Touched(root_modules=(), deleted=())


def test_a_file_with_an_error_is_affected_only_by_paths_in_its_text() -> None:
    files = {
        "a/main.tf": backend("a") + call("../m"),
        "m/main.tf": 'x = = 1\nmodule "n" {\n  source = "../n"\n  count = = 1\n}\n',
        "n/main.tf": call("../deep"),
        "deep/main.tf": "",
        "b/main.tf": backend("b"),
    }
    for path in ("m/main.tf", "n/main.tf", "deep/main.tf"):
        assert touched(repository(files), [path]).dirs == ("a",)
    assert touched(repository(files), ["README.md", "b/main.tf"]).dirs == ("b",)


def test_a_file_that_was_not_read_at_all_may_use_anything() -> None:
    unread = FileFacts(read=False, problem=Problem(line=1, message="larger than 4 MiB, and so not read"))
    facts = {"m/main.tf": unread, "a/main.tf": read_file("a/main.tf", (backend("a") + call("../m")).encode())}

    found = touched(discover(facts), ["README.md"])

    assert found.root_modules == (("a", "m/main.tf was not read, so what it uses is unknown"),)


def test_directories_that_are_no_longer_root_modules_are_named() -> None:
    base = repository({"a/main.tf": backend("a"), "b/main.tf": backend("b"), "c/main.tf": call("../../d")})
    head = repository({"b/main.tf": backend("b") + call("../c"), "c/main.tf": call("../../d")})

    assert touched(head, ["a/main.tf", "b/main.tf"], base=base) == Touched(
        root_modules=(("b", "its own file b/main.tf"),), deleted=("a", "c")
    )


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("shared/common.auto.tfvars", "shared/common.auto.tfvars, to which live/common.auto.tfvars is a symlink"),
        ("shared/common.tf", "shared/common.tf, to which live/common.tf is a symlink"),
        ("live/common.tf", "its own file live/common.tf"),
        ("live/mods", "module library/net, which it calls"),
        ("library/net/main.tf", "module library/net, which it calls"),
        ("library/net/x.json", "library/net/x.json, which live/main.tf reads"),
        (
            "shared/versions.tf",
            "module library/net, which it calls: shared/versions.tf, to which library/net/versions.tf is a symlink",
        ),
        ("shared/testing.tfvars", "shared/testing.tfvars, which it is configured with"),
        ("shared/other.tf", None),
    ],
)
def test_targets_of_symlinks_count(path: str, reason: str | None) -> None:
    configuration = repository(
        {
            "live/main.tf": backend("live") + call("./mods/net") + 'locals {\n  a = file("mods/net/x.json")\n}\n',
            "shared/common.tf": "",
            "shared/versions.tf": "",
            "library/net/main.tf": "",
        },
        links={
            "live/common.tf": "../shared/common.tf",
            "live/common.auto.tfvars": "../shared/common.auto.tfvars",
            "live/testing.tfvars": "../shared/testing.tfvars",
            "live/mods": "../library",
            "library/net/versions.tf": "../../shared/versions.tf",
        },
    )

    found = touched(configuration, [path], extra={"live": ["live/testing.tfvars"]})

    assert found.root_modules == ((("live", reason),) if reason else ())
