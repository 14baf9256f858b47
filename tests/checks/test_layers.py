"""The order in which root modules run."""

from collections.abc import Mapping

import pytest

from checks.configuration.layers import layers
from checks.errors import ConfigurationError
from tests.checks.repositories import backend, call, reads, repository

CHAIN = {
    "a/main.tf": backend("a"),
    "b/main.tf": backend("b") + reads("a"),
    "c/main.tf": backend("c") + call("../m"),
    "m/main.tf": reads("b"),
    "d/main.tf": backend("d"),
}


@pytest.mark.parametrize(
    ("dirs", "expected"),
    [
        (["a", "b", "c", "d"], (("a", "d"), ("b",), ("c",))),
        (["c", "a"], (("a",), ("c",))),
        (["d", "c"], (("c", "d"),)),
        ([], ()),
    ],
)
def test_a_root_module_that_reads_a_state_runs_after_the_one_that_writes_it(
    dirs: list[str], expected: tuple[tuple[str, ...], ...]
) -> None:
    assert layers(repository(CHAIN), dirs) == expected


def test_depends_on_orders_root_modules_without_other_references() -> None:
    configuration = repository(CHAIN)

    assert layers(configuration, ["a", "d"], {"a": ["d", "gone"]}) == (("d",), ("a",))


@pytest.mark.parametrize(
    ("depends_on", "cycle"),
    [
        ({"a": ["c"]}, "a -> c -> b -> a"),
        ({"a": ["a"]}, "a -> a"),
        ({"d": ["c"], "a": ["d"]}, "a -> d -> c -> b -> a"),
    ],
)
def test_a_circle_is_refused_and_named(depends_on: Mapping[str, list[str]], cycle: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        layers(repository(CHAIN), ["a", "b", "c", "d"], depends_on)

    assert str(refused.value) == (
        f"root modules depend on each other in a circle: {cycle}; "
        "use depends_on in .github/planward.yml to say which of them comes first"
    )


CIRCLE = {
    "a/main.tf": backend("a") + reads("b"),
    "b/main.tf": backend("b") + reads("c"),
    "c/main.tf": backend("c") + reads("a"),
    "d/main.tf": backend("d") + reads("b"),
    "e/main.tf": "",
}


@pytest.mark.parametrize("dirs", [["a"], ["a", "e"], ["d"]])
def test_a_circle_does_not_matter_if_only_one_of_its_root_modules_runs(dirs: list[str]) -> None:
    assert layers(repository(CIRCLE), dirs) == (tuple(dirs),)


def test_a_cycle_through_modules_that_are_not_run_is_named_completely() -> None:
    with pytest.raises(ConfigurationError, match="in a circle: a -> b -> c -> a; use"):
        layers(repository(CIRCLE), ["a", "c", "d"])


def test_depends_on_overrides_reads_in_the_opposite_direction() -> None:
    configuration = repository(CIRCLE)

    assert layers(configuration, ["a", "b", "c", "d"], {"a": ["c"]}) == (("c",), ("b",), ("a", "d"))
    assert layers(configuration, ["a", "b", "c"], {"c": ["b"], "b": ["a"]}) == (("a",), ("b",), ("c",))


def test_a_root_module_may_read_its_own_state() -> None:
    assert layers(repository({"a/main.tf": backend("a") + reads("a")}), ["a"]) == (("a",),)


def _with_backend(type_: str, values: str) -> str:
    return f'terraform {{\n  backend "{type_}" {{\n{values}\n}}\n}}\n'


def _with_read(type_: str, values: str) -> str:
    return f'data "terraform_remote_state" "x" {{\n  backend = "{type_}"\n  config = {{\n{values}\n}}\n}}\n'


_BLOCK = 'organization = "o"\nworkspaces {\n name = "w"\n}'
_MAP = 'organization = "o"\nworkspaces = {\n name = "w"\n}'
_AZURE = 'key = "k"\ncontainer_name = "c"'


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (_with_backend("gcs", 'bucket = "b"\nprefix = "p"'), _with_read("gcs", 'bucket = "b"\nprefix = "p"')),
        (_with_backend("gcs", 'bucket = "b"\nprefix = "p"'), _with_read("gcs", 'bucket = var.b\nprefix = "p"')),
        (_with_backend("azurerm", _AZURE), _with_read("azurerm", _AZURE)),
        (_with_backend("local", ""), _with_read("local", 'path = "../written/terraform.tfstate"')),
        (_with_backend("local", 'path = "/srv/x"'), _with_read("local", 'path = "/srv/x"')),
        (_with_backend("remote", _BLOCK), _with_read("remote", _MAP)),
        (f"terraform {{\n  cloud {{\n{_BLOCK}\n}}\n}}\n", _with_read("remote", _MAP)),
        (_with_backend("http", 'address = "https://x"'), _with_read("http", 'address = "https://x"')),
    ],
)
def test_a_read_is_matched_with_the_backend_that_it_means(written: str, read: str) -> None:
    configuration = repository({"reads/main.tf": read, "written/main.tf": written})

    assert layers(configuration, ["reads", "written"]) == (("written",), ("reads",))


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (_with_backend("s3", 'bucket = "b"\nkey = "k"'), _with_read("s3", 'bucket = "other"\nkey = "k"')),
        (_with_backend("s3", 'bucket = "b"\nkey = "k"'), _with_read("gcs", 'bucket = "b"\nkey = "k"')),
        (_with_backend("s3", ""), _with_read("s3", 'bucket = "b"\nkey = "k"')),
        (_with_backend("s3", 'bucket = "b"\nkey = "k"'), _with_read("s3", 'bucket = "b"\nkey = var.k')),
        (_with_backend("s3", 'bucket = "b"'), _with_read("s3", 'bucket = "b"')),
        (_with_backend("own", 'key = "k"'), _with_read("own", 'key = "k"')),
        (
            _with_backend("remote", 'workspaces {\n name = ["w"]\n}'),
            _with_read("remote", 'workspaces = {\n name = ["w"]\n}'),
        ),
    ],
)
def test_a_read_that_may_mean_another_state_orders_nothing(written: str, read: str) -> None:
    configuration = repository({"reads/main.tf": read, "written/main.tf": written})

    assert layers(configuration, ["reads", "written"]) == (("reads", "written"),)


def test_values_of_backend_files_count_as_if_they_stood_in_the_block() -> None:
    configuration = repository({"a/main.tf": reads("net"), "b/main.tf": _with_backend("s3", "")})

    assert layers(configuration, ["a", "b"], backends={"b": {"bucket": "acme", "key": "net"}}) == (("b",), ("a",))
