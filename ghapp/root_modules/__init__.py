"""How each root module is run in an environment: workspace, files, arguments, and a state that is its own and lasts.

`layout` reads top to bottom; `settings` is what it gives; `state` says where a state lies; `survey` is all of a tree.
"""

from ghapp.root_modules.layout import Layout, configure_root_modules, files_to_read, reconfigured
from ghapp.root_modules.settings import RootModuleSettings
from ghapp.root_modules.survey import RecentSurveys, Survey, not_supported_cause, unlisted_tools

__all__ = [
    "Layout",
    "RecentSurveys",
    "RootModuleSettings",
    "Survey",
    "configure_root_modules",
    "files_to_read",
    "not_supported_cause",
    "reconfigured",
    "unlisted_tools",
]
