"""The objects that every route uses, the visitor, and the run that they request."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from starlette.exceptions import HTTPException
from starlette.requests import Request

from ghapp.durable import JobQueue
from ghapp.jobs import Job
from ghapp.log import log
from ghapp.sealing import Sealer
from ghapp.settings import Settings
from ghapp.store import KnownRepository, Run, Store
from ghapp.values import RunId
from ghapp.web.metrics import Metrics
from ghapp.web.visitors import Visitor

Check = Callable[[], Awaitable[object]]

_CHECK_S = 3.0
_KEPT_S = 2.0


class Dependencies:
    """The services that this process needs and that do not answer: checked on request, at most every two seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._checks: dict[str, Check] = {}
        self._clock = clock
        self._found: tuple[str, ...] = ()
        self._asked_at: float | None = None
        self._asking = asyncio.Lock()

    def watch(self, message: str, check: Check) -> None:
        """Add a check; `message` is shown if it raises or takes too long."""
        self._checks[message] = check

    async def failing(self) -> tuple[str, ...]:
        """The messages of the failing checks."""
        async with self._asking:
            if self._asked_at is None or self._clock() - self._asked_at > _KEPT_S:
                answers = await asyncio.gather(*(_answers(check) for check in self._checks.values()))
                self._found = tuple(
                    message for message, is_there in zip(self._checks, answers, strict=True) if not is_there
                )
                self._asked_at = self._clock()
            return self._found


async def _answers(check: Check) -> bool:
    try:
        async with asyncio.timeout(_CHECK_S):
            await check()
    except Exception as error:
        log.warning("dependency_away", kind=type(error).__name__)
        return False
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Front:
    """The services that routes use."""

    settings: Settings
    store: Store
    job_queue: JobQueue
    enqueue: Callable[[Job], Awaitable[bool]]
    sealer: Sealer
    metrics: Metrics = field(default_factory=Metrics)
    dependencies: Dependencies = field(default_factory=Dependencies)


async def visitor_of(request: Request) -> Visitor:
    """The visitor; exceptions of the admission become the answer."""
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
