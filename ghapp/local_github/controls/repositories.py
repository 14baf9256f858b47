"""Create, fork, rename, transfer and delete repositories, and commit to them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from ghapp.local_github import repositories
from ghapp.local_github.git import NO_SHA, Entry
from ghapp.local_github.objects import Signature
from ghapp.local_github.pushes import ref_moved
from ghapp.local_github.state import Repository
from ghapp.local_github.world import World


class RepositoryControls:
    world: World

    def create_repository(
        self,
        full_name: str,
        *,
        files: Mapping[str, bytes | str | Entry] | None = None,
        private: bool = False,
        default_branch: str = "main",
        by: str | None = None,
    ) -> Repository:
        """Create a repository whose default branch contains one commit with these files."""
        with self.world.lock:
            owner_login, _, name = full_name.partition("/")
            owner = self.world.account(owner_login)
            return repositories.create(
                self.world,
                owner,
                name,
                files=_bytes({"README.md": f"# {name}\n"} if files is None else files),
                default_branch=default_branch,
                private=private,
                sender=self.world.account(by) if by is not None else owner,
            )

    def commit(
        self,
        full_name: str,
        branch: str,
        files: Mapping[str, bytes | str | Entry | None],
        *,
        message: str = "Change files",
        by: str | None = None,
        start: str | None = None,
        author: str | None = None,
        committer: str | None = None,
        co_authors: Iterable[str] = (),
    ) -> str:
        """Commit on a branch, with the events of a push; branch protection does not apply.

        A new branch starts at `start`, or at the default branch. `by` is the login that pushes, and by default also
        the author and committer. Author, committer and co-authors are logins or `NAME <EMAIL>`.
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
        """Return the signature of a login or of `NAME <EMAIL>`."""
        written = re.fullmatch(r"(?P<name>[^<>]+?) *<(?P<email>[^<>]+)>", person)
        if written is None:
            return self.world.signature_of(self.world.account(person))
        return Signature(
            name=written["name"], email=written["email"], date=self.world.now().isoformat(timespec="seconds")
        )

    def move(self, full_name: str, branch: str, sha: str | None, *, by: str) -> None:
        """Point a new or existing branch at a commit, or delete it if `sha` is None, and send the events of a push."""
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
            return repositories.fork(self.world, self.world.repository(full_name), self.world.account(by))

    def delete_repository(self, full_name: str, *, by: str) -> None:
        """Delete a repository. `create_repository` with the same name makes another one, with a new id."""
        with self.world.lock:
            repositories.delete(self.world, self.world.repository(full_name), self.world.account(by))

    def rename_repository(self, full_name: str, name: str, *, by: str) -> None:
        with self.world.lock:
            repositories.rename(self.world, self.world.repository(full_name), name, self.world.account(by))

    def transfer_repository(self, full_name: str, owner: str, *, by: str) -> None:
        with self.world.lock:
            repository = self.world.repository(full_name)
            repositories.transfer(self.world, repository, self.world.account(owner), self.world.account(by))

    def archive_repository(self, full_name: str, *, by: str) -> None:
        with self.world.lock:
            repositories.archive(self.world, self.world.repository(full_name), self.world.account(by))

    def grant(self, full_name: str, login: str, role: str) -> None:
        """Grant somebody a role: read, triage, write, maintain, admin or a custom one."""
        with self.world.lock:
            self.world.repository(full_name).collaborators[self.world.account(login).id] = role


def _bytes(files: Mapping[str, bytes | str | Entry | None]) -> dict[str, bytes | Entry | None]:
    return {path: content.encode() if isinstance(content, str) else content for path, content in files.items()}
