"""The tests that docs/security.md names are there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_each_name_of_a_test_leads_to_one_file() -> None:
    page = (ROOT / "docs" / "security.md").read_text()
    files = [path.as_posix() for path in (ROOT / "tests").rglob("test_*.py")]
    names = set(re.findall(r"`((?:[a-z_]+/)*test_\w+\.py)`", page))
    assert names
    assert {name for name in names if sum(file.endswith(f"/{name}") for file in files) != 1} == set()
