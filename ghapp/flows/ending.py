"""A run is ended from elsewhere: the flow that carries it out is told, or one is made that says so on GitHub."""

from ghapp.jobs import PlanRun
from ghapp.services import Services
from ghapp.store import Run


async def end_plan(services: Services, run: Run, *, by: str) -> None:
    """Have an unfinished plan run end `cancelled`. One that still waits has no flow yet, and gets one."""
    if await services.store.runs.cancel(run.id, reason=by) and run.data.get("debounced"):
        await services.accept(PlanRun(run_id=run.id, repository_id=run.repository_id))
