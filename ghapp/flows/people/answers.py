"""Planward's answers in comments: the correct form of a command, what a person may do, why nothing is planned."""

from collections.abc import Sequence
from dataclasses import dataclass

from checks.rendering.escape import code, fence, prose
from ghapp.events import CommentCreated
from ghapp.flows.environments import is_environment_branch
from ghapp.flows.holds.held_tip import find_environment, may_apply_again
from ghapp.flows.repository import FetchedRepo, Repo
from ghapp.github import Role
from ghapp.repository_config import ConfigInvalid
from ghapp.store import KnownPullRequest
from ghapp.values import BranchName, EnvironmentName
from ghapp.webhook.commands import NearMiss

_MOST_ENVIRONMENTS = 8
"""Deciders are looked up for at most this many environments: each may take several calls to GitHub."""


def answer_to_near_miss(near_miss: NearMiss) -> str:
    """Answer with the command that was probably meant, ready to paste."""
    why = f"{prose(near_miss.why)} " if near_miss.why else ""
    return (
        f"Nothing was done: {code(near_miss.written)} is not a command. Did you mean this?\n\n"
        f"{fence(near_miss.meant)}\n\n{why}`planward help` says what you can do here."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class MayDecide:
    """An environment, whether a person may decide about its tip, and who else may."""

    name: EnvironmentName
    allowed: bool
    approvers: tuple[str, ...]


def words_of_help(login: str, role: Role, environments: Sequence[MayDecide]) -> str:
    """List what a person may do on a pull request, then what only others may do."""
    own: list[str] = []
    others: list[str] = []
    if role >= Role.WRITE:
        own += [f"- {command}: {what}" for command, what in _WRITERS_COMMANDS]
    else:
        others += [f"- {command}: {what} (people with write access)" for command, what in _WRITERS_COMMANDS]
    for environment in environments:
        commands = [each.replace("ENVIRONMENT", environment.name) for each in _APPROVERS_COMMANDS]
        if environment.allowed:
            own += [
                f"- {code(each)}: {what}" for each, what in zip(commands, _APPROVERS_COMMANDS.values(), strict=True)
            ]
        else:
            who = ", ".join(map(code, environment.approvers)) or "people with the role maintain or admin"
            others.append(f"- {', '.join(map(code, commands))}: {who}")
    own.append("- `planward help`: this list")
    with_role = f"with the role {role.name.lower()}" if role > Role.NONE else "without a role here"
    parts = [f"What {code(login)}, {with_role}, can do on this pull request:", "\n".join(own)]
    if others:
        parts += ["Only others can do this here:", "\n".join(others)]
    parts.append(
        "A command stands alone on its line, outside of quotes, code and HTML. SHA is the commit that you looked at, "
        "all 40 digits: the check run shows the line to paste. Whoever wrote or pushed a commit cannot approve it "
        "(`four_eyes`)."
    )
    return "\n\n".join(parts)


_WRITERS_COMMANDS = (
    ("`planward plan`", "plan this pull request again"),
    ("`planward cancel`", "stop the plan that is running"),
    ("`planward approve SHA`", "vouch for the code of the newest commit, and have it planned"),
    ("`planward preview SHA`", "plan the newest commit in the environment of its base branch"),
    ("`planward confirm SHA`", "allow what the pull request destroys or replaces"),
    ("`planward reject SHA`", "keep the newest commit from being merged"),
)
_APPROVERS_COMMANDS = {
    "planward plan SHA -e ENVIRONMENT": "vouch for SHA, the newest commit of that branch, and show its plan",
    "planward apply SHA -e ENVIRONMENT": "apply the plan that is shown for that commit",
    "planward unlock -d DIR -e ENVIRONMENT": "remove the lock that an interrupted run left on a root module's state",
}


async def help_person(repo: Repo, event: CommentCreated) -> None:
    """Answer `planward help` with what its author may do here, according to GitHub at that moment."""
    github = await repo.github()
    role = await github.role_of(event.author)
    text = words_of_help(event.author.login, role, await _environments(await repo.fetch(), event))
    await github.create_comment(event.number, text, marker=f"planward help {event.comment_id}", look_first=True)


async def _environments(repo: FetchedRepo, event: CommentCreated) -> list[MayDecide]:
    found: list[MayDecide] = []
    for last in (await repo.store.branches.all_last(repo.id))[:_MOST_ENVIRONMENTS]:
        try:
            environment = await find_environment(repo, last.environment)
        except ConfigInvalid:
            continue
        if environment is not None:
            allowed = await may_apply_again(repo, environment, event.author)
            approvers = environment.environment.approvers
            found.append(MayDecide(name=environment.environment.name, allowed=allowed, approvers=approvers))
    return found


async def why_nothing_to_plan(repo: Repo, pull_request: KnownPullRequest) -> str | None:
    """Say that a pull request is not planned because its base is not the branch of an environment; None if it is."""
    fetched = await repo.fetch()
    base = BranchName(pull_request.base_branch)
    tip = await fetched.mirror.tip(base)
    if tip is None:
        return None
    try:
        config = await fetched.config_at(tip)
    except ConfigInvalid:
        return None  # the check run says so
    if config.environment_of_branch(base) is not None and await is_environment_branch(fetched, base):
        return None
    names = [f"{code(each.branch)} ({each.name})" for each in config.branch_environments.values()]
    there = f" The branches of environments are {', '.join(names)}." if names else ""
    return f"There is nothing to plan: {code(base)} is not the branch of an environment.{there}"
