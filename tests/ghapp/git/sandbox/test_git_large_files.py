"""Files of Git LFS: fetched once, in the sandbox, and compared with their pointers."""

import hashlib
import os
import shutil
from pathlib import Path

import pytest

from ghapp.git import GitError, LargeFiles, program
from ghapp.git.large_files import Pointer
from ghapp.git.large_objects import LargeObjects
from tests.ghapp.git.sandbox.mirrors import (
    ATTRIBUTES,
    LargeFileServer,
    environment_for,
    laid_out,
    mirror_with,
    pointer_to,
)
from tests.sandboxes import each_sandbox

needs_git_lfs = pytest.mark.skipif(shutil.which("git-lfs") is None, reason="git-lfs is not installed here")


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


def test_proxies_and_ca_files_are_only_in_the_environment_of_a_git_that_uses_the_network(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("SSL_CERT_FILE", "/etc/ssl/own.pem")
    names = {"HTTPS_PROXY", "SSL_CERT_FILE"}
    assert names.isdisjoint(program.environment())
    assert names <= program.environment(uses_network=True).keys()
    assert Path("/etc/ssl/own.pem") in program.ca_files()
