"""Several web processes and workers on one PostgreSQL, each with its own data directory."""

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx
import pytest

from tests.ports import free_port
from tests.postgres import Postgres
from tests.stories import next_version
from tests.stories.line import Line, Process, running_line
from tests.stories.slow import slow_place
from tests.stories.story import Story
from tests.stories.waiting import answers, eventually

LINES, OTHERS = "planward.log", "planward-worker.log"
"""The log of the line's own processes, and that of the other worker."""


@dataclass(kw_only=True)
class Several:
    """A line with a second web process and a second worker, which have a log of their own."""

    line: Line
    urls: tuple[str, str]
    processes: dict[str, Process] = field(default_factory=dict)

    def start_other(self, *arguments: str) -> None:
        """Start another `planward serve` or `planward worker`, as if on another machine."""
        [kind, *_] = arguments
        data_dir = str(self.line.directory / f"other-{kind}")
        self.processes[kind] = self.line.run(*arguments, log=f"planward-{kind}.log", PLANWARD_DATA_DIR=data_dir)

    def deliver_to(self, url: str) -> None:
        """Have GitHub deliver to this web process from now on."""
        self.line.app.webhook_url = f"{url}/webhooks/github"

    def begun(self, log: str) -> bool:
        """Whether the worker that writes this log has begun a job."""
        return '"event": "job_begun"' in (self.line.directory / log).read_text()

    def plans(self, log: str) -> bool:
        """Whether the worker that writes this log has begun a plan."""
        said = [json.loads(line) for line in (self.line.directory / log).read_text().splitlines() if line[:1] == "{"]
        begun, done = (
            [each["job"] for each in said if each["event"] == event and each["job"].startswith("plan:")]
            for event in ("job_begun", "job_done")
        )
        return len(begun) > len(done)

    @contextmanager
    def without(self, worker: Process) -> Iterator[None]:
        """Stop a worker, and start it again when the context ends."""
        self.end(worker)
        try:
            yield
        finally:
            if worker is self.line.worker:
                self.line.spawn_worker()
            else:
                self.start_other("worker")

    def end(self, process: Process) -> None:
        """Stop a process gracefully."""
        process.send_signal(signal.SIGTERM)
        status = process.wait(60)
        assert status == 0, (status, self.line.log()[-5000:])

    def quiet(self) -> None:
        """Wait until all deliveries have been answered and no job is pending."""
        self.line.github.wait_for_deliveries()
        unfinished = "select workflow_uuid from dbos.workflow_status where status in ('ENQUEUED', 'PENDING')"
        eventually(lambda: not self.line.query(unfinished), "nothing is under way")

    def upgrade(self) -> None:
        """Replace one process after the other by a newer version; meanwhile old and new processes work side by side."""
        line, other = self.line, self.processes
        port = self.urls[1].rpartition(":")[2]
        line.target = next_version.run
        for worker in (other["worker"], line.worker):
            assert worker is not None
            with self.without(worker):
                pass
            time.sleep(1)  # both versions take part for a moment
        self.deliver_to(self.urls[0])
        self.end(other["serve"])
        self.start_other("serve", "--port", port, "--no-worker")
        eventually(lambda: answers(f"{self.urls[1]}/readyz"), "the other web process is ready", patience_s=180)
        self.deliver_to(self.urls[1])
        line.restart_serve()


@pytest.fixture(scope="module")
def several(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Several]:
    """Two web processes and two workers on one database, with one encryption key."""
    directory = tmp_path_factory.mktemp("several")
    shared = {"PLANWARD_DATABASE_URL": postgres.prepared(), "PLANWARD_ENCRYPTION_KEY": os.urandom(32).hex()}
    with running_line(directory, own_worker=True, fresh=False, **shared) as line:
        port = free_port()
        several = Several(line=line, urls=(line.url, f"http://127.0.0.1:{port}"))
        try:
            several.start_other("serve", "--port", str(port), "--no-worker")
            several.start_other("worker")
            eventually(lambda: answers(f"{several.urls[1]}/readyz"), "the other web process is ready", patience_s=180)
            yield several
        finally:
            for process in several.processes.values():
                process.send_signal(signal.SIGTERM)
            for process in several.processes.values():
                process.wait(60)


def test_a_delivery_to_either_web_process_is_processed_once(several: Several) -> None:
    line = several.line
    story = line.story()
    several.deliver_to(several.urls[1])
    number = story.propose()
    assert story.planned(number)["conclusion"] == "success"
    for delivery in [each for each in line.github.deliveries if each.repository_id == story.repository.id]:
        for url in several.urls:
            assert line.deliver(delivery.event, delivery.payload, to=url, guid=delivery.guid).is_success
    several.deliver_to(several.urls[0])
    merged = story.merge(number)
    assert story.applied(merged)["conclusion"] == "success"
    story.quiet()
    assert len(story.check_runs(story.head(number))) == len(story.check_runs(merged, "planward/apply (staging)")) == 1
    assert [each["states"] for each in story.deployments("staging")] == [["in_progress", "success"]]
    assert len(story.comments(number)) == 1


def test_every_web_process_shows_what_any_worker_did(several: Several) -> None:
    story = several.line.story()
    check = story.planned(story.propose())
    page = urlsplit(check["details_url"]).path
    logs = [httpx.get(f"{url}{page}/log?format=text", trust_env=False).text for url in several.urls]
    assert "terraform_data.net" in logs[0]
    assert logs[0] == logs[1]
    for url in several.urls:
        assert "1 to add in staging" in httpx.get(f"{url}{page}", trust_env=False).text


def test_every_worker_takes_part(several: Several) -> None:
    story = several.line.story()
    numbers = [story.propose(story.network(size), head=f"topic-{size}") for size in (2, 3, 4)]
    assert [story.planned(number)["conclusion"] for number in numbers] == ["success"] * 3
    assert [several.begun(log) for log in (LINES, OTHERS)] == [True, True]


def test_another_worker_takes_over_a_stopped_ones_work_at_once(several: Several) -> None:
    story = several.line.story()
    with slow_place() as slow:
        number = story.propose({"network/wait.tf": slow.module("waits")})
        eventually(lambda: slow.asked, "Terraform waits")
        worker = several.processes["worker"] if several.plans(OTHERS) else several.line.worker
        assert worker is not None
        with several.without(worker):
            eventually(lambda: len(slow.asked) == 2, "the other worker is at it")
            [check] = story.check_runs(story.head(number))
            assert check["status"] == "in_progress"
            slow.let_go()
            assert story.planned(number)["id"] == check["id"]


def test_applies_of_one_environment_are_one_at_a_time_over_all_workers(several: Several) -> None:
    story = several.line.story()
    numbers = [story.propose(story.root_module(name), head=name) for name in ("app", "db")]
    for number in numbers:
        assert story.planned(number)["conclusion"] == "success"
    merged = []
    for number, url in zip(numbers, several.urls, strict=True):
        several.deliver_to(url)
        merged.append(story.merge(number))
        story.github.wait_for_deliveries()
    assert story.applied(merged[-1])["conclusion"] == "success"
    first = story.applied(merged[0])
    assert first["conclusion"] in ("success", "cancelled")  # cancelled: the newer one contains it
    assert {name for name in ("app", "db") if story.state(name, "staging")} == {"app", "db"}
    assert all(each["states"] == ["in_progress", "success"] for each in story.deployments("staging"))


def test_an_upgrade_during_work_loses_nothing_and_notifies_nobody_twice(several: Several) -> None:
    line, over = several.line, threading.Event()
    story, waiting = line.story(), line.story(testing=False)
    with slow_place() as slow, ThreadPoolExecutor() as people:
        begun = waiting.propose({"network/wait.tf": slow.module("waits")})
        eventually(lambda: slow.asked, "Terraform waits")
        [check] = waiting.check_runs(waiting.head(begun))
        working = people.submit(work, story, over)
        try:
            several.upgrade()
        finally:
            over.set()
            slow.let_go()
        done = working.result()
        assert waiting.planned(begun)["id"] == check["id"]
    assert line.events("job_starts_again")
    several.quiet()
    for number, sha in done.items():
        assert len(story.check_runs(story.head(number))) == 1
        assert len(story.check_runs(sha, "planward/apply (staging)")) == 1
        assert len(story.comments(number)) == 1
    assert [each["sha"] for each in story.deployments("staging")] == [*done.values()]
    assert all(each["states"][:2] == ["in_progress", "success"] for each in story.deployments("staging"))
    assert story.size("staging") == 1 + len(done)


def work(story: Story, over: threading.Event) -> dict[int, str]:
    """Merge one change after the other into staging until `over` is set, then one more; returns their merge SHAs."""
    merged: dict[int, str] = {}
    last = False
    while not last:
        last = over.is_set()
        number = story.propose(story.network(2 + len(merged)), head=f"size-{2 + len(merged)}")
        merged[number] = story.land(number)
    return merged
