"""What the stories are given: the rooms of the shell, put together once in `app.py`."""

import asyncio
import contextlib
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit
from weakref import WeakValueDictionary

import msgspec

from checks.plan.apply_stream import ApplyStream
from ghapp.addresses import is_loopback
from ghapp.facts import Configs, Facts
from ghapp.git import Mirrors
from ghapp.github import GitHubApp
from ghapp.jobs import Job, read_job
from ghapp.processes import Programs, Stop
from ghapp.processes.sandbox import Sandbox
from ghapp.processes.slots import Slots
from ghapp.root_modules import RecentSurveys
from ghapp.sealing import Sealer
from ghapp.settings import Settings
from ghapp.store import Store
from ghapp.terraform import Terraform
from ghapp.timings import Timings
from ghapp.values import RunId
from ghapp.vault import Vault


@dataclass(slots=True, kw_only=True)
class Watch:
    """The stop of one run, which all its root runs here share, so that the database is asked once for all of them."""

    watching: asyncio.Task[None]
    stop: Stop
    shared_by: int = 0


@dataclass(slots=True, kw_only=True)
class ApplyProgress:
    """How far the root modules of one run are that are applied here, by their directories."""

    streams: dict[str, ApplyStream] = field(default_factory=dict)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    showing: asyncio.Task[None] | None = None
    shared_by: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Everything a flow may use. `enqueue` puts a job into its queue (False: it is there, or done), `pending` gives the
    jobs that wait or run; `slots` bounds the root runs at once in this worker."""

    settings: Settings
    store: Store
    mirrors: Mirrors
    facts: Facts
    configs: Configs
    github: GitHubApp
    vault: Vault | None
    terraforms: Sequence[Terraform]
    enqueue: Callable[[Job], Awaitable[bool]]
    pending: Callable[[], Awaitable[tuple[Job, ...]]]
    forget_jobs: Callable[[float, int], Awaitable[int]]
    """Forgets so many jobs that were done before that second; gives how many."""
    slots: Slots
    programs: Programs
    """Runs programs, under this process's keeper."""
    sandbox: Sandbox
    """Confines root runs."""
    stopping: asyncio.Event
    provider_cache: Path
    digest_key: bytes = field(repr=False)
    """Keys the digests of plans, so that a stored one cannot be guessed back into a value."""

    sealer: Sealer
    timings: Timings = field(default_factory=Timings)
    surveys: RecentSurveys = field(default_factory=RecentSurveys)
    watches: dict[RunId, Watch] = field(default_factory=dict)
    progress: dict[RunId, ApplyProgress] = field(default_factory=dict)
    process_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    """Names this process, to claim what only one may do."""

    check_run_locks: WeakValueDictionary[RunId, asyncio.Lock] = field(default_factory=WeakValueDictionary)
    """One for each run whose check run is being created in this process."""

    async def pending_or_deferred(self) -> tuple[Job, ...]:
        """The jobs that wait, run, or are deferred."""
        jobs = list(await self.pending())
        for stored in await self.store.deferred.all():
            with contextlib.suppress(msgspec.ValidationError):  # a job of another version
                jobs.append(read_job(stored))
        return tuple(jobs)

    def run_url(self, run_id: str) -> str:
        """The address of a run's page."""
        return f"{self.settings.public_url}/runs/{run_id}"

    def picture_url(self, run_id: str, number: int) -> str | None:
        """The address of a picture that GitHub can fetch without signing in, and nobody can guess; None on loopback."""
        if is_loopback(urlsplit(self.settings.public_url).hostname or ""):
            return None
        tag = self.sealer.tag(f"picture {run_id} {number}")
        return f"{self.settings.public_url}/pictures/{run_id}/{number}/{tag}.svg"
