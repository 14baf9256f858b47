"""Read what others wrote, Terraform's files and configs, in subprocesses.

processes.py        the pool of processes, the time limits, and what happens if a process crashes
terraform_files.py  Terraform's files
configs.py          the configs of repositories

The fork server of these processes imports this package, once for each start of a worker: keep its imports light.
"""

from ghapp.reading.configs import Configs
from ghapp.reading.processes import require_short_temporary_directory
from ghapp.reading.terraform_files import LARGEST_BYTES, TOO_LARGE, Parser

__all__ = ["LARGEST_BYTES", "TOO_LARGE", "Configs", "Parser", "require_short_temporary_directory"]
