"""The line against a bare shell script, what it asks of GitHub, how fast it answers, what it weighs.

python -m tests.bench.bench_line [--runs 5] [--seconds 10] [--roots 1,10,50]
"""

import argparse
import asyncio
import hashlib
import hmac
import json
import os
import statistics
import tempfile
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx

from ghapp.demo.github.api import Recorded
from tests.bench.by_hand import ByHand
from tests.bench.rows import Row, render
from tests.stories.harness import SECRET, Line, Story, running_line

PER_SECOND = 50
AIMS = {1: 4, 10: 4, 50: 5}
ATLANTIS = {1: 8, 10: 26, 50: 108}


def main(arguments: Sequence[str] | None = None) -> list[Row]:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--roots", default="1,10,50")
    chosen = parser.parse_args(arguments)
    with (
        tempfile.TemporaryDirectory(prefix="planward-bench-") as directory,
        running_line(Path(directory), PLANWARD_CONCURRENCY=str(os.cpu_count() or 1)) as line,
    ):
        rows = [_memory(line), _latency(line, chosen.runs)]
        rows += [_calls_of_plan(line, int(number)) for number in chosen.roots.split(",")]
        rows += [_calls_of_apply(line), *_answers(line, chosen.seconds)]
    return rows


# --- delivery → completed check run ----------------------------------------------------------------------------------


def _latency(line: Line, runs: int) -> Row:
    story = line.story()
    story.planned(story.propose(head="warm-up"))
    by_hand = ByHand(line.directory, line.github.clone_url(story.name, story.author))
    backend = f"-backend-config=path={story.state_path('network', 'testing')}"
    password = {"TF_VAR_db_password": story.password("testing")}
    ours, bare = [], []
    for number in range(runs):
        branch = f"bench{number}"
        story.commit(branch, story.network(number + 10))
        story.quiet()
        start = time.perf_counter()
        pull_request = story.open(branch)
        _completed(story, story.head(pull_request))
        ours.append(time.perf_counter() - start)
        story.quiet()
        bare.append(by_hand.run(f"refs/heads/{branch}", "network", backend=backend, **password))
    return _ratio("pull request opened → check run completed, a plan that takes no time", ours, bare, aim=1.5)


def _ratio(what: str, ours: Sequence[float], bare: Sequence[float], *, aim: float) -> Row:
    ratio = statistics.median(ours) / statistics.median(bare)
    return Row(
        what=what,
        figure=f"{statistics.median(ours):.2f} s",
        baseline=f"{statistics.median(bare):.2f} s, a shell script",
        ratio=ratio,
        aim=f"ratio {aim}",
        reached=ratio <= aim,
    )


def _completed(story: Story, sha: str, name: str = "planward/plan", *, patience_s: float = 600) -> None:
    """Wait, looking at the local GitHub's state itself: a request would compete with what is measured."""
    end = time.perf_counter() + patience_s
    while time.perf_counter() < end:
        runs = [run for run in story.repository.check_runs if run.head_sha == sha and run.name == name]
        if runs and runs[-1].status == "completed":
            assert runs[-1].conclusion == "success", (runs[-1].title, runs[-1].summary)
            return
        time.sleep(0.005)
    raise AssertionError(f"{name} was not completed")


# --- what is asked of GitHub -----------------------------------------------------------------------------------------


def _calls_of_plan(line: Line, number: int) -> Row:
    story = line.story(files={"README.md": ""})
    files: dict[str, str] = {}
    for index in range(number):
        files |= story.root_module(f"root{index:02}")
    story.quiet()
    before = len(line.github.requests)
    start = time.perf_counter()
    _completed(story, story.head(story.propose(files)))
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
    story = line.story()
    number = story.propose()
    story.planned(number)
    story.quiet()
    before = len(line.github.requests)
    _completed(story, story.merge(number), "planward/apply (staging)")
    story.quiet()
    made = _calls(line.github.requests[before:])
    return Row(what="GitHub calls of an apply", figure=str(made), aim="8", reached=made <= 8)


def _calls(requests: Sequence[Recorded]) -> int:
    """What Planward asked, without getting tokens."""
    return sum(each.actor.startswith("installation ") for each in requests)


# --- the webhook's answer --------------------------------------------------------------------------------------------


def _answers(line: Line, seconds: float) -> list[Row]:
    story = line.story()
    heads = []
    for number in range(6):
        files = {path: text for index in range(2) for path, text in story.root_module(f"r{number}{index}").items()}
        heads.append(story.head(story.propose(files, head=f"busy{number}")))
    told = next(each for each in line.github.deliveries if each.event == "push" and story.name in str(each.payload))
    times = asyncio.run(_deliver(line, told.payload, seconds))
    for head in heads:
        _completed(story, head)
    story.quiet()
    p50, p99 = statistics.median(times), statistics.quantiles(times, n=100)[98]
    what = f"webhook's answer at {PER_SECOND} deliveries a second while plans run"
    return [
        Row(what=f"{what}, p50", figure=f"{p50 * 1000:.0f} ms"),
        Row(what=f"{what}, p99", figure=f"{p99 * 1000:.0f} ms", aim="50 ms", reached=p99 <= 0.05),
    ]


async def _deliver(line: Line, payload: Any, seconds: float) -> list[float]:
    """Post at a steady rate, whether the ones before were answered or not; each is another push."""
    times: list[float] = []

    async def post(client: httpx.AsyncClient, number: int) -> None:
        body = json.dumps({**payload, "after": f"{number:040x}"}).encode()
        signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        headers = {
            "Content-Type": "application/json",
            "X-GitHub-Delivery": str(uuid.uuid4()),
            "X-GitHub-Event": "push",
            "X-Hub-Signature-256": f"sha256={signature}",
        }
        start = time.perf_counter()
        answer = await client.post(f"{line.url}/webhooks/github", content=body, headers=headers)
        times.append(time.perf_counter() - start)
        assert answer.status_code == 202, answer.text

    async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
        begun = time.perf_counter()
        posts = []
        for number in range(1, int(seconds * PER_SECOND) + 1):
            await asyncio.sleep(max(0.0, begun + number / PER_SECOND - time.perf_counter()))
            posts.append(asyncio.create_task(post(client, number)))
        await asyncio.gather(*posts)
    return times


# --- memory ----------------------------------------------------------------------------------------------------------


def _memory(line: Line) -> Row:
    assert line.process is not None
    time.sleep(3)
    status = Path(f"/proc/{line.process.pid}/status")
    if not status.exists():
        return Row(what="idle memory of serve", figure="not measured: there is no /proc", aim="180 MB")
    [size] = [words.split()[1] for words in status.read_text().splitlines() if words.startswith("VmRSS:")]
    megabytes = int(size) / 1000
    return Row(what="idle memory of serve", figure=f"{megabytes:.0f} MB", aim="180 MB", reached=megabytes <= 180)


if __name__ == "__main__":
    print(render(main()))
