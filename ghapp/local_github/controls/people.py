"""People, organisations, teams, and the credentials that they act with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import httpx

from ghapp.local_github.state import Account, CustomRole, Team
from ghapp.local_github.world import World


class PeopleControls:
    world: World

    def create_user(self, login: str, *, name: str | None = None, emails: Iterable[str] = ()) -> Account:
        """Create a person with these verified email addresses. `token(login)` returns their personal access token."""
        account = self._account(login, "User", name)
        account.emails += emails
        return account

    def rename_user(self, login: str, new_login: str) -> None:
        """Change a person's login. The id stays; the old login is free for somebody else."""
        with self.world.lock:
            if any(account.login.lower() == new_login.lower() for account in self.world.accounts.values()):
                raise ValueError(f"{new_login} is taken")
            self.world.account(login).login = new_login

    def create_bot(self, login: str) -> Account:
        """Create an account of type Bot, such as `dependabot[bot]`."""
        return self._account(login, "Bot", None)

    def _account(self, login: str, kind: str, name: str | None) -> Account:
        with self.world.lock:
            if any(account.login.lower() == login.lower() for account in self.world.accounts.values()):
                raise ValueError(f"{login} is taken")
            account = Account(
                id=self.world.new_id(),
                login=login,
                type="Bot" if kind == "Bot" else "Organization" if kind == "Organization" else "User",
                name=name,
                created_at=self.world.now(),
            )
            return self.world.new_account(account)

    def create_organization(
        self, login: str, *, name: str | None = None, owners: Iterable[str] = (), members: Iterable[str] = ()
    ) -> Account:
        account = self._account(login, "Organization", name)
        with self.world.lock:
            people = {self.world.account(owner).id: "admin" for owner in owners}
            people |= {self.world.account(member).id: "member" for member in members}
            self.world.organization_members[account.id] = people
        return account

    def create_custom_role(self, organization: str, name: str, *, base_role: str) -> None:
        with self.world.lock:
            owner = self.world.account(organization)
            self.world.custom_roles.setdefault(owner.id, []).append(CustomRole(name=name, base_role=base_role))

    def create_team(
        self,
        organization: str,
        slug: str,
        *,
        members: Iterable[str] = (),
        maintainers: Iterable[str] = (),
        invited: Iterable[str] = (),
        parent: str | None = None,
        repositories: Mapping[str, str] | None = None,
    ) -> Team:
        """Create a team. `repositories` maps full names to roles. `parent` is the slug of the parent team."""
        with self.world.lock:
            team = Team(
                id=self.world.new_id(), slug=slug, name=slug.title(), organization=self.world.account(organization)
            )
            team.parent = None if parent is None else self.world.team(organization, parent)
            team.members = {self.world.account(login).id: "member" for login in members}
            team.members |= {self.world.account(login).id: "maintainer" for login in maintainers}
            team.invited = {self.world.account(login).id for login in invited}
            team.repositories = {self.world.repository(name).id: role for name, role in (repositories or {}).items()}
            self.world.teams.append(team)
            return team

    def token(self, login: str) -> str:
        """Return a personal access token, for REST and for git (`LOGIN:TOKEN`)."""
        with self.world.lock:
            account = self.world.account(login)
            for value, owner in self.world.people_tokens.items():
                if owner is account:
                    return value
            return self.world.new_person_token(account)

    def rest(self, login: str | None = None) -> httpx.Client:
        """Return a REST client with somebody's token, or without one."""
        headers = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
        if login is not None:
            headers["Authorization"] = f"Bearer {self.token(login)}"
        # verify=False: this is loopback without TLS, and reading the machine's certificate authorities takes 20 ms.
        return httpx.Client(base_url=self.world.api_url, headers=headers, trust_env=False, verify=False, timeout=30)  # noqa: S501

    def clone_url(self, full_name: str, login: str) -> str:
        """Return the address of a repository with somebody's credentials in it, for `git clone`."""
        return f"{self.world.url.replace('://', f'://{login}:{self.token(login)}@')}/{full_name}.git"
