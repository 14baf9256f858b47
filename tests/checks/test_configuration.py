"""The directories that are root modules, and the files that each of them uses."""

import pytest

from checks.configuration import Problem, without_indexes
from checks.configuration.file_facts import Variable
from checks.declaration import Declaration
from tests.checks.repositories import backend, call, reads, repository, roots

EMPTY = 'resource "terraform_data" "it" {}\n'


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        pytest.param({"main.tf": EMPTY}, ["."], id="the top"),
        pytest.param(
            {"a/main.tf": EMPTY, "b/main.tofu": EMPTY, "c/x.tf.json": '{"output": {"x": {}}}'},
            ["a", "b", "c"],
            id="each form",
        ),
        pytest.param({"a/main.tf": call("../b"), "b/main.tf": EMPTY}, ["a"], id="a called module is none"),
        pytest.param(
            {"a/main.tf": call("../b"), "b/main.tf": backend("b")},
            ["a", "b"],
            id="a called module with a backend is one",
        ),
        pytest.param(
            {"a/main.tf": call("../b"), "b/main.tf": call("./c"), "b/c/x.tf": EMPTY}, ["a"], id="calls through levels"
        ),
        pytest.param({"a/main.tf": "terraform {\n  cloud {}\n}\n"}, ["a"], id="a cloud block"),
        pytest.param({"modules/a/main.tf": EMPTY, "x/examples/a/main.tf": EMPTY}, [], id="libraries and examples"),
        pytest.param({"modules/a/main.tf": backend("a")}, ["modules/a"], id="a library with a backend"),
        pytest.param({".terraform/modules/a/main.tf": backend("a")}, [], id="hidden directories"),
        pytest.param({"{{cookiecutter.name}}/main.tf": backend("a")}, [], id="a template of a directory"),
        pytest.param({"a/main.tf": backend("members/$application_name")}, [], id="a scaffold"),
        pytest.param({"main.tf": EMPTY, "examples/a/main.tf": call("../..")}, [], id="a module's own repository"),
        pytest.param({"a/.hidden.tf": EMPTY, "a/#main.tf": EMPTY, "a/x.tfvars": ""}, [], id="no configuration"),
        pytest.param({"a/main.tf": call("../b"), "b/main.tf": call("../a")}, [], id="modules that call each other"),
        pytest.param({"a/main.tf": call("../a")}, ["a"], id="a module that calls itself"),
        pytest.param({"testing/main.tf": EMPTY}, ["testing"], id="an environment's directory"),
        pytest.param({"versions.tf": 'terraform {\n  required_version = "~> 1.9"\n}\n'}, [], id="versions alone"),
        pytest.param({"a/moved.tf": "moved {\n  from = a.b\n  to = a.c\n}\n"}, [], id="moves alone"),
        pytest.param({"a/main.tf": backend("a")}, ["a"], id="a backend alone"),
        pytest.param({"a/main.tf": "locals {"}, ["a"], id="what could not be read"),
    ],
)
def test_root_modules_are_found_without_being_named(files: dict[str, str], expected: list[str]) -> None:
    assert roots(repository(files)) == expected


def test_listed_directories_are_the_root_modules_and_those_without_configuration_are_reported_as_missing() -> None:
    files = {"a/main.tf": EMPTY, "b/main.tf": EMPTY, "modules/c/main.tf": EMPTY}

    found = repository(files, explicit=["./a/", "modules/c", "gone", "."])

    assert (roots(found), found.missing) == (["a", "modules/c"], (".", "gone"))


def test_directories_that_are_passed_over_are_named_with_the_reason() -> None:
    found = repository(
        {
            "modules/a/main.tf": EMPTY,
            ".ci/main.tf": EMPTY,
            "versions.tf": "terraform {}\n",
            "x/main.tf": backend("$name"),
        }
    )

    assert found.passed_over == (
        (".", "it declares no resource, module, data source or output"),
        (".ci", "in a hidden directory or a directory template"),
        ("modules/a", "below a directory called modules, and without a backend"),
        ("x", "a scaffold: its backend contains the placeholder $name"),
    )


def test_modules_are_followed_through_levels_and_circles_and_to_directories_that_are_not_there() -> None:
    found = repository(
        {
            "live/app/main.tf": call("../../modules/b") + call("terraform-aws-modules/vpc/aws", "remote"),
            "modules/b/main.tf": call("../c", "c") + call("../gone", "gone") + call("../../../outside", "o"),
            "modules/c/main.tf": call("../b"),
        }
    )

    assert [(root.dir, root.module_dirs) for root in found.root_modules] == [
        ("live/app", frozenset({"modules/b", "modules/c", "modules/gone"}))
    ]


def test_an_override_replaces_only_the_arguments_that_it_sets() -> None:
    found = repository(
        {
            "main.tf": 'variable "a" {\n  sensitive = true\n}\nterraform {\n  required_version = ">= 1"\n}\n'
            + call("./one")
            + backend("first"),
            "override.tf": 'variable "a" {\n  default = 1\n}\nterraform {\n  required_version = ">= 1.9"\n}\n'
            + call("./two"),
            "x_override.tf.json": '{"terraform": {"backend": {"local": {"path": "/srv/x"}}}}',
        }
    )
    (root,) = found.root_modules

    assert root.variables == {
        "a": Variable(name="a", sensitive=True, has_default=True, line=1, path="main.tf"),
    }
    assert root.required_version == (">= 1.9",)
    assert root.module_dirs == {"two"}
    assert root.backend is not None
    assert (root.backend.type, root.backend.values, root.backend.path) == (
        "local",
        {"path": "/srv/x"},
        "x_override.tf.json",
    )


def test_a_version_that_a_called_module_requires_is_required_of_the_root_module() -> None:
    required = 'terraform {{\n  required_version = "{}"\n}}\n'
    found = repository({"main.tf": required.format(">= 1.6") + call("./m"), "m/main.tf": required.format("< 1.9")})

    assert found.root_modules[0].required_version == (">= 1.6", "< 1.9")


def test_remote_states_that_a_called_module_reads_are_read_by_the_root_module() -> None:
    found = repository({"main.tf": call("./m"), "m/main.tf": reads("net")})

    assert [state.values["key"] for state in found.root_modules[0].remote_states] == ["net"]


def test_every_address_leads_to_its_block_through_local_modules() -> None:
    found = repository(
        {
            "app/main.tf": 'resource "aws_vpc" "a" {\n}\n\n' + call("../net", "net") + call("hashicorp/x/y", "far"),
            "net/main.tf": 'data "aws_ami" "b" {\n  x = 1\n}\n' + call("./deep", "deep"),
            "net/deep/main.tf": 'output "c" {\n}\n',
        }
    )
    (app,) = found.root_modules

    assert app.declarations == {
        "aws_vpc.a": Declaration(path="app/main.tf", start_line=1, end_line=2),
        "module.net": Declaration(path="app/main.tf", start_line=4, end_line=6),
        "module.far": Declaration(path="app/main.tf", start_line=7, end_line=9),
        "module.net.data.aws_ami.b": Declaration(path="net/main.tf", start_line=1, end_line=3),
        "module.net.module.deep": Declaration(path="net/main.tf", start_line=4, end_line=6),
        "module.net.module.deep.output.c": Declaration(path="net/deep/main.tf", start_line=1, end_line=2),
    }
    assert app.declaration_of('module.net["eu"].data.aws_ami.b[0]') == app.declarations["module.net.data.aws_ami.b"]
    assert app.declaration_of("module.far.module.x[1].aws_vpc.y") == app.declarations["module.far"]
    assert app.declaration_of("aws_vpc.gone") is None


def test_recursive_module_calls_give_a_bounded_number_of_addresses() -> None:
    found = repository(
        {"main.tf": call("./m"), "m/main.tf": call("../m", "one") + call("../m", "two") + "output x {}\n"}
    )

    assert len(found.root_modules[0].declarations) <= 200_000


@pytest.mark.parametrize(
    ("address", "plain"),
    [
        ("aws_vpc.a", "aws_vpc.a"),
        ("aws_vpc.a[0]", "aws_vpc.a"),
        ('module.m["a.b"].aws_vpc.a["x]\\"y"]', "module.m.aws_vpc.a"),
    ],
)
def test_indexes_are_taken_off_an_address(address: str, plain: str) -> None:
    assert without_indexes(address) == plain


def test_files_that_cannot_be_read_are_named_with_their_lines() -> None:
    found = repository({"b/main.tf": "x = {\n", "a/main.tf.json": "{"}, links={"a/link.tf": "../gone.tf"})

    assert found.problems == (
        Problem(
            path="a/link.tf",
            line=1,
            message="a symlink to gone.tf, which is not a configuration file of this repository",
        ),
        Problem(path="a/main.tf.json", line=1, message="not valid JSON: it ends too early"),
        Problem(path="b/main.tf", line=2, message="} is missing here"),
    )


def test_a_broken_file_does_not_make_root_modules_of_the_modules_that_it_calls() -> None:
    broken = "locals {\n  a {\n    b.c = 1\n  }\n}\n"

    assert roots(repository({"main.tf": broken + call("./net") + backend("x"), "net/main.tf": EMPTY})) == ["."]


def test_files_and_modules_are_found_through_symlinks() -> None:
    found = repository(
        {"shared/common.tf": 'variable "x" {}\n', "live/a/main.tf": call("./mods/net"), "library/net/main.tf": EMPTY},
        links={"live/a/common.tf": "../../shared/common.tf", "live/a/mods": "../../library", "loop/a.tf": "a.tf"},
    )

    assert roots(found) == ["live/a", "loop"]
    assert list(found.by_dir["live/a"].variables) == ["x"]
    assert found.by_dir["live/a"].module_dirs == {"library/net"}
    assert found.by_dir["live/a"].uses == {"library/net": ("live/a/mods",)}
