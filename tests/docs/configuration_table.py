"""The table of docs/configuration.md, generated from the declarations of the config's keys.

`python -m tests.docs.configuration_table` writes it into the page.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path

from ghapp.repository_config import keys
from ghapp.repository_config.forms import Named, Section, Sections

PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"
_HEAD = "| key | default | since | meaning |\n| --- | --- | --- | --- |\n"
_TABLE = re.compile(r"^\| key \|.*\n(?:\|.*\n)+", re.MULTILINE)


def written_table(page: str) -> str:
    """The table in the page."""
    found = _TABLE.search(page)
    assert found is not None, f"{PAGE.name} has no table of the keys"
    return found[0]


def declared_table() -> str:
    """The table from the declared keys: `NAME` stands for a name that people choose, `[]` for an item."""
    return _HEAD + "".join(f"{row}\n" for row in _rows(keys.CONFIG, ""))


def _rows(section: Section, prefix: str) -> Iterator[str]:
    for key in section.keys:
        path = f"{prefix}{key.name}"
        default = "" if key.default is None else f"`{json.dumps(key.default)}`"
        yield f"| `{path}` | {default} | {key.since} | {key.meaning} |"
        match key.form:
            case Named(section=inner, special=special):
                for name, (other, meaning) in special.items():
                    yield f"| `{path}.{name}` |  | {key.since} | {meaning} |"
                    yield from _rows(other, f"{path}.{name}.")
                yield from _rows(inner, f"{path}.NAME.")
            case Sections(section=inner):
                yield from _rows(inner, f"{path}[].")


if __name__ == "__main__":
    page = PAGE.read_text()
    PAGE.write_text(page.replace(written_table(page), declared_table()))
