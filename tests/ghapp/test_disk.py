"""Cleaning of the data directory: above its budget the least recently used parts go, but none that is in use."""

import asyncio
import gc
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ghapp.facts import Facts
from ghapp.facts.kept import VERSION
from ghapp.flows.maintenance.disk import Disk, erase_left_mirrors, size_bytes
from ghapp.git import Mirrors, Remote
from ghapp.processes.private_directories import private_directory
from ghapp.sealing import Sealer
from ghapp.store import Store
from ghapp.values import InstallationId, RepositoryId
from tests.git_server import git_server

PART = 400_000


class Data:
    """A data directory with parts of about the same size, each last used at a second that the test gives."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.mirrors = Mirrors(directory / "mirrors")

    def filled(self, path: Path) -> Path:
        path.mkdir(parents=True)
        (path / "content").write_bytes(os.urandom(PART))
        return path

    def mirror(self, id: int, *, used: int) -> Path:
        path = self.filled(self.directory / "mirrors" / f"{id}.git")
        (path / "HEAD").write_text("ref: refs/heads/main\n")
        mark = path.with_suffix(".used")
        mark.touch()
        os.utime(mark, (used, used))
        return path

    def provider(self, version: str, *, used: int) -> Path:
        platform = "registry.terraform.io/acme/thing"
        path = self.filled(self.directory / "providers" / platform / version / "linux_amd64")
        os.utime(path, (used, used))
        return path

    def facts(self, *, used: int) -> Path:
        path = self.filled(self.directory / "facts") / f"facts-{VERSION}.sqlite"
        (path.parent / "content").rename(path)
        os.utime(path, (used, used))
        return path

    def clean(self, parts: float) -> int:
        """Clean the data directory with a budget for this many parts."""
        budget = int(parts * PART)
        facts = Facts(self.directory / "facts")
        try:
            return Disk(data_dir=self.directory, mirrors=self.mirrors, facts=facts, budget_bytes=budget).clean()
        finally:
            facts.close()


@pytest.fixture
def data(tmp_path: Path) -> Data:
    return Data(tmp_path / "data")


def test_above_the_budget_the_least_recently_used_is_removed_first(data: Data) -> None:
    new, old = data.mirror(1, used=4000), data.mirror(2, used=1000)
    provider, older = data.provider("1.0.0", used=3000), data.provider("2.0.0", used=500)
    facts = data.facts(used=2000)
    there = [old, new, provider, older, facts]
    assert data.clean(6) == 0
    assert all(each.exists() for each in there)
    data.clean(4.9)
    assert [each.exists() for each in there] == [True, True, True, False, True]
    data.clean(3.9)
    assert [each.exists() for each in there] == [False, True, True, False, True]
    data.clean(2.9)
    assert [each.exists() for each in there] == [False, True, True, False, False]
    data.clean(1.9)
    assert [each.exists() for each in there] == [False, True, False, False, False]


def test_without_a_budget_nothing_goes(data: Data) -> None:
    mirror = data.mirror(1, used=1)
    assert data.clean(0) == 0
    assert mirror.exists()


def test_a_mirror_in_use_stays_and_the_next_one_is_removed(data: Data) -> None:
    oldest, next_one = data.mirror(1, used=1000), data.mirror(2, used=2000)
    used = data.mirrors.open(1)
    assert used is not None
    os.utime(oldest.with_suffix(".used"), (1000, 1000))
    data.clean(1.9)
    assert (oldest.exists(), next_one.exists()) == (True, False)
    del used
    data.clean(0.5)
    assert not oldest.exists()


def test_garbage_objects_do_not_keep_a_mirror_in_use(data: Data) -> None:
    mirror = data.mirror(1, used=1000)
    cycle: list[object] = [data.mirrors.open(1)]
    cycle.append(cycle)
    gc.disable()
    try:
        del cycle
        assert data.mirrors.remove(1)
    finally:
        gc.enable()
    assert not mirror.exists()


def test_a_mirror_that_another_process_uses_stays(data: Data) -> None:
    mirror = data.mirror(1, used=1000)
    program = (
        "import sys; from pathlib import Path; from ghapp.git import Mirrors\n"
        "mirror = Mirrors(Path(sys.argv[1])).open(1); print('open', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", program, str(data.directory / "mirrors")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"open\n"
        data.clean(0.5)
        assert mirror.exists()
        other.communicate()
    data.clean(0.5)
    assert not mirror.exists()


def test_using_a_mirror_makes_it_the_last_to_be_removed(data: Data) -> None:
    used, other = data.mirror(1, used=1000), data.mirror(2, used=2000)
    assert data.mirrors.open(1) is not None
    data.clean(1.9)
    assert (used.exists(), other.exists()) == (True, False)


def test_a_removed_mirror_is_fetched_again(tmp_path: Path, data: Data) -> None:
    root = tmp_path / "server"
    root.mkdir()
    environ = {**os.environ, "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull}
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", "a.git"], cwd=root, env=environ, check=True)
    who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.test"]
    tree = subprocess.run(
        ["git", "--git-dir=a.git", "mktree"], cwd=root, env=environ, check=True, capture_output=True, input=b""
    ).stdout.decode()
    commit = ["git", "--git-dir=a.git", *who, "commit-tree", "-m", "first", tree.strip()]
    sha = subprocess.run(commit, cwd=root, env=environ, check=True, capture_output=True).stdout.decode().strip()
    subprocess.run(["git", "--git-dir=a.git", "update-ref", "refs/heads/main", sha], cwd=root, env=environ, check=True)
    with git_server(root) as server:
        mirrors = Mirrors(data.directory / "mirrors", allowed_host=server.host)
        remote = Remote(repository_id=7, clone_url=server.url("a.git"), token=server.token)

        async def fetch() -> dict[str, str]:
            mirror = await mirrors.fetch(remote)
            assert not mirrors.remove(7)
            return {str(name): str(tip) for name, tip in (await mirror.branches()).items()}

        assert asyncio.run(fetch()) == {"main": sha}
        assert mirrors.remove(7)
        assert mirrors.open(7) is None
        assert asyncio.run(fetch()) == {"main": sha}


def test_work_directories_of_a_run_stay_and_those_of_a_killed_process_go(data: Data) -> None:
    runs = data.directory / "runs"
    left = data.filled(runs / "run-killed" / "d")

    async def story() -> None:
        async with private_directory(runs, "run") as mine:
            (mine / "content").write_bytes(os.urandom(PART))
            data.clean(0.5)
            assert (mine / "content").is_file()

    asyncio.run(story())
    assert not left.exists()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(f"sqlite:///{tmp_path / 'planward.db'}", Sealer(("k" * 32,)))
    yield store
    store.close()


def test_mirrors_of_repositories_that_were_left_are_erased_whatever_the_budget(data: Data, store: Store) -> None:
    left, suspended, unknown = (data.mirror(id, used=1) for id in (1, 2, 3))

    async def story() -> None:
        for id in (1, 2):
            await store.repositories.record(
                id=RepositoryId(id),
                installation_id=InstallationId(3),
                full_name=f"acme/{id}",
                clone_url="https://github.com/acme/shop.git",
                default_branch="main",
            )
            await store.repositories.deactivate(RepositoryId(id), for_good=id == 1)
        used = data.mirrors.open(1)
        assert not await erase_left_mirrors(data.mirrors, store)
        assert used is not None
        assert left.exists()
        del used
        assert await erase_left_mirrors(data.mirrors, store)

    asyncio.run(story())
    assert (left.exists(), suspended.exists(), unknown.exists()) == (False, True, True)


def test_a_size_is_what_lies_on_the_disk(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b").write_bytes(b"x" * 100_000)
    (tmp_path / "link").symlink_to("/usr")
    assert 100_000 <= size_bytes(tmp_path) < 150_000
    assert size_bytes(tmp_path / "nothing") == 0
