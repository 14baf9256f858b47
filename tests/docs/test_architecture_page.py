"""`docs/architecture.md` names files and functions that exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text()
NAMED = sorted({*re.findall(r"`([a-z_.]+(?:/[a-z_.]*)*(?:\.py|/|\.toml|\.yml|\.md)(?:: \w+)?)`", PAGE)})
NOT_OURS = {".github/planward.yml", "app.yml"}


def test_the_page_names_files() -> None:
    assert len(NAMED) > 60


@pytest.mark.parametrize("named", [each for each in NAMED if each not in NOT_OURS])
def test_each_file_and_function_that_the_page_names_is_there(named: str) -> None:
    path, _, function = named.partition(": ")
    found = [
        base / path for base in (ROOT, ROOT / "ghapp", ROOT / "ghapp/flows", ROOT / "checks") if (base / path).exists()
    ]
    if not found:  # a short path: the text before it names another file of the same directory in full
        found = [each for each in (ROOT / "ghapp").rglob(Path(path).name) if each.as_posix().endswith(f"/{path}")]
    assert found, f"{path} is not there"
    if function:
        assert re.search(rf"\b{function}\b", found[0].read_text())
