"""May this tree be promoted: what the store remembers of the environment before, as values for the gate."""

from checks import gate
from ghapp.flows.ground import short
from ghapp.git import Mirror
from ghapp.repository_config import Environment, RepositoryConfig
from ghapp.services import Services
from ghapp.store import KnownRepository
from ghapp.values import TreeId


async def judge(
    services: Services,
    repository: KnownRepository,
    mirror: Mirror,
    config: RepositoryConfig,
    environment: Environment,
    tree: TreeId,
) -> gate.Clear | gate.Refuse:
    """Compare the tree that a pull request brings with those applied in `environment.promote_from`."""
    assert environment.promote_from is not None
    before = config.environments[environment.promote_from]
    history = await services.store.branches.history(repository.id, before.name)
    applied = [last for last in history if last.applied]
    tip = await mirror.tip(before.branch) if before.branch is not None else None
    return gate.decide_promotion(
        gate.PromotionFacts(
            before=before.name,
            tree=tree,
            applied_trees=frozenset(last.tree for last in applied),
            adopted_trees=frozenset(last.tree for last in history if not last.applied),
            last_applied=short(applied[0].sha) if applied else None,
            tip=tip or "",
            tip_in_progress=bool(history) and tip is not None and tip != history[0].sha,
        )
    )
