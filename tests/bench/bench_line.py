"""The time that Planward takes, compared with a bare shell script, and the number of Planward's calls to GitHub.

python -m tests.bench.bench_line [--runs 5] [--roots 1,10,50]
"""

import argparse
import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from ghapp.local_github.api import RecordedRequest
from ghapp.processes import PROGRAMS_WITHOUT_KEEPER
from ghapp.processes.bubblewrap import probe_bubblewrap
from ghapp.processes.sandbox import UNCONFINED, Confined, HostPaths, Reach
from tests.bench.by_hand import ByHand
from tests.bench.completing import completed, seconds_of_plan
from tests.bench.rows import Row, in_turn, render
from tests.stories.line import Line, running_line

_ONE_PLAN = "environments:\n  testing:\n  staging: {branch: staging, preview: never}\n"
"""A config with which a pull request has only one plan, like the shell script."""
AIMS = {1: 4, 10: 4, 50: 5}
_SANDBOX_MS = 60
ATLANTIS = {1: 8, 10: 26, 50: 108}


def main(arguments: Sequence[str] | None = None) -> list[Row]:
    """Measure, and return the rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--roots", default="1,10,50")
    chosen = parser.parse_args(arguments)
    cores = str(os.cpu_count() or 1)
    with (
        tempfile.TemporaryDirectory(prefix="planward-bench-") as directory,
        tempfile.TemporaryDirectory(prefix="planward-bench-") as other,
        running_line(Path(directory), fresh=True, PLANWARD_CONCURRENCY=cores) as line,
        running_line(Path(other), fresh=True, PLANWARD_CONCURRENCY=cores, PLANWARD_SANDBOX="none") as without,
    ):
        rows = _latency(line, without, chosen.runs)
        rows.append(_command())
        rows.append(_two_plans(line, chosen.runs))
        rows += [_calls_of_plan(line, int(number)) for number in chosen.roots.split(",")]
        rows.append(_calls_of_apply(line))
    return rows


# --- delivery → completed check run ----------------------------------------------------------------------------------


def _latency(line: Line, without: Line, runs: int) -> list[Row]:
    """Measure in turn a plan in the sandbox, one without a sandbox, and one by the script."""
    stories = [each.story(config=_ONE_PLAN, testing=True) for each in (line, without)]
    for story in stories:
        story.planned(story.propose(head="warm-up"))
    inside, _ = stories
    by_hand = ByHand(line.directory, line.github.clone_url(inside.name, inside.author))
    backend = f"-backend-config=path={inside.state_path('network', 'testing')}"
    password = {"TF_VAR_db_password": inside.password("testing")}
    ours: tuple[list[float], list[float]] = [], []
    bare = []
    for number in range(runs):
        branch = f"bench{number}"
        # The two take turns at going first, since leftover work of one slows the next one down.
        for story, seconds in list(zip(stories, ours, strict=True))[:: 1 if number % 2 else -1]:
            story.commit(branch, story.network(number + 10))
            story.quiet()
            seconds.append(seconds_of_plan(story, branch))
            story.quiet()
        bare.append(by_hand.run(f"refs/heads/{branch}", "network", backend=backend, **password))
    unconfined = statistics.median(ours[1])
    more_ms = 1000 * statistics.median(a - b for a, b in zip(*ours, strict=True))
    return [
        in_turn("delivery → completed check run, a plan that takes no time", ours[0], bare, aim=1.5),
        Row(
            what=f"what the sandbox ({line.environ['PLANWARD_SANDBOX']}) adds to it",
            figure=f"{more_ms:.0f} ms",
            baseline=f"{unconfined:.2f} s without; {statistics.median(bare):.2f} s, a shell script",
            aim=f"{_SANDBOX_MS} ms",
            reached=more_ms <= _SANDBOX_MS,
        ),
    ]


def _command(times: int = 100) -> Row:
    """Measure in turn an empty command in bubblewrap and one without it. A plan has three commands."""
    sandbox = probe_bubblewrap(HostPaths())

    async def measured(directory: Path) -> list[tuple[float, float]]:
        for name in ("checkout", "private"):
            (directory / name).mkdir()
        reach = Reach(checkout=directory / "checkout", private=directory / "private", repository="1")
        return [(await _took_s(sandbox.confine(reach)), await _took_s(UNCONFINED)) for _ in range(times)]

    with tempfile.TemporaryDirectory(prefix="planward-bench-") as directory:
        pairs = asyncio.run(measured(Path(directory)))
    more_ms = 1000 * statistics.median(a - b for a, b in pairs)
    return Row(
        what="what bubblewrap adds to one command",
        figure=f"{more_ms:.1f} ms",
        baseline=f"{1000 * statistics.median(b for _, b in pairs):.1f} ms without",
        aim=f"{_SANDBOX_MS / 3:.0f} ms",
        reached=more_ms <= _SANDBOX_MS / 3,
    )


async def _took_s(confined: Confined) -> float:
    start = time.perf_counter()
    await PROGRAMS_WITHOUT_KEEPER.run(["/bin/true"], environ={}, timeout_s=60, confined=confined)
    return time.perf_counter() - start


def _two_plans(line: Line, runs: int) -> Row:
    """Compare a run of two plans, the preview and testing's plan, with a run of testing's plan alone."""
    stories = line.story(testing=True), line.story(config=_ONE_PLAN, testing=True)
    for story in stories:
        story.planned(story.propose(head="warm-up"))
    taken: tuple[list[float], list[float]] = ([], [])
    for number in range(runs):
        for story, seconds in zip(stories, taken, strict=True):
            branch = f"bench{number}"
            story.commit(branch, story.network(number + 10))
            story.quiet()
            seconds.append(seconds_of_plan(story, branch))
            story.quiet()
    return in_turn("delivery → completed check run, preview beside testing", *taken, aim=1.5, than="testing alone")


# --- calls to GitHub -------------------------------------------------------------------------------------------------


def _calls_of_plan(line: Line, number: int) -> Row:
    story = line.story(files={"README.md": ""}, testing=True)
    files: dict[str, str] = {}
    for index in range(number):
        files |= story.root_module(f"root{index:02}")
    story.quiet()
    before = len(line.github.requests)
    start = time.perf_counter()
    completed(story, story.head(story.propose(files)))
    seconds = time.perf_counter() - start
    story.quiet()
    made = _calls(line.github.requests[before:])
    return Row(
        what=f"GitHub calls of a plan with {number} root module{'s' if number > 1 else ''} ({seconds:.1f} s)",
        figure=str(made),
        baseline=f"{ATLANTIS[number]}, Atlantis" if number in ATLANTIS else "",
        ratio=made / ATLANTIS[number] if number in ATLANTIS else None,
        aim=str(AIMS.get(number, "")),
        reached=made <= AIMS[number] if number in AIMS else None,
    )


def _calls_of_apply(line: Line) -> Row:
    story = line.story(testing=True)
    number = story.propose()
    story.planned(number)
    story.quiet()
    before = len(line.github.requests)
    completed(story, story.merge(number), "planward/apply (staging)")
    story.quiet()
    made = _calls(line.github.requests[before:])
    return Row(what="GitHub calls of an apply", figure=str(made), aim="8", reached=made <= 8)


def _calls(requests: Sequence[RecordedRequest]) -> int:
    """The number of Planward's requests, without those for tokens."""
    return sum(each.actor.startswith("installation ") for each in requests)


if __name__ == "__main__":
    print(render(main()))
