"""What every route is given, who asks, and the run that they ask for."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from starlette.exceptions import HTTPException
from starlette.requests import Request

from ghapp.durable import JobQueue
from ghapp.jobs import Job
from ghapp.sealing import Sealer
from ghapp.settings import Settings
from ghapp.store import KnownRepository, Run, Store
from ghapp.values import RunId
from ghapp.web.metrics import Metrics
from ghapp.web.visitors import Visitor


@dataclass(frozen=True, slots=True, kw_only=True)
class Front:
    """The rooms that routes use."""

    settings: Settings
    store: Store
    job_queue: JobQueue
    enqueue: Callable[[Job], Awaitable[bool]]
    sealer: Sealer
    metrics: Metrics = field(default_factory=Metrics)


async def visitor_of(request: Request) -> Visitor:
    """Who asks; what admission raises is answered instead."""
    visitor: Visitor = await request.state.admission.visitor(request)
    return visitor


async def find_run(request: Request, visitor: Visitor) -> tuple[Run, KnownRepository]:
    """The run of the path, with its repository. Raises 404 alike where there is none and where it is not for them."""
    front: Front = request.state.front
    run = await front.store.runs.find(RunId(request.path_params["id"]))
    repository = None if run is None else await front.store.repositories.find(run.repository_id)
    if run is None or repository is None or not await visitor.readable([repository]):
        raise HTTPException(404)
    return run, repository
