"""Plan promotions again once the environment for which they waited is up to date."""

from ghapp.flows.repository import Repo
from ghapp.jobs import Replan
from ghapp.log import log
from ghapp.repository_config import ConfigInvalid
from ghapp.store import Run
from ghapp.values import TESTING


async def turn_promotions_green(repo: Repo, run: Run) -> None:
    """Make a new plan of each open promotion from the environment of this apply, which succeeded.

    Promotions that are already green are left alone.
    """
    if run.environment == TESTING:
        return
    repo = await repo.with_commits(run.head_sha)
    for pull_request in await repo.store.pull_requests.all_open(repo.id):
        tip = await repo.mirror.tip(pull_request.base_branch)
        if tip is None:
            continue
        try:
            config = await repo.config_at(tip)
        except ConfigInvalid as error:
            # The push that corrects the config causes new plans of the pull requests into that branch.
            log.info("promotion_not_planned", number=pull_request.number, reason=str(error))
            continue
        environment = config.environment_of_branch(pull_request.base_branch)
        if environment is None or environment.promote_from != run.environment:
            continue
        said = await repo.store.pull_requests.newest_verdict(
            repo.id, pull_request.number, base_branch=pull_request.base_branch, head_sha=pull_request.head_sha
        )
        if said is None or said.conclusion != "success":
            await repo.services.enqueue(
                Replan(repository_id=repo.id, number=pull_request.number, cause=f"applied:{run.id}")
            )
