"""The worker of `serve` is killed: deliveries are accepted meanwhile, and the result is the same as without a kill."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.databases import POSTGRESQL, SQLITE
from tests.stories.faults.conftest import FaultyLine
from tests.stories.faults.outcome import without_words
from tests.stories.faults.telling import Told, tell, undisturbed

KINDS = [SQLITE, POSTGRESQL]
WHILE_IT_PLANS = r"terraform plan.*: during|step announce: after|step plan .* network: after"
WHILE_IT_APPLIES = r"terraform apply: during|step apply .*: after"


@pytest.fixture(scope="module")
def undisturbed_story(faulty: FaultyLine) -> Told:
    return undisturbed(faulty)


@contextmanager
def delivered(faulty: FaultyLine) -> Iterator[list[int]]:
    """Redeliver a push again and again; gives the answers."""
    [push, *_] = [each for each in faulty.line.github.deliveries if each.event == "push"]
    answers: list[int] = []
    over = threading.Event()

    def deliver() -> None:
        while not over.wait(0.2):
            answers.append(faulty.line.deliver("push", push.payload, guid=push.guid).status_code)

    delivering = threading.Thread(target=deliver)
    delivering.start()
    try:
        yield answers
    finally:
        over.set()
        delivering.join()


@pytest.mark.by_default("apply")
@pytest.mark.parametrize("points", [WHILE_IT_PLANS, WHILE_IT_APPLIES], ids=["plan", "apply"])
def test_serve_accepts_deliveries_and_its_next_worker_finishes_what_the_killed_one_began(
    faulty: FaultyLine, undisturbed_story: Told, points: str
) -> None:
    serve, mark = faulty.process.pid, faulty.line.logs.mark()
    with delivered(faulty) as answers:
        disturbed = tell(faulty, disturb=lambda: faulty.kill_worker_at(points), patience_s=180)
    killed = faulty.calm()
    assert len(killed) >= 2
    assert (faulty.process.pid, faulty.process.poll()) == (serve, None)
    assert len(faulty.line.events("worker_ended", mark)) == len(killed)
    assert set(answers) == {202}
    assert without_words(disturbed.outcome) == without_words(undisturbed_story.outcome)
    if points == WHILE_IT_PLANS:
        assert disturbed.outcome == undisturbed_story.outcome
