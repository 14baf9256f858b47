"""How fast the web process answers while large plans are parsed and masked, and how much memory it and its worker use.

python -m tests.bench.bench_apart [--plans 50] [--large 4] [--resources 1500] [--postgresql]

It works with the `serve` of any version, so that two versions can be compared. If `serve` has no worker, the memory is
that of `serve` alone.
"""

import argparse
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import httpx

from tests.bench.completing import completed
from tests.bench.deliveries import deliver
from tests.bench.rows import Row, p50_and_p99, render
from tests.postgres import running_postgres
from tests.stories.faults.below import descendants
from tests.stories.line import SECRET, Line, running_line
from tests.stories.story import Story

PER_SECOND = 20
_SETTLED_S = 5.0


def main(arguments: Sequence[str] | None = None) -> list[Row]:
    """Measure, and return the rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plans", type=int, default=50, help="small plans before memory is measured again")
    parser.add_argument("--large", type=int, default=4, help="pull requests with large configurations")
    parser.add_argument("--resources", type=int, default=1500, help="resources in each large configuration")
    parser.add_argument(
        "--postgresql",
        action="store_true",
        help="use PostgreSQL instead of SQLite, on which writers wait for each other",
    )
    chosen = parser.parse_args(arguments)
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="planward-bench-")))
        environ = {"PLANWARD_CONCURRENCY": "2"}
        if chosen.postgresql:
            environ["PLANWARD_DATABASE_URL"] = stack.enter_context(running_postgres(directory / "postgres")).database()
        line = stack.enter_context(running_line(directory, own_worker=False, fresh=True, **environ))
        time.sleep(_SETTLED_S)
        rows = [_memory(line, "idle")]
        story = line.story(testing=True)
        _plans(story, chosen.plans)
        rows.append(_memory(line, f"after {chosen.plans} plans"))
        rows += _answers(line, story, chosen.large, chosen.resources)
        rows.append(_memory(line, f"after {chosen.large} large ones"))
    return rows


def _plans(story: Story, number: int) -> None:
    heads = []
    for index in range(number):
        branch = f"small{index}"
        heads.append(story.head(story.propose(story.root_module(f"r{index}"), head=branch)))
        if len(heads) == 4 or index == number - 1:
            for head in heads:
                completed(story, head)
            heads = []


def _answers(line: Line, story: Story, number: int, resources: int) -> list[Row]:
    """Deliver pushes and load pages, from before the first large plan is proposed until the last one is completed."""
    extra = "".join(
        f'resource "terraform_data" "large{index}" {{\n  input = {{ name = "{"x" * 200}", number = {index} }}\n}}\n'
        for index in range(resources)
    )
    page = f"{line.url}/runs/{_newest_run(line)}"
    pulse = _Pages([f"{line.url}/", page])
    pulse.start()
    posts = _Posts(line, story)
    posts.start()
    heads = [
        story.head(story.propose(story.root_module(f"large{index}", extra=extra), head=f"large{index}"))
        for index in range(number)
    ]
    for head in heads:
        completed(story, head, patience_s=1200)
    pages, posted = pulse.end(), posts.end()
    what = f"while {number} plans of {resources} resources are made"
    return [
        Row(what=f"webhook's answer {what}, p50 / p99 / max of {len(posted)}", figure=_ms(posted)),
        Row(what=f"a page {what}, p50 / p99 / max of {len(pages)}", figure=_ms(pages)),
    ]


def _newest_run(line: Line) -> str:
    [run] = line.query("select id from runs order by created_at desc limit 1")
    return str(run["id"])


class _Pages(threading.Thread):
    """Loads all pages, five times a second."""

    def __init__(self, urls: Sequence[str]) -> None:
        super().__init__(daemon=True)
        self._urls = urls
        self._over = threading.Event()
        self.seconds: list[float] = []

    def run(self) -> None:
        with httpx.Client(trust_env=False, timeout=60) as client:
            while not self._over.wait(0.2):
                for url in self._urls:
                    began = time.perf_counter()
                    assert client.get(url).status_code == 200
                    self.seconds.append(time.perf_counter() - began)

    def end(self) -> list[float]:
        """Stop, and return how many seconds each took."""
        self._over.set()
        self.join()
        return self.seconds


class _Posts(threading.Thread):
    """Delivers pushes of a branch for which no check run is expected."""

    def __init__(self, line: Line, story: Story) -> None:
        super().__init__(daemon=True)
        pushes = [each for each in line.github.deliveries if each.event == "push"]
        self._payload = next(each for each in pushes if each.repository_id == story.repository.id).payload
        self._url = line.url
        self._over = threading.Event()
        self.seconds: list[float] = []

    def run(self) -> None:
        first = 1
        while not self._over.is_set():
            number = PER_SECOND * 5
            answered = deliver(
                self._url, self._payload, per_second=PER_SECOND, number=number, secret=SECRET, first=first
            )
            assert [each for each in answered if each.status != 202] == []
            first += number
            self.seconds += [each.seconds for each in answered]

    def end(self) -> list[float]:
        """Stop, and return how many seconds each took."""
        self._over.set()
        self.join()
        return self.seconds


def _ms(seconds: Sequence[float]) -> str:
    return " / ".join(f"{each * 1000:.0f}" for each in (*p50_and_p99(seconds), max(seconds))) + " ms"


def _memory(line: Line, when: str) -> Row:
    """The memory of `serve` and its worker together, without keeper, Terraform and the parsing processes."""
    pids = processes_of(line)
    resident, proportional = (sum(_megabytes(pid, field) for pid in pids) for field in ("Rss", "Pss"))
    figure = f"{resident:.0f} MB resident, {proportional:.0f} MB with what is shared counted once"
    return Row(what=f"memory of serve, {len(pids)} process(es), {when}", figure=figure)


def processes_of(line: Line) -> list[int]:
    """The process ids of `serve` and, if there is one, of its worker."""
    assert line.process is not None
    below = [int(number) for number, *words in descendants(line.process.pid) if words[-2:-1] == ["worker"]]
    return [line.process.pid, *below]


def _megabytes(pid: int, field: str) -> float:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    [size] = [words.split()[1] for words in lines if words.startswith(f"{field}:")]
    return int(size) / 1000


if __name__ == "__main__":
    print(render(main()))
