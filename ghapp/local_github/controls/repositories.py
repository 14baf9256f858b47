"""Repositories: made, committed to, forked, renamed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from ghapp.local_github import events, pulls
from ghapp.local_github.git import NO_SHA, BareRepository, Signature
from ghapp.local_github.pushes import ref_moved
from ghapp.local_github.serializers.accounts import organization, user
from ghapp.local_github.state import Repository
from ghapp.local_github.world import World


class RepositoryControls:
    world: World

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
        author: str | None = None,
        committer: str | None = None,
        co_authors: Iterable[str] = (),
    ) -> str:
        """Commit on a branch, with the events of a push; branch protection does not apply.

        A branch that is not there yet starts at `start`, else at the default branch. `by` pushes; author, committer
        and co-authors are logins or `NAME <EMAIL>`, by default who pushes.
        """
        with self.world.lock:
            repository = self.world.repository(full_name)
            git = repository.git
            tip = git.tip(branch)
            parent = tip or git.resolve(start or repository.default_branch)
            sender = self.world.account(by) if by is not None else repository.owner
            trailers = [f"Co-authored-by: {one.name} <{one.email}>" for one in map(self._signature, co_authors)]
            sha = git.commit_files(
                _bytes(files),
                parent=parent,
                message="\n\n".join([message, "\n".join(trailers)]) if trailers else message,
                author=self._signature(author or sender.login),
                committer=self._signature(committer or sender.login),
            )
            self.move(full_name, branch, sha, by=sender.login)
            return sha

    def _signature(self, person: str) -> Signature:
        """Of a login, or of `NAME <EMAIL>`."""
        written = re.fullmatch(r"(?P<name>[^<>]+?) *<(?P<email>[^<>]+)>", person)
        if written is None:
            return pulls.signature_of(self.world, self.world.account(person))
        return Signature(
            name=written["name"], email=written["email"], date=self.world.now().isoformat(timespec="seconds")
        )

    def move(self, full_name: str, branch: str, sha: str | None, *, by: str) -> None:
        """Point a branch to a commit, forced or new, or delete it (None), with the events of a push."""
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
            events.repository_event(self.world, repository, "deleted", self.world.account(by))
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
            events.repository_event(self.world, repository, "renamed", self.world.account(by), changes=changes)

    def transfer_repository(self, full_name: str, owner: str, *, by: str) -> None:
        """Give a repository to another account; Apps that are installed there hear of it."""
        with self.world.lock:
            repository = self.world.repository(full_name)
            before, repository.owner = repository.owner, self.world.account(owner)
            self.world.former_names[full_name.lower()] = repository.id
            self.world.former_names.pop(repository.full_name.lower(), None)
            kind = "organization" if before.type == "Organization" else "user"
            shown = organization(self.world, before) if kind == "organization" else user(self.world, before)
            changes = {"owner": {"from": {kind: shown}}}
            events.repository_event(self.world, repository, "transferred", self.world.account(by), changes=changes)

    def archive_repository(self, full_name: str, *, by: str) -> None:
        with self.world.lock:
            repository = self.world.repository(full_name)
            repository.archived = True
            events.repository_event(self.world, repository, "archived", self.world.account(by))

    def grant(self, full_name: str, login: str, role: str) -> None:
        """Give somebody a role: read, triage, write, maintain, admin or a custom one."""
        with self.world.lock:
            self.world.repository(full_name).collaborators[self.world.account(login).id] = role


def _bytes(files: Mapping[str, bytes | str | None]) -> dict[str, bytes | None]:
    return {path: content.encode() if isinstance(content, str) else content for path, content in files.items()}
