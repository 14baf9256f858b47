"""The services that flows use. `work.py` creates them once."""

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
from ghapp.facts import Facts
from ghapp.git import Mirrors
from ghapp.github import GitHubApp
from ghapp.jobs import Job, read_job
from ghapp.processes import Programs, Stop
from ghapp.processes.sandbox import Sandbox
from ghapp.processes.slots import Slots
from ghapp.reading import Configs
from ghapp.root_modules import RecentSurveys
from ghapp.sealing import Sealer
from ghapp.settings import Settings
from ghapp.store import Store
from ghapp.store.marker_kinds import CommentMarker
from ghapp.terraform import Terraform
from ghapp.timings import Timings
from ghapp.values import RunId
from ghapp.vault.session import Vault


@dataclass(slots=True, kw_only=True)
class Watch:
    """The `Stop` of one run, which all its root runs in this process share.

    So one task polls the database for all of them, to find out whether the run was cancelled.
    """

    watching: asyncio.Task[None]
    stop: Stop
    shared_by: int = 0


@dataclass(slots=True, kw_only=True)
class ApplyProgress:
    """The progress of one run's apply in this process, by the directories of its root modules."""

    streams: dict[str, ApplyStream] = field(default_factory=dict)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    showing: asyncio.Task[None] | None = None
    shared_by: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Everything that a flow may use.

    `enqueue` puts a job into its queue, and returns False if it is already pending or done. `pending` returns the jobs
    that wait or run. `slots` limits the concurrent root runs in this worker.
    """

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
    """Takes a time (seconds since 1970) and a number N. Deletes at most N jobs that finished before that time, and
    returns how many it deleted."""
    slots: Slots
    programs: Programs
    """Runs programs under this process's keeper."""
    sandbox: Sandbox
    """Confines root runs."""
    stopping: asyncio.Event
    provider_cache: Path
    digest_key: bytes = field(repr=False)
    """The key of plans' digests. Without it, nobody can check a guessed value against a stored digest."""

    sealer: Sealer
    timings: Timings = field(default_factory=Timings)
    surveys: RecentSurveys = field(default_factory=RecentSurveys)
    watches: dict[RunId, Watch] = field(default_factory=dict)
    progress: dict[RunId, ApplyProgress] = field(default_factory=dict)
    process_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    """The name of this process in claims to work that only one process may do."""

    check_run_locks: WeakValueDictionary[RunId, asyncio.Lock] = field(default_factory=WeakValueDictionary)
    """One lock for each run whose check run is being created in this process."""

    comment_locks: WeakValueDictionary[CommentMarker, asyncio.Lock] = field(default_factory=WeakValueDictionary)
    """One lock for each pull request whose comment is being written in this process."""

    async def pending_or_deferred(self) -> tuple[Job, ...]:
        """The jobs that wait, run, or are deferred."""
        jobs = list(await self.pending())
        for stored in await self.store.deferred.all():
            with contextlib.suppress(msgspec.ValidationError):  # another version may know other jobs
                jobs.append(read_job(stored))
        return tuple(jobs)

    def run_url(self, run_id: str) -> str:
        """The address of a run's page."""
        return f"{self.settings.public_url}/runs/{run_id}"

    def picture_url(self, run_id: str, number: int) -> str | None:
        """An address that nobody can guess, from which GitHub can fetch a picture without signing in; None on
        loopback."""
        if is_loopback(urlsplit(self.settings.public_url).hostname or ""):
            return None
        tag = self.sealer.tag(f"picture {run_id} {number}")
        return f"{self.settings.public_url}/pictures/{run_id}/{number}/{tag}.svg"
