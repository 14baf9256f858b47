"""The story of a pull request: announced at once, planned from the merge result, judged, shown.

https://docs.github.com/en/webhooks/webhook-events-and-payloads#pull_request
"""

from ghapp.durable import step
from ghapp.events import PullRequestChanged
from ghapp.flows.plan.announce import announce_anew, announce_event
from ghapp.flows.plan.carrying_out import carry_out
from ghapp.jobs import PlanAnew, PlanRun
from ghapp.services import Services


async def pull_request_changed(services: Services, event: PullRequestChanged, key: str) -> None:
    """A pull request was opened, pushed to, reopened, made ready, or given another base."""
    await step("announce", type(None), announce_event, services, event, key)


async def plan_anew(services: Services, job: PlanAnew) -> None:
    """Plan an open pull request anew, by ourselves or because somebody asked for it."""
    await step("announce", type(None), announce_anew, services, job)


async def plan_run(services: Services, job: PlanRun) -> None:
    """Carry out a run that was announced before."""
    await carry_out(services, job.run_id)
