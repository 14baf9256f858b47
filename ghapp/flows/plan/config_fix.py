"""Pull requests whose base has an invalid config: the config at LAST applies, or they may only correct the config."""

from dataclasses import dataclass
from typing import assert_never

import msgspec

from checks import gate
from ghapp.flows.plan.merge_result import describe_conflict, diagnostics_of, merged_tree, survey_proposed
from ghapp.flows.plan.part import Part, hold_part
from ghapp.flows.plan.which_plans import decide_vouching
from ghapp.flows.repository import FetchedRepo, short
from ghapp.git import Conflict
from ghapp.repository_config import CONFIG_PATH, ConfigInvalid, Problem, RepositoryConfig, is_config
from ghapp.root_modules import Survey
from ghapp.store import KnownPullRequest, Run
from ghapp.values import CommitSha


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigInUse:
    """The config under which a pull request is planned.

    If the base's own config is invalid, this is the config at LAST, and `instead_of` is the error in the base's
    config.
    """

    config: RepositoryConfig
    sha: CommitSha
    instead_of: ConfigInvalid | None = None


async def config_in_force(
    repo: FetchedRepo, pull_request: KnownPullRequest, base: CommitSha
) -> ConfigInUse | ConfigInvalid:
    """The base's config. If it is invalid, the config at LAST; if that is not usable either, the base's error."""
    try:
        return ConfigInUse(config=await repo.config_at(base), sha=base)
    except ConfigInvalid as invalid:
        last = await repo.store.branches.last_of_branch(repo.id, pull_request.base_branch)
        if last is None or not await repo.mirror.has(last.sha):
            return invalid
        try:
            return ConfigInUse(config=await repo.config_at(last.sha), sha=last.sha, instead_of=invalid)
        except ConfigInvalid:
            return invalid


async def prepare_config_fix(
    repo: FetchedRepo, run: Run, pull_request: KnownPullRequest, invalid: ConfigInvalid, part: Part
) -> Part:
    """Prepare a pull request whose base has an unusable config. It passes only if it corrects the config and changes
    nothing else."""
    vouched = await decide_vouching(repo, run, pull_request)
    if isinstance(vouched, gate.Refuse):
        return msgspec.structs.replace(part, refused=vouched.cause)
    if isinstance(vouched, gate.Hold):
        return hold_part(part, run, vouched)
    tree = await merged_tree(repo.mirror, run, part.base_sha)
    if isinstance(tree, Conflict):
        return msgspec.structs.replace(part, refused=describe_conflict(tree, pull_request, part))
    changed = await repo.mirror.changed_paths(part.base_sha, tree)
    proposed = await survey_proposed(repo, changed, tree)
    match proposed:
        case None:
            return msgspec.structs.replace(part, refused=str(invalid))
        case ConfigInvalid():
            return msgspec.structs.replace(part, tree=tree, refused=str(proposed), diagnostics=diagnostics_of(proposed))
        case Survey() if others := sorted(path for path in changed if not is_config(path)):
            refused = (
                f"the config of {pull_request.base_branch} cannot be used ({invalid}), so nothing can be planned under "
                f"it: correct {CONFIG_PATH} in a pull request of its own and merge that first; this one changes "
                f"`{others[0]}`, too"
            )
            return msgspec.structs.replace(part, tree=tree, refused=refused)
        case Survey(misplaced=Problem() as misplaced):
            return msgspec.structs.replace(part, tree=tree, refused=str(misplaced))
        case Survey():
            named = proposed.config.environment_of_branch(pull_request.base_branch)
            then = (
                f"With this config, {pull_request.base_branch} is not the branch of an environment."
                if named is None
                else f"With this config, the environment {named.name} is new. The first push to its branch is held "
                "until somebody with the role maintain or admin presses Plan and then Apply on its check run."
            )
            return msgspec.structs.replace(
                part, tree=tree, notes=(f"Nothing is planned: {_describe_fix(pull_request, invalid)}. {then}",)
            )
        case _ as never:
            assert_never(never)


def _describe_fix(pull_request: KnownPullRequest, invalid: ConfigInvalid) -> str:
    return f"the config of {pull_request.base_branch} cannot be used ({invalid}), and merging this corrects it"


def note_on_fix(pull_request: KnownPullRequest, in_force: ConfigInUse) -> str:
    """The note of a pull request that is planned under the config at LAST, since the base's config is invalid."""
    invalid = in_force.instead_of
    assert invalid is not None
    return f"Planned under the config of {short(in_force.sha)}: {_describe_fix(pull_request, invalid)}"
