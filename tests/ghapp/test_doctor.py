"""`planward doctor`: each row of its table as a value, and the whole command against the local GitHub."""

import dataclasses
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import anyio
import hcl2
import httpx
import msgspec
import pytest
from click.testing import CliRunner, Result

from ghapp.cli import planward
from ghapp.doctor import Diagnosis, examine
from ghapp.doctor.app_checks import check_app, check_repository, check_sandbox
from ghapp.doctor.branch_checks import check_branch
from ghapp.doctor.protection_check import Guarded, ProtectionCheck, State
from ghapp.doctor.wanted import render_terraform, wanted_ruleset
from ghapp.github import (
    AppSeen,
    Bypass,
    GitHubApp,
    InstallationSeen,
    PemKey,
    PullRequestRule,
    RepositoryAllows,
    RequiredCheck,
    RuleSource,
)
from ghapp.github.app_manifest import read_app_manifest
from ghapp.local_github import LocalGitHub
from ghapp.local_github.state import App
from ghapp.processes.sandbox_choice import SandboxSettings
from ghapp.values import BranchName, InstallationId, RepositoryId
from tests.sandboxes import NO_BUBBLEWRAP

APP_ID = 4711
STRICT = RuleSource(
    name='the ruleset "main"',
    ruleset_id=1,
    pull_request=PullRequestRule(
        approvals=1, code_owners=True, dismisses_stale_reviews=True, resolves_conversations=True
    ),
    checks=(RequiredCheck(context="planward/plan", app_id=APP_ID),),
    up_to_date=True,
    denies_force_pushes=True,
    denies_deletion=True,
    required_deployments=("staging",),
)
OWNERS = Bypass(who="the organization's owners", always=True)
OWNERS_MERGING = Bypass(who="the organization's owners", always=False)


def guarded(*sources: RuleSource, **differs: Any) -> Guarded:
    """Production, into which staging is promoted, protected by these sources."""
    told: dict[str, Any] = {
        "environment": "production",
        "branch": "production",
        "sees_classic": True,
        "app_id": APP_ID,
        "four_eyes": True,
        "has_code_owners": True,
        "promotes_from": "staging",
        "allows_merge_commits": True,
    }
    return Guarded(**{**told, **differs}, sources=sources)


def strict(**differs: Any) -> RuleSource:
    """A ruleset that has every gate but for what differs."""
    return dataclasses.replace(STRICT, **differs)


def asking(**differs: Any) -> RuleSource:
    """A ruleset whose rule about pull requests differs."""
    assert STRICT.pull_request is not None
    return strict(pull_request=dataclasses.replace(STRICT.pull_request, **differs))


def not_met(gates: tuple[ProtectionCheck, ...]) -> dict[str, tuple[str, str]]:
    return {gate.name: (gate.state.value, gate.said) for gate in gates if gate.state != State.MET}


# --- each row --------------------------------------------------------------------------------------------------------


def test_where_one_ruleset_has_every_gate_and_nobody_bypasses_it_all_are_met() -> None:
    assert not_met(check_branch(guarded(STRICT))) == {}
    assert [gate.name for gate in check_branch(guarded(STRICT))] == [
        "pull_request",
        "check",
        "check_source",
        "reviews",
        "stale_reviews",
        "code_owners",
        "conversations",
        "direct_pushes",
        "force_pushes",
        "deletion",
        "administrators",
        "up_to_date",
        "merge_commits",
        "required_deployments",
    ]


def test_several_rulesets_and_classic_protection_add_up() -> None:
    checks = strict(name="classic protection", ruleset_id=None, pull_request=None, denies_deletion=False)
    reviews = strict(checks=(), denies_force_pushes=False, up_to_date=False)
    assert not_met(check_branch(guarded(checks, reviews))) == {}


CHECK_SETTING = (
    'rule required_status_checks ("Require status checks to pass"): context planward/plan, integration_id 4711 '
    "(app_id in classic protection)"
)


@pytest.mark.parametrize(
    ("source", "name", "said", "setting"),
    [
        (
            strict(checks=(RequiredCheck(context="planward/plan"),)),
            "check_source",
            "planward/plan may come from anyone: whoever may write can post a green one",
            CHECK_SETTING,
        ),
        (
            strict(checks=(RequiredCheck(context="planward/plan", app_id=15368),)),
            "check_source",
            "planward/plan has to come from the App 15368, not from this one (4711)",
            CHECK_SETTING,
        ),
        (
            asking(approvals=0),
            "reviews",
            "no approving review is required",
            "pull_request.required_approving_review_count: 1",
        ),
        (
            asking(dismisses_stale_reviews=False),
            "stale_reviews",
            "an approval outlives the commits that are pushed after it",
            "pull_request.dismiss_stale_reviews_on_push: true",
        ),
        (
            asking(code_owners=False),
            "code_owners",
            "code owners do not have to review",
            "pull_request.require_code_owner_review: true",
        ),
        (
            asking(resolves_conversations=False),
            "conversations",
            "unresolved conversations do not hold a merge",
            "pull_request.required_review_thread_resolution: true",
        ),
        (
            asking(exempt=("hubot", "deployers")),
            "direct_pushes",
            "hubot and deployers may push without a pull request",
            'take them out of the bypass list of the ruleset "main", or let them bypass for pull requests only',
        ),
        (
            strict(denies_force_pushes=False),
            "force_pushes",
            "force pushes are not denied",
            'rule non_fast_forward ("Block force pushes")',
        ),
        (
            strict(denies_deletion=False),
            "deletion",
            "the branch can be deleted",
            'rule deletion ("Restrict deletions")',
        ),
        (
            strict(bypass=(OWNERS_MERGING,)),
            "administrators",
            "the organization's owners may merge past a pull request",
            'empty the bypass list of the ruleset "main"; in classic protection, enforce_admins: true',
        ),
        (
            strict(up_to_date=False),
            "up_to_date",
            "a branch that is behind may be merged: what was planned is not what is merged",
            "required_status_checks.strict_required_status_checks_policy: true, or the rule merge_queue",
        ),
        (
            strict(linear_history=True),
            "merge_commits",
            "a linear history is required: a promotion that is squashed or rebased conflicts the second time",
            'take required_linear_history out of the ruleset "main"',
        ),
        (
            asking(merge_methods=("squash",)),
            "merge_commits",
            "the rules do not allow merge commits: a promotion that is squashed or rebased conflicts the second time",
            'allowed_merge_methods of the ruleset "main": add merge',
        ),
    ],
)
def test_a_missing_gate_says_what_is_wrong_and_what_to_set(
    source: RuleSource, name: str, said: str, setting: str
) -> None:
    [gate] = [gate for gate in check_branch(guarded(source)) if gate.state != State.MET]
    assert gate == ProtectionCheck(name=name, state=State.MISSING, said=said, setting=setting)


def test_a_branch_that_nothing_protects_lacks_every_gate() -> None:
    missing = not_met(check_branch(guarded()))
    assert missing.pop("required_deployments")[0] == "advice"
    assert missing == {
        "pull_request": ("missing", "no pull request is required"),
        "check": ("missing", "planward/plan is not a required check"),
        "reviews": ("missing", "no approving review is required"),
        "stale_reviews": ("missing", "an approval outlives the commits that are pushed after it"),
        "code_owners": ("missing", "code owners do not have to review"),
        "conversations": ("missing", "unresolved conversations do not hold a merge"),
        "direct_pushes": ("missing", "direct pushes are not denied"),
        "force_pushes": ("missing", "force pushes are not denied"),
        "deletion": ("missing", "the branch can be deleted"),
        "administrators": (
            "missing",
            "administrators are not held, as nobody is: a pull request and planward/plan are not required",
        ),
        "up_to_date": (
            "missing",
            "a branch that is behind may be merged: what was planned is not what is merged",
        ),
    }


def test_who_bypasses_always_pushes_directly_and_merges_past_the_check() -> None:
    assert not_met(check_branch(guarded(strict(bypass=(OWNERS,))))) == {
        "direct_pushes": ("missing", "the organization's owners may push without a pull request"),
        "administrators": ("missing", "the organization's owners may merge past a pull request"),
    }


def test_what_one_source_lets_pass_another_that_nobody_bypasses_holds() -> None:
    assert not_met(check_branch(guarded(strict(bypass=(OWNERS,)), STRICT))) == {}


def test_a_bypass_list_that_an_app_cannot_see_is_neither_met_nor_missing() -> None:
    assert not_met(check_branch(guarded(strict(bypass=None)))) == {
        "direct_pushes": (
            "unseen",
            'an App cannot see who may push past the pull request rule: the bypass list of the ruleset "main"',
        ),
        "administrators": ("unseen", 'an App cannot see who may bypass it: the bypass list of the ruleset "main"'),
    }


def test_where_classic_protection_cannot_be_seen_a_missing_gate_says_so() -> None:
    gates = check_branch(guarded(strict(denies_deletion=False), sees_classic=False))
    said = "the branch can be deleted as far as rulesets go; classic protection cannot be seen"
    assert not_met(gates) == {"deletion": ("missing", said)}


def test_a_merge_queue_is_as_good_as_being_up_to_date() -> None:
    assert not_met(check_branch(guarded(strict(up_to_date=False, merge_queue=True)))) == {}


def test_who_works_alone_is_advised_to_have_reviews_and_not_failed() -> None:
    alone = asking(approvals=0, dismisses_stale_reviews=False, code_owners=False)
    states = {name: state for name, (state, _) in not_met(check_branch(guarded(alone, four_eyes=False))).items()}
    assert states == {"reviews": "advice", "stale_reviews": "advice", "code_owners": "advice"}


def test_code_owners_are_advice_where_there_is_no_file_that_names_them() -> None:
    gates = check_branch(guarded(asking(code_owners=False), has_code_owners=False))
    said = "code owners do not have to review (there is no CODEOWNERS file yet)"
    assert not_met(gates) == {"code_owners": ("advice", said)}


def test_a_required_deployment_to_the_environment_before_is_advice() -> None:
    said = "GitHub itself does not ask for a successful deployment to staging: a second, independent lock"
    gates = check_branch(guarded(strict(required_deployments=())))
    assert not_met(gates) == {"required_deployments": ("advice", said)}


def test_promotions_need_merge_commits_of_the_repository_and_other_branches_do_not() -> None:
    said = (
        "the repository does not allow merge commits: a promotion that is squashed or rebased conflicts the second time"
    )
    assert not_met(check_branch(guarded(STRICT, allows_merge_commits=False))) == {"merge_commits": ("missing", said)}
    assert not_met(check_branch(guarded(STRICT, allows_merge_commits=False, promotes_from=None))) == {}


# --- the App and the repository --------------------------------------------------------------------------------------


def seen(**differs: Any) -> AppSeen:
    manifest = read_app_manifest()
    told = {"permissions": dict(manifest.permissions), "events": manifest.events, **differs}
    return AppSeen(id=APP_ID, slug="planward", name="Planward", **told)


def installed(**permissions: str | None) -> InstallationSeen:
    given = {**read_app_manifest().permissions, **permissions}
    kept = {name: level for name, level in given.items() if level}
    return InstallationSeen(id=InstallationId(1), account="acme", suspended=False, permissions=kept)


def without(name: str) -> dict[str, str]:
    return {each: level for each, level in read_app_manifest().permissions.items() if each != name}


ALL = dict(read_app_manifest().permissions)


@pytest.mark.parametrize(
    ("app", "installation", "expected"),
    [
        (seen(), installed(), {}),
        (
            seen(permissions=without("checks")),
            installed(),
            {"permissions": ("missing", "the App is registered without checks: write")},
        ),
        (
            seen(permissions={**ALL, "checks": "read"}),
            installed(),
            {"permissions": ("missing", "the App is registered without checks: write")},
        ),
        (
            seen(permissions=without("administration")),
            installed(administration=None),
            {
                "permission_administration": (
                    "advice",
                    "the App has no administration: read, so that classic protection is not seen",
                )
            },
        ),
        (
            seen(permissions={**ALL, "contents": "write", "secrets": "read"}),
            installed(contents="write", secrets="read"),
            {
                "permissions_to_spare": (
                    "advice",
                    "the App may more than Planward needs: contents: write, secrets: read",
                )
            },
        ),
        (
            seen(),
            installed(deployments=None),
            {"accepted": ("missing", "acme has not accepted deployments: write yet")},
        ),
        (
            seen(),
            installed(administration=None),
            {"accepted": ("advice", "acme has not accepted administration: read yet")},
        ),
        (
            seen(events=("push", "pull_request")),
            installed(),
            {
                "events": (
                    "missing",
                    "the App does not subscribe to pull_request_review, issue_comment, merge_group, repository",
                )
            },
        ),
        (
            seen(events=("push", "pull_request", "issue_comment", "merge_group", "repository")),
            installed(),
            {
                "events": (
                    "advice",
                    "the App does not subscribe to pull_request_review: a review does not count as Preview, its button "
                    "and comment do",
                )
            },
        ),
    ],
)
def test_the_app_is_compared_with_app_yml(
    app: AppSeen, installation: InstallationSeen, expected: dict[str, tuple[str, str]]
) -> None:
    assert not_met(check_app(read_app_manifest(), app, installation)) == expected


def test_an_archived_repository_is_reported() -> None:
    shop = RepositoryAllows(id=RepositoryId(1), full_name="acme/shop", default_branch=BranchName("staging"))
    assert check_repository(shop) == ()
    [gate] = check_repository(msgspec.structs.replace(shop, archived=True))
    assert (gate.state, gate.setting) == (
        State.MISSING,
        "Settings → General → Unarchive this repository, or uninstall the App from it",
    )


# --- what to set -----------------------------------------------------------------------------------------------------


def test_terraform_says_the_same_as_the_call_of_the_api() -> None:
    branch = guarded(environment='pro"d${x}', branch="release/1")
    options = hcl2.SerializationOptions(strip_string_quotes=True, explicit_blocks=False, with_comments=False)
    [resource] = hcl2.loads(render_terraform("acme/shop", [branch]), serialization_options=options)["resource"]
    [body] = resource["github_repository_ruleset"].values()
    asked = wanted_ruleset(branch)
    rules = {rule["type"]: rule.get("parameters", True) for rule in asked["rules"]}
    [told] = body["rules"]
    assert (body["repository"], body["target"], body["enforcement"]) == ("shop", "branch", "active")
    assert body["conditions"][0]["ref_name"][0] == asked["conditions"]["ref_name"]
    assert (told["deletion"], told["non_fast_forward"]) == (True, True)
    assert {**told["pull_request"][0], "require_last_push_approval": False} == rules["pull_request"]
    checks = told["required_status_checks"][0]
    assert checks["strict_required_status_checks_policy"] is True
    assert checks["required_check"] == rules["required_status_checks"]["required_status_checks"]


def test_terraform_is_formatted() -> None:
    assert render_terraform("acme/shop", [guarded(environment="staging", branch="staging", promotes_from=None)]) == (
        """\
resource "github_repository_ruleset" "planward_staging" {
  name        = "planward staging"
  repository  = "shop"
  target      = "branch"
  enforcement = "active"

  conditions {
    ref_name {
      include = ["refs/heads/staging"]
      exclude = []
    }
  }

  rules {
    deletion         = true
    non_fast_forward = true

    pull_request {
      required_approving_review_count   = 1
      dismiss_stale_reviews_on_push     = true
      require_code_owner_review         = true
      required_review_thread_resolution = true
    }

    required_status_checks {
      strict_required_status_checks_policy = true

      required_check {
        context        = "planward/plan"
        integration_id = 4711
      }
    }
  }
}
"""
    )


# --- the command -----------------------------------------------------------------------------------------------------


class Shop:
    """acme/shop on a local GitHub, owned by grace, with the App installed."""

    def __init__(self, github: LocalGitHub, **permissions: str | None) -> None:
        self.github = github
        github.create_user("grace")
        github.create_organization("acme", owners=["grace"])
        self.repository = github.create_repository(
            "acme/shop",
            files={"main.tf": "", ".github/CODEOWNERS": "* @grace\n"},
            default_branch="staging",
            by="grace",
        )
        manifest = read_app_manifest()
        asked = {**manifest.permissions, **permissions}
        self.app: App = github.create_app(
            "Planward",
            owner="grace",
            permissions={name: level for name, level in asked.items() if level},
            events=list(manifest.events),
        )
        self.installation = github.install(self.app, "acme", by="grace")
        self.protect_nothing()

    def protect_nothing(self) -> None:
        tip = self.rest("GET", "/branches/staging").json()["commit"]["sha"]
        self.github.move("acme/shop", "production", tip, by="grace")

    def rest(self, method: str, path: str, **options: Any) -> httpx.Response:
        return self.ask(method, f"/repos/acme/shop{path}", **options)

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        with self.github.rest("grace") as rest:
            answer = rest.request(method, path, **options)
        assert answer.is_success, answer.text
        return answer

    def gates(self, branch: str) -> tuple[ProtectionCheck, ...]:
        """The gates of one branch, as an administrator's token shows them."""

        async def asking() -> Diagnosis:
            async with GitHubApp(self.github.api_url, self.app.id, PemKey(self.app.private_key_pem)) as github:
                administrator = self.github.token("grace")
                return await examine(github, self.app.id, "acme/shop", administrator=administrator)

        diagnosis = anyio.run(asking)
        return next(gates for guarded, gates in diagnosis.branches if guarded.branch == branch)

    def doctor(self, *arguments: str) -> Result:
        environ = {
            "PLANWARD_GITHUB_API_URL": self.github.api_url,
            "PLANWARD_GITHUB_APP_ID": str(self.app.id),
            "PLANWARD_GITHUB_PRIVATE_KEY": self.app.private_key_pem,
            "PLANWARD_GITHUB_WEBHOOK_SECRET": "secret",
            "VAULT_ADDR": None,
            "PLANWARD_SANDBOX": "none",
        }
        return CliRunner().invoke(planward, ["doctor", "acme/shop", *arguments], env=environ)

    def calls(self, output: str) -> list[dict[str, Any]]:
        """The bodies of the calls that doctor prints."""
        return [json.loads(part.partition("\nJSON")[0]) for part in output.split("<<'JSON'\n")[1:]]


@pytest.fixture
def github(tmp_path: Path) -> Iterator[LocalGitHub]:
    with LocalGitHub(tmp_path / "github") as github:
        yield github
    assert github.unexpected == []


# --- each row, as GitHub tells it ------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True, kw_only=True)
class Row:
    """A gate, what a ruleset lacks or has so that it is missing, and which other gates are missing with it."""

    gate: str
    setting: str
    drop: tuple[str, ...] = ()
    change: Mapping[str, Mapping[str, Any]] = dataclasses.field(default_factory=dict)
    add: tuple[dict[str, Any], ...] = ()
    bypass: tuple[dict[str, Any], ...] = ()
    classic: Mapping[str, Any] | None = None
    """The same in classic protection; None if that does not support it."""
    also: tuple[str, ...] = ()


FROM_THIS_APP = (
    'rule required_status_checks ("Require status checks to pass"): context planward/plan, integration_id {app} '
    "(app_id in classic protection)"
)
REVIEWS = {
    "required_approving_review_count": 1,
    "dismiss_stale_reviews": True,
    "require_code_owner_reviews": True,
}
OWNERS_ALWAYS = {"actor_type": "OrganizationAdmin", "actor_id": 1, "bypass_mode": "always"}
ROWS = [
    Row(
        gate="pull_request",
        setting='rule pull_request ("Require a pull request before merging")',
        drop=("pull_request",),
        classic={"required_pull_request_reviews": None},
        also=("reviews", "stale_reviews", "code_owners", "conversations", "direct_pushes", "administrators"),
    ),
    Row(
        gate="check",
        setting=FROM_THIS_APP,
        drop=("required_status_checks",),
        classic={"required_status_checks": None},
        also=("administrators", "up_to_date"),
    ),
    Row(
        gate="check_source",
        setting=FROM_THIS_APP,
        change={"required_status_checks": {"required_status_checks": [{"context": "planward/plan"}]}},
        classic={"required_status_checks": {"strict": True, "contexts": ["planward/plan"]}},
    ),
    Row(
        gate="reviews",
        setting="pull_request.required_approving_review_count: 1",
        change={"pull_request": {"required_approving_review_count": 0}},
        classic={"required_pull_request_reviews": {**REVIEWS, "required_approving_review_count": 0}},
    ),
    Row(
        gate="stale_reviews",
        setting="pull_request.dismiss_stale_reviews_on_push: true",
        change={"pull_request": {"dismiss_stale_reviews_on_push": False}},
        classic={"required_pull_request_reviews": {**REVIEWS, "dismiss_stale_reviews": False}},
    ),
    Row(
        gate="code_owners",
        setting="pull_request.require_code_owner_review: true",
        change={"pull_request": {"require_code_owner_review": False}},
        classic={"required_pull_request_reviews": {**REVIEWS, "require_code_owner_reviews": False}},
    ),
    Row(
        gate="conversations",
        setting="pull_request.required_review_thread_resolution: true",
        change={"pull_request": {"required_review_thread_resolution": False}},
        classic={"required_conversation_resolution": False},
    ),
    Row(
        gate="direct_pushes",
        setting="take them out of the bypass list of {source}, or let them bypass for pull requests only",
        bypass=(OWNERS_ALWAYS,),
        also=("administrators",),
    ),
    Row(
        gate="force_pushes",
        setting='rule non_fast_forward ("Block force pushes")',
        drop=("non_fast_forward",),
        classic={"allow_force_pushes": True},
    ),
    Row(
        gate="deletion",
        setting='rule deletion ("Restrict deletions")',
        drop=("deletion",),
        classic={"allow_deletions": True},
    ),
    Row(
        gate="administrators",
        setting="empty the bypass list of {source}; in classic protection, enforce_admins: true",
        bypass=({**OWNERS_ALWAYS, "bypass_mode": "pull_request"},),
    ),
    Row(
        gate="administrators",
        setting="empty the bypass list of {source}; in classic protection, enforce_admins: true",
        bypass=(OWNERS_ALWAYS,),
        classic={"enforce_admins": False},
        also=("direct_pushes",),
    ),
    Row(
        gate="up_to_date",
        setting="required_status_checks.strict_required_status_checks_policy: true, or the rule merge_queue",
        change={"required_status_checks": {"strict_required_status_checks_policy": False}},
        classic={
            "required_status_checks": {"strict": False, "checks": [{"context": "planward/plan", "app_id": "OURS"}]}
        },
    ),
    Row(
        gate="merge_commits",
        setting="take required_linear_history out of {source}",
        add=({"type": "required_linear_history"},),
        classic={"required_linear_history": True},
    ),
    Row(
        gate="merge_commits",
        setting="allowed_merge_methods of {source}: add merge",
        change={"pull_request": {"allowed_merge_methods": ["squash"]}},
    ),
]


def ruleset_without(row: Row, app_id: int) -> dict[str, Any]:
    """A ruleset for every branch that has all gates but one."""
    whole = wanted_ruleset(guarded(app_id=app_id))
    rules = [
        {**rule, "parameters": {**rule.get("parameters", {}), **row.change.get(rule["type"], {})}}
        for rule in whole["rules"]
        if rule["type"] not in row.drop
    ]
    conditions = {"ref_name": {"include": ["~ALL"], "exclude": []}}
    return {**whole, "name": "main", "conditions": conditions, "rules": [*rules, *row.add], "bypass_actors": row.bypass}


def protection_without(row: Row, app_id: int) -> dict[str, Any]:
    """Classic protection that has all gates but one."""
    assert row.classic is not None
    whole = {
        "required_status_checks": {"strict": True, "checks": [{"context": "planward/plan", "app_id": app_id}]},
        "required_pull_request_reviews": REVIEWS,
        "required_conversation_resolution": True,
        "enforce_admins": True,
        "restrictions": None,
    }
    asked: dict[str, Any] = json.loads(json.dumps({**whole, **row.classic}).replace('"OURS"', str(app_id)))
    return asked


@pytest.fixture(scope="module")
def unprotected(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Shop"]:
    """A shop for many tests, each of which protects it in its own way."""
    with LocalGitHub(tmp_path_factory.mktemp("shop") / "github") as github:
        yield Shop(github)
        assert github.unexpected == []


TOLD = [
    *(("repository", row) for row in ROWS),
    # GitHub tells an organisation's as it does a repository's.
    *(("organization", row) for row in ROWS[:3]),
    *(("classic", row) for row in ROWS if row.classic is not None),
]


@pytest.mark.parametrize(("kind", "row"), TOLD, ids=[f"{kind}-{row.gate}" for kind, row in TOLD])
def test_a_gate_that_is_missing_on_github_is_named_with_its_setting(unprotected: "Shop", kind: str, row: Row) -> None:
    shop = unprotected
    source = "classic protection" if kind == "classic" else 'the ruleset "main"'
    if kind != "classic":
        body = ruleset_without(row, shop.app.id)
        path = "/orgs/acme/rulesets" if kind == "organization" else "/repos/acme/shop/rulesets"
        shop.ask("POST", path, json=body)
    else:
        shop.rest("PUT", "/branches/production/protection", json=protection_without(row, shop.app.id))
    try:
        gates = {gate.name: gate for gate in shop.gates("production") if gate.state == State.MISSING}
    finally:
        shop.repository.rulesets.clear()
        shop.repository.protections.clear()
    assert gates[row.gate].setting == row.setting.format(app=shop.app.id, source=source)
    assert set(gates) == {row.gate, *row.also}


def test_every_gate_has_a_row() -> None:
    assert {row.gate for row in ROWS} == {gate.name for gate in check_branch(guarded(STRICT))} - {
        "required_deployments"  # advice, never missing
    }


def test_a_repository_without_protection_fails_and_the_calls_that_are_printed_make_it_pass(
    github: LocalGitHub, tmp_path: Path
) -> None:
    shop = Shop(github)
    before = shop.doctor()
    assert before.exit_code == 1, before.output
    assert "planward/plan is not a required check" in before.output
    for body in shop.calls(before.output):
        shop.rest("POST", "/rulesets", json=body)
    after = shop.doctor()
    assert (after.exit_code, after.output.splitlines()[0]) == (0, "acme/shop: no gate is missing")
    assert "? an App cannot see who may bypass it" in after.output
    token = tmp_path / "token"
    token.write_text(github.token("grace") + "\n")
    seen_by_grace = shop.doctor("--token-file", str(token))
    assert seen_by_grace.exit_code == 0
    assert "✔ administrators are held like everyone else" in seen_by_grace.output
    assert "?" not in seen_by_grace.output


def test_classic_protection_counts_and_what_it_lacks_is_missing(github: LocalGitHub) -> None:
    shop = Shop(github)
    for branch in ("staging", "production"):
        shop.rest(
            "PUT",
            f"/branches/{branch}/protection",
            json={
                "required_status_checks": {
                    "strict": True,
                    "checks": [{"context": "planward/plan", "app_id": shop.app.id}],
                },
                "required_pull_request_reviews": {"required_approving_review_count": 1, "dismiss_stale_reviews": True},
                "required_conversation_resolution": True,
                "enforce_admins": branch == "staging",
                "restrictions": None,
            },
        )
    told = shop.doctor().output
    staging, _, production = told.partition("production (environment production)")
    assert [line for line in staging.splitlines() if "✘" in line] == ["  ✘ code owners do not have to review"]
    assert [line for line in production.splitlines() if "✘" in line] == [
        "  ✘ code owners do not have to review",
        "  ✘ administrators may push without a pull request",
        "  ✘ administrators may merge past a pull request",
    ]


def test_without_administration_classic_protection_is_not_seen_and_the_rest_is(github: LocalGitHub) -> None:
    shop = Shop(github, administration=None)
    told = shop.doctor()
    assert told.exit_code == 1
    assert "· the App has no administration: read, so that classic protection is not seen" in told.output
    assert "✘ no pull request is required as far as rulesets go; classic protection cannot be seen" in told.output


def test_who_bypasses_a_ruleset_is_named_to_an_administrators_token(github: LocalGitHub, tmp_path: Path) -> None:
    shop = Shop(github)
    for body in shop.calls(shop.doctor().output):
        admins = {"actor_type": "RepositoryRole", "actor_id": 5, "bypass_mode": "pull_request"}
        shop.rest("POST", "/rulesets", json={**body, "bypass_actors": [admins]})
    token = tmp_path / "token"
    token.write_text(github.token("grace"))
    told = shop.doctor("--token-file", str(token))
    assert told.exit_code == 1
    assert "✘ the role admin may merge past a pull request" in told.output
    assert "gh api --method PUT repos/acme/shop/rulesets/" in told.output


def test_terraform_is_printed_for_each_branch_and_nothing_else(github: LocalGitHub) -> None:
    shop = Shop(github)
    told = shop.doctor("--terraform")
    assert told.exit_code == 1
    assert told.output.count('resource "github_repository_ruleset"') == 2
    assert hcl2.loads(told.output)


def test_an_environment_whose_branch_does_not_exist_is_missing(github: LocalGitHub) -> None:
    shop = Shop(github)
    config = "environments:\n  staging: {branch: staging}\n  live: {branch: live}\n"
    github.commit("acme/shop", "staging", {".github/planward.yml": config}, by="grace")
    told = shop.doctor()
    assert told.exit_code == 1
    assert "✘ there is no branch live\n      set: make it: git push origin HEAD:refs/heads/live" in told.output


def test_an_archived_repository_is_shown(github: LocalGitHub) -> None:
    shop = Shop(github)
    github.archive_repository("acme/shop", by="grace")
    told = shop.doctor()
    assert told.exit_code == 1
    assert "✘ the repository is archived" in told.output


def refused(shop: Shop, *arguments: str) -> tuple[int, str]:
    told = shop.doctor(*arguments)
    return told.exit_code, str(told.exception)


def test_where_the_app_is_not_installed_doctor_says_where_to_install_it(github: LocalGitHub) -> None:
    shop = Shop(github)
    github.uninstall(shop.installation, by="grace")
    url = f"{github.url}/apps/planward/installations/new"
    assert refused(shop) == (1, f"Planward is not installed on acme/shop: install it at {url}")


def test_where_the_installation_is_suspended_doctor_says_so(github: LocalGitHub) -> None:
    shop = Shop(github)
    github.suspend(shop.installation, by="grace")
    said = "the installation of Planward on acme is suspended: an owner can lift that"
    assert refused(shop) == (1, said)


def test_a_config_that_cannot_be_read_is_refused_at_its_line(github: LocalGitHub) -> None:
    shop = Shop(github)
    github.commit("acme/shop", "staging", {".github/planward.yml": "drafts: perhaps\n"}, by="grace")
    status, said = refused(shop)
    assert status == 1
    assert said.startswith(".github/planward.yml:1:9: drafts: ")


def test_a_repository_of_no_environment_is_refused(github: LocalGitHub) -> None:
    shop = Shop(github)
    for branch in ("staging", "production"):
        github.move("acme/shop", branch, None, by="grace")
    status, said = refused(shop)
    assert (status, said) == (
        1,
        "acme/shop has no environment with a branch: make a branch staging, or name one in .github/planward.yml",
    )


def test_a_token_file_without_a_token_is_refused(github: LocalGitHub, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.touch()
    assert refused(Shop(github), "--token-file", str(token)) == (1, f"--token-file: {token} holds no token")


def test_an_invalid_repository_is_wrong_usage() -> None:
    told = CliRunner().invoke(planward, ["doctor", "shop"])
    assert told.exit_code == 2
    assert "shop is no repository: say OWNER/REPO" in told.output


@pytest.mark.skipif(NO_BUBBLEWRAP is not None, reason=str(NO_BUBBLEWRAP))
def test_the_sandbox_of_this_machine_is_reported() -> None:
    assert check_sandbox(SandboxSettings()).state == State.MET
    without = check_sandbox(SandboxSettings(name="none"))
    assert (without.state, without.said) == (
        State.ADVICE,
        "PLANWARD_SANDBOX is none: the code of a plan reads everything that Planward's user can",
    )
