"""The JSON Schema of `.github/planward.yml`, so that editors complete it and say what a key means.

It says what stands in one place; what has to fit together (an environment that is named must exist, no circles, no
directory twice) only the reader knows. Whatever the reader takes, the schema takes too.
"""

import json

from ghapp.repository_config import keys
from ghapp.repository_config.forms import Schema


def config_schema() -> Schema:
    """The schema as a value."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Planward",
        "description": "How Planward plans and applies this repository. Read from the base branch; every key has a "
        "default.",
        **keys.CONFIG.schema(),
    }


def schema_text() -> str:
    """The schema as `planward config schema` prints it."""
    return json.dumps(config_schema(), indent=2, ensure_ascii=False) + "\n"
