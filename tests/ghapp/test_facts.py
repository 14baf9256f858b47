"""The facts of a configuration file are read once and kept, and no file can break the reading of others."""

import hashlib
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterable, Iterator
from multiprocessing import forkserver
from pathlib import Path

import pytest

from checks.configuration.file_facts import FileFacts, Problem
from ghapp.facts import Facts
from ghapp.facts.kept import KeptFacts
from ghapp.git import TreeEntry
from ghapp.reading import LARGEST_BYTES, Parser
from ghapp.repository_config import read_config

pytestmark = pytest.mark.anyio

MANY_VARIABLES = b'variable "a" {}\n' * 200
BACKEND = b'terraform {\n  backend "s3" {}\n}\n'


class Repository:
    """Blobs by id, and the number of times that each was read."""

    def __init__(self, files: dict[str, bytes], links: dict[str, bytes] | None = None) -> None:
        self.blobs: dict[str, bytes] = {}
        self.entries: list[TreeEntry] = []
        self.asked: list[str] = []
        for mode, contents in (("100644", files), ("120000", links or {})):
            for path, content in contents.items():
                blob_id = hashlib.sha1(content).hexdigest()
                self.blobs[blob_id] = content
                self.entries.append(TreeEntry(mode=mode, blob_id=blob_id, path=path))

    async def read_blobs(self, blob_ids: Iterable[str]) -> dict[str, bytes]:
        """Read blobs, like a mirror."""
        wanted = list(blob_ids)
        self.asked += wanted
        return {blob_id: self.blobs[blob_id] for blob_id in wanted}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def parser() -> Iterator[Parser]:
    running = Parser(processes=1)
    yield running
    running.close()


@pytest.fixture
def facts(tmp_path: Path, parser: Parser) -> Facts:
    return Facts(tmp_path / "facts", parser=parser)


async def test_a_tree_becomes_a_configuration(facts: Facts) -> None:
    repository = Repository(
        {"a/main.tf": BACKEND, "shared/x.tf": b'variable "x" {}', "a/README.md": b"# A"},
        links={"a/x.tf": b"../shared/x.tf"},
    )

    configuration = await facts.configuration(repository, repository.entries)

    assert [root.dir for root in configuration.root_modules] == ["a"]
    assert list(configuration.by_dir["a"].variables) == ["x"]


async def test_the_config_names_the_root_modules(facts: Facts) -> None:
    repository = Repository({"a/main.tf": BACKEND, "b/main.tf": b""})
    config = read_config(b"root_modules: [{dir: b}]", branches=(), repository_name="x")

    configuration = await facts.configuration(repository, repository.entries, config)

    assert [root.dir for root in configuration.root_modules] == ["b"]


async def test_no_blob_is_read_twice_not_even_by_another_process(tmp_path: Path, parser: Parser) -> None:
    repository = Repository({"a/main.tf": BACKEND, "b/main.tf": BACKEND, "b/x.tf": b"", "x.md": b"x"})
    first = await Facts(tmp_path, parser=parser).of_files(repository, repository.entries)
    asked = list(repository.asked)

    again = await Facts(tmp_path, parser=parser).of_files(repository, repository.entries)

    assert again == first
    assert len(asked) == 2
    assert repository.asked == asked


async def test_the_same_bytes_are_one_thing_as_hcl_and_another_as_json(facts: Facts) -> None:
    repository = Repository({"main.tf": b"{}", "main.tf.json": b"{}"})

    found = await facts.of_files(repository, repository.entries)

    assert found["main.tf"].problem is not None
    assert found["main.tf.json"].problem is None


async def test_many_files_are_read_in_order(parser: Parser) -> None:
    files = [(f"{number}.tf", f'variable "v{number}" {{}}'.encode()) for number in range(300)]

    read = await parser.read(files)

    assert [each.variables[0].name for each in read if each] == [f"v{number}" for number in range(300)]


async def test_a_file_that_is_too_large_is_not_read_and_says_so(facts: Facts) -> None:
    repository = Repository({"main.tf": b"#" * (LARGEST_BYTES + 1)})

    found = await facts.of_files(repository, repository.entries)

    assert found["main.tf"].problem == Problem(line=1, message="larger than 4 MiB, and so not read")


async def test_a_file_that_takes_too_long_is_a_problem_and_is_tried_again_the_next_time(tmp_path: Path) -> None:
    parser = Parser(processes=1, file_limit_s=0.0001)
    facts = Facts(tmp_path, parser=parser)
    # An error after a long sum, so that both grammars parse all of it.
    repository = Repository({"main.tf": b"a = " + b"1 + " * 10_000 + b"\n}"})

    found = await facts.of_files(repository, repository.entries)
    await facts.of_files(repository, repository.entries)
    parser.close()

    assert found["main.tf"].problem == Problem(line=1, message="reading it took too long, so Planward gave up")
    assert len(repository.asked) == 2


def test_a_process_that_no_time_limit_can_interrupt_is_ended() -> None:
    # This sum is one call into C, in which no signal's handler runs.
    stuck = (
        "from ghapp.reading import processes\nprocesses._prepare()\nwith processes._time_limit(0.1): sum(range(10**12))"
    )

    ended = subprocess.run([sys.executable, "-c", stuck], timeout=60, check=False)

    assert ended.returncode == -signal.SIGVTALRM


async def test_a_process_that_dies_costs_no_other_file() -> None:
    parser = Parser(processes=2)
    await parser.read([("warm.tf", b"")])
    pool = parser._pool
    assert pool is not None
    os.kill(next(iter(pool._processes)), signal.SIGKILL)

    read = await parser.read([(f"{number}.tf", MANY_VARIABLES) for number in range(200)])
    parser.close()

    assert len(read) == 200
    assert all(each is not None and len(each.variables) == 200 for each in read)


def test_processes_end_with_the_one_that_they_read_for() -> None:
    killed = (
        "import asyncio, os, signal\n"
        "from ghapp.reading import Parser\n"
        "asyncio.run(Parser(processes=1).read([('a.tf', b'')]))\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )

    # It returns when the last process that holds the standard output is gone.
    ended = subprocess.run([sys.executable, "-c", killed], stdout=subprocess.PIPE, timeout=60, check=False)

    assert ended.returncode == -signal.SIGKILL


def test_the_oldest_facts_are_dropped_above_the_limit(tmp_path: Path) -> None:
    kept = KeptFacts(tmp_path, most_rows=10)

    for number in range(30):
        kept.write({f"{number}": FileFacts(required_version=(str(number),))})

    assert sorted(kept.read([str(number) for number in range(30)]), key=int) == [str(n) for n in range(20, 30)]


def test_facts_of_another_version_are_removed(tmp_path: Path) -> None:
    (tmp_path / "facts-0.sqlite").write_bytes(b"old")

    KeptFacts(tmp_path).write({"a": FileFacts()})

    assert not (tmp_path / "facts-0.sqlite").exists()


def test_a_broken_file_is_as_if_nothing_were_kept_and_is_replaced(tmp_path: Path) -> None:
    kept = KeptFacts(tmp_path)
    kept.write({"a": FileFacts()})
    (path,) = tmp_path.glob("*.sqlite")
    path.write_bytes(b"no database" * 1_000)

    assert kept.read(["a"]) == {}
    kept.write({"a": FileFacts()})
    assert kept.read(["a"]) == {"a": FileFacts()}


def test_facts_that_cannot_be_understood_are_as_if_they_were_not_kept(tmp_path: Path) -> None:
    kept = KeptFacts(tmp_path)
    kept.write({"a": FileFacts()})
    (path,) = tmp_path.glob("*.sqlite")
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("UPDATE facts SET value = ?", (b"\xc1",))
    connection.close()

    assert kept.read(["a"]) == {}
    assert not path.exists()


def test_a_directory_that_cannot_be_written_to_keeps_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    kept = KeptFacts(tmp_path / "file" / "below")

    kept.write({"a": FileFacts()})

    assert kept.read(["a"]) == {}


async def test_no_run_reaches_the_fork_server() -> None:
    # A process that connects to it can run code as Planward's user, and the sandbox does not block abstract sockets.
    parser = Parser(processes=1)
    await parser.read([("main.tf", b"")])
    parser.close()
    address = getattr(forkserver, "_forkserver")._forkserver_address  # noqa: B009
    assert not address.startswith("\0")
    assert Path(address).parent.stat().st_mode & 0o077 == 0


def test_the_processes_that_read_files_load_little() -> None:
    # Each start of a worker starts them again.
    heavy = ("apprise", "dbos", "githubkit", "httpx", "hvac", "requests", "sqlalchemy", "starlette", "structlog")
    code = f"import sys, ghapp.reading; print([each for each in {heavy} if each in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout == b"[]\n"
