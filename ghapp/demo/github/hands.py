"""What a test or the demo does at GitHub by hand: people, repositories, Apps, buttons."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import httpx

from ghapp.demo.github import apps, checks, pulls, queue
from ghapp.demo.github import events as told
from ghapp.demo.github.git import NO_SHA, BareRepository
from ghapp.demo.github.pushes import ref_moved
from ghapp.demo.github.state import (
    Account,
    App,
    CustomRole,
    Installation,
    Repository,
    Team,
)
from ghapp.demo.github.world import World, find_check_run, find_check_suite, find_pull


class Hands:
    """Mixed into `LocalGitHub`; every method takes the world's lock."""

    world: World

    # -- people ----------------------------------------------------------------------------------------------------

    def create_user(self, login: str, *, name: str | None = None) -> Account:
        """A person; `token(login)` gives a personal access token of theirs."""
        return self._account(login, "User", name)

    def create_bot(self, login: str) -> Account:
        """An account of type Bot, such as `dependabot[bot]`."""
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
        repositories: Mapping[str, str] | None = None,
    ) -> Team:
        """`repositories`: full name to role."""
        with self.world.lock:
            team = Team(
                id=self.world.new_id(), slug=slug, name=slug.title(), organization=self.world.account(organization)
            )
            team.members = {self.world.account(login).id: "member" for login in members}
            team.repositories = {self.world.repository(name).id: role for name, role in (repositories or {}).items()}
            self.world.teams.append(team)
            return team

    def token(self, login: str) -> str:
        """A personal access token, for REST and for git (`LOGIN:TOKEN`)."""
        with self.world.lock:
            account = self.world.account(login)
            for value, owner in self.world.people_tokens.items():
                if owner is account:
                    return value
            return self.world.new_person_token(account)

    def rest(self, login: str | None = None) -> httpx.Client:
        """A client that speaks REST as somebody (or as nobody)."""
        headers = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
        if login is not None:
            headers["Authorization"] = f"Bearer {self.token(login)}"
        return httpx.Client(base_url=self.world.api_url, headers=headers, trust_env=False, timeout=30)

    def clone_url(self, full_name: str, login: str) -> str:
        """The address of a repository with somebody's credentials in it, for `git clone` by hand."""
        return f"{self.world.url.replace('://', f'://{login}:{self.token(login)}@')}/{full_name}.git"

    # -- repositories ----------------------------------------------------------------------------------------------

    def create_repository(
        self,
        full_name: str,
        *,
        files: Mapping[str, bytes | str] | None = None,
        private: bool = False,
        default_branch: str = "main",
        by: str | None = None,
    ) -> Repository:
        """A repository whose default branch holds one commit with these files."""
        with self.world.lock:
            owner_login, _, name = full_name.partition("/")
            owner = self.world.account(owner_login)
            number, now = self.world.new_id(), self.world.now()
            git = BareRepository.create(self.world.directory / "repositories" / f"{number}.git", default_branch)
            repository = Repository(
                id=number,
                owner=owner,
                name=name,
                private=private,
                default_branch=default_branch,
                git=git,
                created_at=now,
                updated_at=now,
                pushed_at=now,
            )
            self.world.repositories[number] = repository
            author = self.world.account(by) if by is not None else owner
            signature = pulls.signature_of(self.world, author)
            seeded = {"README.md": f"# {name}\n"} if files is None else files
            sha = git.commit_files(_bytes(seeded), parent=None, message="Initial commit", author=signature)
            git.update_ref(f"refs/heads/{default_branch}", sha)
            return repository

    def commit(
        self,
        full_name: str,
        branch: str,
        files: Mapping[str, bytes | str | None],
        *,
        message: str = "Change files",
        by: str | None = None,
        start: str | None = None,
    ) -> str:
        """Commit on a branch and tell as a push does; what protects the branch is not asked.

        A branch that is not there yet starts at `start`, else at the default branch.
        """
        with self.world.lock:
            repository = self.world.repository(full_name)
            git = repository.git
            tip = git.tip(branch)
            parent = tip or git.resolve(start or repository.default_branch)
            sender = self.world.account(by) if by is not None else repository.owner
            signature = pulls.signature_of(self.world, sender)
            sha = git.commit_files(_bytes(files), parent=parent, message=message, author=signature)
            self.move(full_name, branch, sha, by=sender.login)
            return sha

    def move(self, full_name: str, branch: str, sha: str | None, *, by: str) -> None:
        """Point a branch to a commit, forced or new, or delete it (None); told as a push."""
        with self.world.lock:
            repository = self.world.repository(full_name)
            ref = f"refs/heads/{branch}"
            before = repository.git.ref(ref) or NO_SHA
            if sha is None:
                repository.git.delete_ref(ref)
            else:
                repository.git.update_ref(ref, sha)
            ref_moved(self.world, repository, ref, before, sha or NO_SHA, self.world.account(by))

    def fork(self, full_name: str, *, by: str) -> Repository:
        with self.world.lock:
            parent = self.world.repository(full_name)
            copy = self.create_repository(f"{by}/{parent.name}", default_branch=parent.default_branch)
            copy.parent = parent
            for ref in copy.git.refs("refs/heads/"):
                copy.git.delete_ref(ref)
            copy.git.run("fetch", "--quiet", str(parent.git.path), "+refs/heads/*:refs/heads/*")
            return copy

    def delete_repository(self, full_name: str, *, by: str) -> None:
        with self.world.lock:
            repository = self.world.repository(full_name)
            told.repository_event(self.world, repository, "deleted", self.world.account(by))
            del self.world.repositories[repository.id]
            for other in self.world.repositories.values():
                for pull in other.pulls:
                    if pull.head_repository is repository:
                        pull.head_repository = None

    def rename_repository(self, full_name: str, name: str, *, by: str) -> None:
        with self.world.lock:
            repository = self.world.repository(full_name)
            before, repository.name = repository.name, name
            self.world.former_names[full_name.lower()] = repository.id
            self.world.former_names.pop(repository.full_name.lower(), None)
            changes = {"repository": {"name": {"from": before}}}
            told.repository_event(self.world, repository, "renamed", self.world.account(by), changes=changes)

    def archive_repository(self, full_name: str, *, by: str) -> None:
        with self.world.lock:
            repository = self.world.repository(full_name)
            repository.archived = True
            told.repository_event(self.world, repository, "archived", self.world.account(by))

    def grant(self, full_name: str, login: str, role: str) -> None:
        """Give somebody a role: read, triage, write, maintain, admin or a custom one."""
        with self.world.lock:
            self.world.repository(full_name).collaborators[self.world.account(login).id] = role

    # -- Apps ------------------------------------------------------------------------------------------------------

    def create_app(
        self,
        name: str,
        *,
        owner: str,
        permissions: Mapping[str, str],
        events: Sequence[str] = (),
        webhook_url: str | None = None,
        webhook_secret: str | None = None,
        external_url: str = "",
        description: str = "",
        callback_urls: Sequence[str] = (),
    ) -> App:
        """Register an App; its private key is `app.private_key_pem`. Unlike the manifest's form, no ping is sent."""
        with self.world.lock:
            app = apps.register(
                self.world,
                name,
                owner=self.world.account(owner),
                permissions=permissions,
                events=events,
                webhook_url=None,
                webhook_secret=webhook_secret,
                external_url=external_url,
                description=description,
                callback_urls=callback_urls,
            )
            app.webhook_url = webhook_url
            return app

    def install(
        self, app: App, account: str, *, repositories: Sequence[str] | None = None, by: str | None = None
    ) -> Installation:
        """Install an App on all repositories of an account, or on those named."""
        target, sender = self.world.account(account), self.world.account(by or account)
        return apps.install(self.world, app, target, repositories=repositories, sender=sender)

    def uninstall(self, installation: Installation, *, by: str) -> None:
        apps.uninstall(self.world, installation, self.world.account(by))

    def suspend(self, installation: Installation, *, by: str) -> None:
        apps.suspend(self.world, installation, self.world.account(by))

    def unsuspend(self, installation: Installation, *, by: str) -> None:
        apps.unsuspend(self.world, installation, self.world.account(by))

    def change_installed_repositories(
        self, installation: Installation, *, add: Sequence[str] = (), remove: Sequence[str] = (), by: str
    ) -> None:
        apps.change_repositories(self.world, installation, add=add, remove=remove, sender=self.world.account(by))

    # -- buttons ---------------------------------------------------------------------------------------------------

    def press(self, full_name: str, check_run_id: int, identifier: str, *, by: str) -> None:
        """A button of a check run. Raises KeyError where there is none of that identifier."""
        with self.world.lock:
            repository = self.world.repository(full_name)
            checks.press(
                self.world, repository, find_check_run(repository, check_run_id), identifier, self.world.account(by)
            )

    def rerun(self, full_name: str, check_run_id: int, *, by: str) -> None:
        """ "Re-run" of one check run."""
        with self.world.lock:
            repository = self.world.repository(full_name)
            checks.rerequest(self.world, repository, find_check_run(repository, check_run_id), self.world.account(by))

    def rerun_all(self, full_name: str, check_suite_id: int, *, by: str) -> None:
        with self.world.lock:
            repository = self.world.repository(full_name)
            suite = find_check_suite(repository, check_suite_id)
            checks.rerequest_suite(self.world, repository, suite, self.world.account(by))

    def mark_ready(self, full_name: str, number: int, *, by: str) -> None:
        """ "Ready for review", which GitHub has in GraphQL only."""
        with self.world.lock:
            pulls.set_draft(
                self.world, find_pull(self.world.repository(full_name), number), False, self.world.account(by)
            )

    def convert_to_draft(self, full_name: str, number: int, *, by: str) -> None:
        with self.world.lock:
            pulls.set_draft(
                self.world, find_pull(self.world.repository(full_name), number), True, self.world.account(by)
            )

    def enable_merge_queue(self, full_name: str, branch: str) -> None:
        with self.world.lock:
            self.world.repository(full_name).merge_queues.setdefault(branch, [])

    def enqueue(self, full_name: str, number: int, *, by: str) -> None:
        """ "Merge when ready". Raises ApiError 405 where the pull request may not enter the queue."""
        with self.world.lock:
            queue.enqueue(self.world, find_pull(self.world.repository(full_name), number), self.world.account(by))

    def dequeue(self, full_name: str, number: int) -> None:
        with self.world.lock:
            queue.remove(self.world, find_pull(self.world.repository(full_name), number))

    def resolve_conversations(self, full_name: str, number: int) -> None:
        with self.world.lock:
            for thread in find_pull(self.world.repository(full_name), number).threads:
                thread.resolved = True


def _bytes(files: Mapping[str, bytes | str | None]) -> dict[str, bytes | None]:
    return {path: content.encode() if isinstance(content, str) else content for path, content in files.items()}
