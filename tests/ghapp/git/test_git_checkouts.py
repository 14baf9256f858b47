"""A checkout is the tree of its commit, without unread Git LFS pointers and links that lead out of the tree.

After the run, nothing of it is left.
"""

import asyncio
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from ghapp.git import GitError, LargeFiles, Mirrors, Remote, find_pointers
from ghapp.processes import private_directories
from ghapp.values import CommitSha
from tests.ghapp.git.repositories import Author, contents, fetched, mirror_of
from tests.git_server import GitServer, git_server


class TestCheckouts:
    def test_a_checkout_is_the_tree_and_is_gone_afterwards(
        self, author: Author, mirrors: Mirrors, remote: Remote
    ) -> None:
        tip = author.commit_files("Add", {"net/main.tf": "x\n", "run.sh": "#!/bin/sh\n"})
        author.push("main")
        mirror = fetched(mirrors, remote)

        async def looked_at() -> tuple[Path, list[str], int, bytes]:
            async with mirror.checkout(tip) as directory:
                names = sorted(str(path.relative_to(directory)) for path in directory.rglob("*"))
                mode = stat.S_IMODE(directory.stat().st_mode)
                return directory, names, mode, (directory / "net/main.tf").read_bytes()

        directory, names, mode, content = asyncio.run(looked_at())
        assert (names, mode, content) == (["net", "net/main.tf", "run.sh"], 0o700, b"x\n")
        assert not directory.exists()

    def test_an_unread_git_lfs_pointer_is_removed_from_the_checkout(
        self, tmp_path: Path, author: Author, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 9\n"
        files: dict[str, str | bytes | None] = {
            ".gitattributes": "*.bin filter=lfs\n",
            "a.bin": pointer,
            "b.bin": "kept as it is",
            "c.txt": pointer,
        }
        tip = author.commit_files("Add", files)
        mirror = mirror_of(author, tmp_path)

        async def seen(large_files: LargeFiles) -> set[str]:
            async with mirror.checkout(tip, large_files) as directory:
                return set(contents(directory))

        async def found() -> tuple[str, ...]:
            return await find_pointers(mirror, await mirror.list_tree(tip))

        assert asyncio.run(found()) == ("a.bin", "c.txt")
        assert asyncio.run(seen(LargeFiles(unread=("a.bin",)))) == {".gitattributes", "b.bin", "c.txt"}
        assert asyncio.run(seen(LargeFiles())) == set(files)
        monkeypatch.setattr("shutil.which", lambda _: None)
        with pytest.raises(GitError, match=r"a\.bin is kept in Git LFS, and git-lfs is not installed"):
            asyncio.run(seen(LargeFiles(read=("a.bin",))))

    @pytest.mark.skipif(shutil.which("git-lfs") is None, reason="git-lfs is not installed here")
    @pytest.mark.parametrize("named_by", ["the repository", "the configuration"])
    def test_a_repository_names_no_program_and_no_server_for_git_lfs(
        self, tmp_path: Path, author: Author, mirrors: Mirrors, remote: Remote, server: GitServer, named_by: str
    ) -> None:
        program = tmp_path / "agent"
        program.write_text(f"#!/bin/sh\necho ran >> {tmp_path}/ran\n")
        program.chmod(0o755)
        with git_server(tmp_path) as other:
            names = {
                "lfs.url": other.url("elsewhere"),
                "lfs.standalonetransferagent": "agent",
                "lfs.customtransfer.agent.path": str(program),
                "lfs.basictransfersonly": "false",
                "filter.lfs.process": str(program),
                "core.fsmonitor": str(program),
                "core.sshCommand": str(program),
                f"http.{other.url('')}.extraHeader": "Authorization: none",
            }
            config = tmp_path / "author/.lfsconfig"
            for name, value in names.items():
                author.git("config", "--file", str(config), name, value)
            pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 9\n"
            tip = author.commit_files("Add", {".gitattributes": "*.bin filter=lfs\n", "a.bin": pointer})
            author.push("main")
            mirror = fetched(mirrors, remote)
            environ = mirrors.large_files_environment(remote)
            if named_by == "the configuration":
                begin = int(environ["GIT_CONFIG_COUNT"])
                environ["GIT_CONFIG_COUNT"] = str(begin + len(names))
                for number, (name, value) in enumerate(names.items(), begin):
                    environ |= {f"GIT_CONFIG_KEY_{number}": name, f"GIT_CONFIG_VALUE_{number}": value}
            asked_before = len(server.requests)

            async def laid_out() -> None:
                async with mirror.checkout(tip, LargeFiles(read=("a.bin",), environ=environ)):
                    pass

            with pytest.raises(GitError, match=r"a\.bin"):
                asyncio.run(laid_out())
            asked = {path for path, _ in server.requests[asked_before:]}
            assert other.requests == []
            is_repositorys = named_by == "the repository"
            assert (tmp_path / "ran").exists() == (not is_repositorys)
            assert ("/infra.git/info/lfs/objects/batch" in asked) == is_repositorys

    def test_many_checkouts_lie_side_by_side(self, author: Author, mirrors: Mirrors, remote: Remote) -> None:
        shas = [author.commit(a=str(number)) for number in range(8)]
        author.push("main")
        mirror = fetched(mirrors, remote)

        async def content(sha: CommitSha) -> str:
            async with mirror.checkout(sha) as directory:
                await asyncio.sleep(0)
                return (directory / "a").read_text()

        async def all_contents() -> list[str]:
            return await asyncio.gather(*(content(sha) for sha in shas))

        assert asyncio.run(all_contents()) == [str(number) for number in range(8)]

    def test_attributes_of_the_tree_hide_nothing_and_run_nothing(
        self, author: Author, mirrors: Mirrors, remote: Remote
    ) -> None:
        pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"
        tip = author.commit_files(
            "Add", {".gitattributes": "* export-ignore filter=lfs\n", "evil.tf": "x", "big.bin": pointer}
        )
        author.push("main")
        mirror = fetched(mirrors, remote)

        async def contents() -> tuple[str, str]:
            async with mirror.checkout(tip) as directory:
                return (directory / "evil.tf").read_text(), (directory / "big.bin").read_text()

        assert asyncio.run(contents()) == ("x", pointer)

    def test_links_within_the_tree_stay_and_those_that_leave_it_do_not(
        self, author: Author, mirrors: Mirrors, remote: Remote
    ) -> None:
        for name, target in {
            "modules/link": "../shared",
            "absolute": "/etc/passwd",
            "up": "../../../../etc",
            "chain": "up",
            "net/through": "../up/passwd",
            "dangling": "nowhere",
            "loop": "loop",
        }.items():
            author.link(name, target)
        tip = author.commit_files("Add", {"shared/main.tf": "x"})
        author.push("main")
        mirror = fetched(mirrors, remote)

        async def links() -> list[str]:
            async with mirror.checkout(tip) as directory:
                assert (directory / "modules/link/main.tf").read_text() == "x"
                return sorted(str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_symlink())

        assert asyncio.run(links()) == ["dangling", "loop", "modules/link"]

    def test_it_is_removed_when_the_run_fails_or_is_cancelled(
        self, author: Author, mirrors: Mirrors, remote: Remote, tmp_path: Path
    ) -> None:
        tip = author.commit(a="1")
        author.push("main")
        mirror = fetched(mirrors, remote)

        async def failing() -> None:
            async with mirror.checkout(tip) as directory:
                (directory / "a").chmod(0)
                directory.chmod(0o500)
                raise RuntimeError

        async def cancelled() -> None:
            async with mirror.checkout(tip):
                await asyncio.sleep(60)

        async def cancelling() -> None:
            task = asyncio.ensure_future(cancelled())
            while not list((tmp_path / "data/checkouts").glob("checkout-*")):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        with pytest.raises(RuntimeError):
            asyncio.run(failing())
        asyncio.run(cancelling())

        assert list((tmp_path / "data/checkouts").glob("checkout-*")) == []

    def test_checkouts_of_a_killed_process_are_swept(self, tmp_path: Path) -> None:
        script = (
            "import asyncio, os, signal, sys\nfrom pathlib import Path\nfrom ghapp.processes.private_directories "
            "import private_directory\nasync def main():\n    async with private_directory(Path(sys.argv[1]), "
            "'root-run') as directory:\n        (directory / 'secrets.tfvars.json').write_text('{}')\n        "
            "os.kill(os.getpid(), signal.SIGKILL)\nasyncio.run(main())\n"
        )
        subprocess.run([sys.executable, "-c", script, str(tmp_path / "work")], check=False)

        async def swept_beside_one_in_use() -> tuple[str, ...]:
            async with private_directories.private_directory(tmp_path / "work", "mine") as mine:
                swept = private_directories.sweep(tmp_path / "work")
                assert mine.is_dir()
                return swept

        left = [path.name for path in (tmp_path / "work").glob("root-run-*")]
        assert len(left) == 1
        assert asyncio.run(swept_beside_one_in_use()) == tuple(left)
        assert list((tmp_path / "work").glob("*-*")) == []
