"""The story of people who decide: buttons, comments, "Re-run". Bound to what was looked at, and to who may, now.

https://docs.github.com/en/webhooks/webhook-events-and-payloads#check_run
https://docs.github.com/en/webhooks/webhook-events-and-payloads#issue_comment
"""

from collections.abc import Sequence
from typing import Literal

from ghapp.commands import HELP, Command, read_commands
from ghapp.durable import step
from ghapp.events import ButtonPressed, CheckRunRerequested, CheckSuiteRerequested, CommentCreated, Person
from ghapp.flows.branch import environment_at_last
from ghapp.flows.ending import end_plan
from ghapp.flows.ground import config_at, fetch, github_of, see_repository
from ghapp.flows.showing import PLAN
from ghapp.git import Mirror
from ghapp.github import Role
from ghapp.jobs import PlanAnew, SettleBranch
from ghapp.repository_config import Environment, RepositoryConfig
from ghapp.services import Services
from ghapp.store import KnownPullRequest, KnownRepository, Last, Run
from ghapp.values import TESTING, CommitSha, EnvironmentName

Answer = Literal["+1", "-1", "confused"]


async def button_pressed(services: Services, event: ButtonPressed, key: str) -> None:
    """Somebody pressed a button of a check run."""
    await step("button", type(None), _button, services, event, key)


async def comment_created(services: Services, event: CommentCreated, key: str) -> None:
    """Somebody wrote a comment on a pull request."""
    await step("comment", type(None), _comment, services, event, key)


async def check_run_rerequested(services: Services, event: CheckRunRerequested, key: str) -> None:
    """Somebody pressed "Re-run" on one check run."""
    await step("rerun", type(None), _rerun, services, event, key)


async def check_suite_rerequested(services: Services, event: CheckSuiteRerequested, key: str) -> None:
    """Somebody pressed "Re-run all checks"."""
    await step("rerun all", type(None), _rerun_all, services, event, key)


# --- buttons ---------------------------------------------------------------------------------------------------------


async def _button(services: Services, event: ButtonPressed, key: str) -> None:
    if event.app_id != services.settings.github.app_id or event.sender.is_bot:
        return
    repository = await see_repository(services, event.repository, event.installation_id)
    run = await services.store.runs.find_by_check_run(repository.id, event.check_run_id)
    if run is None or run.head_sha != event.head_sha:
        return
    newest = (await services.store.runs.of_head(repository.id, run.head_sha, run.check_run_name))[-1]
    if newest.id != run.id:
        return  # buttons of older check runs are dead
    if event.identifier == "apply" and run.operation == "apply":
        await _approve_apply(services, repository, run.environment, run.head_sha, event.sender, key)
    elif event.identifier in ("approve_plan", "confirm_destroy") and run.operation == "plan":
        for pull_request in await services.store.pull_requests.open_with_head(repository.id, run.head_sha):
            await _approve_head(services, repository, pull_request, event.identifier, event.sender, key)


async def _approve_head(
    services: Services,
    repository: KnownRepository,
    pull_request: KnownPullRequest,
    kind: str,
    person: Person,
    key: str,
) -> bool:
    """Record what a person decided about a pull request's head, if they may, and plan anew."""
    mirror = await fetch(services, repository, pull_requests=[pull_request.number])
    if not await _may_decide(services, repository, mirror, pull_request, kind, person):
        await services.store.approvals.audit(
            repository.id, who=person.login, did=f"refused: {kind}", sha=pull_request.head_sha
        )
        return False
    digests: Sequence[str] = ()
    if kind == "confirm_destroy":
        runs = await services.store.runs.of_head(repository.id, pull_request.head_sha, PLAN)
        digests = runs[-1].data.get("digests", ()) if runs else ()
    await services.store.approvals.add(
        repository.id,
        kind=kind,
        environment=TESTING,
        sha=pull_request.head_sha,
        by=person.login,
        digests=digests,
    )
    await services.accept(PlanAnew(repository_id=repository.id, number=pull_request.number, cause=key))
    return True


async def _may_decide(
    services: Services,
    repository: KnownRepository,
    mirror: Mirror,
    pull_request: KnownPullRequest,
    kind: str,
    person: Person,
) -> bool:
    github = await github_of(services, repository)
    if await github.role_of(person) < Role.WRITE:
        return False
    if kind != "confirm_destroy" or person.id != pull_request.author_id:
        return True
    tip = await mirror.tip(pull_request.base_branch)
    return tip is not None and not (await config_at(mirror, repository, tip)).four_eyes


async def _approve_apply(
    services: Services,
    repository: KnownRepository,
    environment_name: EnvironmentName,
    sha: CommitSha,
    person: Person,
    key: str,
) -> bool:
    """Record that a person lets the tip of an environment's branch in, if they may, and settle the branch."""
    mirror = await fetch(services, repository)
    found = await _environment(services, repository, mirror, environment_name)
    if found is None:
        return False
    environment, config, last = found
    assert environment.branch is not None
    tip = await mirror.tip(environment.branch)
    if tip != sha or not await _may_apply(services, repository, mirror, environment, config, last, sha, person):
        await services.store.approvals.audit(repository.id, who=person.login, did="refused: apply", sha=sha)
        return False
    attempts = await services.store.runs.applies(repository.id, environment.name)
    shown = [run for run in attempts if run.head_sha == sha and run.conclusion == "action_required"]
    await services.store.approvals.add(
        repository.id,
        kind="apply",
        environment=environment.name,
        sha=sha,
        by=person.login,
        digests=shown[-1].data.get("digests", ()) if shown else (),
    )
    await services.accept(SettleBranch(repository_id=repository.id, branch=environment.branch, cause=f"approved:{key}"))
    return True


async def _environment(
    services: Services, repository: KnownRepository, mirror: Mirror, name: EnvironmentName
) -> tuple[Environment, RepositoryConfig, Last | None] | None:
    """The environment of this name with the config at its LAST, or at the tip of a branch that has none."""
    last = await services.store.branches.last(repository.id, name)
    if last is not None:
        config = await config_at(mirror, repository, last.sha)
        environment = config.environments.get(name)
        return None if environment is None or environment.branch is None else (environment, config, last)
    for branch, tip in (await mirror.branches()).items():
        found = await environment_at_last(services, repository, mirror, branch, tip)
        if found is not None and found[0].name == name:
            return found
    return None


async def _may_apply(
    services: Services,
    repository: KnownRepository,
    mirror: Mirror,
    environment: Environment,
    config: RepositoryConfig,
    last: Last | None,
    tip: CommitSha,
    person: Person,
) -> bool:
    """Whether a person is an approver at LAST, and no author, pusher or merger of what came since."""
    github = await github_of(services, repository)
    if environment.approvers:
        named = False
        for approver in environment.approvers:
            organization, _, team = approver.rpartition("/")
            if organization:
                named = named or await github.is_team_member(organization, team, person)
            else:
                named = named or approver.casefold() == person.login.casefold()
        if not named:
            return False
    elif await github.role_of(person) < Role.MAINTAIN:
        return False
    if not config.four_eyes:
        return True
    assert environment.branch is not None
    commits = None if last is None else await mirror.first_parent_commits(last.sha, tip)
    people = set(await services.store.branches.pushers_since(repository.id, environment.branch, last))
    since = commits if commits is not None else (tip,)
    for pull_request in await services.store.pull_requests.merged_as(repository.id, since):
        people |= {pull_request.author, pull_request.merged_by or ""}
    return person.login.casefold() not in {login.casefold() for login in people}


# --- comments --------------------------------------------------------------------------------------------------------


async def _comment(services: Services, event: CommentCreated, key: str) -> None:
    if not event.is_pull_request or event.author.is_bot:
        return
    commands = read_commands(event.body)
    if not commands:
        return
    repository = await see_repository(services, event.repository, event.installation_id)
    github = await github_of(services, repository)
    answers: list[Answer] = []
    for number, command in enumerate(commands):
        answers.append(await _obey(services, repository, event, command, f"{key}:{number}"))
    worst: Answer = next((answer for answer in ("-1", "confused") if answer in answers), "+1")
    await github.react(event.comment_id, worst)


async def _obey(
    services: Services, repository: KnownRepository, event: CommentCreated, command: Command, key: str
) -> Answer:
    """Do what a comment asks: +1 done, -1 its author may not, confused: not the commit that is there."""
    github = await github_of(services, repository)
    if command.verb == "help":
        await github.create_comment(event.number, HELP, marker=f"planward help {event.comment_id}", look_first=True)
        return "+1"
    if command.verb == "apply":
        assert command.environment is not None
        return await _obey_apply(services, repository, command, event.author, key)
    pull_request = await services.store.pull_requests.find(repository.id, event.number)
    if pull_request is None or pull_request.state != "open":
        return "confused"
    if command.sha is not None and not pull_request.head_sha.startswith(command.sha):
        return "confused"
    if await github.role_of(event.author) < Role.WRITE:
        return "-1"
    match command.verb:
        case "approve" | "confirm":
            kind = "approve_plan" if command.verb == "approve" else "confirm_destroy"
            done = await _approve_head(services, repository, pull_request, kind, event.author, key)
            return "+1" if done else "-1"
        case "reject":
            await services.store.approvals.add(
                repository.id, kind="reject", environment=TESTING, sha=pull_request.head_sha, by=event.author.login
            )
            await services.accept(PlanAnew(repository_id=repository.id, number=pull_request.number, cause=key))
            return "+1"
        case "plan":
            await services.store.approvals.audit(
                repository.id, who=event.author.login, did="plan", sha=pull_request.head_sha
            )
            await services.accept(PlanAnew(repository_id=repository.id, number=pull_request.number, cause=key))
            return "+1"
        case "cancel":
            await services.store.approvals.audit(
                repository.id, who=event.author.login, did="cancel", sha=pull_request.head_sha
            )
            for run in await services.store.runs.of_pull_request(repository.id, pull_request.number):
                await end_plan(services, run, by=f"{event.author.login} cancelled it")
            return "+1"
        case _:
            return "confused"


async def _obey_apply(
    services: Services, repository: KnownRepository, command: Command, person: Person, key: str
) -> Answer:
    mirror = await fetch(services, repository)
    name = EnvironmentName(command.environment or "")
    found = await _environment(services, repository, mirror, name)
    if found is None or found[0].branch is None:
        return "confused"
    tip = await mirror.tip(found[0].branch)
    if tip is None or command.sha is None or not tip.startswith(command.sha):
        return "confused"
    return "+1" if await _approve_apply(services, repository, name, tip, person, key) else "-1"


# --- "Re-run" --------------------------------------------------------------------------------------------------------


async def _rerun(services: Services, event: CheckRunRerequested, key: str) -> None:
    if event.app_id != services.settings.github.app_id:
        return
    repository = await see_repository(services, event.repository, event.installation_id)
    run = await services.store.runs.find_by_check_run(repository.id, event.check_run_id)
    if run is not None:
        await _run_again(services, repository, run, event.sender, key)


async def _rerun_all(services: Services, event: CheckSuiteRerequested, key: str) -> None:
    if event.app_id != services.settings.github.app_id:
        return
    repository = await see_repository(services, event.repository, event.installation_id)
    newest: dict[str, Run] = {}
    for run in await services.store.runs.of_commit(repository.id, event.head_sha):
        newest[run.check_run_name] = run
    for run in newest.values():
        await _run_again(services, repository, run, event.sender, f"{key}:{run.check_run_name}")


async def _run_again(services: Services, repository: KnownRepository, run: Run, person: Person, key: str) -> None:
    """Plan anew, or look at the branch again. It approves nothing: an apply asks for the same as the command."""
    await services.store.approvals.audit(repository.id, who=person.login, did="rerun", sha=run.head_sha, run=run.id)
    if run.operation == "plan":
        for pull_request in await services.store.pull_requests.open_with_head(repository.id, run.head_sha):
            await services.accept(PlanAnew(repository_id=repository.id, number=pull_request.number, cause=key))
            return
        return
    if run.status == "completed" and run.conclusion != "success":
        mirror = await fetch(services, repository)
        found = await _environment(services, repository, mirror, run.environment)
        if found is None:
            return
        environment, config, last = found
        if not await _may_apply(services, repository, mirror, environment, config, last, run.head_sha, person):
            await services.store.approvals.audit(
                repository.id, who=person.login, did="refused: rerun", sha=run.head_sha
            )
            return
        await services.accept(SettleBranch(repository_id=repository.id, branch=run.branch, cause=f"rerun:{key}"))
