"""The whole state, under one lock, and queries on it."""

from __future__ import annotations

import base64
import itertools
import re
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

from ghapp.local_github.errors import not_found
from ghapp.local_github.objects import Signature
from ghapp.local_github.outbox import Outbox
from ghapp.local_github.state import (
    WEB_FLOW,
    Account,
    App,
    CheckRun,
    CheckSuite,
    Comment,
    CustomRole,
    Deployment,
    Installation,
    InstallationToken,
    Issue,
    PullRequest,
    Repository,
    SignInCode,
    Team,
    UserToken,
)

_NOREPLY = re.compile(r"(?:(?P<id>\d+)\+)?(?P<login>[^+@]+)@users\.noreply\.github\.com", re.IGNORECASE)
_NODE_PREFIXES = {"User": "U", "Organization": "O", "Bot": "BOT"}


@dataclass(slots=True, kw_only=True, eq=False)
class World:
    directory: Path
    clock: Callable[[], datetime]
    url: str = ""
    own_api_url: str = ""
    """The address of the API if it is not below `url`, as on GHE.com; a proxy must forward it to `/api/v3`."""
    lock: threading.RLock = field(default_factory=threading.RLock)
    accounts: dict[int, Account] = field(default_factory=dict)
    people_tokens: dict[str, Account] = field(default_factory=dict)
    organization_members: dict[int, dict[int, str]] = field(default_factory=dict)
    custom_roles: dict[int, list[CustomRole]] = field(default_factory=dict)
    teams: list[Team] = field(default_factory=list)
    repositories: dict[int, Repository] = field(default_factory=dict)
    former_names: dict[str, int] = field(default_factory=dict)
    apps: dict[int, App] = field(default_factory=dict)
    manifest_codes: dict[str, int] = field(default_factory=dict)
    installations: dict[int, Installation] = field(default_factory=dict)
    user_tokens: dict[str, UserToken] = field(default_factory=dict)
    sign_in_codes: dict[str, SignInCode] = field(default_factory=dict)
    authorized: set[tuple[int, int]] = field(default_factory=set)
    """(App, person) pairs for which the person has authorized the App."""
    installation_tokens: dict[str, InstallationToken] = field(default_factory=dict)
    outbox: Outbox = field(default_factory=Outbox)
    _ids: itertools.count[int] = field(default_factory=lambda: itertools.count(10_001))

    @property
    def api_url(self) -> str:
        return self.own_api_url or f"{self.url}/api/v3"

    def new_id(self) -> int:
        return next(self._ids)

    def now(self) -> datetime:
        return self.clock()

    # -- accounts --------------------------------------------------------------------------------------------------

    def account(self, login: str) -> Account:
        """Return the account of that login. Raises 404."""
        wanted = login.lower()
        for account in (*reversed(self.accounts.values()), WEB_FLOW):  # the newest are asked for most often
            if account.login.lower() == wanted:
                return account
        raise not_found()

    def account_by_email(self, email: str) -> Account | None:
        """Return the account to which GitHub links a commit with that address. A noreply address with an id is linked
        even after a rename.

        https://docs.github.com/en/account-and-profile/reference/email-addresses-reference
        """
        noreply = _NOREPLY.fullmatch(email)
        if noreply is not None and noreply["id"] is not None:
            return self.accounts.get(int(noreply["id"]))
        login, wanted = None if noreply is None else noreply["login"].lower(), email.lower()
        for account in (*self.accounts.values(), WEB_FLOW):
            if login is not None and account.login.lower() == login:
                return account
            if account.emails and wanted in [own.lower() for own in account.emails]:
                return account
        return None

    def new_account(self, account: Account) -> Account:
        self.accounts[account.id] = account
        return account

    def team(self, organization: str, slug: str) -> Team:
        for team in self.teams:
            if team.organization.login.lower() == organization.lower() and team.slug == slug.lower():
                return team
        raise not_found()

    def team_members(self, team: Team) -> dict[int, Literal["member", "maintainer"]]:
        """Return each member's role by account id. Members of child teams are included as members; members who own the
        organization are maintainers."""
        roles: dict[int, Literal["member", "maintainer"]] = {}
        for child in self.teams:
            if child.parent is team:
                roles |= dict.fromkeys(self.team_members(child), "member")
        roles |= team.members
        owners = self.organization_members.get(team.organization.id, {})
        return {number: "maintainer" if owners.get(number) == "admin" else role for number, role in roles.items()}

    def signature_of(self, account: Account) -> Signature:
        """Return an account's signature for a commit that GitHub makes for it, with the current time."""
        return Signature(
            name=account.name or account.login, email=account.email, date=self.now().isoformat(timespec="seconds")
        )

    def web_flow_signature(self) -> Signature:
        """Return the signature of the commits that GitHub's pages and its merge button make."""
        return Signature(name="GitHub", email=WEB_FLOW.emails[0], date=self.now().isoformat(timespec="seconds"))

    def new_person_token(self, account: Account) -> str:
        token = f"ghp_{secrets.token_hex(18)}"
        self.people_tokens[token] = account
        return token

    # -- repositories ----------------------------------------------------------------------------------------------

    def find_repository(self, full_name: str) -> Repository | None:
        wanted = full_name.lower()
        for repository in reversed(self.repositories.values()):  # the newest are asked for most often
            if repository.full_name.lower() == wanted:
                return repository
        return None

    def repository(self, full_name: str) -> Repository:
        """Return the repository that has this name now; a former name is not found. Raises 404."""
        repository = self.find_repository(full_name)
        if repository is None:
            raise not_found()
        return repository

    def installation_of(self, app: App, repository: Repository) -> Installation | None:
        for installation in self.installations.values():
            if installation.app is app and covers(installation, repository):
                return installation
        return None

    def installations_covering(self, repository: Repository) -> list[Installation]:
        return [installation for installation in self.installations.values() if covers(installation, repository)]

    def installed_repositories(self, installation: Installation) -> list[Repository]:
        return [repository for repository in self.repositories.values() if covers(installation, repository)]


def covers(installation: Installation, repository: Repository) -> bool:
    if installation.account is not repository.owner:
        return False
    return installation.repository_selection == "all" or repository.id in installation.repository_ids


def find_issue(repository: Repository, number: str | int) -> Issue:
    issue = repository.issues.get(int(number)) if str(number).isdigit() else None
    if issue is None:
        raise not_found()
    return issue


def find_pull(repository: Repository, number: str | int) -> PullRequest:
    pull = find_issue(repository, number).pull
    if pull is None:
        raise not_found()
    return pull


def find_comment(repository: Repository, comment_id: str | int) -> Comment:
    for issue in repository.issues.values():
        for comment in issue.comments:
            if str(comment.id) == str(comment_id):
                return comment
    raise not_found()


def find_check_run(repository: Repository, check_run_id: str | int) -> CheckRun:
    for run in repository.check_runs:
        if str(run.id) == str(check_run_id):
            return run
    raise not_found()


def find_check_suite(repository: Repository, suite_id: str | int) -> CheckSuite:
    for suite in repository.suites:
        if str(suite.id) == str(suite_id):
            return suite
    raise not_found()


def find_deployment(repository: Repository, deployment_id: str | int) -> Deployment:
    for deployment in repository.deployments:
        if str(deployment.id) == str(deployment_id):
            return deployment
    raise not_found()


def node_id(prefix: str, number: int) -> str:
    encoded = base64.urlsafe_b64encode(b"\x93\x00\xce" + number.to_bytes(4, "big")).decode().rstrip("=")
    return f"{_NODE_PREFIXES.get(prefix, prefix)}_kwDO{encoded}"
