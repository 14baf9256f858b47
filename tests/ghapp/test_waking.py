"""A queue's loop waits for its event."""

import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ghapp.durable import waking
from ghapp.durable.waking import WakeableEvent

HOUR_S = 3600.0


def test_a_woken_alarm_has_its_queue_looked_at_at_once_and_often_for_a_while() -> None:
    event = WakeableEvent()
    event.wake()
    assert [event.wait(HOUR_S), event.wait(HOUR_S)] == [False, False]


@pytest.mark.parametrize(
    ("act", "ended"), [(WakeableEvent.wake, False), (WakeableEvent.set, True)], ids=["woken", "set"]
)
def test_who_waits_looks_again_where_it_is_woken_and_ends_where_it_is_set(
    act: Callable[[WakeableEvent], None], ended: bool
) -> None:
    event = WakeableEvent()
    said: list[bool] = []
    waiting = threading.Thread(target=lambda: said.append(event.wait(HOUR_S)))
    waiting.start()
    act(event)
    waiting.join()
    assert said == [ended]
    assert event.is_set() is ended


def test_an_alarm_that_is_set_stays_so() -> None:
    event = WakeableEvent()
    event.set()
    assert [event.wait(HOUR_S), event.wait(HOUR_S)] == [True, True]


def test_a_loop_that_failed_is_begun_again(monkeypatch: pytest.MonkeyPatch) -> None:
    begun = 0
    again = threading.Event()

    def loop(event: WakeableEvent, *_: object) -> None:
        nonlocal begun
        begun += 1
        if begun == 1:
            raise RuntimeError
        again.set()
        event.wait(HOUR_S)

    monkeypatch.setattr(waking, "queue_worker_thread", loop)
    monkeypatch.setattr(waking, "_AGAIN_S", 0.001)
    looking = waking.QueuePollers()
    looking.begin(cast("Any", None), [cast("Any", SimpleNamespace(name="events"))])
    assert again.wait(60)
    looking.end()


def test_without_an_alarm_a_queue_is_looked_at_when_its_interval_is_over() -> None:
    assert not WakeableEvent().wait(0.001)
