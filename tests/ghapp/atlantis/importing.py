"""Import configs of Atlantis."""

import json
from typing import Any

from ghapp.atlantis import Imported, import_atlantis


def imported(value: object, **otherwise: Any) -> Imported:
    return import_atlantis(json.dumps(value).encode(), **otherwise)


def notes_of(found: Imported) -> tuple[str, ...]:
    return (*found.unresolved, *found.explained)


def config_lines(found: Imported) -> list[str]:
    return [line for line in found.text.splitlines() if not line.startswith("#")]
