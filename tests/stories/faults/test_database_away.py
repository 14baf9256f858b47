"""The database cannot be reached for a while: by one worker, or by no process."""

import asyncio
import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.postgres import Postgres
from tests.stories.faults.below import descendants, processes_with
from tests.stories.faults.conftest import FaultyLine, faulty_line
from tests.stories.faults.proxies import Fates, Loop, TcpProxy, before_postgres, fates
from tests.stories.faults.proxies.running import reset
from tests.stories.faults.test_interrupted import waiting
from tests.stories.story import Story
from tests.stories.waiting import eventually


class Cable(TcpProxy):
    """A proxy to the database that refuses and resets all connections while it is pulled."""

    pulled = False

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection, or refuse it while the cable is pulled."""
        if self.pulled:
            reset(writer)
        else:
            await super().__call__(reader, writer)

    def fate(self, connection: str, content: bytes) -> tuple[str | None, random.Random]:
        """Reset an open connection at the next content on it while the cable is pulled."""
        return (fates.RESET if self.pulled else None), random.Random(0)


@dataclass(kw_only=True)
class Apart:
    """A web process and two workers, and the cable of each: that of the web process is number 0."""

    faulty: FaultyLine
    cables: list[Cable]

    @contextmanager
    def without_database(self, *cables: Cable) -> Iterator[None]:
        """Pull these cables, by default all, for as long as the context lasts."""
        for cable in cables or self.cables:
            cable.pulled = True
        yield
        for cable in self.cables:
            cable.pulled = False

    def cable_of_who_runs(self, word: str) -> Cable:
        """The cable of the worker below which a program runs, by a word of its command line."""
        programs = {str(pid) for pid in eventually(lambda: processes_with(word), "the program that waits")}
        workers = [each.pid for each in self.faulty.line.workers]
        [worker] = [each for each in workers if programs & {words[0] for words in descendants(each)}]
        return self.cables[self.faulty.line.numbers[worker]]


@pytest.fixture(scope="module")
def apart(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Apart]:
    """A web process and two workers, each with its own cable. If all cables are pulled, so is a new one."""
    url = postgres.database()
    cables: list[Cable] = []

    def cable(path: str, drawn: Fates) -> Cable:
        cables.append(Cable(path, drawn))
        cables[-1].pulled = bool(cables[:-1]) and all(each.pulled for each in cables[:-1])
        return cables[-1]

    with Loop() as loop, ExitStack() as stack:

        def url_by_cable() -> str:
            return before_postgres(loop, url, Fates(0), cable)

        faulty = stack.enter_context(
            faulty_line(
                tmp_path_factory.mktemp("apart"),
                url_by_cable(),
                machines=2,
                of_machine=lambda _: {"PLANWARD_DATABASE_URL": url_by_cable()},
            )
        )
        yield Apart(faulty=faulty, cables=cables)


def applying(story: Story, begun: Path, go_on: Path) -> tuple[int, str]:
    """Merge a change whose apply waits until the file `go_on` exists; returns the pull request and the merge SHA."""
    pull_request = story.propose(waiting(story, begun, go_on))
    assert story.planned(pull_request)["conclusion"] == "success"
    merged = story.merge(pull_request)
    eventually(lambda: begun.exists() and begun.read_text().strip(), "Terraform applies")
    return pull_request, merged


def applied_once(faulty: FaultyLine, story: Story, pull_request: int, merged: str) -> None:
    """Check that everything was done and reported once."""
    assert story.applied(merged)["conclusion"] == "success"
    faulty.quiet()
    assert len(story.check_runs(merged, "planward/apply (staging)")) == 1
    assert [each["states"] for each in story.deployments("staging")] == [["in_progress", "success"]]
    assert len(story.comments(pull_request)) == 1
    assert story.size("staging") == 2


def test_a_worker_without_the_database_has_stopped_before_another_takes_over(apart: Apart) -> None:
    story = apart.faulty.line.story()
    begun, go_on = story.states / "begun", story.states / "go on"
    pull_request, merged = applying(story, begun, go_on)
    first = begun.read_text().strip()
    with apart.without_database(apart.cable_of_who_runs(first)):
        eventually(lambda: begun.read_text().strip() not in ("", first), "another one applies")
        assert not processes_with(first)
    go_on.touch()
    applied_once(apart.faulty, story, pull_request, merged)


def test_an_apply_bears_a_database_that_is_away_for_a_moment(apart: Apart) -> None:
    story = apart.faulty.line.story()
    begun, go_on = story.states / "begun", story.states / "go on"
    pull_request, merged = applying(story, begun, go_on)
    first = begun.read_text()
    with apart.without_database():
        go_on.touch()
        eventually(lambda: story.size("staging") == 2, "Terraform has applied")
    applied_once(apart.faulty, story, pull_request, merged)
    assert begun.read_text() == first


def test_events_while_the_database_is_down_are_processed_after_it(apart: Apart) -> None:
    line = apart.faulty.line
    story = line.story()
    begun, go_on = story.states / "begun", story.states / "go on"
    pull_request, merged = applying(story, begun, go_on)
    first, workers = begun.read_text().strip(), [*line.workers]
    with apart.without_database():
        later = story.propose(story.network(3), head="later")
        eventually(lambda: all(each.poll() is not None for each in workers), "the workers end by themselves")
        assert not processes_with(first)
        refused = [each for each in line.github.deliveries if each.status_code == 503]
        assert "pull_request" in {each.event for each in refused}
    go_on.touch()
    applied_once(apart.faulty, story, pull_request, merged)
    assert story.planned(later)["conclusion"] == "success"
    assert len(story.check_runs(story.head(later))) == 1
