"""Run git in the sandbox of root runs, for two tasks: to write the files of a tree, and to run `git lfs`.

In both tasks, git reads contents that the repository controls. So each task gets its own git directory, which has no
configuration and is removed with the checkout. In the sandbox, git can read at most the objects of the mirror, and
cannot change the mirror.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ghapp.git.program import MOST_MEMORY_BYTES, ca_files, environment, git, program_files
from ghapp.processes import PROGRAMS_WITHOUT_KEEPER, Exited, Programs
from ghapp.processes.sandbox import UNCONFINED, Confined, Reach, Sandbox


@dataclass(frozen=True, slots=True, kw_only=True)
class GitSandbox:
    """The sandbox for git's work on the files of one repository."""

    repository: str
    programs: Programs = PROGRAMS_WITHOUT_KEEPER
    sandbox: Sandbox = UNCONFINED

    @property
    def confines_trees(self) -> bool:
        """Whether trees are written in the sandbox.

        Without mounts that is impossible: the run may have a user of its own, and this user cannot enter the directory
        of the mirrors.
        """
        return self.sandbox.has_mounts

    def for_tree(self, mirror: Path, place: Path, private: Path) -> OwnRepository:
        """Return a repository for the work tree `place/tree`, whose index is beside it. No other run uses `private`."""
        place, private, objects = place.absolute(), private.absolute(), mirror.absolute() / "objects"
        git_dir = private / "git"
        _make_git_directory(git_dir, "refs")
        reads = (objects, *program_files())
        return OwnRepository(
            programs=self.programs,
            confined=self._confined(place, private, reads) if self.confines_trees else UNCONFINED,
            git_dir=git_dir,
            objects=objects,
            work_tree=place / "tree",
            index=place / "index",
            temporary=private / "tmp",
        )

    def for_large_files(self, work_tree: Path, private: Path) -> OwnRepository:
        """Return a repository for `git lfs`, which sees no object of the mirror. No other run uses `private`."""
        work_tree, private = work_tree.absolute(), private.absolute()
        git_dir = private / "git"
        _make_git_directory(git_dir, "refs", "objects", "info")
        reads = (*program_files(), *ca_files())
        return OwnRepository(
            programs=self.programs,
            confined=UNCONFINED if self.sandbox.name == "none" else self._confined(work_tree, private, reads),
            git_dir=git_dir,
            objects=git_dir / "objects",
            work_tree=work_tree,
            index=git_dir / "index",
            temporary=private / "tmp",
        )

    def _confined(self, checkout: Path, private: Path, reads: tuple[Path, ...]) -> Confined:
        (private / "tmp").mkdir(mode=0o700)
        return self.sandbox.confine(
            Reach(checkout=checkout, private=private, repository=self.repository, reads=reads, host_writes=False)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnRepository:
    """A git directory, its objects, and a work tree.

    All paths are those on this host; `run` translates them for the sandbox.
    """

    programs: Programs
    confined: Confined
    git_dir: Path
    objects: Path
    work_tree: Path
    index: Path
    temporary: Path

    async def run(
        self,
        *words: str,
        environ: Mapping[str, str] | None = None,
        timeout_s: float = 120.0,
        memory_bytes: int | None = MOST_MEMORY_BYTES,
    ) -> Exited:
        """Run git in its sandbox. Raises GitError."""
        async with self.confined.entered():
            run_path = self.confined.run_path
            places = {"GIT_INDEX_FILE": self.index, "GIT_OBJECT_DIRECTORY": self.objects}
            if self.confined is not UNCONFINED:
                places["TMPDIR"] = self.temporary
            return await git(
                self.programs,
                f"--git-dir={run_path(self.git_dir)}",
                f"--work-tree={run_path(self.work_tree)}",
                *words,
                environ={**(environ or environment()), **{name: str(run_path(path)) for name, path in places.items()}},
                timeout_s=timeout_s,
                memory_bytes=memory_bytes,
                confined=self.confined,
                cwd=self.work_tree,
            )


def _make_git_directory(git_dir: Path, *names: str) -> None:
    for name in names:
        (git_dir / name).mkdir(mode=0o700, parents=True)
    (git_dir / "HEAD").write_text("ref: refs/heads/none\n")
