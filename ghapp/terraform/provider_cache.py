"""Terraform's provider cache, shared by runs side by side, written by one `init` at a time.

Terraform itself does not lock it: of four inits that filled one cache at the same time one failed.
"""

import asyncio
import fcntl
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from ghapp.private_directories import make_private
from ghapp.terraform.environment import operator_config

_POLL_S = 0.02
_INSTALLS_ITSELF = re.compile(r"^\s*(plugin_cache_dir|filesystem_mirror|dev_overrides)\b", re.MULTILINE)


def cache_variables(directory: Path | None) -> dict[str, str]:
    """Give the variables that make Terraform use the cache at `directory`.

    None of them where the operator's own CLI configuration says where providers come from: a filesystem mirror is
    linked to and needs no cache.
    """
    config = operator_config()
    if directory is None or (config and _INSTALLS_ITSELF.search(config.read_text(errors="replace"))):
        return {}
    return {
        "TF_PLUGIN_CACHE_DIR": str(make_private(directory)),
        # Without it the cache is not used where the repository has no lock file. What it breaks is the lock file that
        # init writes, which goes with the checkout.
        "TF_PLUGIN_CACHE_MAY_BREAK_DEPENDENCY_LOCK_FILE": "1",
    }


@asynccontextmanager
async def one_writer(directory: str | None) -> AsyncIterator[None]:
    """Hold the cache's lock, across processes too; nothing where there is no cache."""
    if directory is None:
        yield
        return
    held = os.open(Path(directory) / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        while not _locked(held):  # noqa: ASYNC110 - the holder may be another process
            await asyncio.sleep(_POLL_S)
        yield
    finally:
        os.close(held)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
