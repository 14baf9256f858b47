"""The flow of commands in comments: they must refer to the current state, and a reaction answers them.

https://docs.github.com/en/webhooks/webhook-events-and-payloads#issue_comment
"""

import hashlib
from typing import Literal

from checks.settle import RequestedAction
from ghapp.durable import step
from ghapp.events import CommentCreated, Person
from ghapp.flows.check_run import cancel_plan
from ghapp.flows.holds.held_tip import find_environment, is_approver
from ghapp.flows.people.answers import answer_to_near_miss, help_person, why_nothing_to_plan
from ghapp.flows.people.decisions import Kind, approve_tip, decide_head
from ghapp.flows.people.read_back import is_as_written
from ghapp.flows.repository import Repo, record_repo
from ghapp.github import Role, or_deferred
from ghapp.jobs import Replan, Unlock
from ghapp.services import Services
from ghapp.store import KnownPullRequest
from ghapp.store.marker_kinds import UnknownCommandMarker
from ghapp.values import TESTING, BranchName, EnvironmentName
from ghapp.webhook.commands import Command, read_comment

Answer = Literal["+1", "-1", "confused", "eyes"]
_KINDS: dict[str, Kind] = {
    "approve": "approve_plan",
    "preview": "preview",
    "confirm": "confirm_destroy",
    "reject": "reject",
}


async def comment_created(services: Services, event: CommentCreated, key: str) -> None:
    """Somebody wrote a comment on a pull request."""
    await step("comment", type(None), _comment, services, event, key)


async def _comment(services: Services, event: CommentCreated, key: str) -> None:
    if not event.is_pull_request or event.author.is_bot:
        return
    text = read_comment(event.body)
    repo = await record_repo(services, event.repository, event.installation_id)
    for near_miss in text.near_misses:
        # The same mistake is answered only once on each pull request.
        about = hashlib.sha256(f"{near_miss.meant}\n{near_miss.why}".encode()).hexdigest()[:12]
        # If two such comments are read at the same moment, only the one that gets the claim is answered.
        if not await repo.store.markers.claim(UnknownCommandMarker(repo.id, event.number, about), event.comment_id):
            continue
        github = await repo.github()
        marker = f"planward not a command {about}"
        answer = github.create_comment(event.number, answer_to_near_miss(near_miss), marker=marker, look_first=True)
        await or_deferred(answer)
    if not text.commands or not await is_as_written(repo, event):
        return
    answers: list[Answer | None] = []
    for number, command in enumerate(text.commands):
        answers.append(await _execute(repo, event, command, f"{key}:{number}"))
    given = [answer for answer in answers if answer is not None]
    if given:
        worst: Answer = next((answer for answer in ("-1", "confused", "eyes") if answer in given), "+1")
        github = await repo.github()
        await or_deferred(github.react(event.comment_id, worst))


async def _execute(repo: Repo, event: CommentCreated, command: Command, key: str) -> Answer | None:
    """Execute a command and return the reaction to its comment; None if a later job adds it.

    "+1": done. "-1": the author of the comment may not do this. "confused": it does not refer to the current state.
    """
    if command.verb == "help":
        await help_person(repo, event)
        return "+1"
    if command.verb == "apply" or (command.verb == "plan" and command.sha is not None):
        return await _execute_on_tip(repo, command, command.verb, event.author, key)
    if command.verb == "unlock":
        return await _execute_unlock(repo, command, event)
    pull_request = await repo.store.pull_requests.find(repo.id, event.number)
    if pull_request is None or pull_request.state != "open":
        return "confused"
    if command.sha is not None and pull_request.head_sha != command.sha:
        return "confused"
    return await _execute_on_head(repo, pull_request, command, event.author, key)


async def _execute_on_head(
    repo: Repo,
    pull_request: KnownPullRequest,
    command: Command,
    person: Person,
    key: str,
) -> Answer:
    kind = _KINDS.get(command.verb)
    if kind is not None:
        done = await decide_head(repo, pull_request.head_sha, kind, person, key, number=pull_request.number)
        return "+1" if done else "-1"
    github = await repo.github()
    allowed = await github.role_of(person) >= Role.WRITE
    did = command.verb if allowed else f"refused: {command.verb}"
    await repo.store.approvals.audit(repo.id, who=person.login, did=did, sha=pull_request.head_sha)
    if not allowed:
        return "-1"
    if command.verb == "plan" and (reason := await why_nothing_to_plan(repo, pull_request)) is not None:
        marker = f"planward nothing to plan {pull_request.base_branch}"
        marker = hashlib.sha256(marker.encode()).hexdigest()[:12]
        await github.create_comment(pull_request.number, reason, marker=f"planward nothing {marker}", look_first=True)
        return "confused"
    if command.verb == "plan":
        await repo.services.enqueue(Replan(repository_id=repo.id, number=pull_request.number, cause=key))
    else:
        assert command.verb == "cancel"
        for run in await repo.store.runs.unfinished_plans_of_commit(repo.id, pull_request.head_sha):
            await cancel_plan(repo.services, run, by=f"{person.login} cancelled it")
    return "+1"


async def _execute_on_tip(repo: Repo, command: Command, asked: RequestedAction, person: Person, key: str) -> Answer:
    repo = await repo.fetch()
    name = EnvironmentName(command.environment or "")
    found = await find_environment(repo, name)
    if found is None:
        return "confused"
    tip = await repo.mirror.tip(found.environment.branch)
    if tip is None or tip != command.sha:
        return "confused"
    did = await approve_tip(repo, name, tip, asked, person, key, override=command.override)
    answers: dict[str, Answer] = {"released": "+1", "recorded": "eyes", "refused": "-1"}
    return answers[did]


async def _execute_unlock(repo: Repo, command: Command, event: CommentCreated) -> Answer | None:
    """Enqueue a job that unlocks a root module's state in an environment."""
    assert command.root_module is not None
    name = EnvironmentName(command.environment or "")
    with_a_branch = await _environment_with_branch(repo, event, name)
    repo = await repo.fetch()
    found = await find_environment(repo, with_a_branch)
    if found is None:
        return "confused"
    environment, _, _ = found
    tip = await repo.mirror.tip(found.environment.branch)
    if tip is None:
        return "confused"
    allowed = await is_approver(repo, environment.approvers, event.author)
    await repo.store.approvals.audit(
        repo.id,
        who=event.author.login,
        did="unlock" if allowed else "refused: unlock",
        sha=tip,
        root_module=command.root_module,
        environment=name,
    )
    if not allowed:
        return "-1"
    await repo.services.enqueue(
        Unlock(
            repository_id=repo.id,
            branch=found.environment.branch,
            environment=name,
            root_module=command.root_module,
            comment_id=event.comment_id,
        )
    )
    return None


async def _environment_with_branch(repo: Repo, event: CommentCreated, name: EnvironmentName) -> EnvironmentName:
    """Return `name`, or for testing, which has no branch, the environment of the pull request's base branch."""
    pull_request = await repo.store.pull_requests.find(repo.id, event.number)
    if name != TESTING or pull_request is None:
        return name
    last = await repo.store.branches.last_of_branch(repo.id, BranchName(pull_request.base_branch))
    return name if last is None else last.environment
