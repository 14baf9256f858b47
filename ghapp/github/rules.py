"""The protection of a repository's branches: rulesets, classic protection, and the repository's own settings.

https://docs.github.com/en/rest/repos/rules and https://docs.github.com/en/rest/branches/branch-protection
"""

import base64
from dataclasses import dataclass

import msgspec
from msgspec import Struct

from ghapp.github.calls import Calls, decode
from ghapp.github.errors import GitHubRefused, GitHubUnavailable
from ghapp.values import BranchName, RepositoryId

CLASSIC = "classic protection"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bypass:
    """Somebody who may bypass the rules of a RuleSource: `always`, or only when merging a pull request."""

    who: str
    always: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PullRequestRule:
    """What a RuleSource requires of pull requests. The accounts in `exempt` may push without a pull request."""

    approvals: int = 0
    code_owners: bool = False
    dismisses_stale_reviews: bool = False
    resolves_conversations: bool = False
    merge_methods: tuple[str, ...] = ("merge", "squash", "rebase")
    exempt: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RequiredCheck:
    """A check that must be green, and the App that it must come from; None means any App."""

    context: str
    app_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSource:
    """One ruleset, or the classic protection, as far as it applies to one branch.

    `bypass` is None if GitHub does not show it. GitHub shows it only to those who may edit the ruleset.
    """

    name: str
    ruleset_id: int | None = None
    pull_request: PullRequestRule | None = None
    checks: tuple[RequiredCheck, ...] = ()
    up_to_date: bool = False
    denies_force_pushes: bool = False
    denies_deletion: bool = False
    merge_queue: bool = False
    linear_history: bool = False
    required_deployments: tuple[str, ...] = ()
    bypass: tuple[Bypass, ...] | None = ()


class RepositoryAllows(Struct, frozen=True, kw_only=True):
    """The repository's own merge settings."""

    id: RepositoryId
    full_name: str
    default_branch: BranchName
    archived: bool = False
    allow_merge_commit: bool = True


class Rules:
    """One repository's rules.

    `administration` makes calls that may read classic protection. If it is None, classic protection is invisible.
    """

    def __init__(self, calls: Calls, administration: Calls | None) -> None:
        self._calls = calls
        self._administration = administration

    @property
    def sees_classic_protection(self) -> bool:
        """Whether classic protection can be queried at all."""
        return self._administration is not None

    async def repository(self) -> RepositoryAllows:
        """The repository's own settings."""
        return await (self._administration or self._calls).read(
            "/repos/{owner}/{repo}", RepositoryAllows, doing="ask for the repository"
        )

    async def branches(self) -> tuple[BranchName, ...]:
        """Every branch."""
        pages = self._calls.read_pages("/repos/{owner}/{repo}/branches", list[_Branch], doing="list the branches")
        return tuple([branch.name async for page in pages for branch in page])

    async def file(self, path: str, branch: BranchName) -> bytes | None:
        """A file at the tip of a branch; None if there is none."""
        try:
            answer = await self._calls.read(
                "/repos/{owner}/{repo}/contents/{path}",
                _Content,
                doing=f"read {path}",
                at={"path": path},
                answers=(404,),
                query={"ref": branch},
            )
        except GitHubRefused as error:
            if error.status == 404:
                return None
            raise
        try:
            return base64.b64decode(answer.content)
        except ValueError:
            raise GitHubUnavailable(f"GitHub's answer could not be read when Planward tried to read {path}") from None

    async def of_branch(self, branch: BranchName) -> tuple[RuleSource, ...]:
        """Everything that protects a branch, rulesets first. Rulesets in evaluate mode do not count."""
        pages = self._calls.read_pages(
            "/repos/{owner}/{repo}/rules/branches/{branch}",
            list[_Rule],
            doing=f"ask what protects {branch}",
            at={"branch": branch},
        )
        rules: dict[int, list[_Rule]] = {}
        async for page in pages:
            for rule in page:
                rules.setdefault(rule.ruleset_id, []).append(rule)
        found = [await self._ruleset(number, each) for number, each in rules.items()]
        classic = await self._classic(branch)
        return (*found, *((classic,) if classic else ()))

    async def _ruleset(self, number: int, rules: list["_Rule"]) -> RuleSource:
        answer = await (self._administration or self._calls).read(
            "/repos/{owner}/{repo}/rulesets/{ruleset_id}",
            _Ruleset,
            doing="ask for a ruleset",
            at={"ruleset_id": number},
        )
        return _read_ruleset(answer, rules)

    async def _classic(self, branch: BranchName) -> RuleSource | None:
        if self._administration is None:
            return None
        try:
            answer = await self._administration.read(
                "/repos/{owner}/{repo}/branches/{branch}/protection",
                _Protection,
                doing=f"ask for the protection of {branch}",
                at={"branch": branch},
                answers=(404,),
            )
        except GitHubRefused as error:
            if error.status == 404:
                return None
            raise
        return _read_classic(answer)


# -- rulesets ----------------------------------------------------------------------------------------------------------


class _Branch(Struct, frozen=True):
    name: BranchName


class _Content(Struct, frozen=True):
    content: str


class _Check(Struct, frozen=True):
    context: str
    integration_id: int | None = None
    app_id: int | None = None


class _Parameters(Struct, frozen=True):
    required_approving_review_count: int = 0
    require_code_owner_review: bool = False
    dismiss_stale_reviews_on_push: bool = False
    required_review_thread_resolution: bool = False
    allowed_merge_methods: tuple[str, ...] | None = None
    required_status_checks: tuple[_Check, ...] = ()
    strict_required_status_checks_policy: bool = False
    required_deployment_environments: tuple[str, ...] = ()


class _Rule(Struct, frozen=True):
    type: str
    ruleset_id: int
    parameters: msgspec.Raw = msgspec.Raw(b"{}")


class _Actor(Struct, frozen=True):
    actor_type: str
    actor_id: int | None = None
    bypass_mode: str = "always"


class _Ruleset(Struct, frozen=True):
    id: int
    name: str
    bypass_actors: tuple[_Actor, ...] | None = None


_ROLES = {1: "read", 2: "maintain", 3: "triage", 4: "write", 5: "admin"}


def _read_ruleset(answer: _Ruleset, rules: list[_Rule]) -> RuleSource:
    types = {rule.type for rule in rules}
    # Decode only the rules that are used: the `parameters` of others may have any shape.
    known = {
        rule.type: decode(rule.parameters, _Parameters, f"ask for the ruleset {answer.id}")
        for rule in rules
        if rule.type in _READ
    }
    asked, checked = known.get("pull_request"), known.get("required_status_checks", _Parameters())
    return RuleSource(
        name=f'the ruleset "{answer.name}"',
        ruleset_id=answer.id,
        pull_request=PullRequestRule(
            approvals=asked.required_approving_review_count,
            code_owners=asked.require_code_owner_review,
            dismisses_stale_reviews=asked.dismiss_stale_reviews_on_push,
            resolves_conversations=asked.required_review_thread_resolution,
            merge_methods=asked.allowed_merge_methods or ("merge", "squash", "rebase"),
        )
        if asked
        else None,
        checks=tuple(
            RequiredCheck(context=check.context, app_id=check.integration_id)
            for check in checked.required_status_checks
        ),
        up_to_date=checked.strict_required_status_checks_policy,
        denies_force_pushes="non_fast_forward" in types,
        denies_deletion="deletion" in types,
        merge_queue="merge_queue" in types,
        linear_history="required_linear_history" in types,
        required_deployments=known.get("required_deployments", _Parameters()).required_deployment_environments,
        bypass=None if answer.bypass_actors is None else tuple(_read_actor(each) for each in answer.bypass_actors),
    )


_READ = ("pull_request", "required_status_checks", "required_deployments")


def _read_actor(answer: _Actor) -> Bypass:
    match answer.actor_type:
        case "RepositoryRole":
            who = f"the role {_ROLES.get(answer.actor_id or 0, str(answer.actor_id))}"
        case "OrganizationAdmin":
            who = "the organization's owners"
        case "Integration":
            who = f"the App {answer.actor_id}"
        case kind:
            who = f"{kind} {answer.actor_id or ''}".strip()
    return Bypass(who=who, always=answer.bypass_mode != "pull_request")


# -- classic protection ------------------------------------------------------------------------------------------------


class _Switch(Struct, frozen=True):
    enabled: bool = False


class _Login(Struct, frozen=True):
    login: str = ""
    slug: str = ""


class _Allowances(Struct, frozen=True):
    users: tuple[_Login, ...] = ()
    teams: tuple[_Login, ...] = ()
    apps: tuple[_Login, ...] = ()


class _Reviews(Struct, frozen=True):
    required_approving_review_count: int = 0
    require_code_owner_reviews: bool = False
    dismiss_stale_reviews: bool = False
    bypass_pull_request_allowances: _Allowances = _Allowances()


class _Checks(Struct, frozen=True):
    strict: bool = False
    checks: tuple[_Check, ...] = ()


class _Protection(Struct, frozen=True):
    required_status_checks: _Checks | None = None
    required_pull_request_reviews: _Reviews | None = None
    enforce_admins: _Switch = _Switch()
    required_linear_history: _Switch = _Switch()
    allow_force_pushes: _Switch = _Switch()
    allow_deletions: _Switch = _Switch()
    required_conversation_resolution: _Switch = _Switch()


def _read_classic(answer: _Protection) -> RuleSource:
    reviews, checks = answer.required_pull_request_reviews, answer.required_status_checks or _Checks()
    allowed = reviews.bypass_pull_request_allowances if reviews else _Allowances()
    exempt = tuple(each.login or each.slug for each in (*allowed.users, *allowed.teams, *allowed.apps))
    return RuleSource(
        name=CLASSIC,
        pull_request=PullRequestRule(
            approvals=reviews.required_approving_review_count,
            code_owners=reviews.require_code_owner_reviews,
            dismisses_stale_reviews=reviews.dismiss_stale_reviews,
            resolves_conversations=answer.required_conversation_resolution.enabled,
            exempt=exempt,
        )
        if reviews
        else None,
        # For GitHub, -1 and null both mean any App.
        checks=tuple(
            RequiredCheck(context=check.context, app_id=check.app_id if check.app_id != -1 else None)
            for check in checks.checks
        ),
        up_to_date=checks.strict,
        denies_force_pushes=not answer.allow_force_pushes.enabled,
        denies_deletion=not answer.allow_deletions.enabled,
        linear_history=answer.required_linear_history.enabled,
        bypass=() if answer.enforce_admins.enabled else (Bypass(who="administrators", always=True),),
    )
