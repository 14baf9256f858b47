"""What a repository says about itself in `.github/planward.yml`, read, checked and with its defaults.

Reads top to bottom: `reader` is the file as a whole; `environments`, `root_module_entries` and `entries` its parts;
`words` and `cron` the forms of single texts; `document` YAML with line numbers; `model` what comes out.
"""

from ghapp.repository_config.model import (
    CONFIG_PATH,
    OCCASIONS,
    Apply,
    ConfigInvalid,
    Drift,
    Environment,
    Notify,
    Occasion,
    Position,
    Problem,
    RepositoryConfig,
    RootModuleConfig,
    RootModuleOverride,
)
from ghapp.repository_config.reader import read_config

__all__ = [
    "CONFIG_PATH",
    "OCCASIONS",
    "Apply",
    "ConfigInvalid",
    "Drift",
    "Environment",
    "Notify",
    "Occasion",
    "Position",
    "Problem",
    "RepositoryConfig",
    "RootModuleConfig",
    "RootModuleOverride",
    "read_config",
]
