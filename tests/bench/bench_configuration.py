"""The time to find the root modules that a pull request touches in a generated monorepo, and to check its tree out.

    python tests/bench/bench_configuration.py [--runs 5]

It also measures what git alone needs: `git ls-tree -r` and reading the blobs of the configuration files. The
processor time is meaningful on a busy machine, too. For a clone, it includes the processor time of the git server.
"""

import argparse
import asyncio
import resource
import shutil
import statistics
import subprocess
import tempfile
import time
from base64 import b64encode
from collections.abc import Awaitable, Callable
from itertools import cycle
from pathlib import Path

from checks.configuration import Configuration
from checks.configuration.impact import Touched, touched
from checks.configuration.layers import layers
from checks.configuration.module import is_terraform_file
from ghapp.facts import Facts
from ghapp.git import Mirror
from ghapp.git.kept_checkouts import KeptCheckouts
from tests.bench import monorepo
from tests.git_server import GitServer, git_server


class Bench:
    """A mirror of the monorepo with a commit on top that changes one shared module and one root module."""

    def __init__(self, top: Path) -> None:
        self.top = top
        work = top / "work"
        work.mkdir()
        monorepo.write(work, monorepo.Size())
        monorepo.commit(work, "Add everything")
        for path in (f"{monorepo.shared_module_dir(150)}/main.tf", f"{monorepo.root_module_dir(7)}/variables.tf"):
            with (work / path).open("a") as file:
                file.write("# changed\n")
        monorepo.commit(work, "Change a shared module and a root module")
        subprocess.run(["git", "clone", "-q", "--bare", str(work), str(top / "mirror.git")], check=True)
        self.mirror = Mirror(top / "mirror.git", top / "checkouts", KeptCheckouts(most=2))
        self.fresh = Mirror(top / "mirror.git", top / "checkouts", KeptCheckouts(most=0))
        self._treeishes = cycle(("main", "main~1"))
        self.facts_dir = top / "facts"

    async def git_alone(self) -> None:
        """List the tree and read the blobs of its configuration files."""
        entries = await self.mirror.list_tree("main")
        await self.mirror.read_blobs([entry.blob_id for entry in entries if is_terraform_file(entry.path)])

    async def impact(self, facts: Facts, treeish: str = "main") -> tuple[Configuration, Touched]:
        """Do the work for which a pull request has to wait: changed paths, facts, discovery, impact, layers."""
        changed = await self.mirror.changed_paths("main~1", treeish)
        configuration = await facts.configuration(self.mirror, await self.mirror.list_tree(treeish))
        found = touched(configuration, changed)
        layers(configuration, found.dirs)
        return configuration, found

    async def first_checkout(self) -> None:
        """Check the tree out without a kept checkout, and remove it."""
        async with self.fresh.checkout("main"):
            pass

    async def checkout(self) -> None:
        """Reuse the kept checkout as a second run does, and clean it for the next run."""
        async with self.mirror.checkout("main"):
            pass

    async def checkout_of_another_commit(self) -> None:
        """Reuse a kept checkout that has another commit's tree."""
        async with self.mirror.checkout(next(self._treeishes)):
            pass

    async def clone(self, server: GitServer) -> None:
        """Clone as one would without a mirror, but from a server on this machine, so without the network's delay."""
        header = (
            "http.extraHeader=Authorization: Basic " + b64encode(f"x-access-token:{server.token}".encode()).decode()
        )
        with tempfile.TemporaryDirectory(dir=self.top) as directory:
            command = [
                "git",
                "-c",
                header,
                "clone",
                "-q",
                "--depth",
                "1",
                server.url("mirror.git"),
                f"{directory}/clone",
            ]
            await asyncio.to_thread(subprocess.run, command, check=True)

    async def cold(self) -> None:
        """Find the impact with no facts kept and no parsing process started."""
        shutil.rmtree(self.facts_dir, ignore_errors=True)
        facts = Facts(self.facts_dir)
        await self.impact(facts)
        facts.close()

    async def warm_from_disk(self) -> None:
        """Find the impact as a new process does: all facts are kept on the disk, none in memory."""
        facts = Facts(self.facts_dir)
        await self.impact(facts)
        facts.close()


async def timed(what: str, act: Callable[[], Awaitable[object]], runs: int) -> None:
    """Print the median and the worst time of some runs, and their median processor time, children included."""
    took: list[float] = []
    computed: list[float] = []
    for _ in range(runs):
        start, before = time.perf_counter(), _computed_s()
        await act()
        took.append((time.perf_counter() - start) * 1000)
        computed.append((_computed_s() - before) * 1000)
    print(
        f"{what:<44} median {statistics.median(took):8.0f} ms   worst {max(took):8.0f} ms   "
        f"computing {statistics.median(computed):7.0f} ms   of {runs}",
        flush=True,
    )


def _computed_s() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


async def measure(top: Path, runs: int) -> None:
    """Run each benchmark and print its line."""
    bench = Bench(top)
    await timed("git ls-tree -r and the blobs", bench.git_alone, runs)
    await timed("impact, cold", bench.cold, max(1, runs // 3))
    await timed("impact, warm from the disk", bench.warm_from_disk, runs)
    facts = Facts(bench.facts_dir)
    configuration, found = await bench.impact(facts)
    await timed("impact, warm in a running server", lambda: bench.impact(facts), runs)
    facts.close()
    with git_server(top) as server:
        await timed("git clone --depth 1", lambda: bench.clone(server), runs)
    await timed("checkout, the first", bench.first_checkout, runs)
    await bench.checkout()
    await timed("checkout, one is kept", bench.checkout, runs)
    await timed("checkout, one of another commit is kept", bench.checkout_of_another_commit, runs)
    start = time.perf_counter()
    order = layers(configuration, [root.dir for root in configuration.root_modules])
    print(f"{'layers of all root modules':<44}        {(time.perf_counter() - start) * 1000:8.0f} ms")
    print(
        f"{len(configuration.root_modules)} root modules, {len(configuration.modules)} directories, "
        f"{len(found.root_modules)} touched, {len(order)} layers"
    )


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--runs", type=int, default=6)
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(measure(Path(directory), given.runs))
