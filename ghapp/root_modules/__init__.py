"""How each root module is run in an environment: workspace, files, arguments, and a state that is its own and lasts.

`layout` reads top to bottom; `settings` is what it gives; `state` says where a state lies.
"""

from ghapp.root_modules.layout import Layout, backend_files, lay_out_all, reconfigured
from ghapp.root_modules.settings import RootModuleSettings

__all__ = ["Layout", "RootModuleSettings", "backend_files", "lay_out_all", "reconfigured"]
