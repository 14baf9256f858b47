"""What the stories are given: the rooms of the shell, put together once in `app.py`."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from ghapp.addresses import is_loopback
from ghapp.facts import Facts
from ghapp.git import Mirrors
from ghapp.github import GitHubApp
from ghapp.jobs import Job
from ghapp.processes import Stop
from ghapp.sealing import Sealer
from ghapp.settings import Settings
from ghapp.slots import Slots
from ghapp.store import Store
from ghapp.terraform import Terraform
from ghapp.values import RunId
from ghapp.vault import Vault


@dataclass(slots=True, kw_only=True)
class Watch:
    """The stop of one run, which all its root runs here share, so that the database is asked once for all of them."""

    watching: asyncio.Task[None]
    stop: Stop
    shared_by: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Everything a flow may use. `enqueue` puts a job into its queue (False: it is there, or done), `pending` lists the
    keys of the jobs that wait or run; `slots` bounds the root runs at once in this worker."""

    settings: Settings
    store: Store
    mirrors: Mirrors
    facts: Facts
    github: GitHubApp
    vault: Vault | None
    terraforms: Sequence[Terraform]
    enqueue: Callable[[Job], Awaitable[bool]]
    pending: Callable[[], Awaitable[frozenset[str]]]
    forget_jobs: Callable[[float, int], Awaitable[int]]
    """Forgets so many jobs that were done before that second; gives how many."""
    slots: Slots
    stopping: asyncio.Event
    provider_cache: Path
    digest_key: bytes = field(repr=False)
    """Keys the digests of plans, so that a stored one cannot be guessed back into a value."""

    sealer: Sealer
    watches: dict[RunId, Watch] = field(default_factory=dict)

    def run_url(self, run_id: str) -> str:
        """The address of a run's page."""
        return f"{self.settings.public_url}/runs/{run_id}"

    def picture_url(self, run_id: str, number: int) -> str | None:
        """The address of a picture that GitHub can fetch without signing in, and nobody can guess; None on loopback."""
        if is_loopback(urlsplit(self.settings.public_url).hostname or ""):
            return None
        tag = self.sealer.tag(f"picture {run_id} {number}")
        return f"{self.settings.public_url}/pictures/{run_id}/{number}/{tag}.svg"
