"""Deliveries under load: the time to answer each and to begin its job, lost ones, and the memory of `serve` over time.

python -m tests.bench.bench_load [--seconds 10] [--deliveries 1000] [--minutes 5] [--own-worker]

It measures `serve` on SQLite. With --own-worker, it measures `serve --no-worker` and `worker`, which share PostgreSQL.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path

from ghapp.local_github.state import Delivery
from tests.bench.bench_apart import processes_of
from tests.bench.completing import completed
from tests.bench.deliveries import Answered, deliver, pushed
from tests.bench.rows import Row, p50_and_p99, render
from tests.postgres import running_postgres
from tests.stories.line import SECRET, Line, running_line
from tests.stories.story import Story
from tests.stories.waiting import eventually

PER_SECOND = 50
BURST_S = 10
_HANGS_UP_S = 10.0
_SAMPLE_S = 5.0
_PLAN_EVERY_S = 30.0
_IDLE_S = 15.0
_WARM_UP = 0.25
"""The share of the time in which the memory of a fresh process still grows."""


def main(arguments: Sequence[str] | None = None) -> list[Row]:
    """Measure, and return the rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10, help=f"of {PER_SECOND} deliveries a second")
    parser.add_argument("--deliveries", type=int, default=1000, help=f"in {BURST_S} seconds")
    parser.add_argument("--minutes", type=float, default=5, help="of work in which memory may grow")
    parser.add_argument("--own-worker", action="store_true")
    chosen = parser.parse_args(arguments)
    with _line(own_worker=chosen.own_worker) as line:
        rows = [_idle_memory(line), _idle_processor(line)]
        load = _Load(line)
        rows.append(load.taken_up())
        rows += load.steady(chosen.seconds)
        rows += load.burst(chosen.deliveries)
        rows += [load.growth(chosen.minutes)] if chosen.minutes else []
    return rows


@contextmanager
def _line(*, own_worker: bool) -> Iterator[Line]:
    environ = {"PLANWARD_CONCURRENCY": str(os.cpu_count() or 1)}
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="planward-bench-")))
        if own_worker:
            postgres = stack.enter_context(running_postgres(directory / "postgres"))
            environ["PLANWARD_DATABASE_URL"] = postgres.database()
        yield stack.enter_context(running_line(directory, own_worker=own_worker, fresh=True, **environ))


class _Load:
    """One repository, and deliveries of pushes to it."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.story: Story = line.story(testing=True)
        self._branches = 0
        self._pushes = 0
        self.story.planned(self.story.propose(head="warm-up"))
        self.story.quiet()

    def taken_up(self) -> Row:
        """Measure the time until an accepted delivery's flow begins, without other work."""
        waits = self._waits(self._deliver(per_second=4, number=60))
        p50, p99 = p50_and_p99(waits)
        return Row(what="accepted delivery → its flow's first line, p50 / p99", figure=_ms(p50, p99))

    def steady(self, seconds: float) -> list[Row]:
        """Deliver at the rate of a busy organization while plans run."""
        heads = self._plans(6)
        answered = self._deliver(per_second=PER_SECOND, number=int(seconds * PER_SECOND))
        for head in heads:
            completed(self.story, head)
        p50, p99 = p50_and_p99([each.seconds for each in answered])
        taken_up = p50_and_p99(self._waits(answered))
        what = f"at {PER_SECOND} deliveries a second while plans run"
        return [
            Row(what=f"webhook's answer {what}, p50 / p99", figure=_ms(p50, p99), aim="p99 50 ms", reached=p99 <= 0.05),
            Row(what=f"accepted delivery → its flow's first line {what}, p50 / p99", figure=_ms(*taken_up)),
        ]

    def burst(self, number: int) -> list[Row]:
        """Deliver so fast that jobs have to wait: no delivery may be lost, and none answered too late."""
        heads = self._plans(6)
        answered = self._deliver(per_second=number / BURST_S, number=number)
        lost = len(self._never_done(answered))
        for head in heads:
            completed(self.story, head)
        seconds = [each.seconds for each in answered]
        late = sum(each.status != 202 or each.seconds > _HANGS_UP_S for each in answered)
        what = f"{number} deliveries in {BURST_S} s while plans run"
        return [
            Row(
                what=f"{what}: answered late or not / lost",
                figure=f"{late} / {lost}",
                aim="0 / 0",
                reached=late == lost == 0,
            ),
            Row(what=f"{what}: the answer, p50 / p99 / max", figure=_ms(*p50_and_p99(seconds), max(seconds))),
        ]

    def growth(self, minutes: float) -> Row:
        """Measure memory under a small constant load: a delivery a second, and a plan every half minute."""
        end = time.monotonic() + minutes * 60
        began, sizes = time.monotonic(), []
        next_plan = began
        while time.monotonic() < end:
            if time.monotonic() >= next_plan:
                next_plan += _PLAN_EVERY_S
                completed(self.story, self._plans(1)[0])
            self._deliver(per_second=1, number=int(_SAMPLE_S))
            sizes.append(((time.monotonic() - began) / 3600, _megabytes(self.line)))
            print(f"{sizes[-1][0] * 60:6.1f} min {sizes[-1][1]:6.1f} MB", flush=True)
        settled = sizes[int(len(sizes) * _WARM_UP) :]
        slope = statistics.linear_regression(*zip(*settled, strict=True)).slope if len(settled) > 1 else 0.0
        return Row(
            what=f"memory of serve over {minutes:g} minutes of work, and its growth an hour once warm",
            figure=f"{sizes[0][1]:.0f} → {sizes[-1][1]:.0f} MB, {slope:+.1f} MB",
            aim="none",
        )

    def _plans(self, number: int) -> list[str]:
        """Open that many pull requests with two root modules each, and return their heads."""
        heads = []
        for _ in range(number):
            self._branches += 1
            names = [f"r{self._branches}{index}" for index in range(2)]
            files = {path: text for name in names for path, text in self.story.root_module(name).items()}
            heads.append(self.story.head(self.story.propose(files, head=f"busy{self._branches}")))
        return heads

    def _deliver(self, *, per_second: float, number: int) -> list[Answered]:
        """Deliver pushes of a branch for which no check run is expected."""
        first, self._pushes = self._pushes + 1, self._pushes + number
        payload = self._push().payload
        return deliver(self.line.url, payload, per_second=per_second, number=number, secret=SECRET, first=first)

    def _push(self) -> Delivery:
        pushes = [each for each in self.line.github.deliveries if each.event == "push"]
        return next(each for each in pushes if each.repository_id == self.story.repository.id)

    def _never_done(self, answered: Sequence[Answered]) -> set[str]:
        """The commits of accepted pushes whose jobs were never carried out."""
        numbers = range(self._pushes - len(answered) + 1, self._pushes + 1)
        wanted = {pushed(number) for number, each in zip(numbers, answered, strict=True) if each.status == 202}

        def missing() -> set[str]:
            return wanted - {_commit(each["job"]) for each in self.line.events("job_done")}

        begun = time.monotonic()
        eventually(lambda: not missing() or time.monotonic() - begun > 600, "every push is carried out", patience_s=700)
        return missing()

    def _waits(self, answered: Sequence[Answered]) -> list[float]:
        """The seconds between the log events of an accepted delivery and of the beginning of its job."""
        assert not self._never_done(answered)
        accepted = {each["job"]: _seconds(each["timestamp"]) for each in self.line.events("delivery_accepted")}
        begun = {each["job"]: _seconds(each["timestamp"]) for each in self.line.events("job_begun")}
        numbers = range(self._pushes - len(answered) + 1, self._pushes + 1)
        wanted = {pushed(number) for number in numbers}
        return [max(0.0, begun[job] - at) for job, at in accepted.items() if _commit(job) in wanted]


def _commit(job: str) -> str:
    """The commit in the key of a push: `ID:apply:BRANCH:AFTER:BEFORE:0`."""
    return job.split(":")[-3] if job.count(":") >= 5 else ""


def _seconds(timestamp: str) -> float:
    return datetime.fromisoformat(timestamp).timestamp()


def _ms(*seconds: float) -> str:
    return " / ".join(f"{each * 1000:.0f}" for each in seconds) + " ms"


# --- memory ----------------------------------------------------------------------------------------------------------


def _idle_memory(line: Line) -> Row:
    time.sleep(3)
    size = _megabytes(line)
    return Row(what="idle memory of serve and its worker", figure=f"{size:.0f} MB", aim="280 MB", reached=size <= 280)


def _idle_processor(line: Line) -> Row:
    before = _processor_s(line)
    time.sleep(_IDLE_S)
    used = (_processor_s(line) - before) / _IDLE_S
    return Row(what=f"idle serve, of one core, in {_IDLE_S:.0f} s", figure=f"{used:.1%}")


def _processor_s(line: Line) -> float:
    """The processor time of `serve` and its worker, from /proc."""
    stats = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in processes_of(line)]
    return sum(int(words[11]) + int(words[12]) for words in stats) / os.sysconf("SC_CLK_TCK")


def _megabytes(line: Line) -> float:
    """The memory of `serve` and its worker, from /proc; shared memory counts twice."""
    statuses = [Path(f"/proc/{pid}/status").read_text().splitlines() for pid in processes_of(line)]
    sizes = [words.split()[1] for status in statuses for words in status if words.startswith("VmRSS:")]
    return sum(map(int, sizes)) / 1000


if __name__ == "__main__":
    print(render(main()))
