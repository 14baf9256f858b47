"""A config that is written to use up the server's time or memory gives an error that says so, at once."""

import pytest

from ghapp.repository_config import ConfigInvalid, read_config
from tests.cores import CoreTime


def refused(content: str) -> tuple[str, float]:
    with CoreTime() as took, pytest.raises(ConfigInvalid) as invalid:
        read_config(content.encode(), branches=["staging"], repository_name="infra")
    return str(invalid.value.problems[0].message), took.seconds


def test_aliases_of_aliases_that_stand_for_billions_are_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    message, took_s = refused("\n".join(lines))
    assert message == "has more than 100,000 values, counting those behind its aliases; use fewer aliases"
    assert took_s < 5


def test_many_aliases_of_one_large_mapping_are_refused() -> None:
    keys = ", ".join(f"k{n}: 1" for n in range(5_000))
    message, took_s = refused(f"x: &x {{{keys}}}\nroot_modules: [{', '.join(['*x'] * 5_000)}]\n")
    assert "use fewer aliases" in message
    assert took_s < 20


def test_a_value_that_holds_itself_many_times_is_refused() -> None:
    message, took_s = refused(f"root_modules: &x [{', '.join(['*x'] * 5_000)}]\n")
    assert "use fewer aliases" in message
    assert took_s < 20


@pytest.mark.parametrize(
    "hostile", ["'" + " " * 60_000 + "x'", "'" + ">= 1," * 12_000 + "'", "'" + "1." * 30_000 + "'"]
)
def test_a_version_constraint_of_sixty_kilobytes_is_refused_by_its_length(hostile: str) -> None:
    message, took_s = refused(f"root_modules:\n  - {{dir: network, required_version: {hostile}}}\n")
    assert message == "is longer than 4,000 characters; make it shorter"
    assert took_s < 10


@pytest.mark.parametrize("hostile", ["[" * 60_000, "{" * 60_000])
def test_thousands_of_open_brackets_are_refused(hostile: str) -> None:
    message, took_s = refused(hostile)
    assert message == "is nested too deeply"
    assert took_s < 1
