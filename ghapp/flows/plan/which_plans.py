"""Decide which plans a pull request gets (testing, and the preview of its target), and who vouches for its code."""

from dataclasses import dataclass
from typing import Literal

from checks import gate
from ghapp.events import Person
from ghapp.flows.plan.heads import decided_sha
from ghapp.flows.repository import Repo
from ghapp.github import Role
from ghapp.repository_config import BranchEnvironment, RepositoryConfig, placeholder_branch
from ghapp.store import KnownPullRequest, Run
from ghapp.store.commit_people import head_of
from ghapp.vault import DEFAULT_SOURCES, VaultError, VaultRun

Kind = Literal["approve_plan", "preview"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plans:
    """The plans of a pull request: in testing, and the preview of its target.

    Each is None if there is no such plan; otherwise it says who vouches for the code, or is a hold. Each of `notes` is
    a line that names a missing plan and the reason.
    """

    testing: gate.Vouched | gate.Hold | None
    preview: gate.Vouched | gate.Hold | None
    notes: tuple[str, ...] = ()

    @property
    def first_hold(self) -> gate.Hold | None:
        """The hold that blocks all planning; None if there may be a plan."""
        first = self.testing if self.testing is not None else self.preview
        return first if isinstance(first, gate.Hold) else None


async def decide_plans(
    repo: Repo, run: Run, pull_request: KnownPullRequest, config: RepositoryConfig, environment: BranchEnvironment
) -> Plans | gate.Refuse:
    """Decide which plans to make, and who vouches for the code in each of them.

    Vault is not used before somebody vouches for the code.
    """
    testing: gate.Vouched | gate.Hold | None
    preview: gate.Vouched | gate.Hold | None
    if run.group is not None:
        vouched = await _vouch_group(repo, pull_request)
        if isinstance(vouched, gate.Refuse):
            return vouched
        testing = preview = vouched
    else:
        people = _People(repo, pull_request)
        testing = await _vouch_testing(people, run, config.trusted_bots)
        preview = await _vouch_preview(people, run, environment, four_eyes=config.four_eyes)
    notes = []
    if environment.preview == "never":
        preview = None
        notes.append(
            f"Not previewed in {environment.name}: `preview: never`. The first plan there is made after the merge"
        )
    # Without a preview, testing's plan is the only one. So it is made even if Vault has nothing for testing.
    somebody = isinstance(testing, gate.Vouched) or isinstance(preview, gate.Vouched)
    if config.testing.plan == "never":
        testing = None
    elif preview is not None and somebody and not await _has_testing(repo, config):
        testing = None
        notes.append(f"Not planned in testing: Vault has nothing below `kv/{config.testing.team}/testing/`")
    return Plans(testing=testing, preview=preview, notes=tuple(notes))


async def _has_testing(repo: Repo, config: RepositoryConfig) -> bool:
    """Whether testing exists: the config lists it, or Vault has secrets for it.

    If Vault cannot answer, testing counts as existing: its plan then fails and shows the reason.
    """
    vault, testing = repo.services.vault, config.testing
    if testing.plan == "always" or vault is None or config.secrets == ():
        return True
    asked = VaultRun(team=testing.team, environment=testing.name, branch=placeholder_branch(testing), operation="plan")
    sources = DEFAULT_SOURCES if config.secrets is None else config.secrets
    authority = await repo.authority()
    try:
        authority.require_paths(sources, asked)
        async with vault.session(asked) as session:
            return await session.has_any(sources, await session.open_team(authority))
    except VaultError:
        return True


async def _vouch_group(repo: Repo, pull_request: KnownPullRequest) -> gate.Vouched | gate.Refuse:
    verdict = await repo.store.pull_requests.newest_verdict(
        repo.id,
        pull_request.number,
        base_branch=pull_request.base_branch,
        head_sha=pull_request.head_sha,
        finished=True,
    )
    passed = verdict is not None and verdict.conclusion == "success"
    return gate.vouch_group(number=pull_request.number, passed=passed)


async def decide_vouching(
    repo: Repo, run: Run, pull_request: KnownPullRequest
) -> gate.Vouched | gate.Hold | gate.Refuse:
    """Decide who vouches for code if there is no valid config. No bot is trusted then."""
    if run.group is not None:
        return await _vouch_group(repo, pull_request)
    return await _vouch_testing(_People(repo, pull_request), run, ())


async def _vouch_testing(people: "_People", run: Run, trusted_bots: tuple[str, ...]) -> gate.Vouched | gate.Hold:
    approved_by = await people.who_decided(run, "approve_plan")
    known = approved_by is not None
    return gate.vouch(
        author=people.author,
        same_repository=people.same_repository,
        author_is_bot=people.author_is_bot,
        author_can_write=not known and await people.author_can_write(),
        trusted_bots=trusted_bots,
        untrusted_pusher=None if known else await people.untrusted_pusher(trusted_bots),
        approved_by=approved_by,
    )


async def _vouch_preview(
    people: "_People", run: Run, environment: BranchEnvironment, *, four_eyes: bool
) -> gate.Vouched | gate.Hold:
    previewed_by = await people.who_decided(run, "preview")
    known = previewed_by is not None
    return gate.vouch_preview(
        environment=environment.name,
        on_approval=environment.preview == "on_approval",
        author=people.author,
        same_repository=people.same_repository,
        author_is_bot=people.author_is_bot,
        author_can_write=not known and await people.author_can_write(),
        untrusted_pusher=None if known else await people.untrusted_pusher(()),
        previewed_by=previewed_by,
        four_eyes=four_eyes,
    )


class _People:
    """The author and the pushers of a pull request's head, with their roles; GitHub is asked once for each person."""

    def __init__(self, repo: Repo, pull_request: KnownPullRequest) -> None:
        self._repo = repo
        self._pull_request = pull_request
        self._roles: dict[int, Role] = {}
        self.author = pull_request.author
        self.author_is_bot = pull_request.author_is_bot
        self.same_repository = pull_request.head_repository_id == repo.id

    async def who_decided(self, run: Run, kind: Kind) -> str | None:
        """The last person who made this decision about the pull request's head and base; None if nobody did."""
        found = await self._repo.store.approvals.for_pull_request(
            self._repo.id,
            decided_sha(run),
            number=self._pull_request.number,
            base_branch=self._pull_request.base_branch,
            kind=kind,
        )
        return found[-1].by if found else None

    async def author_can_write(self) -> bool:
        """Whether the author is a person with write access. False for forks, without asking GitHub."""
        if not self.same_repository or self.author_is_bot:
            return False
        return await self._role_of(Person(login=self.author, id=self._pull_request.author_id)) >= Role.WRITE

    async def untrusted_pusher(self, trusted_bots: tuple[str, ...]) -> str | None:
        """An untrusted bot, or a person without write access, who pushed this head; None if there is none."""
        pull_request = self._pull_request
        if not self.same_repository:
            return None
        heads = [head_of(pull_request.number)]
        found = await self._repo.store.commit_people.pushes(self._repo.id, [pull_request.head_sha], heads)
        pushers = {push.pusher_id: push.pusher for push in found if push.after == pull_request.head_sha}
        for id, login in pushers.items():
            if not id or id == pull_request.author_id or login in trusted_bots:
                continue
            if login.endswith("[bot]") or await self._role_of(Person(login=login, id=id)) < Role.WRITE:
                return login
        return None

    async def _role_of(self, person: Person) -> Role:
        if person.id not in self._roles:
            github = await self._repo.github()
            self._roles[person.id] = await github.role_of(person)
        return self._roles[person.id]
