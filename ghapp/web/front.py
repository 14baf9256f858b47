"""What every route needs: the services, the visitor, and the run that the visitor requests."""

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
from ghapp.worker_process.supervising import WorkerBeside


@dataclass(frozen=True, slots=True, kw_only=True)
class Front:
    """The services that routes use."""

    settings: Settings
    store: Store
    job_queue: JobQueue
    enqueue: Callable[[Job], Awaitable[bool]]
    sealer: Sealer
    worker: WorkerBeside | None = None
    """The worker that this process started; None if other workers run the jobs."""
    metrics: Metrics = field(default_factory=Metrics)


async def visitor_of(request: Request) -> Visitor:
    """The person who made the request. If the admission raises an exception, server.py turns it into the answer."""
    visitor: Visitor = await request.state.admission.visitor(request)
    return visitor


async def find_run(request: Request, visitor: Visitor) -> tuple[Run, KnownRepository]:
    """The run in the path, with its repository. Raises 404 both if it is missing and if the visitor may not see it."""
    front: Front = request.state.front
    run = await front.store.runs.find(RunId(request.path_params["id"]))
    repository = None if run is None else await front.store.repositories.find(run.repository_id)
    if run is None or repository is None or not await visitor.readable([repository]):
        raise HTTPException(404)
    return run, repository
