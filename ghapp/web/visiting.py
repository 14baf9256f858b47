"""Who asks, and the run that they ask for: the first two lines of every page about a run."""

from starlette.exceptions import HTTPException
from starlette.requests import Request

from ghapp.store import KnownRepository, Run
from ghapp.values import RunId
from ghapp.web.front import Front
from ghapp.web.visitors import Visitor


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
