"""Two web processes and two workers on one PostgreSQL. The second of each has its own data directory."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from queue import Queue
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

    def ready(self, log: str) -> bool:
        """Whether the worker that writes this log is ready for jobs."""
        return '"event": "found"' in (self.line.directory / log).read_text()

    def begun(self, log: str) -> bool:
        """Whether the worker that writes this log has begun a job."""
        return '"event": "job_begun"' in (self.line.directory / log).read_text()

    def plans(self, log: str) -> bool:
        """Whether the worker that writes this log is making a plan."""
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

    def upgrade(self, planning: Process, taken_over: Callable[[], None], change: Callable[[], None]) -> None:
        """Replace one process after the other by a newer version; meanwhile old and new processes work side by side.

        The worker that is planning is replaced first, after `taken_over`. `change` begins a change that is made
        meanwhile.
        """
        line, other = self.line, self.processes
        port = self.urls[1].rpartition(":")[2]
        line.target = next_version.run
        for worker in sorted((other["worker"], line.worker), key=lambda each: each is not planning):
            assert worker is not None
            change()
            with self.without(worker):
                if worker is planning:
                    taken_over()
            time.sleep(1)  # both versions take part for a moment
        self.deliver_to(self.urls[0])
        change()
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
            eventually(lambda: several.ready(OTHERS), "the other worker is ready", patience_s=180)
            yield several
        finally:
            for process in several.processes.values():
                process.send_signal(signal.SIGTERM)
            for process in several.processes.values():
                process.wait(60)


def test_each_delivery_to_either_web_process_is_processed_once_by_any_worker_and_shown_by_both_web_processes(
    several: Several,
) -> None:
    line = several.line
    story = line.story()
    several.deliver_to(several.urls[1])
    number = story.propose()
    others = [story.propose(story.root_module(name), head=name) for name in ("app", "db")]
    check = story.planned(number)
    for each in (number, *others):
        assert story.planned(each)["conclusion"] == "success"

    page = urlsplit(check["details_url"]).path
    logs = [httpx.get(f"{url}{page}/log?format=text", trust_env=False).text for url in several.urls]
    assert "terraform_data.net" in logs[0]
    assert logs[0] == logs[1]
    for url in several.urls:
        assert "1 to add in staging" in httpx.get(f"{url}{page}", trust_env=False).text

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

    # Applies of one environment are one at a time over all workers.
    merges = []
    for other, url in zip(others, several.urls, strict=True):
        several.deliver_to(url)
        merges.append(story.merge(other))
        story.github.wait_for_deliveries()
    assert story.applied(merges[-1])["conclusion"] == "success"
    first = story.applied(merges[0])
    assert first["conclusion"] in ("success", "cancelled")  # cancelled: the newer one contains it
    assert {name for name in ("app", "db") if story.state(name, "staging")} == {"app", "db"}
    states = [each["states"] for each in story.deployments("staging")]
    assert states[-1] == ["in_progress", "success"]
    assert states[:-1] == [["in_progress", "success", "inactive"]] * (len(states) - 1)
    # It is chance which worker takes a job. If one worker has taken all of them, the other one gets the next alone.
    for log, busy in ((LINES, several.processes["worker"]), (OTHERS, line.worker)):
        assert busy is not None
        if not several.begun(log):
            with several.without(busy):
                alone = story.propose(story.root_module("alone"), head="alone")
                assert story.planned(alone)["conclusion"] == "success"
    assert [several.begun(log) for log in (LINES, OTHERS)] == [True, True], "every worker takes part"


def test_an_upgrade_during_work_loses_nothing_notifies_nobody_twice_and_a_stopped_workers_work_goes_on_at_once(
    several: Several,
) -> None:
    line, changes = several.line, Queue[bool]()
    story, waiting = line.story(), line.story(testing=False)
    with slow_place() as slow, ThreadPoolExecutor() as people:
        begun = waiting.propose({"network/wait.tf": slow.module("waits")})
        eventually(lambda: slow.asked, "Terraform waits")
        [check] = waiting.check_runs(waiting.head(begun))

        def taken_over() -> None:
            """The other worker takes over a stopped one's work at once."""
            eventually(lambda: len(slow.asked) == 2, "the other worker is at it")
            assert [each["status"] for each in waiting.check_runs(waiting.head(begun))] == ["in_progress"]

        planning = several.processes["worker"] if several.plans(OTHERS) else line.worker
        assert planning is not None
        working = people.submit(work, story, changes)
        try:
            several.upgrade(planning, taken_over, lambda: changes.put(True))
            changes.put(True)
        finally:
            changes.put(False)
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


def work(story: Story, changes: Queue[bool]) -> dict[int, str]:
    """Merge a change into staging for each True in the queue, until there is a False; returns merge SHAs by number."""
    merged: dict[int, str] = {}
    while changes.get():
        number = story.propose(story.network(2 + len(merged)), head=f"size-{2 + len(merged)}")
        merged[number] = story.land(number)
    return merged
