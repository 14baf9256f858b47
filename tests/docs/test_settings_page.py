"""docs/settings.md lists each setting that the code reads, and nothing else."""

import re
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
_READ = re.compile(r'"((?:PLANWARD|VAULT)_[A-Z_]+)"')
_NAME = re.compile(r"`((?:PLANWARD|VAULT)_[A-Z_]+)`")


def read_by_the_code() -> set[str]:
    files = [TOP / "ghapp/settings.py", *(TOP / "checks/authority").glob("*.py")]
    return {name.removesuffix("_FILE") for file in files for name in _READ.findall(file.read_text())}


def listed() -> list[str]:
    rows = [line for line in (TOP / "docs/settings.md").read_text().splitlines() if line.startswith("| `")]
    return [name for row in rows for name in _NAME.findall(row.split(" | ")[0])]


def named() -> set[str]:
    """All settings that the page names, including those only in the explanation of another setting."""
    return set(_NAME.findall((TOP / "docs/settings.md").read_text()))


def test_each_setting_is_listed_once() -> None:
    names = listed()
    assert len(names) == len(set(names))
    assert set(names) <= read_by_the_code() <= named()


@pytest.mark.parametrize("page", ["README.md", "docs/install.md", "docs/operations.md", "docs/credentials.md"])
def test_pages_name_no_setting_that_does_not_exist(page: str) -> None:
    names = set(_NAME.findall((TOP / page).read_text()))
    assert {name.removesuffix("_FILE") for name in names} <= named()
