"""The JSON Schema of `.github/planward.yml`, with which editors complete and explain keys.

It only describes single values. Relations between them (an environment must exist, no cycles, no directory twice) are
checked by the reader. The schema accepts every config that the reader accepts.
"""

import json

from ghapp.repository_config import keys
from ghapp.repository_config.forms import Schema


def config_schema() -> Schema:
    """The schema as a value."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Planward",
        "description": "How Planward plans and applies this repository. Read from the base branch, except "
        "root_modules. Every top-level key has a default.",
        **keys.CONFIG.schema(),
    }


def schema_text() -> str:
    """The schema as `planward config schema` prints it."""
    return json.dumps(config_schema(), indent=2, ensure_ascii=False) + "\n"
