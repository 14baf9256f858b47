"""Mirrors whose git runs in a sandbox, and the contents of their checkouts."""

import asyncio
import hashlib
import shutil
import subprocess
from pathlib import Path

from ghapp.git import LargeFiles, Mirror, Mirrors, Remote
from ghapp.git.kept_checkouts import KeptCheckouts
from ghapp.processes.bubblewrap import probe_bubblewrap
from ghapp.processes.by_uid import probe_uids, without_sandbox
from ghapp.processes.sandbox import HostPaths, Sandbox
from ghapp.values import TreeId
from tests.sandboxes import PYTHON

TOKEN = "token-of-the-repository"
ATTRIBUTES = b"*.bin filter=lfs -text\n"
PROGRAM = shutil.which("git") or "git"


def sandbox_called(name: str, data: Path) -> Sandbox:
    match name:
        case "bubblewrap":
            # Runs may read Python's installation. They may write to `states`, as if the operator had opened it to them.
            return probe_bubblewrap(HostPaths(reads=(Path(PYTHON),), writes=(data / "states",)))
        case "uid":
            return probe_uids(data)
        case _:
            return without_sandbox(data)


def git(directory: Path, *words: str, stdin: bytes = b"") -> str:
    done = subprocess.run([PROGRAM, f"--git-dir={directory}", *words], input=stdin, check=True, capture_output=True)
    return done.stdout.decode().strip()


def mirror_with(data: Path, sandbox: str, files: dict[str, bytes], *, most_kept: int = 0) -> tuple[Mirror, TreeId]:
    """A mirror that has a tree of these files; a name may contain one slash."""
    bare = data / "mirrors/7.git"
    subprocess.run([PROGRAM, "init", "--quiet", "--bare", bare], check=True)
    return Mirror(
        bare,
        data / "mirrors/checkouts",
        KeptCheckouts(most=most_kept),
        sandbox=sandbox_called(sandbox, data),
    ), tree_of(bare, files)


def tree_of(bare: Path, files: dict[str, bytes]) -> TreeId:
    lines: dict[str, list[str]] = {"": []}
    for name, content in files.items():
        directory, _, name = name.rpartition("/")
        blob = git(bare, "hash-object", "-w", "--stdin", stdin=content)
        lines.setdefault(directory, []).append(f"100644 blob {blob}\t{name}\n")
    top = lines.pop("")
    for directory, below in lines.items():
        top.append(f"040000 tree {git(bare, 'mktree', stdin=''.join(below).encode())}\t{directory}\n")
    return TreeId(git(bare, "mktree", stdin="".join(top).encode()))


def pointer_to(content: bytes) -> bytes:
    oid = hashlib.sha256(content).hexdigest()
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {len(content)}\n".encode()


class LargeFileServer:
    """A Git LFS server on loopback that also receives reports. `asked` has each request's (path, Authorization)."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.asked: list[tuple[str, str | None]] = []
        self.reports: list[dict[str, object]] = []
        self.url = ""


def environment_for(server: LargeFileServer) -> dict[str, str]:
    """The environment that Planward gives to `git lfs`."""
    remote = Remote(repository_id=7, clone_url=f"{server.url}/infra.git", token=TOKEN)
    return Mirrors(Path("nowhere"), allowed_host=server.url.removeprefix("http://")).large_files_environment(remote)


def laid_out(mirror: Mirror, tree: TreeId, large_files: LargeFiles | None = None) -> dict[str, bytes]:
    """Check a tree out; returns its files."""

    async def files() -> dict[str, bytes]:
        async with mirror.checkout(tree, large_files) as directory:
            paths = [path for path in directory.rglob("*") if path.is_file()]
            return {str(path.relative_to(directory)): path.read_bytes() for path in paths}

    return asyncio.run(files())
