"""How each environment runs each root module: with which workspace, files, arguments and state.

Start with `layout`; `settings` is its result; `state` locates a state; `survey` covers a whole tree.
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
