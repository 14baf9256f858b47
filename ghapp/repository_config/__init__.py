"""Read and check a repository's `.github/planward.yml`, and fill in its defaults.

keys.py            every key, declared once
forms.py           the kinds of value that a key can have
reader.py          the file as a whole; environments.py and root_modules.py its larger parts
schema.py          its JSON Schema
words.py           the formats of strings
references.py      references must exist and have no cycle
document.py        YAML with line numbers
model.py           the result
"""

from ghapp.repository_config.model import (
    CONFIG_PATH,
    OCCASIONS,
    BranchEnvironment,
    ConfigInvalid,
    Environment,
    Notify,
    Occasion,
    Position,
    Problem,
    RepositoryConfig,
    RootModuleConfig,
    RootModuleOverride,
    Testing,
    changed_keys,
    is_config,
    misplaced_config,
    placeholder_branch,
    with_root_modules_of,
)
from ghapp.repository_config.reader import read_config, read_config_in_force

__all__ = [
    "CONFIG_PATH",
    "OCCASIONS",
    "BranchEnvironment",
    "ConfigInvalid",
    "Environment",
    "Notify",
    "Occasion",
    "Position",
    "Problem",
    "RepositoryConfig",
    "RootModuleConfig",
    "RootModuleOverride",
    "Testing",
    "changed_keys",
    "is_config",
    "misplaced_config",
    "placeholder_branch",
    "read_config",
    "read_config_in_force",
    "with_root_modules_of",
]
