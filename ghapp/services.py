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

from ghapp.addresses import is_loopback
from ghapp.facts import Facts
from ghapp.git import Mirrors
from ghapp.github import GitHubApp
from ghapp.jobs import Job, read_job
from ghapp.processes import Stop
from ghapp.root_modules import RecentSurveys
from ghapp.sealing import Sealer
from ghapp.settings import Settings
from ghapp.slots import Slots
from ghapp.store import Store
from ghapp.terraform import Terraform
from ghapp.values import RunId
from ghapp.vault import Vault


@dataclass(frozen=True, slots=True, kw_only=True)
class Timings:
    """How long flows wait, in seconds. Tests wait less."""

    retry_s: float = 30.0
    """Before a job that failed for a reason that will pass is tried again; doubled each time."""
    retry_at_most_s: float = 600.0
    claim_s: float = 5.0
    """How long another process waits for one that was killed while it created a check run."""
    notify_after_s: float = 60.0
    """Before the result of an apply is told that could not be told when it was reached."""
    chat_retries_s: tuple[float, ...] = (10.0, 60.0, 300.0, 1800.0, 7200.0, 21600.0)
    delivery_looks_s: tuple[float, ...] = (0.5, 1.0, 2.0, 5.0, 15.0, 60.0, 300.0)
    """Before GitHub is asked again for a delivery that it does not list yet; then it counts as never sent."""
    reconcile_every_s: float = 300.0
    """How often GitHub is asked which deliveries failed: one call."""
    after_redeliveries_s: float = 60.0
    """How long GitHub has to redeliver before a repository is compared with what Planward knows of it."""

    def retry_after_s(self, attempts: int) -> float:
        """How long a job waits that was tried so often before, where GitHub does not say how long."""
        return min(self.retry_s * 2.0 ** min(attempts, 10), self.retry_at_most_s)


@dataclass(slots=True, kw_only=True)
class Watch:
    """The stop of one run, which all its root runs here share, so that the database is asked once for all of them."""

    watching: asyncio.Task[None]
    stop: Stop
    shared_by: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Everything a flow may use. `enqueue` puts a job into its queue (False: it is there, or done), `pending` gives the
    jobs that wait or run; `slots` bounds the root runs at once in this worker."""

    settings: Settings
    store: Store
    mirrors: Mirrors
    facts: Facts
    github: GitHubApp
    vault: Vault | None
    terraforms: Sequence[Terraform]
    enqueue: Callable[[Job], Awaitable[bool]]
    pending: Callable[[], Awaitable[tuple[Job, ...]]]
    forget_jobs: Callable[[float, int], Awaitable[int]]
    """Forgets so many jobs that were done before that second; gives how many."""
    slots: Slots
    stopping: asyncio.Event
    provider_cache: Path
    digest_key: bytes = field(repr=False)
    """Keys the digests of plans, so that a stored one cannot be guessed back into a value."""

    sealer: Sealer
    timings: Timings = field(default_factory=Timings)
    surveys: RecentSurveys = field(default_factory=RecentSurveys)
    watches: dict[RunId, Watch] = field(default_factory=dict)
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
